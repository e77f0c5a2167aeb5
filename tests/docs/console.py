"""Commands of a page, run as a reader types them; what they print against what the page shows."""

from __future__ import annotations

import difflib
import itertools
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.kafka.processes import free_port

_SECONDS: Final = 90.0  # no command of a page takes so long, whatever else the machine does
_LINES, _WIDTH = 60, 160  # of a difference
_BROKER, _REGISTRY, _METRICS = (
    "127.0.0.1:9092",
    "127.0.0.1:8081",
    "127.0.0.1:3030",
)  # what pages show; runs take free ports
_STATE: Final = 'rc=$?; env -0 >"$KGEN_PAGE_STATE"; printf "PWD=%s" "$PWD" >>"$KGEN_PAGE_STATE"; exit $rc'


class Mismatch(AssertionError):
    """A command does not do what the page says."""


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each `$ command` of a console block, with what is shown as its output."""
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        command, newline, output = part.partition("\n")
        while command.endswith("\\") and newline:
            line, newline, output = output.partition("\n")
            command = f"{command[:-1]}{line.removeprefix('>').strip()}"
        yield re.sub(r"\s+# .*$", "", command), output


def shown_in(shown: str, printed: str, *, whole: bool = True) -> bool:
    """Whether it is what was printed: `…` is any text of a line, and a line of its own any lines."""
    lines = [line.rstrip() for line in shown.strip("\n").splitlines()]
    parts = [
        r"(?:.*\n)*?" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in lines
    ]
    text = "".join(line.rstrip() + "\n" for line in printed.strip("\n").splitlines())
    return bool((re.fullmatch if whole else re.match)("".join(parts), text))


def compare(shown: str, printed: str) -> None:
    """Raises `Mismatch` if the page shows something else than what was printed."""
    if not shown_in(shown, printed):
        lines = difflib.unified_diff(
            shown.strip("\n").splitlines(), printed.strip("\n").splitlines(), "shown", "printed", lineterm=""
        )
        raise Mismatch("\n".join(line[:_WIDTH] for line in itertools.islice(lines, _LINES)))


class Console:
    """A shell in a folder: `cd` and `export` last, as for a reader, and so do commands that keep running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("KGEN_")}
        self.env |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",  # what goes to stdout and to stderr keeps its order
            "PYTHONPATH": "",
            "COLUMNS": "120",
            "KGEN_PAGE_STATE": str(folder.parent / "state"),
        }
        port = str(free_port())
        self.env["BYTEWAX_DATAFLOW_API_PORT"] = port
        self._shown = {_METRICS: f"127.0.0.1:{port}"}
        self._running: list[_Running] = []

    def use(self, brokers: str, registry: str) -> None:
        """The ports that pages show, 9092 and 8081, stand for these from here on."""
        self._shown |= {_BROKER: brokers, _REGISTRY: registry.removeprefix("http://")}

    def actual(self, text: str) -> str:
        """Text of the page as it holds in this run."""
        text = text.replace("localhost:9092", _BROKER).replace("localhost:8081", _REGISTRY)
        for shown, actual in self._shown.items():
            text = text.replace(shown, actual)
        return text

    def _as_shown(self, text: str) -> str:
        for shown, actual in self._shown.items():
            text = text.replace(actual, shown)
        return text.replace(str(self.folder), "/home/you")

    def run(self, block: str, *, exit_code: int = 0, keeps_running: bool = False) -> None:
        """Run the commands of a block. The exit code is that of its last command.

        `^C` in a command's output: it is interrupted once what stands before has been printed. Raises
        `Mismatch`.
        """
        each = list(commands(block))
        if not each:
            raise Mismatch("a console block has commands: `$ command`, and what it prints")
        for number, (command, shown) in enumerate(each):
            last = number == len(each) - 1
            try:
                if re.search(r"(?m)^\^C", shown):
                    self._interrupted(command, shown)
                elif keeps_running and last:
                    self._start(command, shown)
                else:
                    self._finished(command, shown, exit_code if last else 0)
            except Mismatch as e:
                raise Mismatch(f"$ {command}\n{e}") from None

    def _finished(self, command: str, shown: str, exit_code: int) -> None:
        script = f"{self.actual(command)}\n{_STATE}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder_now,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_SECONDS,
        )
        self._remember()
        printed = self._as_shown(done.stdout)
        if done.returncode != exit_code:
            raise Mismatch(f"exit code {done.returncode}, not {exit_code}:\n{printed}")
        if shown.strip():
            compare(shown, printed)

    @property
    def folder_now(self) -> Path:
        """Where the shell is."""
        return Path(self.env.get("PWD", self.folder)) if "KGEN_PAGE_MOVED" in self.env else self.folder

    def _remember(self) -> None:
        state = Path(self.env["KGEN_PAGE_STATE"])
        if state.exists():
            pairs = (entry.partition("=") for entry in state.read_text(encoding="utf-8").split("\0") if entry)
            self.env = {name: value for name, _, value in pairs} | {"KGEN_PAGE_MOVED": "1"}

    def _start(self, command: str, shown: str) -> None:
        if re.match(r"kgen dev\b", command):
            command += " --broker-port 0 --registry-port 0"
        running = _Running(["bash", "-c", f"exec env {self.actual(command)}"], self.folder_now, self.env)
        self._running.append(running)

        def all_there(printed: str) -> bool:
            ports = re.search(r"(?m)^broker +(\S+)\nregistry +(\S+)$", printed)
            if ports:
                self.use(*ports.groups())
            return shown_in(shown, self._as_shown(printed), whole=False)

        if not running.wait_for(all_there):
            compare(shown, self._as_shown(running.printed))

    def _interrupted(self, command: str, shown: str) -> None:
        before, _, after = shown.partition("^C\n")
        running = _Running(["bash", "-c", f"exec env {self.actual(command)}"], self.folder_now, self.env)
        self._running.append(running)
        there = running.wait_for(lambda printed: shown_in(before, self._as_shown(printed), whole=False))
        running.stop()
        compare(before + after if there else before, self._as_shown(running.printed))

    def close(self) -> None:
        """Stop what still runs."""
        for running in self._running:
            running.stop()


class _Running:
    """A command that runs on, with what it has printed so far."""

    def __init__(self, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self.printed = ""
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._news:
                self.printed += line
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def wait_for(self, there: object) -> bool:
        """Whether it has printed that before it ended."""
        assert callable(there)
        with self._news:
            self._news.wait_for(lambda: there(self.printed) or self._ended, _SECONDS)
            return bool(there(self.printed))

    def stop(self) -> None:
        """Interrupt it and what it started, as Ctrl-C does, and wait for its end."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_SECONDS)
            raise
        finally:
            self._thread.join(_SECONDS)
            if self._process.stdout:
                self._process.stdout.close()
