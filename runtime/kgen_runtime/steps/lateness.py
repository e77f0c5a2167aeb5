"""Failures of what came too late for its window."""

from __future__ import annotations

from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.operators import KeyedStream

from ..errors import LateError
from ..flow.argument_checks import checked
from ..flow.failure_ports import carry_failures
from ..flow.failures import failure
from ..flow.provenance import origin_of
from ..messages import Failure, Stage
from ..reporting.call_site import note_step


@checked
@operator
def late(step_id: str, up: KeyedStream[tuple[int, Any]]) -> Stream[Failure]:
    """Failures of what came too late for its window: `up` is the `late` stream of a windowing step.

    A message is there as it was read; any other value as its `repr`. The key and the number of the window are
    attributes of the failure.
    """
    note_step(step_id)

    def failed(items: list[tuple[str, tuple[int, Any]]]) -> list[Failure]:
        return [_late_failure(step_id, key, window, value) for key, (window, value) in items]

    return op.flat_map_batch("late", up, failed)


def _late_failure(step_id: str, key: str, window: int, value: Any) -> Failure:
    origin = origin_of((key, value))
    return failure(
        LateError(f"came after window {window} of {key!r} had closed"),
        origin.original,
        step=step_id,
        stage=Stage.LATE,
        schema_id=origin.value_schema_id,
        key_schema_id=origin.key_schema_id,
        value_schema_id=origin.value_schema_id,
        attributes={"key": key, "window": window},
    )


carry_failures(late, port="down")
