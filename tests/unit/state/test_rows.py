"""Which rows of a recovery store are looked at when a run begins, and what comes of one that is bad."""

from __future__ import annotations

import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record
from tests.unit.state.test_stores import dump

import kgen_runtime as rt

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"]}
ORDER = record("shop.Order", ("id", "string"), ("status", STATUS))
LESS = record("shop.Order", ("id", "string"), ("status", {**STATUS, "symbols": ["NEW"], "default": "NEW"}))
GROWN = record("shop.Order", ("id", "string"), ("note", "string", "none"))
STEP = "flow.last.stateful_flat_map.stateful.stateful_batch"
FRONT = 10
"""The epoch that a run resumes from."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four partitions, after a run of two workers of which one has finished epoch 9, the other 19."""
    folder = tmp_path / "store"
    rt.Recovery(folder).prepare()
    execute(folder, 0, "INSERT INTO exs (ex_num, worker_count, resume_epoch) VALUES (1, 2, 5), (0, 1, 1)")
    for part, row in ((1, (0, 0, 40)), (2, (1, 0, FRONT)), (3, (1, 1, 2 * FRONT))):
        execute(
            folder, part, "INSERT INTO fronts (ex_num, worker_index, worker_frontier) VALUES (?, ?, ?)", *row
        )
    return folder


def execute(folder: Path, part: int, text: str, *given: Any) -> None:
    with closing(sqlite3.connect(folder / f"part-{part}.sqlite3")) as db, db:
        db.execute(text, given)


def keep(folder: Path, value: Any, *, part: int = 0, key: str = "k", epoch: int = 3) -> None:
    """A row; bytes are the pickle itself, None says that the key is gone."""
    data = value if value is None or isinstance(value, bytes) else pickle.dumps(value)
    text = "INSERT INTO snaps (step_id, state_key, snap_epoch, ser_change) VALUES (?, ?, ?, ?)"
    execute(folder, part, text, STEP, key, epoch, data)


@pytest.fixture
def orders(tmp_path: Path) -> Mapping[str, bytes]:
    """Pickles of the first version."""
    with project(tmp_path / "project", {"orders-value": [ORDER]}):
        made = module("orders")
        order = made.Order(id="1", status=made.Status.NEW)
        return {
            "order": pickle.dumps(order),
            "status": pickle.dumps(made.Status.PAID),
            "both": pickle.dumps({made.Status.NEW: 1, made.Status.PAID: 2}),
        }


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()


def upgraded(store: Path, *versions: Any) -> None:
    """The store when a run begins, in the project of these versions."""
    with project(store.parent / "project", {"orders-value": [ORDER, *versions]}):
        rt.Recovery(store).upgrade_state()


GONE = b"\x80\x04\x95\x15\x00\x00\x00\x00\x00\x00\x00\x8c\x04json\x94\x8c\x04Gone\x94\x93\x94."
BAD: dict[str, tuple[bytes, str]] = {
    "no pickle": (b"garbage", "kept state cannot be loaded: "),
    "nothing": (b"", "kept state cannot be loaded: EOFError"),
    "cut off": (pickle.dumps(["x" * 40])[:-9], "kept state cannot be loaded: "),
    "zeros": (bytes(60), "kept state cannot be loaded: "),
    "a name that is gone": (GONE, "json.Gone is gone, of which an object is kept"),
    "a module that is gone": (b"cgone_module\nThing\n.", "gone_module.Thing is gone"),
    "code that fails": (b"cbuiltins\nint\n(Va\\u000ab\ntR.", r"ValueError: .*'a\\nb'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_row_that_cannot_be_loaded_is_refused_in_three_lines(store: Path, kind: str) -> None:
    data, why = BAD[kind]
    keep(store, [1], part=1)
    keep(store, data, part=2, key="a\nkey")
    before = dump(store)
    with pytest.raises(rt.RecoveryError, match=why) as caught:
        upgraded(store)
    what, where, hint = str(caught.value).splitlines()
    assert where == f"  at step {STEP}, key a\\nkey, {store}"
    assert hint.startswith("  hint: ")
    assert len(what) < 400
    assert dump(store) == before


def test_two_keys_that_become_one_are_refused_with_step_and_place(
    store: Path, orders: Mapping[str, bytes]
) -> None:
    keep(store, orders["both"])
    before = dump(store)
    with pytest.raises(rt.RecoveryError) as caught:
        upgraded(store, LESS)
    assert str(caught.value).splitlines() == [
        "two keys of a kept dict become one (Status.NEW), and a value would be lost",
        f"  at step {STEP}, key k, {store}",
        "  hint: Run it with the code that wrote it, restore what made the keys differ (an enum's symbol, "
        "a field), or begin with an empty recovery folder.",
    ]
    assert dump(store) == before


def test_a_refusal_in_one_partition_changes_none(store: Path, orders: Mapping[str, bytes]) -> None:
    keep(store, orders["order"], part=0)
    keep(store, b"garbage", part=3)
    before = dump(store)
    with pytest.raises(rt.RecoveryError, match="cannot be loaded"):
        upgraded(store, GROWN)
    assert dump(store) == before


def test_rows_that_a_run_does_not_load_refuse_nothing(store: Path, orders: Mapping[str, bytes]) -> None:
    """Older ones, those of keys that are gone, and those of epochs that a run repeats."""
    keep(store, orders["both"], epoch=1)  # of an enum that is gone
    keep(store, orders["order"], epoch=2)
    keep(store, b"garbage", epoch=FRONT)
    keep(store, b"garbage", key="gone", epoch=1)
    keep(store, None, key="gone", epoch=2)
    upgraded(store, GROWN)
    held = {(row[2], row[3]): row[4] for row in dump(store)}
    with project(store.parent / "project", {"orders-value": [ORDER, GROWN]}):
        assert pickle.loads(held["k", 2]) == module("orders").Order(id="1", note="none")
        assert pickle.dumps(pickle.loads(held["k", 2])) == held["k", 2] != orders["order"]


@pytest.mark.parametrize("epoch", [1, FRONT - 1])
def test_every_row_that_a_run_loads_is_looked_at(store: Path, epoch: int) -> None:
    keep(store, b"garbage", epoch=epoch)
    with pytest.raises(rt.RecoveryError, match="cannot be loaded"):
        upgraded(store)


def test_a_run_resumes_where_it_began_if_a_worker_has_finished_nothing(store: Path) -> None:
    """The last execution began at epoch 5."""
    keep(store, [1], epoch=4)
    keep(store, b"garbage", epoch=5)
    execute(store, 2, "DELETE FROM fronts WHERE worker_index = 0")
    upgraded(store)
    keep(store, b"garbage", epoch=4, key="other")
    with pytest.raises(rt.RecoveryError, match="key other"):
        upgraded(store)


def test_what_kgen_has_moved_is_written_where_it_is_now(store: Path) -> None:
    """Bytewax's pickling would not find it."""
    keep(store, b"ckgen_runtime.of_an_earlier_release\nMessage\n(Vk\nVv\ntR.")
    upgraded(store)
    assert pickle.loads(dump(store)[0][4]) == rt.Message("k", "v")


FATAL = """
import os
import signal

class Fatal:
    def __setstate__(self, state):
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_while_a_store_is_written_leaves_it_as_it_was(
    store: Path, orders: Mapping[str, bytes]
) -> None:
    for part in range(4):
        keep(store, orders["order"], part=part)
    before = dump(store)
    keep(store, b"cfatal\nFatal\n)\x81Nb.", part=3, key="last")
    with project(store.parent / "project", {"orders-value": [ORDER, GROWN]}, fatal=FATAL):
        code = f"import kgen_runtime as rt; rt.Recovery({str(store)!r}).upgrade_state()"
        done = subprocess.run([sys.executable, "-c", code], cwd=store.parent / "project", check=False)
    assert done.returncode == -signal.SIGKILL
    execute(store, 3, "DELETE FROM snaps WHERE state_key = 'last'")
    assert dump(store) == before
    upgraded(store, GROWN)
    assert all(new[4] != old[4] for new, old in zip(dump(store), before, strict=True))


def test_a_wait_for_another_process_is_said_and_ends(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kgen_runtime.state.upgrade._SOON", 0.01)
    monkeypatch.setattr("kgen_runtime.state.upgrade._PATIENCE", 0.02)
    with closing(sqlite3.connect(store / "part-2.sqlite3", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(rt.RecoveryError, match="database is locked"):
            upgraded(store)
    [said] = [record.getMessage() for record in caplog.records if "another process" in record.getMessage()]
    assert "part-2.sqlite3 is used by another process" in said
    upgraded(store)


def test_how_far_a_large_store_is_looked_through_is_reported(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kgen_runtime.state.upgrade._EVERY", 0.0)
    for number in range(150):
        keep(store, number, key=str(number))
    with caplog.at_level("INFO"):
        upgraded(store)
    said = [record.getMessage() for record in caplog.records if "were checked" in record.getMessage()]
    assert [text.split()[0] for text in said] == ["100", "150"]
