"""Keys of which a message is a dead letter: later ones follow it."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final

from ..errors import ParkedError, ProcessingError
from ..flow.failures import failure
from ..flow.provenance import origin_of
from ..messages import Failure, Stage
from .letter_headers import REPLAY_COUNT

MOST: Final = 100_000
PARKED_BY: Final = "parked-by"
"""The attribute of a failure, and the end of its header's name."""


class ParkedKeys:
    """Of one policy, in one process; shared by its workers."""

    def __init__(self) -> None:
        self._by: dict[Hashable, str] = {}
        self.keepers: set[str] = set()
        """The ids of the steps that park the keys of what fails in them themselves."""
        self._lock = threading.Lock()

    @property
    def any(self) -> bool:
        """Whether there are some."""
        return bool(self._by)

    def by(self, key: Hashable | None) -> str | None:
        """The fingerprint of the failure that parked a key, empty if that is not known yet; None if it is not
        parked.
        """
        return None if key is None else self._by.get(key)

    def park(self, key: Hashable | None, fingerprint: str) -> None:
        """From now on, unless it is. A message without a key parks nothing.

        Raises `ProcessingError` if too many keys are parked: the next ones could not be kept in order.
        """
        if key is None or self._by.get(key):
            return
        with self._lock:
            if len(self._by) >= MOST and key not in self._by:
                raise ProcessingError(
                    f"{MOST} keys are parked",
                    where="rt.DeadLetter(park_key=True)",
                    hint="Fix the cause, start the flow again and replay the dead letters; an rt.Breaker "
                    "around the policy stops the flow earlier.",
                )
            self._by[key] = fingerprint

    def release(self, key: Hashable) -> None:
        """Its next message is tried."""
        self._by.pop(key, None)

    def follow(self, failures: Sequence[Failure]) -> None:
        """These became dead letters: their keys are parked, if not their steps have done so before."""
        for each in failures:
            key = each.original.key
            if each.step not in self.keepers and key is not None:
                self.park((each.original.topic, key), each.fingerprint)


def is_replayed(item: object) -> bool:
    """Whether the message of an item comes from a replay of dead letters."""
    return any(name == REPLAY_COUNT for name, _ in origin_of(item).original.headers)


def parked_error() -> ParkedError:
    """What a parked message fails with."""
    return ParkedError("an earlier message of this key is a dead letter", hint="Replay them together.")


def as_parked(failed: Failure, fingerprint: str) -> Failure:
    """With the fingerprint of the failure that parked the key."""
    fingerprint = fingerprint or failed.fingerprint
    return replace(failed, fingerprint=fingerprint, attributes={**failed.attributes, PARKED_BY: fingerprint})


def parked_failure(item: object, fingerprint: str, step_id: str) -> Failure:
    """Of an item whose key is parked."""
    origin = origin_of(item)
    made = failure(
        parked_error(),
        origin.original,
        step=step_id,
        stage=Stage.PROCESS,
        schema_id=origin.value_schema_id,
        key_schema_id=origin.key_schema_id,
        value_schema_id=origin.value_schema_id,
    )
    return as_parked(made, fingerprint)
