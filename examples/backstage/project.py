"""An example's project on disk, and its flows as processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from kgen.dev import Dev

# What a project's author checks in, but for what a pull writes again.
_LEFT_OUT = (
    "_generated", "schemas", "kgen.lock", "registry", "registry-v*", "demo.py", "acts", "README.md",
    "tmp", "__pycache__",
)  # fmt: skip


def every_second(flow: str) -> tuple[str, ...]:
    """Options for a flow, `module:flow`: a recovery folder of its own, and a commit every second."""
    return "-r", f".recovery/{flow.partition(':')[0].rpartition('.')[2]}", "-s", "1"


class Stuck(Exception):  # noqa: N818 - the demos' own word for: this went wrong, here is why
    """Something did not happen; the message says what, and what the process wrote."""


class Project:
    """A copy of an example as its author would check it in, but without what a pull writes."""

    def __init__(self, example: Path, folder: Path, dev: Dev) -> None:
        self.folder = folder
        # The project's tests need no plugins of pytest, and some take seconds to load.
        self._env = {**os.environ, **dev.env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        self._registry = dev.registry
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(example, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))

    def pull(self) -> str:
        """Run `kgen pull`; what it printed."""
        return self._python("kgen", "pull", "--registry", self._registry, "--no-color")

    def diff(self, subject: str) -> str:
        """Run `kgen diff`; what it printed."""
        return self._python("kgen", "diff", subject, "--registry", self._registry, "--no-color")

    def dlq(self, *arguments: str) -> list[str]:
        """Run `kgen dlq`; the lines that it printed."""
        return self._python("kgen", "dlq", *arguments, "--no-color").splitlines()

    def discover(self, topic: str) -> list[str]:
        """Run `kgen discover` on a topic; the lines that it printed."""
        return self._python("kgen", "discover", topic, "--no-color").splitlines()

    def test(self) -> str:
        """Run the project's own tests; what pytest said in the end."""
        return self._python("pytest", "-q", "-p", "no:cacheprovider", "tests").splitlines()[-1]

    def read(self, path: Path) -> str:
        """The text of a file of the project."""
        return (self.folder / path).read_text("utf-8")

    def line_of(self, path: Path, text: str) -> int:
        """The number of the first line with a text. Raises `Stuck`."""
        for number, line in enumerate(self.read(path).splitlines(), 1):
            if text in line:
                return number
        raise Stuck(f"there is no {text} in {path}")

    def fix(self, path: Path, line: int, old: str, new: str) -> tuple[str, str]:
        """Edit one line, as its author would; the line before and after."""
        lines = self.read(path).splitlines(keepends=True)
        before = lines[line - 1]
        if old not in before:
            raise Stuck(f"there is no {old} in {path}:{line}, but: {before}")
        lines[line - 1] = before.replace(old, new)
        (self.folder / path).write_text("".join(lines), "utf-8")
        return before.strip(), lines[line - 1].strip()

    def _python(self, *arguments: str) -> str:
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self._env, capture_output=True, text=True)
        if done.returncode:
            what = " ".join(arguments[:2])
            raise Stuck(f"{what} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def running(
        self, flow: str, options: Sequence[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator[Running]:
        """A flow, `module:flow`, from where the last run's recovery store left it; killed if it still runs at
        the end. Without `options` as `every_second` has it.
        """
        options = every_second(flow) if options is None else options
        log = self.folder / f"{flow.rpartition('.')[2].partition(':')[0]}.log"
        command = [sys.executable, "-m", "kgen_runtime.run", flow, *options]
        with (
            log.open("ab") as out,
            subprocess.Popen(
                command,
                cwd=self.folder,
                env={**self._env, **(env or {})},
                stdout=out,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                yield Running(process, log)
            finally:
                process.kill()


class Running:
    """A flow at work."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Wait. Raises `Stuck` if the flow ends first or it takes too long."""
        end = time.monotonic() + seconds
        while not holds():
            if self._process.poll() is not None:
                raise self._stuck(f"the flow ended with {self._process.returncode}")
            if time.monotonic() > end:
                raise self._stuck(f"{what}: not within {seconds:g} s")
            time.sleep(0.4)

    def finish(self, seconds: float = 120) -> None:
        """Wait until it ends by itself. Raises `Stuck` if it ends with an error or takes too long."""
        self._ended(seconds, "the flow did not end")

    def kill(self) -> None:
        """SIGKILL: no time to say goodbye."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait until it has left. Raises `Stuck` if it leaves with an error."""
        self._process.send_signal(signal.SIGTERM)
        self._ended(60, "the flow did not stop")

    def _ended(self, seconds: float, otherwise: str) -> None:
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self._stuck(otherwise) from None
        if code:
            raise self._stuck(f"the flow ended with {code}")

    def _stuck(self, what: str) -> Stuck:
        return Stuck(f"{what}; its log ends:\n{self._log.read_text(errors='replace')[-3_000:]}")
