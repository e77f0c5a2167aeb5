"""The schema registry is away: known schemas go on, unknown ones wait, nothing becomes a dead letter."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import requests

from kgen.dev.registry_server import RegistryServer
from kgen.dev.registry_store import Store
from tests.faults.harness import Flow, NewFlow, framed
from tests.faults.shape import Shape
from tests.kafka.clients import read_all, send
from tests.kafka.fixtures import AnyBroker, NewTopic
from tests.kafka.processes import free_port, wait_for

pytestmark = pytest.mark.kafka

TOTAL = 20_000
OUTAGE = 30.0
"""Seconds."""
KNOWN, NEWER, NOBODYS = 1, 2, 77  # schema ids; the flow was generated from the first


class Registry:
    """Stops and starts on one port with one memory."""

    def __init__(self) -> None:
        self._port, self._store = free_port(), Store()
        self.url = f"http://127.0.0.1:{self._port}"
        self._server: RegistryServer | None = None

    def start(self) -> None:
        self._server = RegistryServer(self._port, store=self._store).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._server = None

    def register(self, schema: str) -> int:
        answer = requests.post(
            f"{self.url}/subjects/faults-value/versions", json={"schema": schema}, timeout=10
        )
        answer.raise_for_status()
        return int(answer.json()["id"])


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    registry.start()
    assert [registry.register(schema) for schema in ('"string"', '"bytes"')] == [KNOWN, NEWER]
    yield registry
    registry.stop()


@pytest.fixture
def flow(kafka: AnyBroker, new_topic: NewTopic, registry: Registry, new_flow: NewFlow) -> Flow:
    shape = Shape(
        source=new_topic("in", 4),
        sink=new_topic("out", 2),
        dead_letters=new_topic("dlq"),
        avro=True,
        stop="never",
    )
    return new_flow(kafka, shape, env={"KGEN_REGISTRY_URL": registry.url})


def _dead(flow: Flow) -> set[int]:
    return {int(m.key() or b"") for m in read_all(flow.bootstrap, flow.shape.dead_letters or "")}


def test_a_registry_away_at_the_start_does_not_hold_known_schemas(flow: Flow, registry: Registry) -> None:
    registry.stop()
    send(flow.bootstrap, flow.shape.source, framed(range(TOTAL), KNOWN))
    flow.finish()
    assert flow.account(range(TOTAL)).lost == []
    assert _dead(flow) == set()


@pytest.mark.parametrize("away", ["from-the-start", "later"])
def test_unknown_schemas_wait_for_the_registry(flow: Flow, registry: Registry, away: str) -> None:
    half = TOTAL // 2
    if away == "from-the-start":
        registry.stop()
    send(flow.bootstrap, flow.shape.source, framed(range(half), KNOWN))
    run = flow.start()
    flow.reached(half, run)
    registry.stop()
    send(flow.bootstrap, flow.shape.source, framed(range(half, TOTAL), NEWER))
    wait_for(lambda: "waits for the registry" in run.text(), "the flow to wait", explain=run.tail)
    assert flow.count() == half
    registry.start()
    flow.reached(TOTAL, run)
    run.terminate()
    assert run.wait() == 0, run.tail()
    found = flow.account(range(TOTAL))
    assert (found.lost, found.repeated, _dead(flow)) == ([], {}, set())


@pytest.mark.parametrize("policy", ["dead-letter", "retry"])
def test_half_a_minute_without_a_registry_that_source_and_step_ask(
    flow: Flow, registry: Registry, policy: str
) -> None:
    """No dead letter comes of it, and the flow catches up. With a retry only the keys that ask wait."""
    half = TOTAL // 2
    registry.stop()
    send(flow.bootstrap, flow.shape.source, framed(range(half), KNOWN))
    run = flow.start(registry=registry.url, policy=policy)
    began = time.monotonic()
    if policy == "retry":
        flow.reached(half - half // 1000, run)
    send(flow.bootstrap, flow.shape.source, framed(range(half, TOTAL), NEWER))
    wait_for(lambda: time.monotonic() - began > OUTAGE, "the outage to last", explain=run.tail)
    assert run.process.poll() is None, run.tail()
    assert flow.count() <= half
    registry.start()
    flow.reached(TOTAL, run)
    run.terminate()
    assert run.wait() == 0, run.tail()
    found = flow.account(range(TOTAL))
    assert (found.lost, found.repeated, _dead(flow)) == ([], {}, set())


def test_a_flow_killed_while_it_waits_loses_nothing(flow: Flow, registry: Registry) -> None:
    half = TOTAL // 2
    send(flow.bootstrap, flow.shape.source, framed(range(half), KNOWN))
    send(flow.bootstrap, flow.shape.source, framed(range(half, TOTAL), NEWER))
    registry.stop()
    run = flow.start()
    wait_for(lambda: "waits for the registry" in run.text(), "the flow to wait", explain=run.tail)
    run.kill()
    registry.start()
    flow.finish()
    assert flow.account(range(TOTAL)).lost == []
    assert _dead(flow) == set()


def test_what_the_registry_does_not_know_becomes_a_dead_letter(flow: Flow) -> None:
    send(flow.bootstrap, flow.shape.source, framed(range(100), KNOWN))
    send(flow.bootstrap, flow.shape.source, framed(range(100, 110), NOBODYS))
    flow.finish()
    assert flow.account(range(100)).lost == []
    assert _dead(flow) == set(range(100, 110))
