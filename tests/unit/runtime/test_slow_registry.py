"""A registry that begins answers and does not end them: a flow leaves at once, and goes on where it may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.scripted import Answer, Server, Trickle

FLOW = """
    import os
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing
    from kgen_runtime.serde import AvroSerde, RegistryClient, Schemas, SchemaStore, WriterSchema
    from kgen_runtime.serde.framing import id_prefix

    text, avro = rt.StringSerde(), AvroSerde(Schemas("v", (WriterSchema(1, 1, '"string"'),)), {})

    def flow_of(read, written, ids=(1,), **options):
        flow = Dataflow("flow")
        topic = rt.Topic("in", key=text, value=read)
        payloads = [(id_prefix(i) if read is avro else b"") + b"\\x02x" for i in ids]
        raw = [rt.RawMessage(key=b"k", value=payload, topic="in") for payload in payloads]
        kafka = testing.Memory({topic: raw})
        kafka._store = SchemaStore(RegistryClient(os.environ["KGEN_REGISTRY_URL"], **options))
        stream = rt.source("read", flow, topic, kafka)
        errs = rt.sink("write", stream.oks, rt.Topic("out", key=text, value=written), kafka)
        rt.route("errs", stream.errs, errs, policy=rt.Crash())
        return flow

    def writes():
        return flow_of(text, avro)

    def reads_unknown():
        return flow_of(avro, text, ids=(9,))

    def reads_vendored():
        return flow_of(avro, text)

    def goes_on():
        return flow_of(avro, avro, deadline=0.5)
"""


@pytest.fixture
def trickle() -> Iterator[Trickle]:
    server = Trickle(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    yield server
    server.close()


@contextmanager
def running(folder: Path, url: str, flow: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "slow_registry_flow.py").write_text(textwrap.dedent(FLOW))
    with subprocess.Popen(
        [sys.executable, "-m", "kgen_runtime.run", f"slow_registry_flow:{flow}", *args],
        cwd=folder,
        env={**os.environ, "KGEN_REGISTRY_URL": url},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("flow", ["writes", "reads_unknown", "reads_vendored"])
@pytest.mark.parametrize(
    ("args", "number"),
    [
        ([], signal.SIGINT),
        ([], signal.SIGTERM),
        (["-r", "r", "-s", "0.2"], signal.SIGTERM),
        (["-p", "2"], signal.SIGTERM),
    ],
)
def test_a_flow_that_is_asked_to_stop_does_not_wait_for_the_answer(
    tmp_path: Path, trickle: Trickle, flow: str, number: signal.Signals, args: list[str]
) -> None:
    with running(tmp_path, trickle.url, flow, *args) as process:
        assert trickle.asked.wait(60)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def test_a_flow_leaves_in_the_middle_of_a_pause_that_the_registry_asked_for(tmp_path: Path) -> None:
    server = Server(lambda request: Answer(429, headers={"Retry-After": "40"}))
    with closing(server), running(tmp_path, server.url, "reads_unknown") as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "waiting for the schema registry" in line)
        assert "429 Too Many Requests, next try in" in line
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said


def test_schemas_that_are_known_are_read_and_written_without_the_answer(
    tmp_path: Path, trickle: Trickle
) -> None:
    with running(tmp_path, trickle.url, "goes_on") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "are used unchecked" in said
