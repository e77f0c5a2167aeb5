"""Child processes that cannot outlive the tests, free ports that stay free, and waiting with a deadline."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Linux: the kernel kills the child when its parent dies, however it dies. Elsewhere the clean-up has to do.
_DIE_WITH_PARENT = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def spawn(
    command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, its output appended to `log`. It dies with this process."""
    with log.open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
        )


def tail(log: Path, lines: int = 40) -> str:
    """The end of a log file."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


_GIVEN: set[int] = set()


def free_port(in_a_row: int = 1) -> int:
    """The first of so many ports in a row that nothing listens on and that were not given before, below the
    range the system gives to outgoing connections.

    So a server that is down for a while, or is not up yet, finds its port still free.
    """
    for _ in range(200):
        port = random.SystemRandom().randrange(15000, 32000)  # the usual one may be seeded by a test
        ports = range(port, port + in_a_row)
        if _GIVEN.isdisjoint(ports) and all(map(_is_free, ports)):
            _GIVEN.update(ports)
            return port
    raise RuntimeError("no free port between 15000 and 32000")


def free_addresses(count: int) -> list[str]:
    """Of so many processes on this machine that are yet to listen: host and port of each."""
    return [f"127.0.0.1:{free_port()}" for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_for(
    ask: Callable[[], T], what: str, *, seconds: float = 180, explain: Callable[[], str] = lambda: ""
) -> T:
    """Ask until the answer is true, and return it. TimeoutError names `what` and the last error met."""
    deadline, error = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            answer = ask()
        except Exception as e:
            answer, error = None, f" (last error: {e})"
        if answer:
            return answer
        time.sleep(0.02)  # between two looks, not in place of one
    raise TimeoutError(f"waited {seconds:g} s for {what}{error}\n{explain()}")
