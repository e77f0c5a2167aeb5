"""No bytes crash, hang or swell the codec: each gives a value or a `DecodeError` with position and path."""

from __future__ import annotations

import contextlib
import gc
import inspect
import itertools
import json
import os
import pickle
import subprocess
import sys
import threading
import tracemalloc
from typing import Any

import pytest
from tests.unit.codec.test_codec import POINT, fixed, logical, record, schema

from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.limits import MOST_DEPTH
from kgen_runtime.codec.varint import zigzag as number
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError, ResolutionError

HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 2^63 - 1
LEAST = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # -2^63
MANY = b"\x80\x80\x80\x80\x80\x80\x80\x80\x20"  # 2^60
INTS = {"type": "array", "items": "int"}
NULLS = {"type": "array", "items": "null"}
NULL_FIELDS = [{"name": f"f{n}", "type": "null"} for n in range(100)]
TREE = record(("kids", {"type": "array", "items": "R"}))
LINE = record(("n", "int"), ("next", ["null", "R"]))

# Python's UUID takes all of these for the UUID 12345678-1234-5678-1234-567812345678, or for another one.
NO_UUIDS = [
    text.encode()
    for text in (
        "1_345678-1234-5678-1234-567812345678",
        "+2345678-1234-5678-1234-567812345678",
        " 2345678-1234-5678-1234-567812345678",
        "\uff11\uff12345678-1234-5678-1234-567812345678",
        "\u0661234567812345678123456781234567",
        "1234-5678-1234-5678-1234-5678-1234-5678",
        "-12345678123456781234567812345678-",
        "{{12345678-1234-5678-1234-567812345678",
        "{12345678-1234-5678-1234-567812345678",
        "12345678-1234-5678-1234-567812345678}",
        "12345678-1234-5678-1234-567812345678\n",
        "uuid:12345678-1234-5678-1234-567812345678",
        "+2345678123456781234567812345678",
    )
]

DAMAGED: list[tuple[Any, bytes, int, str, str]] = [
    ("int", b"", 0, "", "ends too early"),
    ("int", b"\x80", 0, "", "ends too early"),
    ("int", b"\xff\xff\xff\xff\x1f", 0, "", "32 bits"),
    ("long", b"\x80" * 9 + b"\x02", 0, "", "64 bits"),
    ("long", b"\x80" * 10 + b"\x01", 0, "", "64 bits"),
    ("boolean", b"\x02", 0, "", "neither 0 nor 1"),
    ("boolean", b"", 0, "", "ends too early"),
    ("float", b"123", 0, "", "ends too early"),
    ("double", b"1234567", 0, "", "ends too early"),
    ("string", b"\x08abc", 0, "", "ends too early"),
    ("string", HUGE, 0, "", "ends too early"),
    ("string", b"\x01", 0, "", "negative"),
    ("string", LEAST, 0, "", "negative"),
    ("string", b"\x02\xff", 0, "", "UTF-8"),
    ("string", b"\x06\xed\xa0\x80", 0, "", "UTF-8"),  # a surrogate
    ("string", b"\x04\xc0\x80", 0, "", "UTF-8"),  # overlong
    ("bytes", HUGE + b"a", 0, "", "ends too early"),
    (fixed(4), b"abc", 0, "", "ends too early"),
    (fixed(2**31 - 1), b"abc", 0, "", "ends too early"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x02", 0, "", "no such symbol"),
    ({"type": "enum", "name": "E", "symbols": ["A"]}, b"\x01", 0, "", "no such symbol"),
    (["null", "int"], b"\x04", 0, "", "no such branch"),
    (["null", "int"], b"\x01", 0, "", "no such branch"),
    ([], b"\x00", 0, "", "no such branch"),
    ("null", b"\x00", 0, "", "1 bytes are left over"),
    ("int", b"\x02\x02", 1, "", "1 bytes are left over"),
    (INTS, b"\x02", 1, "[0]", "ends too early"),
    (INTS, b"\x04\x02", 2, "[1]", "ends too early"),
    (INTS, b"\x04\x02\x04", 3, "", "ends too early"),
    (INTS, HUGE + b"\x02", 11, "[1]", "ends too early"),
    (INTS, LEAST + b"\x02", 0, "", "block"),
    (INTS, b"\x01\x01\x02\x00", 1, "", "negative"),
    (INTS, b"\x01\x40\x02\x00", 1, "", "ends too early"),
    (NULLS, MANY + b"\x00", 9, "", "so few bytes"),
    ({"type": "array", "items": record(name="N")}, MANY + b"\x00", 9, "[32828]", "so few bytes"),
    ({"type": "array", "items": fixed(0)}, MANY + b"\x00", 9, "", "so few bytes"),
    ({"type": "map", "values": "null"}, MANY + b"\x02a", 11, "", "ends too early"),
    ({"type": "map", "values": "int"}, b"\x02\x02k", 3, "['k']", "ends too early"),
    ({"type": "map", "values": "int"}, b"\x02\x02\xff\x00\x00", 1, "", "UTF-8"),
    (record(("a", "int"), ("b", "string")), b"\x02\x02", 1, "b", "ends too early"),
    (record(("l", {"type": "array", "items": POINT})), b"\x04" + b"\0" * 20, 17, "l[1].x", "ends too early"),
    (LINE, b"\x00\x02" * 200 + b"\x00\x00", 256, "next." * 127 + "next", "nested too deeply"),
    (TREE, b"\x02" * 200, 64, "", "nested too deeply"),
    (record(("r", "R")), b"", 0, "r." * 127 + "r", "nested too deeply"),
    (logical("int", "date"), b"\xfe\xff\xff\xff\x0f", 0, "", "not within the years"),
    (logical("int", "time-millis"), b"\x01", 0, "", "not within 00:00:00 to 23:59:59.999"),
    (logical("int", "time-millis"), b"\x80\xf0\xb2\x52", 0, "", "not within 00:00:00 to 23:59:59.999"),
    (logical("long", "timestamp-millis"), HUGE, 0, "", "not within the years 1 to 9999"),
    (logical("long", "timestamp-millis"), LEAST, 0, "", "not within the years 1 to 9999"),
    (logical("long", "local-timestamp-micros"), HUGE, 0, "", "not within the years 1 to 9999"),
    (logical("string", "uuid"), b"\x02x", 0, "", "UUID"),
    (logical("string", "uuid"), b"\x48" + b"g" * 36, 0, "", "UUID"),
    (logical("string", "uuid"), b"\x02\xff", 0, "", "UUID"),
    *((logical("string", "uuid"), bytes([len(text) * 2]) + text, 0, "", "UUID") for text in NO_UUIDS),
    (logical("bytes", "decimal", precision=4), b"\x00", 0, "", "decimal"),
    (logical("bytes", "decimal", precision=4), b"\x82\x80\x02" + b"1" * 16385, 0, "", "decimal"),
    (logical("bytes", "decimal", precision=4), b"\x04\x27\x10", 0, "", "decimal"),  # 10000
    (logical("bytes", "decimal", precision=4), b"\x04\xd8\xf0", 0, "", "decimal"),  # -10000
    (logical("bytes", "decimal", precision=10, scale=2), b"\x80\x80\x02" + b"\x11" * 16384, 0, "", "decimal"),
    (logical("bytes", "decimal", precision=1), b"\x04\x00\x80", 0, "", "decimal"),
    (fixed(4, logicalType="decimal", precision=4), b"\x00\x00\x27\x10", 0, "", "decimal"),
    (fixed(4, logicalType="decimal", precision=4), b"\x7f\xff\xff\xff", 0, "", "decimal"),
    (logical("bytes", "big-decimal"), b"\x02\x00", 0, "", "decimal"),
    (logical("bytes", "big-decimal"), b"\x08\x02\x01\x00\x00", 0, "", "decimal"),
]


@pytest.mark.parametrize(("kind", "data", "position", "path", "message"), DAMAGED)
def test_damage_is_reported_with_position_and_path(
    engine: Any, kind: Any, data: bytes, position: int, path: str, message: str
) -> None:
    reader = make_reader(schema(kind), engine=engine)
    with pytest.raises(DecodeError) as caught:
        reader.decode(b"___" + data, 3)
    assert message in caught.value.what
    assert caught.value.position == position + 3
    assert caught.value.path == path or message == "nested too deeply"
    [value], errors = reader.decode_many([b"___" + data], 3)
    error = errors[0]
    assert value is None
    assert isinstance(error, DecodeError)
    assert (error.what, error.position, error.path) == (
        caught.value.what,
        caught.value.position,
        caught.value.path,
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_bytes_after_the_value_may_be_ignored(engine: Any) -> None:
    read = make_reader(schema(INTS), trailing="ignore", engine=engine)
    assert read.decode(b"\x02\x04\x00rest") == [2]
    values, errors = read.decode_many([b"-\x02\x04\x00\x00", b"-\x02\x04"], 1)
    assert values == [[2], None]
    assert isinstance(errors[1], DecodeError)
    with pytest.raises(ConfigError, match="Use 'refuse' or 'ignore'"):
        make_reader(schema(INTS), trailing="drop", engine=engine)  # type: ignore[arg-type]


@pytest.mark.parametrize("offset", [-1, 4, 10**30, -(10**30)])
def test_an_offset_outside_the_data_is_an_error(engine: Any, offset: int) -> None:
    with pytest.raises(DecodeError):
        make_reader(schema("null"), engine=engine).decode(b"abc", offset)
    errors = make_reader(schema("null"), engine=engine).decode_many([b""], offset).errors
    assert isinstance(errors[0], DecodeError)


@pytest.mark.parametrize("data", [None, "a", bytearray(b"a"), 5])
def test_only_bytes_are_payloads(engine: Any, data: Any) -> None:
    with pytest.raises(TypeError):
        make_reader(schema("null"), engine=engine).decode(data)


def test_skipped_fields_are_checked_and_bounded_too(engine: Any) -> None:
    def skipping(kind: Any, data: bytes) -> None:
        reader = make_reader(schema(record(("gone", kind))), schema(record()), engine=engine)
        with pytest.raises(DecodeError) as caught:
            reader.decode(data)
        assert caught.value.path.startswith("gone")

    skipping(NULLS, MANY + b"\x00")
    skipping(
        {"type": "array", "items": record(("b", "boolean"), *NULL_FIELDS, name="S")},
        number(20_000) + b"\0" * 20_001,
    )
    skipping("string", HUGE)
    skipping(INTS, b"\x01\x7e")
    skipping(INTS, LEAST)
    skipping(["null"], b"\x02")
    skipping({"type": "map", "values": "int"}, HUGE)
    skipping(fixed(9), b"a")
    skipping(record(("n", ["null", "S"]), name="S"), b"\x02" * 300 + b"\x00")


def bomb(levels: int) -> Any:
    """A schema whose value takes no bytes and holds 2^levels records."""
    inner: Any = record(name="B0")
    for n in range(levels):
        inner = record(("a", inner), ("b", f"B{n}"), name=f"B{n + 1}")
    return inner


def test_a_schema_that_multiplies_without_bytes_is_bounded(engine: Any) -> None:
    with pytest.raises(DecodeError, match="so few bytes"):
        make_reader(schema(bomb(40)), engine=engine).decode(b"")


def test_a_limit_of_depth_can_be_chosen(engine: Any) -> None:
    data = b"\x00\x02" * 5 + b"\x00\x00"
    assert make_reader(schema(LINE), engine=engine, max_depth=6).decode(data)
    with pytest.raises(DecodeError, match="nested too deeply"):
        make_reader(schema(LINE), engine=engine, max_depth=5).decode(data)


@pytest.mark.parametrize("depth", [-1, MOST_DEPTH + 1, 2_000_000])
def test_a_limit_of_depth_that_the_stack_does_not_hold_is_refused(engine: Any, depth: int) -> None:
    with pytest.raises(ConfigError, match="max_depth must be from 0 to"):
        make_reader(schema(LINE), engine=engine, max_depth=depth)


def test_the_largest_limit_of_depth_is_held_by_a_small_stack(engine: Any) -> None:
    """Where plain Python has no room for it, that is an error of the message too: it counts its calls, not
    their bytes, and until 3.11 each takes some of the stack.
    """
    reader = make_reader(schema(LINE), engine=engine, max_depth=MOST_DEPTH)
    data = b"\x00\x02" * (MOST_DEPTH - 1) + b"\x00\x00"
    found: list[Any] = []
    before = threading.stack_size((256 << 10) if engine == "native" else (16 << 20))
    thread = threading.Thread(target=lambda: found.append(reader.decode_many([data, data + data])))
    thread.start()
    thread.join()
    threading.stack_size(before)
    (values, errors), *_ = found
    assert engine == "python" or values[0]["n"] == 0
    assert isinstance(errors[1], DecodeError)


@pytest.mark.parametrize("levels", [128, 200])
def test_writing_is_held_by_a_small_stack(levels: int) -> None:
    """Also where each level is a union that has to choose, and where the value is too deep."""
    other = record(("q", ["null", "R"]), name="Q")
    writer = make_writer(schema(record(("next", ["null", "R", other]))), engine="native")
    value: Any = None
    for _ in range(levels):
        value = {"next": value}
    found: list[Any] = []

    def write() -> None:
        try:
            found.append(writer.encode(value))
        except EncodeError as error:
            found.append(error.what)

    before = threading.stack_size(128 << 10)
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    threading.stack_size(before)
    assert found == [
        b"\2" * 127 + b"\0" if levels == 128 else "the value is nested more than 128 deep, or holds itself"
    ]


def test_too_little_room_on_pythons_stack_is_an_error_of_the_message(engine: Any) -> None:
    reader = make_reader(schema(LINE), engine=engine)
    writer = make_writer(schema(LINE), engine=engine)
    data = b"\x00\x02" * 100 + b"\x00\x00"
    value = reader.decode(data)

    def deep(levels: int) -> None:
        if levels:
            return deep(levels - 1)
        with contextlib.suppress(DecodeError):
            reader.decode(data)
        with contextlib.suppress(EncodeError):
            writer.encode(value)
        return None

    room = sys.getrecursionlimit() - len(inspect.stack(0))
    for levels in range(room - 150, room - 40, 10):
        deep(levels)


EMPTY: list[tuple[str, Any, Any]] = [
    ("nulls", record(*NULL_FIELDS), record(*NULL_FIELDS)),
    (
        "a list by default",
        record(("n", "null")),
        record(("n", "null"), {"name": "l", "type": INTS, "default": [1] * 50}),
    ),
    (
        "nulls by default",
        record(("n", "null")),
        record(("n", "null"), {"name": "l", "type": NULLS, "default": [None] * 500}),
    ),
]


@pytest.mark.parametrize(("name", "writer", "reader"), EMPTY, ids=[case[0] for case in EMPTY])
def test_records_without_bytes_cost_what_they_take(engine: Any, name: str, writer: Any, reader: Any) -> None:
    pair = [schema({"type": "array", "items": kind}) for kind in (writer, reader)]
    made = make_reader(pair[0], pair[1], engine=engine)
    assert len(made.decode(b"\x14\x00")) == 10
    tracemalloc.start()
    with pytest.raises(DecodeError, match="so few bytes"):
        made.decode(b"\x80\xf4\x03\x00")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6_000_000


FLAG = {"name": "b", "type": "boolean"}
SMALL: list[tuple[str, Any, Any]] = [
    ("nulls", record(FLAG, *NULL_FIELDS), record(FLAG, *NULL_FIELDS)),
    ("a list by default", record(FLAG), record(FLAG, {"name": "l", "type": INTS, "default": [1] * 1000})),
    (
        "many lists by default",
        record(FLAG),
        record(FLAG, *({"name": f"l{n}", "type": INTS, "default": []} for n in range(50))),
    ),
]


@pytest.mark.parametrize(("name", "writer", "reader"), SMALL, ids=[case[0] for case in SMALL])
def test_a_byte_for_each_record_does_not_buy_it_much_more(
    engine: Any, name: str, writer: Any, reader: Any
) -> None:
    pair = [schema({"type": "array", "items": kind}) for kind in (writer, reader)]
    made = make_reader(pair[0], pair[1], engine=engine)
    assert len(made.decode(number(50) + b"\1" * 50 + b"\0")) == 50
    tracemalloc.start()
    with pytest.raises(DecodeError, match="so few bytes"):
        made.decode(number(20_000) + b"\1" * 20_000 + b"\0")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000 * 800


def test_many_small_records_may_have_got_fields(engine: Any) -> None:
    """Ten of them, on records of two bytes, as many as there are."""
    added = [{"name": f"l{n}", "type": INTS, "default": []} for n in range(10)]
    kinds = record(("n", "int"), name="R"), record(("n", "int"), *added, name="R")
    pair = [schema({"type": "array", "items": kind}) for kind in kinds]
    data = number(20_000) + number(100) * 20_000 + b"\0"
    made = make_reader(pair[0], pair[1], engine=engine).decode(data)
    assert len(made) == 20_000
    assert made[-1] == {"n": 100, **{f"l{n}": [] for n in range(10)}}
    assert made[-1]["l0"] is not made[-2]["l0"]


def test_a_held_default_costs_little(engine: Any) -> None:
    reader = record({"name": "s", "type": "string", "default": "x" * 1000})
    pair = schema({"type": "array", "items": record()}), schema({"type": "array", "items": reader})
    assert len(make_reader(*pair, engine=engine).decode(b"\xa0\x1f\x00")) == 2000


def test_a_default_that_no_object_can_be_made_of_is_refused_with_the_reader(engine: Any) -> None:
    class Never:
        def __init__(self, x: float, y: float) -> None:
            raise ValueError("no")

    point = {"name": "p", "type": POINT, "default": {"x": 1, "y": 2}}
    with pytest.raises(ResolutionError, match=r"the default cannot be read: .*ValueError: no"):
        make_reader(schema(record()), schema(record(point)), {"g.Point": Never}, engine=engine)


def test_a_default_that_fails_is_reported_with_its_field(engine: Any) -> None:
    point = {"name": "p", "type": POINT, "default": {"x": 1, "y": 2}}
    calls: list[int] = []

    class Late:
        def __init__(self, x: float, y: float) -> None:
            calls.append(1)
            if len(calls) > 1:  # the first one is made with the reader
                raise ValueError("no more")

    pair = (
        schema(record(("r", record(("a", "int"), name="S")))),
        schema(record(("r", record(("a", "int"), point, name="S")))),
    )
    reader = make_reader(*pair, {"g.Point": Late}, engine=engine)
    with pytest.raises(DecodeError, match="ValueError: no more") as caught:
        reader.decode(b"__\x02", 2)
    assert (caught.value.path, caught.value.position) == ("r.p", 3)


def test_an_error_holds_on_to_nothing_of_the_payload(engine: Any) -> None:
    class Never:
        def __init__(self, x: float, y: float) -> None:
            raise ValueError("no")

    for classes, data in ({}, b"\0" * 12), ({"g.Point": Never}, b"\0" * 16), ({}, b"\0" * 17):
        reader = make_reader(schema(POINT), None, classes, engine=engine)
        with pytest.raises(DecodeError) as caught:
            reader.decode(data)
        for error in (caught.value, *reader.decode_many([data]).errors.values()):
            assert error.__context__ is None
            assert error.__cause__ is None or codec_frames(error.__cause__.__traceback__) == []


def codec_frames(traceback: Any) -> list[str]:
    names = []
    while traceback:
        names.append(traceback.tb_frame.f_code.co_filename)
        traceback = traceback.tb_next
    return [name for name in names if "kgen_runtime" in name and name.endswith(".py")]


class Odd(bytes):
    def __getitem__(self, at: Any) -> Any:
        raise AssertionError("not to be called")


def test_subclasses_of_bytes_are_payloads(engine: Any) -> None:
    reader = make_reader(schema("string"), engine=engine)
    assert reader.decode(Odd(b"\x02a")) == "a"
    assert reader.decode_many([Odd(b"\x02a")]).values == ["a"]
    with pytest.raises(TypeError):
        reader.decode_many([None])  # type: ignore[list-item]


def test_lists_that_are_being_made_are_not_to_be_found(engine: Any) -> None:
    """One with empty places would crash whoever looks at it."""
    seen: list[bool] = []
    numbers = itertools.count(1)
    others = {id(found) for found in gc.get_objects() if type(found) is list and len(found) == 77}

    class Looking:
        def __init__(self, x: float, y: float) -> None:
            self.x = x
            if next(numbers) in (1, 2, 40, 77):  # each look takes long, as there are many objects
                lists = (found for found in gc.get_objects() if type(found) is list and len(found) == 77)
                seen.append(all(id(found) in others for found in lists))

    reader = make_reader(schema({"type": "array", "items": POINT}), None, {"g.Point": Looking}, engine=engine)
    data = b"\x9a\x01" + b"\0" * (16 * 77) + b"\x00"
    points = reader.decode(data)
    assert len(points) == 77
    assert len(seen) == 4
    assert engine == "python" or all(seen)
    assert gc.is_tracked(points)


def test_counts_in_the_data_reserve_no_memory(engine: Any) -> None:
    nested: Any = "int"
    for _ in range(30):
        nested = {"type": "array", "items": nested}
    reader = make_reader(schema(nested), engine=engine)
    data = HUGE * 30 + b"\x02"
    tracemalloc.start()
    with pytest.raises(DecodeError):
        reader.decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_nothing_leaks(engine: Any) -> None:
    """Objects and errors, made and dropped many times over, leave no memory behind."""
    kind = record(
        ("l", {"type": "array", "items": POINT}), ("m", {"type": "map", "values": ["null", "string"]})
    )
    reader = make_reader(schema(kind), engine=engine)
    good = b"\x02" + b"\0" * 16 + b"\x00" + b"\x02\x02k\x02\x02v\x00"
    batch = [good, good[:-3], b"\x02" + good, good + b"x", b""]

    def rounds(n: int) -> int:
        for _ in range(n):
            reader.decode_many(batch)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    rounds(50)
    before = rounds(50)
    after = rounds(500)
    tracemalloc.stop()
    assert after - before < 4_000


@pytest.mark.parametrize(
    ("blocked", "asked", "line"),
    [
        (False, "", "INFO:kgen.codec:the codec is the native one"),
        (False, "python", "INFO:kgen.codec:the codec runs in plain Python, as KGEN_CODEC asks"),
        (True, "", "WARNING:kgen.codec:the native codec was not compiled: running in plain Python"),
    ],
)
def test_the_engine_is_logged_once_when_it_is_first_used(blocked: bool, asked: str, line: str) -> None:
    code = (
        "import logging, sys; logging.basicConfig(level='INFO')\n"
        + ("sys.modules['kgen_runtime.codec.native._reader'] = None\n" if blocked else "")
        + "from kgen_runtime import codec; from kgen_runtime.codec.avro.schema.parser import parse\n"
        "print('imported', file=sys.stderr, flush=True)\n"
        "schema = parse('\"int\"')\n"
        "assert codec.make_reader(schema).decode(codec.make_writer(schema).encode(1)) == 1\n"
        "codec.make_reader(schema)"
    )
    env = {**os.environ, "KGEN_CODEC": asked}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, *lines = done.stderr.splitlines()
    assert first == "imported"
    assert len(lines) == 1
    assert lines[0].startswith(line)


def test_schemas_without_end_decode_to_errors_only(engine: Any) -> None:
    text = json.dumps(record(("a", record(("r", "R"), name="S"))))
    with pytest.raises(DecodeError, match="nested too deeply"):
        make_reader(parse(text), engine=engine).decode(b"")
