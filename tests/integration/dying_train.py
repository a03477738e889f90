"""`zscape ARGUMENTS...`, killed with SIGKILL at the N-th touch of a file being written.

Usage: dying_train.py N ARGUMENTS...; N counts from 1, and 0 never kills. Opening a temporary file
and renaming one are touches, so the N covers every moment between a file's first byte and its
appearance under its own name.
"""

import os
import signal
import sys

deadline = int(sys.argv.pop(1))
touches = 0


def die_in_time(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: count the touches, and end the process at the right one."""
    global touches
    if event in ("open", "os.rename") and ".writing-" in str(arguments[0]):
        touches += 1
        if touches == deadline:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(die_in_time)

from zscape.cli import main  # noqa: E402

main()
