"""Spans of what steps do with batches, for OpenTelemetry, linked to the traces that messages are of.

Off unless `KGEN_TRACES=1` (extra `otel`): a step asks when it is built; a batch then costs a look at None.
Messages bring the context of their trace in the headers `traceparent` and `tracestate`, as W3C defines them.
Nothing here changes a header: encoding a message again has to give the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeAlias

from ..errors import ConfigError
from ..messages import Headers
from ..reporting.printable import printable

Operation: TypeAlias = Literal["receive", "process", "send"]

MOST_LINKS: Final = 128
"""Of one span: what OpenTelemetry's SDK keeps unless it is configured otherwise."""
_ON: Final = "KGEN_TRACES"
_LONGEST: Final = 1_024
"""Bytes of such a header, which anyone may have written; a longer one is left alone."""
_MOST_MEMBERS: Final = 32
_MEMBER: Final = re.compile(
    rb"([a-z][_0-9a-z\-*/]{0,255}|[a-z0-9][_0-9a-z\-*/]{0,240}@[a-z][_0-9a-z\-*/]{0,13})"
    rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
"""Of a `tracestate`, as W3C's Trace Context has it."""


class Spans:
    """The spans of one step. Its batches may be of several threads."""

    def __init__(self, operation: Operation, step: str, topic: str | None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise ConfigError(
                f"{_ON}=1 asks for spans, and OpenTelemetry is not installed",
                where=f"step {step}",
                hint="pip install 'kgen-streams[otel]'",
            ) from error
        kinds = {"receive": "CONSUMER", "process": "INTERNAL", "send": "PRODUCER"}
        self._trace: Any = trace
        self._tracer: Any = trace.get_tracer("kgen_runtime")
        self._propagator: Any = TraceContextTextMapPropagator()
        self._kind: Any = trace.SpanKind[kinds[operation]]
        self._name = f"{operation} {topic or step}"
        self._attributes = {
            "messaging.operation.type": operation,
            "messaging.system": "kafka",
            "kgen.flow": step.partition(".")[0],
            "kgen.step": step,
            **({} if topic is None else {"messaging.destination.name": topic}),
        }

    @contextmanager
    def batch(self, count: int, headers: Iterable[Headers]) -> Iterator[None]:
        """While entered, the span of a batch is the current one. It is linked to the traces of its messages,
        at most `MOST_LINKS`; of one trace alone it is a part.
        """
        contexts = self._contexts(headers)
        parent = None
        if len(contexts) == 1:
            parent = self._trace.set_span_in_context(self._trace.NonRecordingSpan(contexts[0]))
        with self._tracer.start_as_current_span(
            self._name,
            context=parent or self._propagator.extract({}),
            kind=self._kind,
            links=[self._trace.Link(context) for context in contexts],
            attributes={**self._attributes, "messaging.batch.message_count": count},
        ):
            yield

    def _contexts(self, headers: Iterable[Headers]) -> list[Any]:
        found: dict[tuple[int, int], Any] = {}
        for each in headers:
            carrier = _carrier(each)
            if carrier is None:
                continue
            span = self._trace.get_current_span(self._propagator.extract(carrier))
            context = span.get_span_context()
            if context.is_valid:
                found.setdefault((context.trace_id, context.span_id), context)
                if len(found) == MOST_LINKS:
                    break
        return list(found.values())


def _carrier(headers: Headers) -> dict[str, str] | None:
    """What OpenTelemetry is given of them; None without one parent. It logs a warning of each state that it
    does not understand, and anyone may have written these: it gets none of them.
    """
    parents = [value for name, value in headers if name == "traceparent"]
    if len(parents) != 1 or parents[0] is None or len(parents[0]) > _LONGEST:
        return None
    carrier = {"traceparent": parents[0].decode("ascii", "replace")}
    state = b",".join(value or b"" for name, value in headers if name == "tracestate")
    members = [member for member in map(_trimmed, state.split(b",")) if member]
    if len(state) <= _LONGEST and len(members) <= _MOST_MEMBERS and all(map(_MEMBER.fullmatch, members)):
        carrier["tracestate"] = b",".join(members).decode("ascii")
    return carrier


def _trimmed(member: bytes) -> bytes:
    return member.strip(b" \t")


def spans(operation: Operation, step: str, topic: str | None = None) -> Spans | None:
    """Those of a step; None where nobody wants any. Raises `ConfigError` if OpenTelemetry is not there, or if
    the variable has another value, which may mean either.
    """
    asked = os.environ.get(_ON, "0")
    if asked not in ("", "0", "1"):
        hint = f"{_ON}=1 makes spans; leave it out for none"
        raise ConfigError(f"{_ON} is {printable(asked, 40)!r}", where=f"step {step}", hint=hint)
    return Spans(operation, step, topic) if asked == "1" else None
