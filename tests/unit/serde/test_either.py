"""Two formats in one topic: nothing plain is ever read as framed, nothing framed as plain."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime.serde.framing import HEADERS, id_prefix

KEY = json.dumps({"type": "record", "name": "Key", "fields": [{"name": "id", "type": "string"}]})


@dataclass
class Key:
    id: str


SCHEMAS = rt.Schemas("t-key", (rt.WriterSchema(version=1, id=7, text=KEY),))
FRAMED: rt.Serde[Key] = rt.AvroSerde(SCHEMAS, {"Key": Key})
TEXT: rt.Serde[Key | str] = rt.EitherSerde(FRAMED, rt.StringSerde())
NUMBER: rt.Serde[Key | int] = rt.EitherSerde(FRAMED, rt.IntSerde())
STORE = rt.SchemaStore(None)
FRAME = id_prefix(7) + b"\x02a"  # Key(id="a")


def decoded(serde: rt.Serde[Any], *payloads: bytes | None, headers: Any = None) -> list[Any]:
    values, _, errors = serde.decoder(STORE, "key").decode_many(payloads, headers)
    assert not errors
    return values


def errors_of(serde: rt.Serde[Any], *payloads: bytes | None) -> Any:
    values, _, errors = serde.decoder(STORE, "key").decode_many(payloads)
    assert all(values[i] is None for i in errors)
    return errors


def test_each_is_read_in_its_format_in_order() -> None:
    payloads = [b"x", FRAME, None, b"", "\xe9".encode(), FRAME]
    values, ids, errors = TEXT.decoder(STORE, "key").decode_many(payloads)
    assert values == ["x", Key("a"), None, "", "\xe9", Key("a")]
    assert ids == [None, 7, None, None, None, 7]
    assert not errors


def test_errors_of_both_formats_have_the_index_of_their_payload() -> None:
    payloads = [b"x", b"\xff", FRAME, FRAME[:-1], None, b"\1", b"y", b"\xfe"]
    errors = errors_of(TEXT, *payloads)
    assert sorted(errors) == [1, 3, 5, 7]
    assert [type(errors[i]) for i in (1, 3, 5, 7)] == [
        rt.DecodeError,
        rt.DecodeError,
        rt.FramingError,
        rt.DecodeError,
    ]
    assert "not UTF-8" in str(errors[7])


def test_numbers_are_shorter_than_any_frame() -> None:
    assert decoded(NUMBER, b"\0\0\0\7", FRAME, b"\xff\xff\xff\xff") == [7, Key("a"), -1]


@pytest.mark.parametrize("serde", [TEXT, NUMBER])
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"\0", rt.FramingError),
        (b"\1text", rt.FramingError),
        (id_prefix(7), rt.DecodeError),
        (id_prefix(7) + b"\x02ab", rt.DecodeError),
        (id_prefix(8) + b"\x02a", rt.UnknownSchema),
    ],
)
def test_what_might_be_a_frame_and_is_none_is_an_error_never_plain(
    serde: rt.Serde[Any], payload: bytes, error: type[Exception]
) -> None:
    assert isinstance(errors_of(serde, payload)[0], error)


def test_a_header_with_the_schema_decides() -> None:
    tagged = [((HEADERS["key"], id_prefix(7)),), ((HEADERS["key"], id_prefix(7)),), (("other", b"x"),)]
    assert decoded(TEXT, b"\x02a", b"\x02b", b"\x02a", headers=tagged) == [Key("a"), Key("b"), "\x02a"]
    four = [((HEADERS["key"], id_prefix(7)),)]
    assert decoded(NUMBER, b"\x06abc", headers=four) == [Key("abc")]


def test_text_that_is_not_utf8_is_an_error() -> None:
    assert isinstance(errors_of(TEXT, b"\xff\xfe")[0], rt.DecodeError)


@pytest.mark.parametrize(("serde", "plain"), [(TEXT, "x"), (TEXT, ""), (NUMBER, 7), (NUMBER, -1)])
def test_each_is_written_in_its_format(serde: rt.Serde[Any], plain: Any) -> None:
    encoder = serde.encoder(STORE, "key")
    assert decoded(serde, encoder.encode(Key("a")), encoder.encode(plain), encoder.encode(None)) == [
        Key("a"),
        plain,
        None,
    ]


@pytest.mark.parametrize("text", ["\0", "\1x", "\0\0\0\0\7\2a"])
def test_text_that_would_be_taken_for_a_frame_is_not_written(text: str) -> None:
    with pytest.raises(rt.EncodeError, match=r"U\+0000"):
        TEXT.encoder(STORE, "key").encode(text)


def test_a_value_of_neither_type_is_an_error() -> None:
    for value in (True, 1.5, b"x", object()):
        with pytest.raises(rt.EncodeError):
            TEXT.encoder(STORE, "key").encode(value)  # type: ignore[arg-type]
        with pytest.raises(rt.EncodeError):
            NUMBER.encoder(STORE, "key").encode(value)  # type: ignore[arg-type]


def test_what_is_written_as_text_is_read_as_text_and_what_is_framed_never_is() -> None:
    rng = random.Random(5)
    encoder = TEXT.encoder(STORE, "key")
    for _ in range(2_000):
        codes = [rng.choice([rng.randrange(2, 128), rng.randrange(0xE000, 0x11000)]) for _ in range(9)]
        text = "".join(map(chr, codes))
        key = Key(text[:3])
        assert decoded(TEXT, encoder.encode(text), encoder.encode(key)) == [text, key]


@pytest.mark.parametrize("plain", [rt.BytesSerde(), rt.LongSerde(), rt.DoubleSerde(), rt.NoneSerde(), FRAMED])
def test_formats_that_cannot_be_distinguished_are_refused(plain: rt.Serde[Any]) -> None:
    with pytest.raises(rt.ConfigError, match="cannot be distinguished"):
        rt.EitherSerde(FRAMED, plain)  # type: ignore[arg-type]
