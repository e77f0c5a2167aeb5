"""Manifests of `kgen deploy` as processes of this machine: their commands with their environment, where names
of hosts, ports and folders stand for those that a test may use.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import requests
from tests.kafka.processes import free_port, spawn, tail, wait_for
from tests.unit.gen.deploy_projects import documents, unit_words

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Deployed:
    """A process that a manifest runs: its command and environment there; `folders` are here, by their path
    there.
    """

    command: Sequence[str]
    env: Mapping[str, str]
    folders: Mapping[str, Path] = field(default_factory=dict)


def pods(manifest: Path, volumes: Path) -> list[Deployed]:
    """Those of a StatefulSet, each with its own volumes, as Kubernetes starts them."""
    (spec,) = (each["spec"] for each in documents(manifest) if each["kind"] == "StatefulSet")
    (container,) = spec["template"]["spec"]["containers"]
    names = {each["metadata"]["name"] for each in spec["volumeClaimTemplates"]}
    found = []
    for index in range(spec["replicas"]):
        labels = {"metadata.labels['apps.kubernetes.io/pod-index']": str(index)}
        env = {
            each["name"]: each["value"]
            if "value" in each
            else labels[each["valueFrom"]["fieldRef"]["fieldPath"]]
            for each in container["env"]
        }
        folders = {
            each["mountPath"]: volumes / f"{each['name']}-{index}"
            for each in container["volumeMounts"]
            if each["name"] in names
        }
        found.append(Deployed([*container["command"], *container["args"]], env, folders))
    return found


def services(manifest: Path, volumes: Path) -> list[Deployed]:
    """Those of a Compose file, which share its volumes."""
    (file,) = documents(manifest)
    found = []
    for service in file["services"].values():
        mounts = dict(reversed(each.split(":")) for each in service["volumes"])
        assert set(mounts.values()) == file["volumes"].keys()
        folders = {path: volumes / name for path, name in mounts.items()}
        found.append(Deployed([*service["entrypoint"], *service["command"]], service["environment"], folders))
    return found


def unit(manifest: Path, volumes: Path) -> list[Deployed]:
    """The one of a unit of systemd."""
    lines = [line.partition("=")[::2] for line in manifest.read_text().splitlines() if "=" in line]
    (command,) = (unit_words(value) for name, value in lines if name == "ExecStart")
    env = dict(
        word.split("=", 1) for name, value in lines if name == "Environment" for word in unit_words(value)
    )
    return [Deployed(command, env, {"%S": volumes})]


class Cluster:
    """Processes of one flow, started together. `health` are the addresses of their health endpoints."""

    def __init__(self, deployed: Sequence[Deployed], env: Mapping[str, str], logs: Path) -> None:
        logs.mkdir(exist_ok=True)
        given = deployed[0].env.get("BYTEWAX_ADDRESSES", "")
        here = {address: f"127.0.0.1:{free_port()}" for address in filter(None, given.split(";"))}
        self.logs = [logs / f"{index}.log" for index in range(len(deployed))]
        self.health: list[str] = []
        self.processes = []
        for each, log in zip(deployed, self.logs):
            health = free_port()
            inner = int(each.command[-1]) if "--processes" in each.command else 1
            self.health += [f"http://127.0.0.1:{health + index}" for index in range(inner)]
            ports = {"KGEN_HEALTH": f"127.0.0.1:{health}", "BYTEWAX_DATAFLOW_API_PORT": str(free_port())}
            assert ports.keys() <= each.env.keys()
            addresses = {"BYTEWAX_ADDRESSES": ";".join(here.values())} if here else {}
            command = [_moved(word, each.folders) for word in each.command]
            for folder in each.folders.values():
                folder.mkdir(parents=True, exist_ok=True)
            whole = {**each.env, **ports, **addresses, **env}
            self.processes.append(spawn([_program(command[0]), *command[1:]], log, env=whole, cwd=logs))

    def ready(self) -> None:
        """All are, by what their probes are answered."""
        wait_for(self._ready, "all processes to be ready", explain=self.tail)

    def _ready(self) -> bool:
        assert all(process.poll() is None for process in self.processes), self.tail()
        return all(requests.get(f"{each}/readyz", timeout=10).ok for each in self.health)

    def end(self, number: int) -> list[int]:
        """The exit codes of all after a signal."""
        for process in self.processes:
            process.send_signal(number)
        return [process.wait(180) for process in self.processes]

    def tail(self) -> str:
        return "\n".join(f"--- {log.name} ---\n{tail(log)}" for log in self.logs)


def _moved(word: str, folders: Mapping[str, Path]) -> str:
    for there, here in folders.items():
        if word == there or word.startswith(f"{there}/"):
            return f"{here}{word[len(there) :]}"
    return word


def _program(name: str) -> str:
    return sys.executable if name == "python" else name


@contextmanager
def running(deployed: Sequence[Deployed], env: Mapping[str, str], logs: Path) -> Iterator[Cluster]:
    """The processes, for as long as the block lasts."""
    cluster = Cluster(deployed, env, logs)
    try:
        yield cluster
    finally:
        for process in cluster.processes:
            process.kill()
            process.wait()
