"""What the headers of dead letters do not show."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow, Stream
from bytewax.testing import TestingSink, TestingSource

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.flow.failures import failure
from kgen_runtime.routing.pattern_cost import MAX_STEPS, Unbounded, check_cost
from kgen_runtime.serde.field_tags import tagged_fields

from .conftest import raw

MAIL = "ada@example.com"
USER = {
    "type": "record",
    "name": "User",
    "fields": [
        {"name": "id", "type": "long"},
        {
            "name": "contact",
            "type": {
                "type": "record",
                "name": "Contact",
                "fields": [{"name": "mail", "type": "string", "confluent:tags": ["PII", "MAIL"]}],
            },
        },
        {"name": "scores", "type": {"type": "map", "values": "int"}},
    ],
}
PLAIN = {"type": "record", "name": "Plain", "fields": [{"name": "id", "type": "long"}]}
NOTE = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "author": {"type": "string", "confluent:tags": ["PII"]},
    },
}


def topic_of(name: str, schema: Any, language: Any = "AVRO") -> rt.Topic[Any, Any]:
    schemas = rt.Schemas(f"{name}-value", (rt.WriterSchema(1, 7, json.dumps(schema), type=language),))
    serde: Any = rt.AvroSerde(schemas, {}) if language == "AVRO" else rt.JsonSerde(schemas, {})
    return rt.Topic(name, key=rt.StringSerde(), value=serde)


def failed(topic: str = "users", **more: Any) -> rt.Failure:
    original = replace(raw(MAIL.encode(), MAIL.encode(), headers=(("mail", MAIL.encode()),)), topic=topic)
    try:
        raise ValueError(f"no such user: {MAIL}\n  quoted in line two: {MAIL}")
    except ValueError as error:
        stage = more.pop("stage", rt.Stage.PROCESS)
        return replace(failure(error, original, step="flow.handle", stage=stage), **more)


def letter(redact: rt.Redact, made: rt.Failure, *topics: rt.Topic[Any, Any]) -> rt.RawMessage:
    """Of a flow that reads these topics."""
    kafka = testing.Memory({topic: [] for topic in topics})
    flow = Dataflow("flow")
    for number, topic in enumerate(topics):
        read = rt.source(f"in_{number}", flow, topic, kafka)
        rt.route(f"errs_{number}", read.errs, policy=rt.Crash())
        op.output(f"out_{number}", read.oks, TestingSink([]))
    up: Stream[rt.Failure] = op.input("failures", flow, TestingSource([made]))
    rt.route("errs", up, policy=rt.DeadLetter("dlq", kafka, redact=redact))
    testing.run(flow)
    (written,) = kafka.produced["dlq"]
    original = made.original
    assert (written.key, written.value, written.headers[:1]) == (
        original.key,
        original.value,
        original.headers,
    )
    return written


def added(written: rt.RawMessage) -> str:
    """All that is in the headers of kgen's own."""
    return "\n".join(
        f"{name}: {(value or b'').decode()}" for name, value in written.headers if name.startswith("__kgen")
    )


def is_hidden(written: rt.RawMessage) -> bool:
    return MAIL not in added(written)


def test_no_text_of_a_message_with_a_tagged_field_is_shown() -> None:
    written = letter(rt.Redact(tags=["PII"]), failed(), topic_of("users", USER))
    assert is_hidden(written)
    headers = dict(written.headers)
    assert headers["__kgen.error.message"] == b"[redacted]"
    assert headers["__kgen.error.class"] == b"ValueError"
    traceback = (headers["__kgen.error.traceback"] or b"").decode()
    assert re.search(r'File ".*test_redaction\.py", line \d+, in failed', traceback)
    assert traceback.endswith("ValueError: [redacted]\n")


def test_a_letter_of_a_topic_without_tagged_fields_is_shown() -> None:
    written = letter(rt.Redact(tags=["PII"]), failed("plain"), topic_of("plain", PLAIN))
    assert not is_hidden(written)
    written = letter(rt.Redact(tags=["OTHER"]), failed(), topic_of("users", USER))
    assert not is_hidden(written)


def test_tags_of_json_schema_count_too() -> None:
    notes = topic_of("notes", NOTE, "JSON")
    assert is_hidden(letter(rt.Redact(tags=["PII"]), failed("notes"), notes))
    assert not is_hidden(letter(rt.Redact(tags=["MAIL"]), failed("notes"), notes))


def test_what_is_certainly_about_another_field_is_shown() -> None:
    users = topic_of("users", USER)
    for path, hidden in (("id", False), ("contact.mail", True), ("contact", False), ("", True)):
        made = failed(stage=rt.Stage.DECODE, path=path, part="value", schema_id=7)
        assert is_hidden(letter(rt.Redact(tags=["PII"]), made, users)) is hidden


def test_what_is_not_known_counts_as_tagged() -> None:
    redact, users, plain = rt.Redact(tags=["PII"]), topic_of("users", USER), topic_of("plain", PLAIN)
    assert is_hidden(letter(redact, failed("elsewhere"), users))
    assert is_hidden(letter(redact, failed(""), users))
    newer = failed("plain", stage=rt.Stage.DECODE, path="id", schema_id=8)
    assert is_hidden(letter(redact, newer, plain))


def test_fields_may_be_named() -> None:
    """For tags that only the registry has."""
    assert is_hidden(letter(rt.Redact(fields=["id"]), failed("plain"), topic_of("plain", PLAIN)))


def test_ids_that_are_not_known_are_shown() -> None:
    made = replace(failed(stage=rt.Stage.UNKNOWN_SCHEMA), message="unknown schema id 9", traceback="")
    written = letter(rt.Redact(tags=["PII"]), made, topic_of("users", USER))
    assert "unknown schema id 9" in added(written)


@pytest.mark.parametrize(
    ("path", "shown"),
    [(f"scores['{MAIL}']", "scores[[redacted]]"), (f'scores["{MAIL}"].x', "scores[[redacted]].x")],
)
def test_keys_of_maps_are_hidden_with_the_texts(path: str, shown: str) -> None:
    made = failed(path=path)
    written = letter(rt.Redact(tags=["PII"]), made, topic_of("users", USER))
    assert is_hidden(written)
    assert dict(written.headers)["__kgen.error.path"] == shown.encode()


def test_a_pointer_is_hidden_with_the_texts() -> None:
    """Its names may be those of properties that the schema does not have."""
    made = failed("notes", stage=rt.Stage.VALIDATE, path=f"/by/{MAIL}")
    assert is_hidden(letter(rt.Redact(tags=["PII"]), made, topic_of("notes", NOTE, "JSON")))


def test_what_a_pattern_matches_is_hidden_wherever_it_is() -> None:
    made = failed("plain", path=f"scores['{MAIL}']")
    written = letter(rt.Redact(patterns=[r"[\w.]+@[\w.]+", re.compile("LINE", re.IGNORECASE)]), made)
    assert is_hidden(written)
    headers = dict(written.headers)
    assert headers["__kgen.error.message"] == (
        b"no such user: [redacted]\n  quoted in [redacted] two: [redacted]"
    )
    assert b"ValueError" in (headers["__kgen.error.traceback"] or b"")


def test_a_pattern_that_matches_nothing_at_all_places_hides_nothing() -> None:
    assert not is_hidden(letter(rt.Redact(patterns=["q*"]), failed("plain")))


def test_headers_stay_bounded_where_every_character_is_hidden() -> None:
    written = letter(rt.Redact(patterns=["."]), replace(failed(), message="x" * 1_000))
    assert all(len(value or b"") <= 4_000 for _, value in written.headers)


GOOD = [
    r"[\w.+-]+@[\w-]+\.[\w.-]+",
    r"\b(?:\d[ -]?){13,16}\b",
    r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}",
    r'"password": "[^"]*"',
    r"'.*?'",
    r"Bearer \S+",
    r"(?i)iban.*",
    r"(?<=id=)\d+",
    r"(?:foo|bar)+",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"\+?\d[\d -]{7,}\d",
    "",
]
SLOW = [
    r"(a+)+$",
    r"(a|a)*b",
    r"(a|aa)+$",
    r"^(\w+\s?)*$",
    r"(.*a){20}",
    r"(?:a?){30}a{30}",
    r"((a*)*)*",
    r".*x.*y",
    r"a*a*a*b",
    r"\s*\s*x",
    r"(?i)[a-z]*[A-Z]*x",
    r"(\w+)\1",
    r"(?:x(a+)y?)*(?:a|x)*$",
]


@pytest.mark.parametrize("pattern", GOOD)
def test_patterns_of_linear_time_from_each_start_are_taken(pattern: str) -> None:
    check_cost(re.compile(pattern), 4_000)


@pytest.mark.parametrize("pattern", SLOW)
def test_patterns_that_may_take_long_are_refused_when_the_flow_is_built(pattern: str) -> None:
    with pytest.raises(Unbounded):
        check_cost(re.compile(pattern), 4_000)
    with pytest.raises(rt.FlowError, match="may take too long") as caught:
        rt.Redact(patterns=[pattern])
    assert "test_redaction.py" in str(caught.value.where)


def steps_of(pattern: str, text: str) -> int:
    """The most steps that a matcher which tries every way takes from one start of the text."""

    def tried(items: list[Any], at: int, then: Any) -> tuple[bool, int]:
        if not items:
            return then(at)
        (kind, about), rest = items[0], items[1:]
        if kind == "char":
            if at < len(text) and re.fullmatch(about, text[at]):
                found, steps = tried(rest, at + 1, then)
                return found, steps + 1
            return False, 1
        low, high, body = about
        total = 0

        def again(count: int, here: int) -> tuple[bool, int]:
            nonlocal total
            if count < high:
                found, steps = tried(
                    body, here, lambda after: again(count + 1, after) if after > here else (False, 1)
                )
                if found:
                    return True, steps
                total += steps
            return tried(rest, here, then) if count >= low else (False, 1)

        found, steps = again(0, at)
        return found, steps + total

    return max(tried(_TREES[pattern], start, lambda _: (True, 1))[1] for start in range(len(text)))


_TREES: dict[str, list[Any]] = {
    "[ab]*c": [("rep", (0, 99, [("char", "[ab]")])), ("char", "c")],
    "a*b*c": [
        ("rep", (0, 99, [("char", "a")])),
        ("rep", (0, 99, [("char", "b")])),
        ("char", "c"),
    ],
    "(?:ab*)*c": [
        ("rep", (0, 99, [("char", "a"), ("rep", (0, 99, [("char", "b")]))])),
        ("char", "c"),
    ],
    "a{2,9}b": [("rep", (2, 9, [("char", "a")])), ("char", "b")],
}


@pytest.mark.parametrize("pattern", _TREES)
@pytest.mark.parametrize("text", ["a" * 24, "ab" * 12, "aabb" * 6, "b" * 24, "a" * 12 + "b" * 12])
def test_what_is_taken_takes_no_longer_than_is_said(pattern: str, text: str) -> None:
    """By a matcher that tries every way and counts."""
    check_cost(re.compile(pattern), len(text))
    assert steps_of(pattern, text) <= 2 * MAX_STEPS * len(text)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"patterns": ["("]}, "invalid pattern"),
        ({"patterns": [7]}, "invalid pattern"),
        ({"patterns": [b"x"]}, "of bytes"),
        ({"patterns": "x"}, "patterns is one str"),
        ({"tags": "PII"}, "tags is one str"),
        ({}, "nothing to redact"),
    ],
)
def test_what_is_not_a_redaction_is_refused_at_the_users_line(more: Any, what: str) -> None:
    with pytest.raises(rt.FlowError, match=what) as caught:
        rt.Redact(**more)
    assert "test_redaction.py" in str(caught.value.where)
    assert caught.value.hint


def test_dead_letters_take_a_redaction() -> None:
    with pytest.raises(rt.FlowError, match="redact is"):
        rt.DeadLetter("dlq", testing.Memory(), redact=["PII"])  # type: ignore[arg-type]


def test_tags_of_protobuf_count_too() -> None:
    text = """package shop; import "confluent/meta.proto";
    message Other { string mail = 1 [(confluent.field_meta).tags = "PII", deprecated = true]; }
    message User {
      int64 id = 1 [json_name = "tags", deprecated = false];
      oneof contact {
        string phone = 2 [(confluent.field_meta) = { doc: "a [tags: \\"OTHER\\"]", tags: ["MAIL", 'PHONE'] }];
      }
    }
    """
    schemas = rt.Schemas(
        "people-value",
        (rt.WriterSchema(1, 7, text, type="PROTOBUF"),),
        descriptor="descriptor 1\nmessage shop.User\n  1 id int64 implicit\n",
    )
    assert tagged_fields(schemas, ["PII"]) == {"mail"}
    assert tagged_fields(schemas, ["PHONE"]) == tagged_fields(schemas, ["MAIL"]) == {"phone"}
    assert not tagged_fields(schemas, ["OTHER"])
    serde: rt.ProtobufSerde[Any] = rt.ProtobufSerde(schemas, "shop.User", {})
    for value in (serde, rt.TypesSerde({"shop.User": serde})):
        people: rt.Topic[Any, Any] = rt.Topic("people", key=rt.StringSerde(), value=value)
        assert is_hidden(letter(rt.Redact(tags=["PII"]), failed("people"), people))
        assert not is_hidden(letter(rt.Redact(tags=["OTHER"]), failed("people"), people))
