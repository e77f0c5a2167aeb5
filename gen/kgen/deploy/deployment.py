"""A table `[deploy.NAME]` of kgen.toml with all that follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..project.deploy_settings import DeploySettings, bytes_of

HEALTH_PORT: Final = 8080
METRICS_PORT: Final = 3030
CLUSTER_PORT: Final = 2101
"""Where the processes of a flow talk to each other, without a password."""
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
    workers: int
    epoch: str
    grace: int
    recovery: str | None
    storage_class: str | None
    cpu: str
    memory: str
    memory_bytes: int
    secret: str | None
    env: Mapping[str, str]
    pod_monitor: bool
    venv: str

    @property
    def addresses(self) -> str:
        """Those of all processes: of pods, by the name that their headless service gives each."""
        hosts = (f"{self.name}-{number}.{self.name}" for number in range(self.processes))
        return ";".join(f"{host}:{CLUSTER_PORT}" for host in hosts)

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
        workers=settings.workers,
        epoch=str(int(epoch) if epoch == int(epoch) else epoch),
        grace=math.ceil(epoch) + _STOP_TIME,
        recovery=settings.recovery,
        storage_class=settings.storage_class,
        cpu=settings.cpu,
        memory=settings.memory,
        memory_bytes=bytes_of(settings.memory),
        secret=settings.secret,
        env={**env, **settings.env},
        pod_monitor=settings.pod_monitor,
        venv=settings.venv or f"/opt/{name}",
    )
