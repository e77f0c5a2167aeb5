"""What a signal's handler raises in the middle of a message goes through; so does running out of memory."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from tests.unit.codec.test_codec import fixed, logical, record, schema

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.values import Duration
from kgen_runtime.errors import DecodeError


class Left(BaseException):
    """As the runner's, raised where a signal's handler ends the process."""


@contextmanager
def raising_in(code: Any, error: BaseException) -> Iterator[None]:
    """Raise at the first line of this code, as a signal's handler would."""

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is code:
            sys.settrace(None)
            raise error
        return None

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(None)


@dataclass
class Pair:
    x: int
    y: int


URN = "urn:uuid:12345678-1234-5678-1234-567812345678"
CASES: list[tuple[str, Any, bytes, Callable[..., Any]]] = [
    ("duration", fixed(12, logicalType="duration"), struct.pack("<III", 1, 2, 3), Duration.__init__),
    ("uuid", logical("string", "uuid"), bytes([len(URN) * 2]) + URN.encode(), UUID.__init__),
    ("record", record(("x", "int"), ("y", "int")), b"\x02\x04", Pair.__init__),
]
LEAVING = [Left("stop"), KeyboardInterrupt(), SystemExit(3), MemoryError("no more")]


@pytest.mark.parametrize("error", LEAVING, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("name", "kind", "data", "init"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_not_an_error_of_the_message_leaves_the_reader(
    engine: Any, name: str, kind: Any, data: bytes, init: Any, error: BaseException, nested: bool
) -> None:
    whole = record(("m", {"type": "map", "values": {"type": "array", "items": kind}}), name="W")
    payload = b"\x02\x02k\x02" + data + b"\x00\x00" if nested else data
    reader = make_reader(schema(whole if nested else kind), None, {"R": Pair}, engine=engine)
    whole_value = reader.decode(payload)
    for read in (lambda: reader.decode(payload), lambda: reader.decode_many([payload])):
        with raising_in(init.__code__, error), pytest.raises(type(error)) as caught:
            read()
        assert caught.value is error
    assert reader.decode(payload) == whole_value


def test_an_error_of_a_constructor_is_the_messages(engine: Any) -> None:
    reader = make_reader(schema(CASES[2][1]), None, {"R": Pair}, engine=engine)
    with (
        raising_in(Pair.__init__.__code__, TypeError("no")),
        pytest.raises(DecodeError, match="TypeError: no"),
    ):
        reader.decode(b"\x02\x04")


def test_an_error_of_a_constructor_without_a_text_is_the_messages_too(engine: Any) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    reader = make_reader(schema(CASES[2][1]), None, {"R": Pair}, engine=engine)
    with raising_in(Pair.__init__.__code__, MuteError()), pytest.raises(DecodeError, match="<MuteError>"):
        reader.decode(b"\x02\x04")


@pytest.mark.parametrize("error", LEAVING, ids=lambda error: type(error).__name__)
def test_what_is_not_an_error_of_the_value_leaves_the_writer(engine: Any, error: BaseException) -> None:
    class Lazy:
        x = 1

        @property
        def y(self) -> int:
            raise error

    writer = make_writer(schema({"type": "array", "items": CASES[2][1]}), {"R": Lazy}, engine=engine)
    with pytest.raises(type(error)) as caught:
        writer.encode([Lazy()])
    assert caught.value is error
