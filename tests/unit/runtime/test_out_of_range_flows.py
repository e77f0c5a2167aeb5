"""Messages of a database's connector through a generated flow: what Python has no value for passes as it is.

The payloads are made by fastavro with the schema below the logical types, and compared byte for byte.
"""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import Any

import bytewax.operators as op
import fastavro
import pytest
from bytewax.dataflow import Dataflow
from tests.unit.state.projects import PACKAGE, module, project, record

import kgen_runtime as rt
from kgen_runtime import testing


def connect(name: str, below: str, logical_type: str, **more: Any) -> dict[str, Any]:
    """A type as Connect's Avro converter writes it."""
    title = f"org.apache.kafka.connect.data.{name}"
    return {"type": below, "connect.version": 1, "connect.name": title, "logicalType": logical_type, **more}


DATE = connect("Date", "int", "date")
TIME = connect("Time", "int", "time-millis")
STAMP = connect("Timestamp", "long", "timestamp-millis")
FEE = connect("Decimal", "bytes", "decimal", precision=5, scale=2)
ROW = record(
    "Value",
    ("id", "long"),
    ("signed", DATE),
    ("valid_to", ["null", STAMP], None),
    ("closes", TIME),
    ("fee", FEE),
    namespace="pg.public.contracts",
)
KEY = record("Key", ("signed", DATE), namespace="pg.public.contracts")
SUBJECTS = {"contracts-key": [KEY], "contracts-value": [ROW]}
INFINITY = 2**63 - 1  # what Debezium writes for PostgreSQL's `infinity` is near the ends of a long
ROWS: list[dict[str, Any]] = [
    {"id": 0, "signed": 19_000, "valid_to": None, "closes": 0, "fee": b"\x01"},
    {"id": 1, "signed": 2_932_897, "valid_to": INFINITY, "closes": 86_400_000, "fee": b"\x01\x86\xa0"},
    {"id": 2, "signed": -(2**31), "valid_to": -INFINITY - 1, "closes": -1, "fee": b"\x00" * 9 + b"\x7f" * 3},
    {
        "id": 3,
        "signed": 2**31 - 1,
        "valid_to": 253_402_300_800_000,
        "closes": 2**31 - 1,
        "fee": b"\x80\x00\x00",
    },
]


def below(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: below(value) for key, value in schema.items() if key != "logicalType"}
    return [below(each) for each in schema] if isinstance(schema, list) else schema


def payload(schema: Any, id_: int, value: Any) -> bytes:
    out = io.BytesIO(b"\0" + id_.to_bytes(4, "big"))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(below(schema)), value)
    return out.getvalue()


def messages(rows: list[dict[str, Any]]) -> list[rt.RawMessage]:
    return [
        rt.RawMessage(
            key=payload(KEY, 1, {"signed": row["signed"]}), value=payload(ROW, 2, row), topic="contracts"
        )
        for row in rows
    ]


def through(kafka: testing.Memory, contracts: Any, out: Any) -> Dataflow:
    """To another topic, with the last row of each key in the state."""
    flow = Dataflow("contracts")
    read = rt.source("contracts", flow, contracts.topic, kafka)
    keyed = op.key_on("keyed", read.oks, lambda message: str(message.key.signed))
    last = op.stateful_map("last", keyed, lambda last, message: (message.value, (last, message)))
    values = op.map("values", last, lambda it: it[1][1])
    unsent = rt.sink("out", values, out, kafka)
    seen = op.map("seen", last, lambda it: it[1][0])
    op.inspect("show", seen, lambda step, item: kafka.__dict__.setdefault("before", []).append(item))
    rt.route("errs", read.errs, unsent, policy=rt.DeadLetter("contracts.dlq", kafka))
    return rt.check(flow)


def test_all_pass_byte_for_byte_and_are_kept(tmp_path: Path) -> None:
    with project(tmp_path / "p", SUBJECTS, out_of_range="raw"):
        contracts = module("contracts")
        out = rt.Topic("contracts.out", key=contracts.key, value=contracts.value)
        recovery = rt.Recovery(tmp_path / "recovery")
        sent = messages(ROWS)
        kafka = testing.Memory({contracts.topic: sent})
        testing.run(through(kafka, contracts, out), recovery=recovery)
        assert not kafka.dead_letters
        written = {(m.key, m.value) for m in kafka.produced["contracts.out"]}
        assert written == {(m.key, m.value) for m in sent}
        # The state of the first run is read back by the second.
        kafka = testing.Memory({contracts.topic: [*sent, *messages(ROWS[1:])]})
        testing.run(through(kafka, contracts, out), recovery=recovery)
        before = sorted(kafka.__dict__["before"], key=lambda row: row.id)
        assert [row.id for row in before] == [1, 2, 3]
        assert before[0].valid_to == rt.OutOfRange(INFINITY, "timestamp-millis")
        assert before[0].fee == rt.OutOfRange(b"\x01\x86\xa0", "decimal", 2)


def test_without_the_setting_each_is_a_dead_letter_that_names_it(tmp_path: Path) -> None:
    with project(tmp_path / "p", SUBJECTS):
        contracts = module("contracts")
        out = rt.Topic("contracts.out", key=contracts.key, value=contracts.value)
        kafka = testing.Memory({contracts.topic: messages(ROWS)})
        testing.run(through(kafka, contracts, out))
        assert [m.value for m in kafka.produced["contracts.out"]] == [payload(ROW, 2, ROWS[0])]
        letters = [dict(letter.headers) for letter in kafka.dead_letters]
        texts = [text.decode() for letter in letters for text in letter.values() if text]
        said = [text for text in texts if re.search(r"the date -?\d+ \(days since", text)]
        assert all('Set out_of_range = "raw" under [models] in kgen.toml' in text for text in said)
        assert len(said) == 3


def test_the_generated_flow_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with project(tmp_path, SUBJECTS, out_of_range="raw"):
        monkeypatch.setenv("KGEN_BROKERS", "nowhere:1")
        contracts = module("contracts")
        flow = importlib.import_module(f"{PACKAGE}.flows.contracts")
        inputs = [*testing.samples(contracts.topic, n=20), *messages(ROWS)]
        kafka = testing.Memory({contracts.topic: inputs})
        testing.run(flow.build(kafka))
        assert not kafka.dead_letters
