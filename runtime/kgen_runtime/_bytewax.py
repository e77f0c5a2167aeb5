"""What kgen knows of Bytewax beyond its documentation: nothing else depends on it.

Each assumption has a test (tests/unit/runtime/test_bytewax_insides.py) that looks at the installed Bytewax,
so an upgrade that breaks one fails there and not in a flow. Bytewax itself is not imported here: kept state
is read without it.
"""

from __future__ import annotations

import ctypes
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow, Operator

# The steps of a flow. Each is an object that has its arguments as attributes, and as `substeps` the steps
# that it consists of; those without any are the core ones, which the engine runs.

_WINDOWING: Final = "bytewax.operators.windowing"
_WINDOWINGS: Final = (_WINDOWING, "kgen_runtime.windowing")
_LATE_STEP: Final = ".unwrap_late"
"""The step inside each of Bytewax's window operators that picks out what was late."""


def walk(flow: Dataflow | Operator) -> Iterator[Operator]:
    """All steps of a flow, each ahead of those that it consists of."""
    for step in flow.substeps:
        yield step
        yield from walk(step)


def core_steps(flow: Dataflow) -> Iterator[Operator]:
    """The steps that consist of no others."""
    return (step for step in walk(flow) if not step.substeps)


def operator_class(function: Callable[..., Any]) -> type[Any]:
    """The class of the steps that an operator adds to a flow."""
    found: type[Any] = getattr(function, "_op_cls")  # noqa: B009 - its decorator puts it there
    return found


def steps_of(whole: Dataflow | Operator) -> list[Operator]:
    """The steps that a flow, or another step, consists of, without those inside them."""
    return list(whole.substeps)


def input_ports(step: Operator) -> dict[str, list[str]]:
    """The ids of the streams that go into a step, by the name of the argument."""
    return {name: list(getattr(step, name).stream_ids.values()) for name in step.ups_names}


def output_ports(step: Operator) -> dict[str, list[str]]:
    """The ids of the streams that come out of a step, by the name of the output."""
    return {name: list(getattr(step, name).stream_ids.values()) for name in step.dwn_names}


def inputs(step: Operator) -> list[str]:
    """The ids of the streams that go into a step."""
    return [stream for streams in input_ports(step).values() for stream in streams]


def outputs(step: Operator) -> list[str]:
    """The ids of the streams that come out of a step."""
    return [stream for streams in output_ports(step).values() for stream in streams]


def outer_scope(flow: Dataflow) -> Any:
    """The scope of the steps that a flow itself consists of: a `Stream` has it for such steps to read it."""
    return flow._scope


def arguments(step: Operator) -> dict[str, Any]:
    """What a step was given, other than streams: by the names of its operator's parameters."""
    others = {*step.ups_names, *step.dwn_names, "step_name", "step_id", "substeps", "flow"}
    return {name: value for name, value in vars(step).items() if name not in others}


def late_streams(flow: Dataflow, clock: type[Any]) -> dict[str, str]:
    """The ids of the late streams of windows with such a clock, and the step that a user wrote for each."""
    found: dict[str, str] = {}
    for step in walk(flow):  # those that others consist of come after these
        if type(step).__module__ == _WINDOWING and isinstance(getattr(step, "clock", None), clock):
            found.setdefault(getattr(step, "late").stream_id, step.step_id)  # noqa: B009
    return found


def late_steps(flow: Dataflow) -> Iterator[Operator]:
    """The steps that pick out what was late for a window: their `mapper` takes and gives lists."""
    return (
        step
        for step in core_steps(flow)
        if _LATE_STEP in step.step_id and callable(getattr(step, "mapper", None))
    )


def window_of(flow: Dataflow, step: Operator) -> str:
    """The window step, as the user wrote it, that a core step of one is inside of."""
    for outer in walk(flow):  # from the outside to the inside
        if type(outer).__module__ in _WINDOWINGS and step.step_id.startswith(f"{outer.step_id}."):
            return outer.step_id
    return step.step_id


def replace_mapper(step: Operator, mapper: Callable[[list[Any]], Any]) -> None:
    """What a step does with a batch is read when the flow runs: until then it can be another."""
    object.__setattr__(step, "mapper", mapper)  # the step is frozen


def spliced(stream: Any, build: Callable[[Any], Any]) -> None:
    """Put steps behind a stream of a step that is built, ahead of those inside that step which read it:
    `build` adds them, and gives what these read from now on.

    Bytewax builds the steps in their order, so the new ones stand where the stream comes from. `stream` is as
    it was inside the step.
    """
    scope = stream._scope
    at = next(i for i, step in enumerate(scope.substeps) if stream.stream_id in outputs(step)) + 1
    new: list[Operator] = []
    made = build(stream._with_scope(replace(scope, substeps=new)))
    for step in scope.substeps[at:]:
        for each in (step, *walk(step)):
            _redirect(each, stream.stream_id, made.stream_id)
    scope.substeps[at:at] = new


def _redirect(step: Operator, old: str, new: str) -> None:
    for name in step.ups_names:
        port = getattr(step, name)
        if getattr(port, "stream_id", None) == old:
            object.__setattr__(step, name, replace(port, stream_id=new))  # the step is frozen


def stateful_steps(flow: Dataflow | Operator) -> Iterator[tuple[Dataflow | Operator, Operator]]:
    """The core steps that keep state of keys, each with the step or flow that it is directly inside of."""
    for step in steps_of(flow):
        if not step.substeps and type(step).__name__ == "stateful_batch":
            yield flow, step
        yield from stateful_steps(step)


def put_before(
    whole: Dataflow, inside: Dataflow | Operator, step: Operator, add: Callable[[str, Any], Any]
) -> None:
    """Put steps ahead of a step that is directly `inside` of another one, or of the `whole` flow. `add` is
    given the id of the stream that the step reads and the scope to add them in, and returns the stream that
    it reads from now on.
    """
    up = getattr(step, "up").stream_id  # noqa: B009
    new: list[Operator] = []
    scope = replace(outer_scope(whole), parent_id=step.step_id.rpartition(".")[0], substeps=new)
    _redirect(step, up, add(up, scope).stream_id)
    substeps: Any = inside.substeps
    at = next(i for i, each in enumerate(substeps) if each is step)
    substeps[at:at] = new


def replace_builder(step: Operator, builder: Callable[[Any], Any]) -> None:
    """As `replace_mapper`, of a step that keeps state."""
    object.__setattr__(step, "builder", builder)


def step_sinks(flow: Dataflow) -> Iterator[tuple[Operator, Any]]:
    """The steps that write to a sink, with that."""
    return ((step, sink) for step in core_steps(flow) if (sink := getattr(step, "sink", None)) is not None)


def step_sources(flow: Dataflow) -> Iterator[tuple[Operator, Any]]:
    """The steps that read from a source, with that."""
    return ((step, each) for step in core_steps(flow) if (each := getattr(step, "source", None)) is not None)


def replace_sink(step: Operator, sink: Any) -> None:
    """As `replace_mapper`."""
    object.__setattr__(step, "sink", sink)


# The recovery folder: SQLite files, each with all tables and a part of the rows. `parts` says which file of
# how many this is; `exs` from what an execution resumed, and its number of workers; `fronts` the first epoch
# that a worker of it has not ended; `snaps` the pickled state of a step and key after an epoch, NULL if
# discarded.

PARTITION_FILES: Final = "part-*.sqlite3"
"""Bytewax takes all files in its folder that end in .sqlite3 for partitions: kgen's own end in .db."""

_STEPS: Final = "SELECT DISTINCT step_id FROM snaps"
_KEYS: Final = "SELECT DISTINCT step_id, state_key FROM snaps WHERE substr(step_id, -?) = ?"
_EXECUTIONS: Final = "SELECT ex_num, worker_count, resume_epoch FROM exs"
_FRONTS: Final = "SELECT worker_index, worker_frontier FROM fronts WHERE ex_num = ?"
_LOADED: Final = """
SELECT rowid, step_id, state_key, ser_change FROM snaps AS row
WHERE rowid > :last AND snap_epoch < :epoch AND ser_change IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM snaps AS newer
    WHERE newer.step_id = row.step_id AND newer.state_key = row.state_key
    AND newer.snap_epoch > row.snap_epoch AND newer.snap_epoch < :epoch
)
ORDER BY rowid LIMIT :batch
"""
_WRITE: Final = "UPDATE snaps SET ser_change = ? WHERE rowid = ?"


def partition_files(folder: Path) -> list[Path]:
    """The files of a recovery folder that hold its state."""
    return sorted(folder.glob(PARTITION_FILES))


def partition_reader(file: Path, how: str = "mode=ro") -> closing[sqlite3.Connection]:
    """A partition, to be read alone."""
    return closing(sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True))


def partition_index(part: sqlite3.Connection) -> tuple[int, int]:
    """A partition's index and how many there are, which never change. Raises `TypeError` without a row."""
    index, count = part.execute("SELECT part_index, part_count FROM parts").fetchone()
    return int(index), int(count)


def stored_steps(part: sqlite3.Connection) -> set[str]:
    """The ids of the steps with state."""
    return {row[0] for row in part.execute(_STEPS)}


def stored_keys(part: sqlite3.Connection, suffix: str) -> set[tuple[str, str]]:
    """Step and key of all state of steps whose ids end so; the keys of a source are its partitions."""
    return set(part.execute(_KEYS, (len(suffix), suffix)))


def resume_epoch(parts: Sequence[sqlite3.Connection]) -> int:
    """Where Bytewax resumes: the last epoch that no worker of the last execution has left."""
    executions = [row for part in parts for row in part.execute(_EXECUTIONS)]
    if not executions:
        return 0
    number, workers, begin = max(executions)
    fronts: dict[int, int] = {}
    for part in parts:
        for worker, front in part.execute(_FRONTS, (number,)):
            fronts[worker] = max(front, fronts.get(worker, begin))
    return int(begin if len(fronts) < workers else min(fronts.values()))


def loaded_rows(
    part: sqlite3.Connection, epoch: int, last: int, batch: int
) -> list[tuple[int, str, str, bytes]]:
    """Some of the rows that Bytewax loads with pickle when it resumes from an epoch, those after row `last`:
    row, step, key and state of the newest before it.
    """
    return part.execute(_LOADED, {"last": last, "epoch": epoch, "batch": batch}).fetchall()


def write_row(part: sqlite3.Connection, row: int, data: bytes) -> None:
    """Another form of the state in a row."""
    part.execute(_WRITE, (data, row))


# Errors. Of several processes the threads of the network panic after the worker did, and Bytewax raises their
# panic in place of the worker's error. The errors that it wraps around what was raised are made by calling
# their classes: replacing `__init__` of these shows each of them.

_NETWORK: Final = re.compile("failed to initialize networking: (.*)")
_STEP: Final = re.compile(r'step "?([\w.-]+)')
_STEP_NAME: Final = re.compile(r"^'step_id' |^step '.*' already exists")
_NO_SUCH_PARTITION: Final = "routing map"


def network_problem(error: BaseException) -> str | None:
    """Why the processes of a cluster could not be connected, if that is the error."""
    named = _NETWORK.search(str(error))
    return None if named is None else named[1]


def is_panic(error: BaseException) -> bool:
    """Whether it is a panic of the engine: no `Exception`, and of a class that cannot be imported."""
    return type(error).__name__ == "PanicException"


@contextmanager
def noting(classes: Sequence[type[BaseException]], note: Callable[[BaseException], None]) -> Iterator[None]:
    """While entered, `note` gets each error of these classes of Bytewax's when it is made."""

    def noted(error: BaseException, *args: object) -> None:
        note(error)

    kinds: Sequence[Any] = classes
    for kind in kinds:
        kind.__init__ = noted
    try:
        yield
    finally:
        for kind in kinds:
            del kind.__init__


def step_named(error: BaseException) -> str | None:
    """The step that an error of Bytewax's names."""
    named = _STEP.search(str(error))
    return None if named is None else named[1]


def is_about_step_name(error: BaseException) -> bool:
    """Whether Bytewax refuses the name of a step."""
    return _STEP_NAME.search(str(error)) is not None


def is_about_partition(error: BaseException) -> bool:
    """Whether state was stored for a partition that the source or sink does not list."""
    return _NO_SUCH_PARTITION in str(error)


# The threads of workers.

_thread: Final = threading.local()


def keep_thread_state() -> None:
    """Called in a worker's thread: Python keeps its state of this thread from now on.

    Workers run in threads that Python has not started. Of such a thread CPython creates a state at each call
    into Python and deletes it after the call, thread-local values included, which takes longer than most
    calls: a flow whose items come one by one spent four fifths of its time so. A state that was acquired once
    more than it is released stays. It does not hold the GIL between calls, and takes about 5 KiB for each
    worker of a run, until the process ends.
    """
    if not hasattr(_thread, "kept"):
        ctypes.pythonapi.PyGILState_Ensure()
        _thread.kept = True


# The runner of Bytewax.


class BytewaxsRun(NamedTuple):
    """What Bytewax's own runner was given: the recovery folder, and which process of a cluster this is."""

    folder: Path
    process: int | None


def bytewaxs_run() -> BytewaxsRun | None:
    """None if something else runs the flow, or without recovery."""
    # Bytewax passes it on to nothing that it calls. Its runner is a script that leaves it in a variable.
    main: Any = sys.modules.get("__main__")
    if getattr(getattr(main, "__spec__", None), "name", None) != "bytewax.run":
        return None
    given = getattr(main, "kwargs", {})
    config = given.get("recovery_config")
    return None if config is None else BytewaxsRun(Path(config.db_dir), given.get("process_id"))


def before_bytewaxs_run(act: Callable[[], None]) -> None:
    """Have `act` called once before Bytewax's own runner, which is importing the flow now, opens the recovery
    folder. It is not called where something else runs the flow, or without recovery.
    """
    if bytewaxs_run() is None:
        return
    main: Any = sys.modules["__main__"]
    run = main.cli_main

    def prepared(*args: Any, **given: Any) -> Any:
        act()
        return run(*args, **given)

    main.cli_main = prepared  # which its script calls by this name when the flow has been imported


def cluster_addresses(given: str | None) -> list[str]:
    """For `cli_main`: those of all processes."""
    # A list even without addresses: Bytewax then runs the worker in a thread of its own, and errors and
    # signals come out as exceptions without the noise of a panic.
    return given.split(";") if given else []
