"""What `kgen deploy` writes, run on the local broker: the manifests' own commands with their environment."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.deployed import ROOT, Deployed, pods, running, services, unit
from tests.integration.test_runtime import Topics, values, wait_for

from kgen.cli import app

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

MODULE = "from tests.integration.runtime_flow import flow\n"
READERS: dict[str, tuple[str, Callable[[Path, Path], list[Deployed]]]] = {
    "k8s": ("k8s.yaml", pods),
    "compose": ("compose.yaml", services),
    "systemd": ("orders.service", unit),
}


class Project:
    """A project with one flow, `runtime_flow`, and the topics that it reads and writes."""

    def __init__(self, root: Path, dev: Dev, topics: Topics, platform: str) -> None:
        self.root, self.dev, self.topics, self.platform = root, dev, topics, platform
        self.source, self.sink = topics.make("in", 4), topics.make("out")
        (root / "streams/flows").mkdir(parents=True)
        (root / "streams/flows/orders.py").write_text(MODULE)

    def deployed(self, processes: int) -> list[Deployed]:
        table = {"processes": processes, "epoch_interval": 0.2, "venv": sys.prefix}
        lines = [f"{name} = {json.dumps(value)}" for name, value in table.items()]
        (self.root / "kgen.toml").write_text("[deploy.orders]\n" + "\n".join(lines) + "\n")
        assert app.run(["deploy", self.platform, "--out", str(self.root), "--quiet"]) == 0
        name, reader = READERS[self.platform]
        return reader(self.root / "deploy/orders" / name, self.root / "volumes")

    @property
    def env(self) -> dict[str, str]:
        shape: dict[str, Any] = {"from": self.source, "to": self.sink, "numbers": True}
        paths = f"{self.root}:{ROOT}"
        return {"KGEN_BROKERS": self.dev.brokers, "SHAPE": json.dumps(shape), "PYTHONPATH": paths}


@pytest.mark.parametrize(
    ("platform", "rounds"),
    [
        ("k8s", [(2, signal.SIGKILL), (3, signal.SIGTERM)]),
        ("compose", [(2, signal.SIGTERM)]),
        ("systemd", [(2, signal.SIGTERM)]),
    ],
    ids=["k8s", "compose", "systemd"],
)
def test_all_processes_get_ready_and_stop(
    dev: Dev, tmp_path: Path, request: pytest.FixtureRequest, platform: str, rounds: list[tuple[int, int]]
) -> None:
    """As often as there are rounds, with the state and the positions of the one before."""
    topics = Topics(dev.brokers, request.node.name.replace("[", ".").replace("]", ""))
    project = Project(tmp_path, dev, topics, platform)
    for round_, (processes, number) in enumerate(rounds):
        with running(project.deployed(processes), project.env, tmp_path / "logs") as cluster:
            topics.fill(project.source, 70, first=70 * round_)
            cluster.ready()
            topics.read(project.sink, 70 * (round_ + 1))
            codes = cluster.end(number)
            if number == signal.SIGTERM:
                assert set(codes) == {0}, cluster.tail()
    wanted = {f"k{key}={n}" for key in range(7) for n in range(1, 10 * len(rounds) + 1)}
    with topics.following(project.sink) as so_far:
        wait_for("all of the numbers", lambda: set(values(so_far())) >= wanted)
        assert set(values(so_far())) == wanted
