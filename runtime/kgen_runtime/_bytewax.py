"""What kgen knows of Bytewax beyond its documentation: nothing else depends on it.

Each assumption has a test (tests/unit/runtime/test_bytewax_insides.py) that looks at the installed Bytewax,
so an upgrade that breaks one fails there and not in a flow. Bytewax itself is not imported here: kept state
is read without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow, Operator

# The steps of a flow. Each is an object that has its arguments as attributes, and as `substeps` the steps
# that it consists of; those without any are the core ones, which the engine runs.

_WINDOWING: Final = "bytewax.operators.windowing"
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


def inputs(step: Operator) -> list[str]:
    """The ids of the streams that go into a step."""
    return [stream for name in step.ups_names for stream in getattr(step, name).stream_ids.values()]


def outputs(step: Operator) -> list[str]:
    """The ids of the streams that come out of a step."""
    return [stream for name in step.dwn_names for stream in getattr(step, name).stream_ids.values()]


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


def replace_mapper(step: Operator, mapper: Callable[[list[Any]], Any]) -> None:
    """What a step does with a batch is read when the flow runs: until then it can be another."""
    object.__setattr__(step, "mapper", mapper)  # the step is frozen
