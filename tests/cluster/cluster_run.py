"""One start of the flow under test on several hosts."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.hosts import Host
from tests.faults.harness import Progress
from tests.faults.shape import Shape
from tests.kafka.processes import tail, wait_for

PORT = 2101
LONG = 180.0


class ClusterRun:
    """A process on each of these hosts. Each has a recovery folder of its own, `recovery` of process 0 alone
    has state. `addresses` are others than the hosts' own, as names are; `late` ones are started by `start`.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        root: Path,
        broker: str,
        shape: Shape,
        *,
        addresses: Sequence[str] = (),
        late: Sequence[int] = (),
        env: Mapping[int, Mapping[str, str]] | None = None,
    ) -> None:
        self._hosts, self._root, self._env = hosts, root, env or {}
        self._settings = {"KGEN_BROKERS": broker, "RUST_BACKTRACE": "0", **shape.env()}
        named = addresses or [host.address for host in hosts]
        self._addresses = ";".join(f"{each}:{PORT}" for each in named)
        self.logs = [root / f"{host.namespace}.log" for host in hosts]
        self._begun = [log.stat().st_size if log.exists() else 0 for log in self.logs]
        self.processes = {n: self._spawn(n) for n in range(len(hosts)) if n not in late}

    def start(self, number: int) -> None:
        """One that comes late."""
        self.processes[number] = self._spawn(number)

    def _spawn(self, number: int) -> subprocess.Popen[bytes]:
        folder = "recovery" if number == 0 else f"recovery-{self._hosts[number].namespace}"
        command = [sys.executable, "-m", "kgen_runtime.run", "tests.faults.flow:flow"]
        command += ["--process-id", str(number), "--addresses", self._addresses]
        command += ["--recovery", str(self._root / folder), "--epoch-interval", "0.2"]
        env = {**self._settings, **self._env.get(number, {})}
        return self._hosts[number].spawn(command, self.logs[number], env)

    def codes(self, *numbers: int, seconds: float = LONG) -> list[int]:
        """These, or all, have left by themselves."""
        chosen = [self.processes[n] for n in numbers or sorted(self.processes)]
        left = lambda: all(process.poll() is not None for process in chosen)  # noqa: E731
        wait_for(left, "the processes to leave", seconds=seconds, explain=self.tail)
        return [process.wait() for process in chosen]

    def reach(self, count: int, progress: Progress) -> None:
        """So many messages have come out, and all still run."""

        def reached() -> bool:
            return progress.count() >= count or not self.running()

        wait_for(reached, f"{count} messages", seconds=LONG, explain=self.tail)
        assert self.running(), self.tail()

    def running(self) -> bool:
        return all(process.poll() is None for process in self.processes.values())

    def text(self, number: int) -> str:
        """What a process has logged since this start."""
        if not self.logs[number].exists():
            return ""
        return self.logs[number].read_bytes()[self._begun[number] :].decode(errors="replace")

    def until_logged(self, number: int, what: str) -> None:
        wait_for(lambda: what in self.text(number), f"{what!r} in a log", seconds=LONG, explain=self.tail)

    def freeze(self, number: int) -> None:
        """It does nothing, as in a machine that is suspended; its kernel still answers."""
        self.processes[number].send_signal(signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        self.processes[number].send_signal(signal.SIGCONT)

    def tail(self) -> str:
        return "\n".join(f"--- {log.name} ---\n{tail(log)}" for log in self.logs)

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()
