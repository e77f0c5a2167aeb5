"""Traces: their context passes through a flow, and spans of steps are linked to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from bytewax.dataflow import Dataflow

pytest.importorskip("opentelemetry.sdk", reason="needs the extra `otel`")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow.spans import MOST_LINKS, spans

Topic = rt.Topic[str, str]


def parent(trace_id: int, span_id: int = 1) -> tuple[str, bytes]:
    return "traceparent", f"00-{trace_id:032x}-{span_id:016x}-01".encode()


def message(value: bytes, *headers: tuple[str, bytes | None]) -> rt.RawMessage:
    return rt.RawMessage(key=b"k", value=value, topic="orders", headers=headers)


def attributes(span: Any) -> dict[str, Any]:
    return dict(span.attributes)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider, made = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(made))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setenv("KGEN_TRACES", "1")
    yield made
    provider.shutdown()


def run(
    orders: Topic, out: Topic, messages: list[rt.RawMessage], delivery: Any = "at-least-once"
) -> testing.Memory:
    kafka, flow = testing.Memory({orders: messages}), Dataflow("traced")

    def handle(value: str) -> str:
        if value == "fails":
            raise ValueError(value)
        return value.upper()

    read = rt.source("in", flow, orders, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    refused = rt.sink("out", handled.oks, out, kafka, delivery=delivery)
    rt.route("errs", read.errs, handled.errs, refused, policy=rt.DeadLetter("dlq", kafka))
    testing.run(rt.check(flow))
    return kafka


@pytest.mark.parametrize("traces", ["", "1"])
@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
def test_the_context_of_a_message_goes_on_with_it(
    orders: Topic, out: Topic, monkeypatch: pytest.MonkeyPatch, traces: str, delivery: str
) -> None:
    monkeypatch.setenv("KGEN_TRACES", traces)
    headers = (parent(7), ("tracestate", b"vendor=1"))
    sent = [message(b"a", *headers), message(b"fails", *headers), message(b"\xff", *headers)]
    kafka = run(orders, out, sent, delivery)
    (written,) = kafka.messages(out)
    assert written.headers == headers
    letters = kafka.dead_letters
    assert len(letters) == 2
    for letter in letters:
        assert set(headers) <= set(letter.headers)


def test_spans_of_a_trace_are_parts_of_it(orders: Topic, out: Topic, exporter: InMemorySpanExporter) -> None:
    run(orders, out, [message(b"a", parent(7)), message(b"b", parent(7))])
    found = {span.name: span for span in exporter.get_finished_spans()}
    assert {name: span.kind for name, span in found.items()} == {
        "receive orders": SpanKind.CONSUMER,
        "process traced.handle": SpanKind.INTERNAL,
        "send out": SpanKind.PRODUCER,
    }
    for span in found.values():
        assert span.context.trace_id == 7
        assert span.parent.span_id == 1
        assert [link.context.trace_id for link in span.links] == [7]
        assert attributes(span)["messaging.batch.message_count"] == 2
        assert attributes(span)["kgen.flow"] == "traced"
    assert attributes(found["send out"])["kgen.step"] == "traced.out"
    assert attributes(found["receive orders"])["messaging.destination.name"] == "orders"


def test_spans_of_several_traces_are_linked_to_each(
    orders: Topic, out: Topic, exporter: InMemorySpanExporter
) -> None:
    run(orders, out, [message(b"a", parent(7)), message(b"fails", parent(8)), message(b"b")])
    linked = {
        span.name: (span.parent, sorted(link.context.trace_id for link in span.links))
        for span in exporter.get_finished_spans()
    }
    assert linked["receive orders"] == (None, [7, 8])
    assert linked["process traced.handle"] == (None, [7, 8])
    assert linked["send out"][1] == [7]
    assert linked["send dlq"][1] == [8]


@pytest.mark.parametrize(
    "header",
    [
        ("traceparent", None),
        ("traceparent", b"\xff\x00"),
        ("traceparent", b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01"),
        ("traceparent", b"1" * 100_000),
        ("Traceparent", b"00"),
    ],
)
def test_a_context_that_is_none_is_left_alone(
    orders: Topic, out: Topic, exporter: InMemorySpanExporter, header: tuple[str, bytes | None]
) -> None:
    kafka = run(orders, out, [message(b"a", header)])
    assert kafka.messages(out)[0].headers == (header,)
    assert len(exporter.get_finished_spans()) == 3
    for span in exporter.get_finished_spans():
        assert (span.parent, list(span.links)) == (None, [])


@pytest.mark.parametrize(
    ("states", "kept"),
    [
        ([b"vendor=1"], {"vendor": "1"}),
        ([b"a=1,", b" b=x y \t,,1t@sys=2"], {"a": "1", "b": "x y", "1t@sys": "2"}),
        ([b"a=1", b"\xff\x1b[31m"], {}),
        ([b"A=1"], {}),
        ([b"a=1,a=2"], {}),
        ([b",".join(b"k%d=1" % number for number in range(33))], {}),
        ([b"a=" + b"1" * 2_000], {}),
    ],
)
def test_states_are_taken_as_w3c_has_them_and_else_left_alone(
    exporter: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
    states: list[bytes],
    kept: dict[str, str],
) -> None:
    made = spans("process", "flow.step")
    assert made is not None
    with made.batch(1, [(parent(7), *(("tracestate", state) for state in states))]):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.context is not None
    assert dict(span.context.trace_state) == kept
    assert span.context.trace_id == 7
    assert caplog.records == []


def test_two_parents_are_none(exporter: InMemorySpanExporter) -> None:
    made = spans("process", "flow.step")
    assert made is not None
    with made.batch(1, [(parent(7), parent(8))]):
        pass
    assert list(exporter.get_finished_spans()[0].links) == []


def test_a_span_has_so_many_links_at_most(exporter: InMemorySpanExporter) -> None:
    made = spans("process", "flow.step")
    assert made is not None
    with made.batch(500, [(parent(number),) for number in range(1, 500)]):
        pass
    (span,) = exporter.get_finished_spans()
    assert len(span.links) == MOST_LINKS


def test_what_the_users_code_does_is_below_the_span_of_its_step(exporter: InMemorySpanExporter) -> None:
    made = spans("process", "flow.step")
    assert made is not None

    def work() -> None:
        with made.batch(1, [(parent(7),)]):
            trace.get_tracer("mine").start_span("mine").end()
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    mine, step = exporter.get_finished_spans()
    assert mine.parent.span_id == step.context.span_id
    assert step.status.status_code is StatusCode.ERROR


def test_nothing_is_traced_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KGEN_TRACES", raising=False)
    assert spans("send", "flow.out", "out") is None


def test_what_may_mean_either_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGEN_TRACES", "true")
    with pytest.raises(rt.ConfigError, match="KGEN_TRACES is 'true'") as raised:
        spans("send", "flow.out", "out")
    assert "KGEN_TRACES=1" in (raised.value.hint or "")


def test_traces_without_opentelemetry_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGEN_TRACES", "1")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(rt.ConfigError, match="OpenTelemetry is not installed") as raised:
        spans("send", "flow.out", "out")
    assert "kgen-streams[otel]" in (raised.value.hint or "")
