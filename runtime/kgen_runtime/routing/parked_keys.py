"""Keys of which a message is a dead letter: later ones follow it."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import replace
from typing import Final

from ..errors import ParkedError, ProcessingError
from ..flow.failures import failure
from ..flow.provenance import origin_of
from ..messages import Failure, Stage

MOST: Final = 100_000
PARKED_BY: Final = "parked-by"
"""The attribute of a failure, and the end of its header's name."""


class ParkedKeys:
    """Of one policy, in one process; shared by its workers."""

    def __init__(self) -> None:
        self._by: dict[Hashable, str] = {}
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self._by)

    def by(self, key: Hashable | None) -> str | None:
        """The fingerprint of the failure that parked a key; None if it is not parked."""
        return None if key is None else self._by.get(key)

    def park(self, key: Hashable | None, fingerprint: str) -> None:
        """From now on, unless it is. A message without a key parks nothing.

        Raises `ProcessingError` if too many keys are parked: the next ones could not be kept in order.
        """
        if key is None or key in self._by:
            return
        with self._lock:
            if len(self._by) >= MOST:
                raise ProcessingError(
                    f"{MOST} keys are parked",
                    where="rt.DeadLetter(park_key=True)",
                    hint="Fix the cause, start the flow again and replay the dead letters; an rt.Breaker "
                    "around the policy stops the flow earlier.",
                )
            self._by.setdefault(key, fingerprint)


def parked_failure(item: object, fingerprint: str, step_id: str) -> Failure:
    """Of an item whose key is parked: with the fingerprint of the failure that parked it."""
    origin = origin_of(item)
    made = failure(
        ParkedError("an earlier message of this key is a dead letter", hint="Replay them together."),
        origin.original,
        step=step_id,
        stage=Stage.PROCESS,
        schema_id=origin.value_schema_id,
        key_schema_id=origin.key_schema_id,
        value_schema_id=origin.value_schema_id,
    )
    return replace(made, fingerprint=fingerprint, attributes={PARKED_BY: fingerprint})
