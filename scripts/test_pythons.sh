#!/usr/bin/env bash
# Run the quick tests on each supported Python that this machine has: test_pythons.sh [VERSION...].
#
# Each gets a fresh environment, .venv-3.12 and so on, which is removed when its tests have passed.
# One line is printed per Python; what the installation and the tests print is shown on failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH # it would come before the fresh environment

# Print the path of an interpreter of a version that really runs; a shim of pyenv may not.
find_python() {
	local path
	for path in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
		if [[ $("$path" --version 2>/dev/null) == "Python $1."* ]]; then
			echo "$path"
			return
		fi
	done
	return 1
}

[ $# -gt 0 ] || set -- 3.11 3.12 3.13
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
for version in "$@"; do
	venv=".venv-$version"
	if ! python=$(find_python "$version"); then
		echo "$version: not on this machine"
		continue
	fi
	full=$("$python" --version)
	rm -rf "$venv"
	if make --no-print-directory quick PYTHON="$python" VENV="$venv" >"$log" 2>&1; then
		echo "${full#Python }: passed; $(tail -n 1 "$log" | tr -d =)"
		rm -rf "$venv"
	else
		cat "$log" >&2
		echo "${full#Python }: failed"
		status=1
	fi
done
exit $status
