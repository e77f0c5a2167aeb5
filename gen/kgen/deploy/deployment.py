"""A table `[deploy.NAME]` of kgen.toml with all that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..project.deploy_settings import CLUSTER_PORT, DeploySettings, bytes_of

USER: Final = 10001
"""That containers run as. Kubernetes has to be given its number to know that it is not root."""
_STOP_TIME: Final = 60
"""Seconds beside the epoch that a clean stop may take: 30 until the runner gives up, and what follows."""


@dataclass(frozen=True)
class Deployment:
    """What the templates show. `name` is fit for a cluster; `epoch` is in seconds, as an argument; `grace`
    are the seconds for a clean stop, `memory_bytes` are of one process.
    """

    name: str
    flow: str
    image: str
    processes: int
    hosts: tuple[str, ...]
    workers: int
    epoch: str
    grace: int
    recovery: str | None
    storage_class: str | None
    cpu: str
    memory: str
    memory_bytes: int
    secret: str | None
    secret_files: Mapping[str, str]
    env: Mapping[str, str]
    pod_monitor: bool
    venv: str
    health_port: int
    metrics_port: int

    def service(self, number: int) -> str:
        """The name of a process: of its pod, or of its service in Compose."""
        return f"{self.name}-{number}"

    @property
    def pod_addresses(self) -> str:
        """Those of all processes, by the name that the headless service gives each pod."""
        return self._addresses(f".{self.name}")

    @property
    def service_addresses(self) -> str:
        """Those of all processes, by the names of Compose's services."""
        return self._addresses("")

    @property
    def host_addresses(self) -> str:
        """Those of all processes, where one runs on each host."""
        return ";".join(f"{host}:{CLUSTER_PORT}" for host in self.hosts)

    @property
    def unit(self) -> str:
        """The file of systemd's unit; on several hosts a template, with the process's number behind the @."""
        return f"{self.name}@.service" if self.hosts else f"{self.name}.service"

    def _addresses(self, domain: str) -> str:
        return ";".join(f"{self.service(n)}{domain}:{CLUSTER_PORT}" for n in range(self.processes))

    @property
    def secret_file(self) -> str:
        """On a machine: outside of the project, so that nobody commits it."""
        return f"/etc/{self.secret}.env"

    @property
    def files_secret(self) -> str:
        """Of Kubernetes: not the one of the variables, all of which a container gets."""
        return f"{self.secret}-files"

    @property
    def files_folder(self) -> str:
        """On a machine, of the same name."""
        return f"/etc/{self.files_secret}"

    def arguments(self, recovery: str) -> list[str]:
        """The runner's, but for what says which process it is; `recovery` is where its folder is."""
        found = [self.flow, "--workers", str(self.workers), "--epoch-interval", self.epoch]
        return found if self.recovery is None else [*found, "--recovery", recovery]


def deployment(name: str, flow: str, settings: DeploySettings, env: Mapping[str, str]) -> Deployment:
    """Of a flow, under the name that it has in a cluster; `env` is what its own `env` goes before."""
    epoch = settings.epoch_interval
    return Deployment(
        name=name,
        flow=flow,
        image=settings.image or name,
        processes=settings.processes,
        hosts=settings.hosts,
        workers=settings.workers,
        epoch=str(int(epoch) if epoch == int(epoch) else epoch),
        grace=math.ceil(epoch) + _STOP_TIME,
        recovery=settings.recovery,
        storage_class=settings.storage_class,
        cpu=settings.cpu,
        memory=settings.memory,
        memory_bytes=bytes_of(settings.memory),
        secret=settings.secret,
        secret_files=settings.secret_files,
        env={**env, **settings.env},
        pod_monitor=settings.pod_monitor,
        venv=settings.venv or f"/opt/{name}",
        health_port=settings.health_port,
        metrics_port=settings.metrics_port,
    )
