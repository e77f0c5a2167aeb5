"""What `kgen_runtime._bytewax` assumes of Bytewax, asserted on the installed one."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream, operator
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import windowing
from bytewax.recovery import (
    InconsistentPartitionsError,
    MissingPartitionsError,
    NoPartitionsError,
    RecoveryConfig,
    init_db_dir,
)
from bytewax.run import cli_main
from bytewax.testing import TestingSink, TestingSource, cluster_main, run_main
from tests.kafka.processes import free_addresses

from kgen_runtime import _bytewax

BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)


def flow_of_one_map(given: list[int], taken: list[int]) -> Dataflow:
    flow = Dataflow("flow")
    read = op.input("read", flow, TestingSource(given))
    op.output("out", op.map("twice", read, lambda number: number * 2), TestingSink(taken))
    return flow


def windowed(flow: Dataflow) -> windowing.WindowOut[Any, Any]:
    """Windows of a minute; what comes after an hour's message is late."""
    read = op.input("read", flow, TestingSource([BEGIN + timedelta(hours=1), BEGIN, BEGIN]))
    clock = windowing.EventClock(lambda time: time, timedelta(0))
    tumbling = windowing.TumblingWindower(length=timedelta(minutes=1), align_to=BEGIN)
    return windowing.count_window("count", read, clock, tumbling, lambda time: "key")


def test_a_flow_and_its_steps_list_the_steps_that_they_consist_of() -> None:
    read, twice, out = flow_of_one_map([], []).substeps
    assert [step.step_id for step in (read, twice, out)] == ["flow.read", "flow.twice", "flow.out"]
    assert [step.step_id for step in twice.substeps] == ["flow.twice.flat_map_batch"]
    assert [list(step.substeps) for step in (read, twice.substeps[0], out)] == [[], [], []]


def test_a_step_has_its_arguments_and_its_streams_as_attributes() -> None:
    source = TestingSource([1])
    flow = Dataflow("flow")
    stream = op.input("read", flow, source)
    op.output("out", stream, TestingSink([]))
    read, out = flow.substeps
    assert getattr(read, "source") is source  # noqa: B009
    assert (list(read.ups_names), list(read.dwn_names)) == ([], ["down"])
    assert (list(out.ups_names), list(out.dwn_names)) == (["up"], [])
    for port in (getattr(read, "down"), getattr(out, "up")):  # noqa: B009
        assert list(port.stream_ids.values()) == [stream.stream_id]


def test_a_port_of_one_stream_has_its_id() -> None:
    flow = Dataflow("flow")
    late = windowed(flow).late
    step = flow.substeps[-1]
    assert getattr(step, "late").stream_id == late.stream_id  # noqa: B009


@pytest.mark.parametrize("operator", [op.input, op.flat_map_batch, op.branch, op.merge, op.inspect_debug])
def test_an_operator_has_the_class_of_its_steps(operator: Any) -> None:
    assert operator._op_cls.__name__ == operator.__name__
    read = flow_of_one_map([], []).substeps[0]
    assert isinstance(read, operator._op_cls) is (operator is op.input)


def test_a_windows_step_has_its_clock_and_is_of_the_module_of_windows() -> None:
    flow = Dataflow("flow")
    windowed(flow)
    step = flow.substeps[-1]
    assert type(step).__module__ == windowing.__name__ == "bytewax.operators.windowing"
    assert isinstance(getattr(step, "clock"), windowing.EventClock)  # noqa: B009


def test_a_window_has_a_core_step_that_picks_out_what_was_late() -> None:
    flow = Dataflow("flow")
    windowed(flow)
    found = [step for step in inside(flow) if ".unwrap_late" in step.step_id and not step.substeps]
    assert len(found) == 1
    assert callable(getattr(found[0], "mapper"))  # noqa: B009


def test_the_mapper_of_a_frozen_step_can_be_replaced_until_the_flow_runs() -> None:
    taken: list[int] = []
    flow = flow_of_one_map([1, 2, 3], taken)
    step = flow.substeps[1].substeps[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.mapper = list  # type: ignore[attr-defined]
    object.__setattr__(step, "mapper", lambda items: [item * 100 for item in items])
    run_main(flow)
    assert taken == [100, 200, 300]


def test_what_is_late_goes_through_that_mapper_as_lists() -> None:
    seen: list[Any] = []
    flow = Dataflow("flow")
    op.output("late", windowed(flow).late, TestingSink([]))
    (step,) = (step for step in inside(flow) if ".unwrap_late" in step.step_id and not step.substeps)
    before = getattr(step, "mapper")  # noqa: B009

    def noted(items: list[Any]) -> list[Any]:
        given = list(before(items))
        seen.extend(given)
        return given

    object.__setattr__(step, "mapper", noted)
    run_main(flow)
    assert [item[0] for item in seen] == ["key", "key"]


def inside(flow: Any) -> list[Any]:
    return [found for step in flow.substeps for found in (step, *inside(step))]


TABLES = {
    "parts": {"part_index", "part_count"},
    "exs": {"ex_num", "worker_count", "resume_epoch"},
    "fronts": {"ex_num", "worker_index", "worker_frontier"},
    "snaps": {"step_id", "state_key", "snap_epoch", "ser_change"},
}


class Numbers(StatefulSourcePartition[tuple[str, int], int]):
    """One to three for each run."""

    def __init__(self, before: int) -> None:
        self.before = before
        self.given = 0

    def next_batch(self) -> list[tuple[str, int]]:
        if self.given == 3:
            raise StopIteration
        self.given += 1
        return [("key", self.given)]

    def snapshot(self) -> int:
        return self.before + self.given


class NumbersSource(FixedPartitionedSource[tuple[str, int], int]):
    def __init__(self, part: str, resumed: list[int | None]) -> None:
        self.part = part
        self.resumed = resumed

    def list_parts(self) -> list[str]:
        return [self.part]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Numbers:
        self.resumed.append(resume_state)
        return Numbers(resume_state or 0)


def run_kept(folder: Path, part: str = "a") -> list[int | None]:
    """What the partition of the source resumed from."""
    resumed: list[int | None] = []
    flow = Dataflow("flow")
    read = op.input("read", flow, NumbersSource(part, resumed))
    op.output("out", op.stateful_map("sum", read, add), TestingSink([]))
    run_main(flow, epoch_interval=timedelta(0), recovery_config=RecoveryConfig(folder))
    return resumed


def add(state: int | None, number: int) -> tuple[int | None, int]:
    """The sum so far, dropped at the last number."""
    return (None if number == 3 else (state or 0) + number), number


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_db_dir(tmp_path, 2)
    return tmp_path


def rows(folder: Path, query: str) -> list[Any]:
    found = []
    for file in sorted(folder.glob("part-*.sqlite3")):
        with closing(sqlite3.connect(file)) as db:
            found += db.execute(query).fetchall()
    return found


def test_a_recovery_folder_has_a_file_for_each_partition_which_says_its_number(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == ["part-0.sqlite3", "part-1.sqlite3"]
    assert rows(folder, "SELECT part_index, part_count FROM parts") == [(0, 2), (1, 2)]


@pytest.mark.parametrize("table", TABLES)
def test_every_partition_has_the_tables_and_columns_that_are_read(folder: Path, table: str) -> None:
    columns = rows(folder, f"SELECT name FROM pragma_table_info('{table}')")
    for column in TABLES[table]:
        assert columns.count((column,)) == 2


def test_any_file_of_the_folder_that_ends_in_sqlite3_is_taken_for_a_partition(folder: Path) -> None:
    (folder / "other.db").write_bytes(b"not a database" * 100)
    run_kept(folder)
    (folder / "other.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(RuntimeError, match="NotADatabase"):
        run_kept(folder)


def test_kept_state_is_a_pickle_by_step_and_key_and_null_where_it_was_discarded(folder: Path) -> None:
    run_kept(folder)
    found = rows(folder, "SELECT step_id, state_key, ser_change FROM snaps ORDER BY snap_epoch")
    last = {(step, key): data and pickle.loads(data) for step, key, data in found}
    inner = "flow.sum.stateful_flat_map.stateful.stateful_batch"
    assert last == {("flow.read", "a"): 3, (inner, "key"): None}


def test_a_run_resumes_in_the_epoch_that_the_tables_say(folder: Path) -> None:
    began, expected = [], []
    for _ in range(3):
        run_kept(folder)
        began.append(max(rows(folder, "SELECT ex_num, resume_epoch FROM exs"))[1])
        with ExitStack() as stack:
            files = _bytewax.partition_files(folder)
            parts = [stack.enter_context(_bytewax.partition_reader(file)) for file in files]
            expected.append(_bytewax.resume_epoch(parts))
    assert len(set(expected)) == 3
    assert began[1:] == expected[:-1]


def test_a_run_loads_the_newest_row_before_its_epoch_as_it_stands_in_the_folder(folder: Path) -> None:
    run_kept(folder)
    for file in folder.glob("part-*.sqlite3"):
        with closing(sqlite3.connect(file)) as db, db:
            change = "UPDATE snaps SET ser_change = ? WHERE step_id = 'flow.read'"
            db.execute(change, (pickle.dumps(700),))
    assert run_kept(folder) == [700]


def test_a_position_in_a_partition_that_is_gone_is_an_error_about_a_routing_map(folder: Path) -> None:
    run_kept(folder)
    with pytest.raises(RuntimeError, match="routing map") as raised:
        run_kept(folder, part="b")
    assert _bytewax.is_about_partition(raised.value)


def failing() -> Dataflow:
    def fail(number: int) -> int:
        raise KeyError(number)

    flow = Dataflow("flow")
    read = op.input("read", flow, TestingSource([1]))
    op.output("out", op.map("fails", read, fail), TestingSink([]))
    return flow


def test_errors_around_what_a_step_raised_are_made_by_a_class_whose_init_can_be_replaced() -> None:
    made: list[BaseException] = []
    with _bytewax.noting([BytewaxRuntimeError], made.append), pytest.raises(BytewaxRuntimeError) as raised:
        cluster_main(failing(), [], 0)
    chain = [raised.value, raised.value.__cause__, raised.value.__cause__.__cause__]
    assert made == chain[1::-1]
    assert isinstance(chain[2], KeyError)
    assert "__init__" not in vars(BytewaxRuntimeError)


@pytest.mark.parametrize(
    "kind",
    [BytewaxRuntimeError, InconsistentPartitionsError, MissingPartitionsError, NoPartitionsError],
)
def test_the_classes_of_bytewaxs_errors_are_written_in_python_and_inherit_their_init(kind: Any) -> None:
    assert "__init__" not in vars(kind)
    made: list[BaseException] = []
    with _bytewax.noting([kind], made.append):
        error = kind("text")
    assert made == [error]


def test_an_error_names_its_step() -> None:
    with pytest.raises(BytewaxRuntimeError) as raised:
        cluster_main(failing(), [], 0)
    assert _bytewax.step_named(raised.value) == "flow.fails.flat_map_batch"


@pytest.mark.parametrize("names", [["a.b"], ["twice", "twice"]])
def test_a_name_of_a_step_is_refused_in_these_words(names: list[str]) -> None:
    flow = Dataflow("flow")
    *before, name = names
    for each in before:
        op.input(each, flow, TestingSource([1]))
    with pytest.raises(ValueError) as raised:
        op.input(name, flow, TestingSource([1]))
    assert _bytewax.is_about_step_name(raised.value)


@pytest.mark.parametrize(("addresses", "here"), [(None, True), ([], False)])
def test_with_a_list_of_addresses_the_worker_has_a_thread_of_its_own(addresses: Any, here: bool) -> None:
    threads = []

    def note(number: int) -> int:
        threads.append(threading.current_thread())
        return number

    flow = Dataflow("flow")
    op.output("out", op.map("note", op.input("read", flow, TestingSource([1])), note), TestingSink([]))
    cli_main(flow, workers_per_process=1, process_id=None, addresses=addresses, epoch_interval=None)
    assert [thread is threading.main_thread() for thread in threads] == [here]


@pytest.mark.parametrize(("keep", "fresh"), [(lambda: None, 5), (_bytewax.keep_thread_state, 1)])
def test_the_thread_of_a_worker_has_another_python_state_at_each_call_unless_it_is_kept(
    keep: Any, fresh: int
) -> None:
    local, found = threading.local(), []

    def note(number: int) -> int:
        found.append(hasattr(local, "seen"))
        local.seen = True
        keep()
        return number

    flow = Dataflow("flow")
    read = op.input("read", flow, TestingSource([1, 2, 3, 4, 5]))
    op.output("out", op.map("note", read, note), TestingSink([]))
    cluster_main(flow, [], 0)
    assert found.count(False) == fresh


class Noting(NumbersSource):
    """Says which partition is asked for a batch, and which batch goes on."""

    def __init__(self, parts: list[str], seen: list[str]) -> None:
        super().__init__("", [])
        self.parts = parts
        self.seen = seen

    def list_parts(self) -> list[str]:
        return self.parts

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Numbers:
        numbers = Numbers(0)
        given = numbers.next_batch

        def next_batch() -> list[tuple[str, int]]:
            self.seen.append(for_part)
            return given()

        numbers.next_batch = next_batch  # type: ignore[method-assign]
        return numbers


def test_all_partitions_are_asked_by_the_text_of_their_keys_before_any_batch_goes_on() -> None:
    seen: list[str] = []

    def note(pair: tuple[str, int]) -> tuple[str, int]:
        seen.append("batch")
        return pair

    flow = Dataflow("flow")
    read = op.input("read", flow, Noting(["t/2", "t/10", "t/1"], seen))
    op.output("out", op.map("note", read, note), TestingSink([]))
    run_main(flow)
    assert seen[:6] == ["t/1", "t/10", "t/2", "batch", "batch", "batch"]


FAILING = """
import sys
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main

def fail(number):
    raise KeyError(number)

flow = Dataflow("flow")
op.output("out", op.map("fails", op.input("read", flow, TestingSource([1])), fail), TestingSink([]))
try:
    cluster_main(flow, sys.argv[2:], int(sys.argv[1]))
except BaseException as error:
    print(type(error).__name__, isinstance(error, Exception), flush=True)
"""


def test_in_one_process_of_several_an_error_becomes_a_panic_which_is_not_an_exception(tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(FAILING)
    addresses = free_addresses(2)
    processes = [
        subprocess.Popen(
            [sys.executable, str(tmp_path / "failing.py"), str(index), *addresses],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for index in range(2)
    ]
    assert "PanicException False" in [process.communicate(timeout=60)[0].strip() for process in processes]


ASKING = """
import json, sys
from bytewax.dataflow import Dataflow
import bytewax.operators as op
from bytewax.testing import TestingSink, TestingSource

class Asking(TestingSource):
    def build_part(self, *args):
        main = sys.modules["__main__"]
        config = main.kwargs["recovery_config"]
        said = [main.__spec__.name, config and str(config.db_dir), main.kwargs["process_id"]]
        print(json.dumps(said), flush=True)
        return super().build_part(*args)

flow = Dataflow("flow")
op.output("out", op.input("read", flow, Asking([])), TestingSink([]))
"""


@pytest.mark.parametrize("kept", [True, False])
def test_bytewaxs_runner_leaves_its_arguments_in_a_variable_of_its_main(folder: Path, kept: bool) -> None:
    (folder / "asking.py").write_text(ASKING)
    recovery = ["-r", str(folder), "-s", "1", "-b", "0"] if kept else []
    command = [sys.executable, "-m", "bytewax.run", "asking:flow", *recovery]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout.splitlines()[0])
    assert said == ["bytewax.run", str(folder) if kept else None, None]


def test_steps_can_be_put_into_a_step_that_is_built() -> None:
    """They run between the step whose stream they take and those inside it that read this stream."""
    inner: list[Stream[int]] = []

    @operator
    def doubled(step_id: str, up: Stream[int]) -> Stream[int]:
        made = op.map("double", up, lambda item: 2 * item)
        inner.append(made)
        return op.merge("both", op.map("one", made, lambda item: item + 1), op.filter("two", made, bool))

    flow = Dataflow("flow")
    out: list[int] = []
    stream = doubled("doubled", op.input("in", flow, TestingSource([1, 2])))
    op.output("out", stream, TestingSink(out))
    _bytewax.spliced(inner[0], lambda up: op.map("put_in", up, lambda item: 100 * item))
    ids = [step.step_id for step in _bytewax.core_steps(flow)]
    assert ids.index("flow.doubled.double.flat_map_batch") < ids.index("flow.doubled.put_in.flat_map_batch")
    run_main(flow)
    assert sorted(out) == [200, 201, 400, 401]
