"""Put 3,786 colour pictures of emoji into a folder: emoji.py FOLDER.

They are the 64-pixel pictures with alpha of the npm package emoji-datasource-twitter (Twemoji,
by Twitter and others, CC-BY 4.0), in a subfolder for each of ten categories. npm fetches
the package, 62 MB.
"""

import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import front_end

PACKAGE = "emoji-datasource-twitter@16.0.0"
SHA256 = "f64a530c63bca463bd8317fdc4615ce63a53a0c65018e4ce2d848aaba7a28877"


def arrange(package: Path, folder: Path) -> None:
    """Move the pictures of the package into a folder, each named by what it shows."""
    for emoji in json.loads((package / "emoji.json").read_text(encoding="utf-8")):
        category = folder / emoji["category"].replace(" & ", " and ")
        category.mkdir(parents=True, exist_ok=True)
        variations: dict[str, Any] = emoji.get("skin_variations", {})
        for tone, one in {"": emoji, **variations}.items():
            name = f"{emoji['short_name']}{tone and '_'}{tone.lower()}.png"
            (package / "img" / "twitter" / "64" / one["image"]).rename(category / name)


def main(folder: Path) -> None:
    """Fetch the package, check it, and put the folder in its place when it is whole."""
    if folder.exists():
        sys.exit(f"{folder} exists; name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        # It prints the name of the file. Without a network it gives up soon.
        options = ("--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
        front_end.npm("pack", PACKAGE, *options, cwd=Path(work))
        (archive,) = Path(work).glob("*.tgz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"{archive.name} is not the package it should be; its SHA-256 differs.")
        with tarfile.open(archive) as files:
            files.extractall(work, filter="data")
        arrange(Path(work) / "package", Path(work) / "emoji")
        (Path(work) / "emoji").rename(folder)
    print(f"{sum(1 for _ in folder.glob('*/*.png')):,} pictures in {folder}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: emoji.py FOLDER")
    main(Path(sys.argv[1]))
