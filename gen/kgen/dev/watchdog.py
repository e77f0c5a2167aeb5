"""Runs a command that dies with the process that started it, however that one ends.

`python watchdog.py COMMAND…`, a pipe as standard input: when the pipe closes, as it does when the process at
its other end dies, the command is killed. The first line on standard output is the command's process id.
Standard library only: it is run as a file, outside the package.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input does; its exit status."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)  # noqa: S603
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=_follow_parent, args=(child,), daemon=True).start()
    return child.wait()


def _follow_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1 << 10):  # not sys.stdin, whose lock would hold up the interpreter's end
        pass
    child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
