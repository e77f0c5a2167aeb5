"""What a failure says of the error it was made of."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime.consumer.columns import from_messages
from kgen_runtime.consumer.decoding import BatchDecoder
from kgen_runtime.errors import named_text
from kgen_runtime.flow.failures import MAX_MESSAGE, failure, root_cause

from .conftest import raw

ORIGINAL = raw(b"v", b"k", partition=3, offset=42)


class Wrapper(Exception):
    """Says nothing of what it wraps."""


class Mute(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        if cause is None:
            raise error
        raise error from cause
    except type(error) as caught:
        return caught


def test_the_class_of_the_cause_is_not_the_wrappers() -> None:
    made = failure(raised(Wrapper("no price"), KeyError("sku")), ORIGINAL, step="flow.price")
    assert (made.error_class.rpartition(".")[2], made.cause_class) == ("Wrapper", "KeyError")
    assert made.message == "no price (caused by KeyError: 'sku')"


def test_the_cause_is_the_first_of_a_chain() -> None:
    error = raised(Wrapper("outer"), raised(Wrapper("inner"), raised(ValueError("first"))))
    assert failure(error, ORIGINAL, step="s").cause_class == "ValueError"


def test_an_error_that_was_only_being_handled_is_not_a_cause() -> None:
    try:
        try:
            raise KeyError("sku")
        except KeyError:
            raise ValueError("no price")  # noqa: B904 - without `from`, on purpose
    except ValueError as error:
        made = failure(error, ORIGINAL, step="s")
    assert made.cause_class == made.error_class == "ValueError"
    assert made.message == "no price"


def test_kgens_own_errors_say_all_themselves() -> None:
    error = raised(rt.DecodeError("not UTF-8", position=3), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"))
    made = failure(error, ORIGINAL, step="s")
    assert made.cause_class == made.error_class == "kgen_runtime.errors.DecodeError"
    assert "caused by" not in made.message


def test_an_outage_is_one_in_any_wrapping() -> None:
    """It is not the message's fault."""
    outage = rt.RegistryUnavailable("away")
    assert failure(raised(outage), ORIGINAL, step="s").transient
    made = failure(raised(Wrapper("no schema"), raised(Wrapper("no answer"), outage)), ORIGINAL, step="s")
    assert made.transient
    assert made.cause_class == "kgen_runtime.errors.RegistryUnavailable"
    assert not failure(raised(Wrapper("a"), KeyError("b")), ORIGINAL, step="s").transient


def test_causes_in_a_circle_end() -> None:
    one, two = Wrapper("one"), Wrapper("two")
    one.__cause__, two.__cause__ = two, one
    assert root_cause(one) is two


def test_the_fingerprint_does_not_depend_on_the_cause() -> None:
    """As it was before causes were noted."""
    alone = failure(raised(Wrapper("a")), ORIGINAL, step="s", schema_id=7, place="m.f+1")
    wrapped = failure(raised(Wrapper("a"), KeyError("b")), ORIGINAL, step="s", schema_id=7, place="m.f+1")
    assert alone.fingerprint == wrapped.fingerprint
    known = failure(raised(ValueError("a")), ORIGINAL, step="s", schema_id=7, place="m.f+1")
    assert known.fingerprint == "bd40f34eabf104d0"  # of the release before causes


def test_an_error_whose_text_cannot_be_had_is_a_failure_like_others() -> None:
    made = failure(raised(Mute()), ORIGINAL, step="s")
    assert made.message == "Mute, whose __str__ raises"


def test_a_wrapped_error_with_long_texts_is_bounded_and_shows_both() -> None:
    made = failure(raised(Wrapper("x" * 10_000), KeyError("y" * 10_000)), ORIGINAL, step="s")
    assert len(made.message) <= MAX_MESSAGE
    assert "xxx" in made.message
    assert "yyy" in made.message


def test_place_is_the_users_line_that_raised() -> None:
    made = failure(raised(ValueError("a")), ORIGINAL, step="s")
    assert re.fullmatch(r".*test_failures\.py:\d+", made.place)


def test_first_seen_and_attempts_begin_with_the_failure() -> None:
    made = failure(ValueError("a"), ORIGINAL, step="s")
    assert made.first_seen > 1_600_000_000_000
    assert made.attempts == 1


@pytest.mark.parametrize(
    ("error", "path", "position"),
    [
        (rt.DecodeError("bad", position=9, path="lines[3].price"), "lines[3].price", 9),
        (rt.DecodeError("bad", path="lines"), "lines", None),
        (rt.EncodeError("bad", path="total"), "total", None),
        (ValueError("bad"), "", None),
    ],
)
def test_path_and_position_are_those_of_the_error(error: Exception, path: str, position: int | None) -> None:
    made = failure(error, ORIGINAL, step="s")
    assert (made.path, made.position) == (path, position)


def test_a_hostile_path_is_bounded() -> None:
    made = failure(rt.DecodeError("bad", path="a" * 100_000), ORIGINAL, step="s")
    assert len(made.path) <= 300


ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [{"name": "sku", "type": "string"}, {"name": "price", "type": "int"}],
                },
            },
        },
    ],
}


@dataclass
class Line:
    sku: str
    price: int


@dataclass
class Order:
    id: int
    lines: list[Line]


def failures_of(serde: Any, *values: bytes) -> list[rt.Failure]:
    """Of a topic that is read, in one batch."""
    topic: rt.Topic[Any, Any] = rt.Topic("orders", key=serde, value=serde)
    kafka = rt.Kafka("x", registry=rt.SchemaStore(None))
    rows = from_messages([rt.RawMessage(key=None, value=value, topic="orders") for value in values], "orders")
    return BatchDecoder("flow.in", topic, kafka).decode(rows).errs


AVRO = rt.Schemas("orders-value", (rt.WriterSchema(1, 7, json.dumps(ORDER)),))
CONFLUENT = b"\x00\x00\x00\x00\x07"


def test_path_position_and_schema_arrive_from_a_batch_of_avro() -> None:
    """The second line's text is not UTF-8; the position counts the frame of five bytes."""
    good = CONFLUENT + b"\x02" + b"\x02" + b"\x04ok" + b"\x02" + b"\x00"
    bad = CONFLUENT + b"\x02" + b"\x04" + b"\x04ok" + b"\x02" + b"\x04\xff\xff" + b"\x02" + b"\x00"
    serde = rt.AvroSerde[Order](AVRO, {"Order": Order, "Line": Line})
    one, other = failures_of(serde, good, bad, good, bad[:8])
    assert (one.stage, one.path) == (rt.Stage.DECODE, "lines[1].sku")
    assert one.position is not None
    assert bad[one.position : one.position + 1] in (b"\x04", b"\xff")
    assert (one.part, one.schema_id, one.value_schema_id, one.key_schema_id) == ("value", 7, 7, None)
    assert other.path == "lines[0].sku"
    assert other.position is not None
    assert other.position <= len(bad[:8])


def test_path_and_position_arrive_from_a_batch_of_json() -> None:
    schema = {
        "type": "object",
        "title": "Order",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
        "additionalProperties": False,
    }
    schemas = rt.Schemas("orders-value", (rt.WriterSchema(1, 7, json.dumps(schema), type="JSON"),))
    bad = CONFLUENT + b'{"id": "x"}'
    (made,) = failures_of(rt.JsonSerde(schemas, {"#": OnlyId}), CONFLUENT + b'{"id": 1}', bad)
    assert made.stage is rt.Stage.DECODE
    assert made.path == "/id"
    assert made.position == bad.index(b'"x"')


@dataclass
class OnlyId:
    id: int


def test_an_error_that_says_nothing_is_its_name() -> None:
    assert named_text("KeyboardInterrupt", KeyboardInterrupt()) == "KeyboardInterrupt"
    assert named_text("KeyError", KeyError("sku")) == "KeyError: 'sku'"
