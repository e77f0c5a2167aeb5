"""Flows that keep generated objects in a recovery store, before and after the schemas change: real runs."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.flows import FLOW
from tests.unit.state.projects import PACKAGE, Versions, module, project, record, write

import kgen_runtime as rt
from kgen.compat.subject_diff import schema_changes
from kgen.model.library import Library
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen.planning.kept_types import fates
from kgen_runtime import testing
from kgen_runtime.codec import make_writer
from kgen_runtime.serde.framing import id_prefix

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"]}
LINE = record("Line", ("sku", "string"), ("price", "int"))
LINES = {"type": "array", "items": LINE}
V1 = record(
    "shop.Order", ("id", "string"), ("lines", LINES), ("status", STATUS), ("note", ["null", "string"], None)
)
V1_SAYS = "Order(id='{}', lines=[Line(sku='a', price=1)], status=<Status.GONE: 'GONE'>, note='n')"


def raw(version: int, schema: Any, offset: int, value: Mapping[str, Any], key: bytes = b"k") -> rt.RawMessage:
    from kgen_runtime.codec.avro.schema.parser import parse

    data = make_writer(parse(json.dumps(schema))).encode(value, id_prefix(version))
    return rt.RawMessage(key=key, value=data, topic="orders", partition=0, offset=offset, timestamp=1)


def v1(offset: int) -> rt.RawMessage:
    line = {"sku": "a", "price": 1}
    return raw(1, V1, offset, {"id": str(offset), "lines": [line], "status": "GONE", "note": "n"})


def run(
    folder: Path, subjects: Mapping[str, Versions], messages: list[rt.RawMessage], cut: int = 0
) -> dict[str, list[str]]:
    """What each step said, in a process that has the project of these subjects."""
    with project(folder / "project", subjects, flows=FLOW):
        import flows  # type: ignore[import-not-found]

        kafka = testing.Memory({module("orders").topic: messages})
        testing.run(
            flows.build(kafka, cut), recovery=rt.Recovery(folder / "store"), epoch_interval=timedelta(0)
        )
        said: dict[str, list[str]] = {}
        for name, text in flows.OUT:
            said.setdefault(name, []).append(text)
        return said


def by_today(folder: Path) -> None:
    run(folder, {"orders-value": [V1]}, [v1(0), v1(1)], cut=50)


def by_the_first_release(folder: Path) -> None:
    """As kgen 0.1.0 has written it: by the paths of classes and the names of attributes."""
    restore(folder / "store", "store-0.1.0.sql")


def restore(store: Path, name: str) -> None:
    """Make a store of one partition from a file beside this one."""
    store.mkdir()
    (store / "kgen.json").write_text('{"format": 1, "partitions": 1}')
    with closing(sqlite3.connect(store / "part-0.sqlite3")) as db:
        db.executescript((Path(__file__).parent / name).read_text())


@pytest.fixture(params=[by_today, by_the_first_release], ids=["today", "0.1.0"])
def kept(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A folder with a store in which a flow has kept two messages of the first version."""
    (tmp_path / "project").mkdir()
    request.param(tmp_path)
    return tmp_path


only_today = pytest.mark.parametrize("kept", [by_today], indirect=True, ids=["today"])


def evolved(*fields: tuple[Any, ...], **more: Any) -> Any:
    return record(more.pop("name", "shop.Order"), *fields, **more)


SYMBOLS = {**STATUS, "symbols": ["NEW", "PAID"], "default": "NEW"}
CHANGES: dict[str, tuple[Any, str]] = {
    "added": (
        evolved(*[(f["name"], f["type"], f.get("default", ...)) for f in V1["fields"]], ("tax", "int", 7)),
        "Order(id='1', lines=[Line(sku='a', price=1)], status=<Status.GONE: 'GONE'>, note='n', tax=7)",
    ),
    "removed": (evolved(("id", "string"), ("note", ["null", "string"], None)), "Order(id='1', note='n')"),
    "renamed": (
        evolved(("number", "string", ..., ["id"]), ("lines", LINES)),
        "Order(number='1', lines=[Line(sku='a', price=1)])",
    ),
    "promoted": (
        evolved(("id", "bytes"), ("lines", {"type": "array", "items": record("Line", ("price", "double"))})),
        "Order(id=b'1', lines=[Line(price=1.0)])",
    ),
    "root renamed": (
        evolved(("id", "string"), name="shop.Purchase", aliases=["shop.Order"]),
        "Purchase(id='1')",
    ),
    "nested renamed": (
        evolved(
            ("lines", {"type": "array", "items": record("Item", ("sku", "string"), aliases=["shop.Line"])})
        ),
        "Order(lines=[Item(sku='a')])",
    ),
    "symbol removed": (
        evolved(("id", "string"), ("status", SYMBOLS)),
        "Order(id='1', status=<Status.NEW: 'NEW'>)",
    ),
}


def next_message(schema: Any, offset: int = 2) -> rt.RawMessage:
    from random import Random

    from kgen_runtime.codec.avro.sample_values import sample
    from kgen_runtime.codec.avro.schema.parser import parse

    return raw(2, schema, offset, sample(parse(json.dumps(schema)), Random(1)))


def check(said: dict[str, list[str]], value: str) -> None:
    """Each step gave what it had kept, as `value` is read today."""
    assert said["map"][0] == repr(("k", value))
    for name in ("see", "flat", "join", "collect", "window", "joined"):
        assert value in " ".join(said[name]), name


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_state_is_read_by_the_rules_for_old_messages(kept: Path, change: str) -> None:
    schema, value = CHANGES[change]
    said = run(kept, {"orders-value": [V1, schema]}, [v1(0), v1(1), next_message(schema, 100)])
    check(said, value)


@pytest.mark.parametrize("change", ["promoted", "root renamed", "symbol removed"])
def test_a_store_of_this_form_stays_readable(tmp_path: Path, change: str) -> None:
    """The form is a contract: what is pickled today is read by all later releases, on every Python."""
    (tmp_path / "project").mkdir()
    restore(tmp_path / "store", "store-marked.sql")
    schema, value = CHANGES[change]
    said = run(tmp_path, {"orders-value": [V1, schema]}, [v1(0), v1(1), next_message(schema, 100)])
    check(said, value)


def test_state_of_two_versions_is_read_at_once(kept: Path) -> None:
    added, renamed = CHANGES["added"][0], CHANGES["renamed"][0]
    run(kept, {"orders-value": [V1, added]}, [v1(0), v1(1), next_message(added)], cut=150)
    said = run(
        kept,
        {"orders-value": [V1, added, renamed]},
        [*(v1(i) for i in range(3)), raw(3, renamed, 3, {"number": "x", "lines": []})],
    )
    assert said["flat"][0].count("Order(number=") == 4
    assert "Order(number='1', lines=[Line(sku='a', price=1)])" in said["flat"][0]


def test_a_record_that_moves_to_a_shared_subject_is_read(kept: Path) -> None:
    line = record("shop.Line", ("sku", "string"), ("price", "int"))
    fields = [("id", "string"), ("lines", {"type": "array", "items": "shop.Line"})]
    v2 = (record("shop.Order", *fields), [("shop.Line", "line", 1)])
    whole = record("shop.Order", fields[0], ("lines", {"type": "array", "items": line}))
    moved = [raw(3, whole, 100, {"id": "x", "lines": []})]
    said = run(kept, {"line": [line], "orders-value": [V1, v2]}, [v1(0), v1(1), *moved])
    check(said, "Order(id='1', lines=[Line(sku='a', price=1)])")


@only_today
def test_a_default_that_changes_leaves_what_was_kept_as_it_was_first_read(kept: Path) -> None:
    added = CHANGES["added"][0]
    other = {**added, "fields": [*added["fields"][:-1], {**added["fields"][-1], "default": 9}]}
    run(kept, {"orders-value": [V1, added]}, [v1(0), v1(1), next_message(added)], cut=150)
    said = run(kept, {"orders-value": [V1, added, other]}, [*(v1(i) for i in range(3)), v1(3)])
    assert said["flat"][0].count("tax=7") == 2  # two messages of the first version, kept before
    assert said["flat"][0].count("tax=9") == 1  # one of it that is read now


@only_today
def test_state_is_read_again_after_a_step_back(kept: Path) -> None:
    """The code of the first version has no schema of the second: that stands beside the store."""
    added = CHANGES["added"][0]
    run(kept, {"orders-value": [V1, added]}, [v1(0), v1(1), v1(2)], cut=150)
    said = run(kept, {"orders-value": [V1]}, [v1(0), v1(1), v1(2), v1(3)])
    assert said["flat"] == [repr(("k", "[" + ", ".join(V1_SAYS.format(i) for i in range(4)) + "]"))]


GONE = {**STATUS, "symbols": ["NEW", "PAID"]}
REFUSED: dict[str, tuple[Any, str]] = {
    "a symbol without a default": (evolved(("id", "string"), ("status", GONE)), "GONE"),
    "a field without a default": (evolved(("id", "string"), ("must", "int")), "must"),
    "another type": (evolved(("id", "int")), "string cannot be read as int"),
    "a record that is gone": (record("shop.Other", ("id", "string")), "stands for it"),
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_cannot_be_read_is_refused_before_anything_starts(kept: Path, change: str) -> None:
    schema, why = REFUSED[change]
    before = dump(kept / "store")
    with pytest.raises(rt.RecoveryError) as caught:
        run(kept, {"orders-value": [V1, schema]}, [v1(0), v1(1), next_message(schema)])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert why in lines[0]
    assert lines[0].startswith("a kept ")
    assert "step flow." in lines[1]
    assert str(kept / "store") in lines[1]
    assert "hint:" in lines[2]
    assert dump(kept / "store") == before


@pytest.mark.parametrize("change", [*CHANGES, *REFUSED])
def test_the_plan_says_of_kept_orders_what_the_start_does(change: str) -> None:
    schema = (CHANGES | REFUSED)[change][0]
    old, new = (
        SchemaVersion("orders-value", n, n, "AVRO", json.dumps(s)) for n, s in enumerate((V1, schema))
    )
    both = (Library(Snapshot("http://registry", (Subject("orders-value", (v,)),))) for v in (old, new))
    found = schema_changes(*both)["orders-value"]
    said = dict(fates(found, ()))[schema["name"].rpartition(".")[2]]
    if change in CHANGES:
        assert said == "changes: it is read as old messages are"
    else:
        assert "the flow will not start with" in said


def dump(store: Path) -> list[Any]:
    rows: list[Any] = []
    for file in sorted(store.glob("part-*.sqlite3")):
        with closing(sqlite3.connect(file)) as db:
            rows += db.execute("SELECT * FROM snaps ORDER BY 2, 3, 4").fetchall()
    return rows


@only_today
def test_rows_of_today_are_not_written(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with project(kept / "project", {"orders-value": [V1]}, flows=FLOW):
        monkeypatch.setattr("kgen_runtime.state.upgrade.load", None)
        before = dump(kept / "store")
        rt.Recovery(kept / "store").upgrade_state()
        assert dump(kept / "store") == before


def keep(kept: Path, value: Any) -> None:
    """Put this in the place of every value of the store."""
    with closing(sqlite3.connect(kept / "store" / "part-0.sqlite3")) as db:
        db.execute("UPDATE snaps SET ser_change = ?", (value,))
        db.commit()


@only_today
@pytest.mark.parametrize(
    "module", ["imported_by_a_message", "imported_by_a_message._generated.orders", ".up"]
)
def test_text_of_a_message_that_looks_like_a_mark_imports_nothing(
    kept: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept / "imported_by_a_message.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(kept))
    with project(kept / "project", {"orders-value": [V1]}, flows=FLOW):
        keep(kept, pickle.dumps(["a message says kgen:" + module + ":shop.Order:AAAAAAAA"]))
        before = dump(kept / "store")
        rt.Recovery(kept / "store").upgrade_state()
        assert dump(kept / "store") == before


MAIN = (
    FLOW
    + """
import os
from pathlib import Path
import pickle

def make():
    messages = pickle.loads(Path(os.environ["MESSAGES"]).read_bytes())
    return build(testing.Memory({orders.topic: messages}))

if "MESSAGES" in os.environ:
    flow = make()
"""
)


def started(
    kept: Path,
    schema: Any,
    *args: str,
    runner: str = "kgen_runtime.run",
    main: str = MAIN,
    before: Sequence[Any] = (V1,),
    count: int = 3,
) -> subprocess.CompletedProcess[str]:
    """A run in processes of its own, on the version after those before, that has so many messages to read."""
    folder = kept / "project"
    write(folder, {"orders-value": [*before, schema]})
    (folder / "flows.py").write_text(main)
    (kept / "messages").write_bytes(pickle.dumps([v1(offset) for offset in range(count)]))
    env = {**os.environ, "MESSAGES": str(kept / "messages"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", runner, "flows:flow", *args]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@only_today
@pytest.mark.parametrize("many", [[], ["--workers", "2"], ["--processes", "2"]], ids=str)
def test_the_runner_reads_it_with_more_workers_and_processes(kept: Path, many: list[str]) -> None:
    schema, value = CHANGES["renamed"]
    done = started(kept, schema, "--recovery", str(kept / "store"), *many)
    assert done.returncode == 0, done.stderr
    assert f"map {('k', value)!r}" in done.stdout.splitlines()


@only_today
@pytest.mark.parametrize("many", [["--workers", "2"], ["--processes", "2"]], ids=str)
def test_workers_come_and_go_while_schemas_change(kept: Path, many: list[str]) -> None:
    store = ("--recovery", str(kept / "store"))
    added, renamed = CHANGES["added"][0], CHANGES["renamed"][0]
    done = started(kept, added, *store, *many)
    assert done.returncode == 0, done.stderr
    done = started(kept, renamed, *store, before=[V1, added], count=4)
    assert done.returncode == 0, done.stderr
    values = [f"Order(number='{number}', lines=[Line(sku='a', price=1)])" for number in range(4)]
    assert f"flat {('k', '[' + ', '.join(values) + ']')!r}" in done.stdout.splitlines()


@only_today
@pytest.mark.parametrize("many", [[], ["--workers", "2"], ["--processes", "2"]], ids=str)
def test_the_runner_refuses_what_cannot_be_read(kept: Path, many: list[str]) -> None:
    done = started(kept, REFUSED["a field without a default"][0], "--recovery", str(kept / "store"), *many)
    assert done.returncode == 2
    assert "a kept shop.Order cannot be read" in done.stderr
    assert "step flow." in done.stderr
    assert "hint:" in done.stderr
    assert "panicked" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Order" not in done.stdout


BYTEWAX = ["-s", "0", "-b", "0"]


@pytest.mark.parametrize("many", [[], ["-w", "2"]], ids=str)
def test_bytewaxs_own_runner_reads_and_refuses_too(kept: Path, many: list[str]) -> None:
    args = ["-r", str(kept / "store"), *BYTEWAX, *many]
    done = started(kept, REFUSED["a field without a default"][0], *args, runner="bytewax.run")
    assert done.returncode
    assert "a kept shop.Order cannot be read" in done.stderr
    assert "Order" not in done.stdout
    schema, value = CHANGES["renamed"]
    done = started(kept, schema, *args, runner="bytewax.run")
    assert done.returncode == 0, done.stderr
    assert f"map {('k', value)!r}" in done.stdout.splitlines()


@only_today
def test_a_flow_without_a_source_of_kgen_is_checked_by_bytewaxs_runner_too(kept: Path) -> None:
    done = started(
        kept,
        REFUSED["a field without a default"][0],
        *("-r", str(kept / "store"), *BYTEWAX),
        runner="bytewax.run",
        main=MAIN.replace(
            'rt.source("in", flow, orders.topic, kafka)',
            'rt.deserialize("in", op.input("raw", flow, TestingSource([])), orders.topic, kafka)',
        ),
    )
    assert done.returncode
    assert "a kept shop.Order cannot be read" in done.stderr


def test_a_class_of_the_user_that_is_gone_is_named(kept: Path) -> None:
    with project(
        kept / "project", {"orders-value": [V1, CHANGES["added"][0]]}, flows=FLOW.replace("Seen", "Saw")
    ):
        with pytest.raises(rt.RecoveryError, match=r"flows\.Seen|Seen") as caught:
            rt.Recovery(kept / "store").upgrade_state()
        assert "step flow.see" in str(caught.value)


assert PACKAGE == "shopstate"  # which the flow imports
