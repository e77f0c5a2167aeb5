"""A registry that refuses what the sink asks: the run ends with a clear error, whatever the refusal."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scripted import Answer, Server

import kgen_runtime as rt
from kgen_runtime.errors import causes
from kgen_runtime.producer.encoding import encoder
from kgen_runtime.runner.error_report import report_error
from kgen_runtime.runner.shutdown import FAILED
from kgen_runtime.serde import AvroSerde, RegistryClient, Schemas, WriterSchema

FLOW = """
    import os
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing
    from kgen_runtime.serde import AvroSerde, RegistryClient, Schemas, SchemaStore, WriterSchema

    text = rt.StringSerde()
    orders = rt.Topic("orders", key=text, value=text)
    schemas = Schemas("out-value", (WriterSchema(1, 1, '"string"'),))
    out = rt.Topic("out", key=text, value=AvroSerde(schemas, {}))

    flow = Dataflow("flow")
    kafka = testing.Memory({orders: testing.samples(orders, 100)})
    kafka._store = SchemaStore(RegistryClient(os.environ["KGEN_REGISTRY_URL"], retries=0))
    read = rt.source("read", flow, orders, kafka)
    errs = rt.sink("write", read.oks, out, kafka)
    rt.route("errs", read.errs, errs, policy=rt.Crash())
"""

REFUSALS = {
    "401": (Answer(401, {"error_code": 40101, "message": "no"}), "answered 401 Unauthorized: no (40101)"),
    "403": (Answer(403, {"error_code": 40301, "message": "no"}), "answered 403 Forbidden: no (40301)"),
    "404": (Answer(404, "Not Found"), "answered 404 Not Found"),
    "40401": (
        Answer(404, {"error_code": 40401, "message": "no subject"}),
        "the schema is not registered under out-value",
    ),
    "html": (Answer(200, b"<html>", content_type="text/html"), "text/html that is not JSON"),
    "rules": (
        Answer(200, {"id": 1, "schema": '"string"', "ruleSet": {"domainRules": [{"type": "ENCRYPT"}]}}),
        "out-value has data contract rules, which kgen does not execute: ENCRYPT",
    ),
    "odd": (Answer(200, {"id": "x"}), "the answer is not in the form of a schema registry's"),
}
SIZES = {"1 worker": ["-w", "1"], "2 workers": ["-w", "2"], "2 processes": ["-p", "2"]}
MEMORY = 6 << 30
"""Bytes of addresses: a run that eats all memory takes the machine along."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_at_the_sink_ends_the_run_with_a_clear_error(
    tmp_path: Path, server: Server, size: str, refusal: str
) -> None:
    answer, expected = REFUSALS[refusal]
    server.script(answer)
    (tmp_path / "refused_flow.py").write_text(textwrap.dedent(FLOW))
    done = subprocess.run(
        [sys.executable, "-m", "kgen_runtime.run", "refused_flow", *SIZES[size]],
        cwd=tmp_path,
        env={**os.environ, "KGEN_REGISTRY_URL": server.url},
        preexec_fn=_bounded,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == FAILED, done.stderr
    assert done.stderr.count("error: ") == 1
    assert expected in done.stderr
    for wrong in ("Traceback", "panicked", "disk"):
        assert wrong not in done.stderr


def _round(length: int) -> BaseException:
    """The first of so many errors, each the cause of the one before, and the first the cause of the last."""
    errors = [ValueError(str(n)) for n in range(length)]
    for error, cause in zip(errors, [*errors[1:], errors[0]]):
        error.__cause__ = cause
    return errors[0]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_causes_that_lead_in_a_circle_come_once_each(length: int) -> None:
    assert [str(cause) for cause in causes(_round(length))] == [str(n) for n in range(length)]


def test_a_long_chain_of_causes_is_cut() -> None:
    assert len(list(causes(_round(100_000)))) == 100


def test_an_error_of_the_user_that_is_its_own_cause_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(_round(1))
    assert "error: ValueError: 0" in capsys.readouterr().err


def test_an_error_of_the_registry_is_never_its_own_cause(server: Server) -> None:
    server.script(Answer(401))
    store = rt.SchemaStore(RegistryClient(server.url, retries=0))
    schemas = Schemas("out-value", (WriterSchema(1, 1, '"string"'),))
    for serdes in ((AvroSerde(schemas, {}), rt.StringSerde()), (rt.StringSerde(), AvroSerde(schemas, {}))):
        topic = rt.Topic("out", key=serdes[0], value=serdes[1])
        encode = encoder("flow.write", topic, rt.Kafka("h:1", registry=store))
        with pytest.raises(rt.RegistryError, match="401") as caught:
            encode(rt.Message("k", "v"))
        assert len(set(map(id, causes(caught.value)))) == len(list(causes(caught.value)))
        assert caught.value.__cause__ is None
