"""`kgen pull` as a user runs it: a process, the development registry, and the result put to work."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.kafka.fixtures import AnyBroker

import kgen_runtime
from kgen.cli import app
from kgen.dev import RegistryServer
from kgen_runtime.serde.registry.client import RegistryClient

ADDRESS = {
    "type": "record",
    "name": "Address",
    "namespace": "shop",
    "fields": [{"name": "city", "type": "string"}],
}
STATUS = {
    "type": "enum",
    "name": "Status",
    "namespace": "shop",
    "symbols": ["PLACED", "PAID"],
    "default": "PLACED",
}
FIELDS: list[dict[str, Any]] = [
    {"name": "order_id", "type": "string"},
    {"name": "placed_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "status", "type": STATUS, "default": "PLACED"},
    {"name": "ship_to", "type": ["null", "shop.Address"], "default": None},
]
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
# Real kills, at random steps of the writing; the evidence run takes 200.
ROUNDS = int(os.environ.get("KGEN_KILL_ROUNDS", "5"))
RUNTIME = Path(kgen_runtime.__file__).parents[1]


def order(*more: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "Order", "namespace": "shop", "fields": [*FIELDS, *more]}


class Shop:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = RegistryClient(url)

    def register(self, subject: str, schema: Any, *references: tuple[str, str, int]) -> None:
        body = {"schema": schema if isinstance(schema, str) else json.dumps(schema)}
        refs = [dict(zip(("name", "subject", "version"), r)) for r in references]
        self.client.post(f"/subjects/{subject}/versions", {**body, **({"references": refs} if refs else {})})

    def orders(self, *more: dict[str, Any]) -> None:
        self.register("orders-value", order(*more), ("shop.Address", "address", 1))


@pytest.fixture
def shop() -> Iterator[Shop]:
    with RegistryServer() as server:
        made = Shop(server.url)
        made.register("address", ADDRESS)
        made.register("orders-key", '"string"')
        made.orders()
        yield made
        made.client.close()


def run(folder: Path, *command: str, code: int = 0) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith("KGEN_")}
    if "site-packages" not in RUNTIME.parts:
        env["MYPYPATH"] = str(RUNTIME)  # mypy does not follow editable installs
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def tree(root: Path) -> dict[str, bytes]:
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    return {
        p: c
        for p, c in files.items()
        if not p.startswith((".kgen/tmp/", ".mypy_cache", ".pytest_cache")) and "__pycache__" not in p
    }


def test_from_nothing_to_a_package_that_works(shop: Shop, tmp_path: Path) -> None:
    project = tmp_path / "project"
    out = run(project, "-m", "kgen", "pull", "--registry", shop.url)
    assert out.splitlines()[-1] == "3 added, 0 changed, 0 removed"
    shop.orders(NOTE)
    assert run(project, "-m", "kgen", "outdated", code=1) == "~ orders-value v1 -> v2\n"
    assert "~ orders-value v1 -> v2 (BACKWARD, +1 field)" in run(project, "-m", "kgen", "pull")
    assert run(project, "-m", "kgen", "pull") == "nothing changed\n"
    run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    run(project, "-m", "mypy", "--strict", "--no-incremental", "streams", "tests")


def test_the_same_bytes_offline(shop: Shop, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    run(first, "-m", "kgen", "pull", "--registry", shop.url)
    second.mkdir()
    for name in ("kgen.toml", "kgen.lock"):
        shutil.copy(first / name, second / name)
    shutil.copytree(first / "schemas", second / "schemas")
    text = (second / "kgen.toml").read_text()
    (second / "kgen.toml").write_text(text.replace(shop.url, "http://127.0.0.1:9"))
    run(second, "-m", "kgen", "pull", "--frozen")
    (second / "kgen.toml").write_text(text)
    assert tree(first) == tree(second)


def test_soft_deleted_versions_and_subjects(shop: Shop, tmp_path: Path) -> None:
    run(tmp_path, "-m", "kgen", "pull", "--registry", shop.url)
    shop.orders(NOTE)
    run(tmp_path, "-m", "kgen", "pull")
    shop.client.request("DELETE", "/subjects/orders-value/versions/1")
    assert "orders-value v1 was deleted in the registry" in run(tmp_path, "-m", "kgen", "pull")
    shop.client.request("DELETE", "/subjects/orders-value")
    assert "- orders-value v2" in run(tmp_path, "-m", "kgen", "pull")
    assert (tmp_path / "streams/flows/orders.py").exists()


KILLED = """
import os, signal, sys
from kgen.cli import app as cli; from kgen.project import transaction as write

left = int(sys.argv[1])

def dying(method):
    def step(self, *arguments):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        method(self, *arguments)
    return step

for name in ("mkdir", "write", "replace", "unlink", "rmdir", "sync", "clear"):
    setattr(write.Disk, name, dying(getattr(write.Disk, name)))
sys.exit(cli.run(["pull", "--quiet", *sys.argv[2:]]))
"""


def pulled_and_killed(project: Path, rng: random.Random) -> None:
    """A pull that dies at a random step of its writing, or, now and then, at any time at all."""
    by_step = rng.random() < 0.8
    command = [
        sys.executable,
        "-c",
        KILLED,
        str(rng.randrange(1, 80) if by_step else 0),
        "--out",
        str(project),
    ]
    with subprocess.Popen(command) as process:
        try:
            process.wait(timeout=300 if by_step else rng.uniform(0.1, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in (0, -signal.SIGKILL)


def killed_rounds(shop: Shop, folder: Path, rng: random.Random, rounds: int) -> int:
    """Versions that arrive one by one, each pulled by processes that die; how many died half-way."""
    project, reference = folder / "project", folder / "reference"
    run(project, "-m", "kgen", "pull", "--registry", shop.url)
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + "\n# mine\n")
    halfway = 0
    extra: list[dict[str, Any]] = []
    for number in range(rounds):
        extra.append({**NOTE, "name": f"note{number}"})
        name = {"name": f"Order{number}", "aliases": ["Order", *(f"Order{n}" for n in range(number))]}
        shop.register("orders-value", {**order(*extra), **name}, ("shop.Address", "address", 1))
        old = tree(project)
        shutil.rmtree(reference, ignore_errors=True)
        shutil.copytree(project, reference)
        assert app.run(["pull", "--quiet", "--out", str(reference)]) == 0
        new = tree(reference)
        assert new["streams/flows/orders.py"] != old["streams/flows/orders.py"]
        for _ in range(rng.randint(1, 2)):  # the second one dies while it heals, or pulls
            pulled_and_killed(project, rng)
            interrupted = (project / ".kgen/tmp/journal.json").exists()
            halfway += interrupted
            assert interrupted or tree(project) in (old, new)
        assert app.run(["pull", "--quiet", "--out", str(project)]) == 0
        assert tree(project) == new
        assert flow.read_text().endswith("\n# mine\n")
    return halfway


@pytest.mark.slow
def test_killed_at_random_points(tmp_path: Path) -> None:
    """After each kill and the run that heals it, the tree is the new one, and the edit is still there."""
    rng = random.Random(ROUNDS)
    halfway = 0
    for began in range(0, ROUNDS, 20):  # a fresh project now and then: its history is vendored
        with RegistryServer() as server:
            shop = Shop(server.url)
            shop.register("address", ADDRESS)
            shop.register("orders-key", '"string"')
            shop.orders()
            halfway += killed_rounds(shop, tmp_path / str(began), rng, min(20, ROUNDS - began))
            shop.client.close()
    assert halfway or ROUNDS < 20


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_port_of_a_kafka_broker_is_reported_as_such(
    kafka: AnyBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str], scheme: str
) -> None:
    url = f"{scheme}://{kafka.bootstrap}"
    expected = "a Kafka broker answers there, not a schema registry"
    assert app.run(["pull", "--registry", url, "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: GET {url}/subjects: {expected}\n  at {url} (from --registry)\n  hint: ")
    assert "KGEN_BROKERS" in said
    app.run(["doctor", "--registry", url, "--out", str(tmp_path)])
    assert expected in capsys.readouterr().out
