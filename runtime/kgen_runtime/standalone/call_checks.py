"""Wrong arguments of functions that scripts call, reported at the user's line."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ..errors import ConfigError, FlowError
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..reporting.call_site import users_line
from ..reporting.shown_argument import last_name, shown

F = TypeVar("F", bound=Callable[..., Any])


def errors_at_users_line(function: F) -> F:
    """A function whose errors of arguments and settings name the line that called it."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (FlowError, ConfigError) as error:
            line = users_line()
            if line is not None and line not in (error.where or ""):
                error.where = f"{line}, {error.where}" if error.where else line
            raise

    return cast(F, called)


def check_topic_and_kafka(function: str, topic: object, kafka: object) -> None:
    """Raises `FlowError`."""
    if not isinstance(topic, Topic):
        hint = "Pass a generated topic (orders.topic), or rt.Topic(name, key=..., value=...)."
        if isinstance(getattr(topic, "topic", None), Topic):
            hint = f"Pass its topic: {last_name(topic)}.topic."
        elif isinstance(topic, str):
            hint += " Raw bytes: key=rt.BytesSerde(), value=rt.BytesSerde()."
        raise FlowError(f"{function}: topic is {shown(topic)}, not a Topic", hint=hint)
    if not isinstance(kafka, Kafka):
        hint = 'Pass rt.Kafka.from_env() or rt.Kafka("host:9092").'
        raise FlowError(f"{function}: kafka is {shown(kafka)}, not a Kafka", hint=hint)


def check_same_process(function: str, owner: int) -> None:
    """Raises `FlowError` in a process that was forked since: the client's threads are not there, so nothing
    would ever arrive.
    """
    if os.getpid() != owner:
        raise FlowError(
            f"{function} was called in another process, from which this one was forked",
            hint=f"Call {function} in the process that uses it.",
        )
