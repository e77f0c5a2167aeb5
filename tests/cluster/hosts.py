"""Hosts for a cluster: network namespaces of this machine on one bridge, each with an address of its own.

They share the machine's files, kernel and clock.
Latency and loss (`tc netem`) are not in every kernel, and not used.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.kafka.processes import spawn

_NET = f"10.213.{os.getpid() % 256}"  # another than that of a run which was killed
BRIDGE = f"{_NET}.1"
"""The address of this machine on the bridge, where hosts reach what tests start."""


def missing() -> str | None:
    """What this machine lacks for hosts, or None."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        return "hosts are network namespaces, which need Linux, root and iproute2"
    return None


class Host:
    """One of them. `address` is its own."""

    def __init__(self, number: int) -> None:
        self.namespace = f"kgen{os.getpid()}-{number}"
        self.address = f"{_NET}.{number + 10}"
        self._outer = f"kg{number}-{os.getpid()}"
        self._bridge = ""
        self._dropped: list[str] = []
        self._etc = Path("/etc/netns") / self.namespace

    def start(self, bridge: str) -> None:
        """Make it. Raises `CalledProcessError` if the kernel does not allow that."""
        self._bridge = bridge
        inner = f"{self._outer}i"
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", inner, "netns", self.namespace)
        _ip("link", "set", self._outer, "master", bridge, "up")
        _ip("-n", self.namespace, "link", "set", "lo", "up")
        _ip("-n", self.namespace, "addr", "add", f"{self.address}/24", "dev", inner)
        _ip("-n", self.namespace, "link", "set", inner, "up")

    def stop(self) -> None:
        """Remove it, with its link."""
        _ip("netns", "del", self.namespace, check=False)
        _ip("link", "del", self._outer, check=False)

    def cut_off(self) -> None:
        """Nothing reaches it and nothing of it reaches others; its own link stays up, so nothing notices."""
        _ip("link", "set", self._outer, "nomaster")

    def drop_to(self, other: Host) -> None:
        """What it sends to the other one is lost; what that one sends comes."""
        nobody = "02:00:00:00:00:99"
        command = ["neigh", "replace", other.address, "lladdr", nobody, "dev", f"{self._outer}i", "nud"]
        _ip("-n", self.namespace, *command, "permanent")
        self._dropped.append(other.address)

    def heal(self) -> None:
        """All is as at first."""
        _ip("link", "set", self._outer, "master", self._bridge)
        while self._dropped:
            _ip("-n", self.namespace, "neigh", "del", self._dropped.pop(), "dev", f"{self._outer}i")

    @contextmanager
    def names(self, known: Mapping[str, str]) -> Iterator[None]:
        """While entered, processes that are started there know these names and no others."""
        self._etc.mkdir(parents=True)
        try:
            (self._etc / "nsswitch.conf").write_text("hosts: files\n")
            self.know(known)
            yield
        finally:
            shutil.rmtree(self._etc)

    def know(self, known: Mapping[str, str]) -> None:
        """These names, from now on; `names` has been entered."""
        lines = [f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **known}.items()]
        with (self._etc / "hosts").open("a+") as file:  # in place: processes have it mounted
            file.truncate(0)
            file.writelines(lines)

    def spawn(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Run a command on it, in a session of its own."""
        root = Path(__file__).parents[2]
        return spawn(["ip", "netns", "exec", self.namespace, *command], log, env=env, cwd=root)


class Hosts:
    """Several on one bridge, for as long as the block lasts."""

    def __init__(self, count: int) -> None:
        self.all = [Host(number) for number in range(count)]
        self._bridge = f"kgbr{os.getpid()}"

    def __enter__(self) -> Hosts:
        try:
            # With an address of its own: else it has that of a port, and another one when that is cut off.
            _ip("link", "add", self._bridge, "address", "02:00:00:00:00:01", "type", "bridge")
            _ip("addr", "add", f"{BRIDGE}/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")
            for host in self.all:
                host.start(self._bridge)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        for host in self.all:
            host.stop()
        _ip("link", "del", self._bridge, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=True, timeout=30)
