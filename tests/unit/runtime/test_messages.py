"""Messages: what they hold of the original, and how they pass between workers."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import typing
from typing import Any

import confluent_kafka
import pytest

import kgen_runtime as rt
from kgen_runtime.consumer.columns import from_consumed, from_messages
from kgen_runtime.consumer.decoding import BatchDecoder
from kgen_runtime.flow.batch import Batch

HEADERS: rt.Headers = (("a", b"1"), ("a", None))
RAW = rt.RawMessage(
    key=b"k", value=b"v", topic="orders", partition=2, offset=17, timestamp=5, headers=HEADERS
)


def decoded(orders: rt.Topic[str, str], columns: Any) -> Batch[rt.Message[str, str]]:
    return BatchDecoder("in", orders, rt.Kafka("x", registry=rt.SchemaStore(None))).decode(columns)


def consumed(value: bytes | None = b"v", timestamp: tuple[int, int] = (1, 5), **more: Any) -> Any:
    return confluent_kafka.Message(
        topic="orders", partition=2, offset=17, key=b"k", value=value, timestamp=timestamp, **more
    )


@pytest.fixture(params=["consumer", "elsewhere", "flow"])
def message(request: pytest.FixtureRequest, orders: rt.Topic[str, str]) -> rt.Message[str, str]:
    """A message read by a consumer, one that something else has read, and one made in the flow."""
    if request.param == "flow":
        return rt.Message("k", "v", "orders", 2, 17, 5, HEADERS, target_topic="there")
    columns = (
        from_consumed([consumed(headers=list(HEADERS))], "orders", 2)
        if request.param == "consumer"
        else from_messages([RAW], "orders")
    )
    (made,) = decoded(orders, columns).oks
    assert made.raw() == RAW
    return made


def test_a_copy_is_equal_and_holds_the_original(message: rt.Message[str, str]) -> None:
    for again in (pickle.loads(pickle.dumps(message)), copy.copy(message), copy.deepcopy(message)):
        assert type(again) is rt.Message
        assert again == message
        assert again.raw() == message.raw()
        assert repr(again) == repr(message)


@dataclasses.dataclass(kw_only=True)
class Checked(rt.Message[str, int]):
    by: str


@dataclasses.dataclass(slots=True)
class Counted(rt.Message[str, int]):
    times: int = 0


class OfValue(rt.Message[str, int]):
    def __init__(self, value: int) -> None:
        super().__init__("k", value)


@pytest.mark.parametrize(
    "message",
    [Checked("k", 1, by="anna"), Counted("k", 1, times=3), OfValue(7)],
    ids=lambda m: type(m).__name__,
)
def test_what_a_user_derived_is_copied_with_all_that_it_adds(message: rt.Message[str, int]) -> None:
    message.timestamp = 5
    if hasattr(message, "__dict__"):
        message.noted = "here"  # type: ignore[attr-defined]
    for again in (pickle.loads(pickle.dumps(message)), copy.copy(message), copy.deepcopy(message)):
        assert again == message
        assert type(again) is type(message)
        assert getattr(again, "noted", None) == getattr(message, "noted", None)


def test_the_types_of_fields_can_be_asked_for() -> None:
    """As validators and other tools do."""
    assert typing.get_type_hints(rt.Message)["headers"] == rt.Headers
    assert typing.get_type_hints(rt.Failure)["original"] is rt.RawMessage


def test_another_value_keeps_the_rest(message: rt.Message[str, str]) -> None:
    changed = message.with_value(7)
    assert (changed.value, changed.key, changed.headers, changed.target_topic) == (
        7,
        message.key,
        message.headers,
        message.target_topic,
    )
    assert changed.raw() == message.raw()
    assert dataclasses.replace(changed, value="v") == message  # type: ignore[arg-type]


def test_another_key_keeps_the_rest(message: rt.Message[str, str]) -> None:
    changed = message.with_key(7)
    assert (changed.key, changed.value, changed.headers) == (7, message.value, message.headers)
    assert changed.raw() == message.raw()
    assert message.key == "k"
    assert dataclasses.replace(changed, key="k") == message  # type: ignore[arg-type]
    assert message.tombstone().with_key(7) == changed.tombstone()


def test_a_tombstone_keeps_the_rest_and_is_made_by_name_alone(message: rt.Message[str, str]) -> None:
    gone: rt.Message[str, str] = message.tombstone()
    assert gone == dataclasses.replace(message, value=None)
    assert gone.raw() == message.raw()
    with pytest.raises(TypeError, match=r"message\.tombstone\(\)"):
        message.with_value(None)


def test_the_original_is_not_a_part_of_equality_and_repr(orders: rt.Topic[str, str]) -> None:
    one, other = (
        decoded(orders, from_messages([RAW], "orders")).oks[0],
        decoded(orders, from_consumed([consumed(headers=list(HEADERS))], "orders", 2)).oks[0],
    )
    assert one == other
    assert "origin" not in repr(one)


@pytest.mark.parametrize("timestamp", [(0, 0), (1, 5)])
def test_a_consumed_message_without_timestamp_or_headers(
    orders: rt.Topic[str, str], timestamp: tuple[int, int]
) -> None:
    (message,) = decoded(orders, from_consumed([consumed(timestamp=timestamp)], "orders", 2)).oks
    assert message.timestamp == (timestamp[1] if timestamp[0] else None)
    assert message.headers == ()
    assert message.raw() == dataclasses.replace(RAW, timestamp=message.timestamp, headers=())


def test_a_failure_holds_what_the_consumer_read(orders: rt.Topic[str, str]) -> None:
    messages = [consumed(), consumed(b"\xff", headers=list(HEADERS)), consumed(None)]
    batch = decoded(orders, from_consumed(messages, "orders", 2))
    assert [message.value for message in batch.oks] == ["v", None]
    (failure,) = batch.errs
    assert failure.original == dataclasses.replace(RAW, value=b"\xff")
    assert failure.part == "value"


def test_a_repr_shows_what_is_set() -> None:
    assert repr(rt.Message("k", 1)) == "Message(key='k', value=1)"
    assert repr(rt.Message(value=0, headers=(("a", None),))) == "Message(value=0, headers=(('a', None),))"
    assert repr(rt.Message("k", None, offset=0)) == "Message(key='k', value=None, offset=0)"
    assert (
        repr(rt.RawMessage(key=b"k", value=b"v", topic="t")) == "RawMessage(key=b'k', value=b'v', topic='t')"
    )
    assert repr(rt.RawMessage(key=None, value=None, topic="t", partition=0)) == (
        "RawMessage(key=None, value=None, topic='t', partition=0)"
    )


class Unnamed:
    """A message, if `named` is false with a header whose name is not UTF-8."""

    def __init__(self, offset: int, named: bool = False) -> None:
        self._offset = offset
        self._named = named

    def headers(self) -> list[tuple[str, bytes | None]]:
        if not self._named:
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
        return list(HEADERS)

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def timestamp(self) -> tuple[int, int]:
        return 1, 5

    def offset(self) -> int:
        return self._offset


def test_a_part_of_a_batch_is_the_same_as_in_it(orders: rt.Topic[str, str]) -> None:
    """Also where a message among them cannot give its headers."""
    messages = [Unnamed(17, True), Unnamed(18), Unnamed(19, True), Unnamed(20)]
    rows = from_consumed(messages, "orders", 2)
    first, last = decoded(orders, rows.part(0, 2)), decoded(orders, rows.part(2, 4))
    assert [each.raw() for each in first.oks + last.oks] == [RAW, dataclasses.replace(RAW, offset=19)]
    assert [each.original.offset for each in first.errs + last.errs] == [18, 20]
    assert {(each.stage, each.original.value) for each in first.errs + last.errs} == {
        (rt.Stage.FRAMING, b"v")
    }


def test_a_key_and_a_value_that_have_to_be_there() -> None:
    full: rt.Message[str, int] = rt.Message("", 0)
    assert (full.key_or_reject(), full.value_or_reject()) == ("", 0)
    empty: rt.Message[str, int] = rt.Message()
    with pytest.raises(rt.Reject, match="no key"):
        empty.key_or_reject()
    with pytest.raises(rt.Reject, match="tombstone"):
        empty.value_or_reject()
