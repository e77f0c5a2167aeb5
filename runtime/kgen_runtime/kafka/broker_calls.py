"""Calls of librdkafka that may hang, and calls that may be repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaException

R = TypeVar("R")

_PAUSE: Final = 0.05


def run_apart(call: Callable[..., R], *arguments: Any) -> Future[R]:
    """In a thread that may hang without keeping the process: with librdkafka 2.16 at least,
    `send_offsets_to_transaction` does not heed its timeout while no broker answers (librdkafka #5456).
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # noqa: BLE001 - the caller that asks for the result gets it
            future.set_exception(error)

    threading.Thread(target=run, name="kgen-transaction", daemon=True).start()
    return future


def retry_while_retriable(call: Callable[[float], object], deadline: float) -> None:
    """Repeat while the error may pass. `call` takes the seconds that are left until `deadline`
    (`time.monotonic`). Raises `KafkaException`.
    """
    while True:
        try:
            call(seconds_left(deadline))
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_PAUSE)


def seconds_left(deadline: float) -> float:
    """Never so few that a call cannot answer."""
    return max(deadline - time.monotonic(), 0.1)
