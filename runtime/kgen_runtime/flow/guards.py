"""Running what users give to steps: what it raises becomes a `Failure`, and policies can take part.

A step has one `Guard`, made when the step is built. All code of the user's runs through it, so that what a
policy adds (another attempt, keys whose messages are parked) has one place. Without such a policy a batch
costs no more than a loop: hooks are looked at once a batch, not once a message.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

from bytewax.dataflow import Stream
from bytewax.inputs import AbortExecution

from ..messages import Failure, Stage
from ..metrics import filtered
from .failures import code_place, failure
from .provenance import origin_of
from .split import Batch

X = TypeVar("X")
Y = TypeVar("Y")

LEFT_OUT: Final[Any] = object()
"""What a function given to `Guard.batch` returns for an item of which nothing goes on, where None can be an
item.
"""

_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"

_guards: WeakValueDictionary[str, Guard] = WeakValueDictionary()


class Guard:
    """Runs the user's code of one step. One per step and process; workers share it."""

    def __init__(self, step_id: str) -> None:
        self.step_id = step_id
        self.watched = False
        """Whether a policy takes part: then each item goes through `call`."""

    def feeds(self, errs: Stream[Failure]) -> None:
        """This is the guard of the step whose failures are in `errs`. A flow built again under the same name
        replaces the one before.
        """
        _guards[errs.stream_id] = self

    def parked(self, key: bytes | str | None) -> str | None:
        """The fingerprint of the failure that parked a key, None where it is not parked."""
        return None

    def failed(self, item: object, failed: Failure) -> Failure:
        """What goes to `errs` for an item that failed."""
        return failed

    def call(self, act: Callable[[X], Y], item: X) -> Y:
        """`act` on an item, where a policy takes part. Raises what becomes the failure."""
        return act(item)

    def run(self, act: Callable[[X], Y]) -> Callable[[X], Y]:
        """`act` as it has to be called: by itself if no policy takes part."""
        return partial(self.call, act) if self.watched else act

    def failure(
        self,
        item: object,
        error: Exception,
        function: object,
        *,
        part: str | None = None,
        attributes: dict[str, Any] | None = None,
    ) -> Failure:
        """The failure of an item for which `function`, which the user gave, raised `error`."""
        origin = origin_of(item)
        traceback = _from_last_of_ours(error.__traceback__)
        if isinstance(error, WrongReturn) or traceback is None or traceback.tb_next is None:
            place = _whole(function)  # no line of the user's code is at fault
            error.__traceback__ = None
        else:
            place = code_place(error, function)
            error.__traceback__ = traceback
        return self.failed(
            item,
            failure(
                error,
                origin.original,
                step=self.step_id,
                stage=Stage.PROCESS,
                part=part,
                schema_id=origin.value_schema_id,
                key_schema_id=origin.key_schema_id,
                value_schema_id=origin.value_schema_id,
                place=place,
                attributes=attributes,
            ),
        )

    def batch(
        self,
        items: list[X],
        act: Callable[[X], Any],
        function: object,
        *,
        many: bool = False,
        left_out: object = None,
        part: str | None = None,
        check: Callable[[object, str], None] | None = None,
    ) -> Batch[Any]:
        """`act` on each item, in order: what it gives, or with `many` what is in the lists that it gives, and
        the failures of the items for which it raised.

        An item for which it gives `left_out` is done with, and counted as filtered. `function` is what the
        user gave to the step. `check` raises of an item that the step cannot work on: this stops the flow.
        """
        oks: list[Any] = []
        errs: list[Failure] = []
        emit = oks.extend if many else oks.append
        one, left, gone = self.run(act), iter(items), 0
        while True:
            try:  # around the loop: entered once, and again after a failure
                for item in left:
                    made = one(item)
                    if made is not left_out:
                        emit(made)
                    else:
                        gone += 1
                break
            except AbortExecution:
                raise
            except Exception as error:  # noqa: BLE001 - whatever the user's code raises
                if check is not None:
                    check(item, self.step_id)
                errs.append(self.failure(item, error, function, part=part))
        filtered(self.step_id, gone)
        return Batch(oks, errs)


def _from_last_of_ours(traceback: TracebackType | None) -> TracebackType | None:
    """Without the frames of the runtime that lead to the user's code, but the last of them."""
    while traceback and (inner := traceback.tb_next) and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = inner
    return traceback


class WrongReturn(TypeError):  # noqa: N818 - it says what was returned
    """A function of the user's returned what its step cannot use. `text` says of a value what is wrong with
    it, where it is not its type.
    """

    def __init__(self, function: object, wanted: str, given: object, text: str = "") -> None:
        super().__init__(f"{_name(function)} returned {text or type(given).__name__}, not {wanted}")


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _whole(function: object) -> str:
    return f"{getattr(function, '__module__', '')}.{_name(function)}+0"


def guard_of(errs: Stream[Failure]) -> Guard | None:
    """The guard of the step that feeds a stream of failures directly; None if another step does."""
    return _guards.get(errs.stream_id)
