"""Calls of librdkafka that may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException

_PAUSE: Final = 0.05


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
