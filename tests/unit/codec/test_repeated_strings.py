"""Short strings that come again may be one object; what a reader gives is what was written, however often.
And which bytes are UTF-8 is what Python says, wherever in a long text they stand.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.unit.codec.json.json_kit import STRING, schema_of
from tests.unit.codec.protobuf.proto_kit import KINDS, file_of, kit_of

from kgen_runtime.codec import make_json_reader, make_reader
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.errors import DecodeError

Reads = Callable[[str], Any]
UNIQUE = 16_500  # a reader lets nearly as many pass before it looks again whether strings come again


def avro(engine: Any) -> Reads:
    reader = make_reader(parse('"string"'), engine=engine)
    return lambda text: reader.decode(sized(text, 2))


def avro_key(engine: Any) -> Reads:
    reader = make_reader(parse('{"type": "map", "values": "null"}'), engine=engine)
    return lambda text: next(iter(reader.decode(b"\2" + sized(text, 2) + b"\0")))


def of_json(engine: Any) -> Reads:
    reader = make_json_reader(schema_of(STRING), engine=engine)
    return lambda text: reader.decode(json.dumps(text, ensure_ascii=False).encode())


def protobuf(engine: Any) -> Reads:
    file = file_of()
    file.message_type.add(name="M").field.add(name="text", number=1, type=KINDS["string"], label=1)
    reader = kit_of(file, "p.M").reader(engine, classes=False)
    return lambda text: reader.decode(b"\n" + sized(text, 1))["text"]


def sized(text: str, unit: int) -> bytes:
    data = text.encode()
    assert len(data) * unit < 128
    return bytes([len(data) * unit]) + data


def alike() -> Iterator[str]:
    """Strings of lengths that are kept and others, which differ in one place; some are not ASCII."""
    for size in range(1, 20):
        for place in range(size):
            for letter in "ab\0":
                yield "x" * place + letter + "x" * (size - place - 1)
    yield from ("", "é", "ab\u00e9", "Köln", "東京", "x" * 15 + "é", "\0\0")


@pytest.mark.parametrize("make", [avro, avro_key, of_json, protobuf])
def test_strings_that_come_again(make: Callable[[Any], Reads], engine: Any) -> None:
    read = make(engine)
    for text in alike():
        assert [read(text), read(text)] == [text, text]
    for text in alike():
        assert read(text) == text


@pytest.mark.parametrize("make", [avro, avro_key, of_json, protobuf])
def test_strings_that_come_again_after_many_that_do_not(make: Callable[[Any], Reads]) -> None:
    read = make("native")
    for number in range(UNIQUE):
        assert read(f"{number}!") == f"{number}!"
    assert [read("EUR") for _ in range(600)] == ["EUR"] * 600
    assert {id(text) for text in [read("EUR"), read("EUR")]} == {id(read("EUR"))}


def test_where_a_long_text_is_not_utf8() -> None:
    """A wrong byte at every place of blocks, before, in and behind them."""
    read = make_json_reader(schema_of(STRING), engine="native").decode
    text = '"' + "a" * 70 + "é" * 9 + "漢字" * 9 + "ab" + "😀" * 9 + "z" * 40 + "ñ" * 20 + "😀" + '"'
    whole = text.encode()
    assert read(whole) == json.loads(whole)
    for place in range(1, len(whole) - 1):
        for byte in (0x61, 0x80, 0x90, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF):
            data = whole[:place] + bytes([byte]) + whole[place + 1 :]
            if (wrong := wrong_at(data)) is None:
                assert read(data) == json.loads(data)
                continue
            with pytest.raises(DecodeError, match="not valid UTF-8") as refused:
                read(data)
            assert refused.value.position == wrong


def test_long_texts_of_any_script() -> None:
    read = make_json_reader(schema_of(STRING), engine="native").decode
    rng = random.Random(5)
    letters = [
        "a",
        "\x7f",
        "\x80",
        "é",
        "ÿ",
        "\u0100",
        "\u07ff",
        "\u0800",
        "漢",
        "\uffff",
        "\U00010000",
        "😀",
        "\U0010ffff",
    ]
    for _ in range(600):
        text = "".join(rng.choices(letters, [rng.random() ** 9 for _ in letters], k=rng.randrange(1, 300)))
        for escapes in (False, True):
            made = read(json.dumps(text, ensure_ascii=escapes).encode())
            assert (made, hash(made), sys.getsizeof(made)) == (text, hash(text), sys.getsizeof(text))


def wrong_at(data: bytes) -> int | None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None
