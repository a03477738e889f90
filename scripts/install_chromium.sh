#!/bin/sh
# Install Debian's Chromium, in which the explorer is tested.
set -eu
command -v apt-get >/dev/null || { echo "The explorer is tested in Chromium; install it so that the command chromium is found." >&2; exit 1; }
root=$([ "$(id -u)" = 0 ] || echo sudo)
$root apt-get update --quiet
$root apt-get install --yes --quiet --no-install-recommends chromium
