"""Hostile messages and values: bounded in time, memory and depth (docs/reference/json.md, Limits)."""

from __future__ import annotations

import inspect
import sys
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from typing import Any

import pytest
from tests.unit.codec.json.json_kit import (
    ANYTHING,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array,
    mapping,
    obj,
    optional,
    reads,
    ref,
    required,
    schema_of,
    text,
    writes,
)

from kgen_runtime.codec import make_json_reader
from kgen_runtime.codec.limits import ITEMS, ITEMS_PER_BYTE, MAX_DEPTH, MOST_DEPTH
from kgen_runtime.codec.python.json_cursor import JsonCursor
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError

TREE = obj("Tree", optional("kid", ref("Tree")), optional("kids", array(ref("Tree"))))
DROPS = obj("Drops", optional("z", INTEGER))
UNION = obj("Node", optional("of", any_of(INTEGER, ref("Node"), array(ref("Node")))))
DEEP = [
    pytest.param(ANYTHING, b"[", b"]", b"1", id="arrays of anything"),
    pytest.param(ANYTHING, b'{"a":', b"}", b"1", id="objects of anything"),
    pytest.param(TREE, b'{"kid":', b"}", b"{}", id="objects"),
    pytest.param(UNION, b'{"of":', b"}", b"1", id="unions"),
]


@pytest.mark.parametrize(("node", "open_", "close", "inner"), DEEP)
def test_depth_has_a_limit(engine: Any, node: Any, open_: bytes, close: bytes, inner: bytes) -> None:
    read = reads(engine, node)
    levels = MAX_DEPTH - (inner == b"{}")
    assert read(open_ * levels + inner + close * levels)
    for more in (1, 2, 10_000, 100_000):
        with pytest.raises(DecodeError) as caught:
            read(open_ * (levels + more) + inner + close * (levels + more))
        assert caught.value.what == "the data is nested too deeply"
        assert caught.value.position == len(open_) * MAX_DEPTH
        assert caught.value.path.count("/") == MAX_DEPTH


@pytest.mark.parametrize("inside", [b"[", b'{"a":'])
def test_what_is_dropped_has_the_same_limit_of_depth(engine: Any, inside: bytes) -> None:
    read, close = reads(engine, DROPS), b"]" if inside == b"[" else b"}"
    levels = MAX_DEPTH - 1
    assert read(b'{"x":' + inside * levels + b"1" + close * levels + b',"z":1}') == {"z": 1}
    with pytest.raises(DecodeError, match="nested too deeply") as caught:
        read(b'{"x":' + inside * 10_000)
    assert caught.value.position == 5 + len(inside) * levels


def test_extras_have_the_same_limit_of_depth(engine: Any) -> None:
    node = obj("O", more=ANYTHING)
    assert reads(engine, node)(b'{"x":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}")
    with pytest.raises(DecodeError, match="nested too deeply"):
        reads(engine, node)(b'{"x":' + b"[" * 10_000)


def test_the_limit_of_depth_is_chosen(engine: Any) -> None:
    def read(depth: int, message: bytes) -> Any:
        return make_json_reader(schema_of(ANYTHING), max_depth=depth, engine=engine).decode(message)

    assert read(0, b"1") == 1
    assert read(1, b"[]") == []
    with pytest.raises(DecodeError, match="nested too deeply"):
        read(0, b"[]")
    with pytest.raises(DecodeError, match="nested too deeply"):
        read(MOST_DEPTH, b"[" * (MOST_DEPTH + 1))
    for depth in (-1, MOST_DEPTH + 1):
        with pytest.raises(ConfigError, match="max_depth must be from"):
            read(depth, b"1")


def in_a_thread(run: Callable[[], None], stack: int) -> None:
    before = threading.stack_size(stack)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)


@pytest.mark.parametrize(("node", "open_", "close", "inner"), DEEP)
def test_the_largest_limit_of_depth_fits_a_small_stack(
    engine: Any, node: Any, open_: bytes, close: bytes, inner: bytes
) -> None:
    found: list[object] = []

    def run() -> None:
        read = make_json_reader(schema_of(node), max_depth=MOST_DEPTH, engine=engine).decode
        for levels in (MOST_DEPTH - 1, 10_000):
            try:
                found.append(bool(read(open_ * levels + inner + close * levels)))
            except DecodeError as error:
                found.append(error.what)

    in_a_thread(run, (256 << 10) if engine == "native" else (16 << 20))
    if engine == "native":
        assert found == [True, "the data is nested too deeply"]
    else:  # Python's own limit of calls may come first; until 3.11 each takes some of the stack
        assert found[1] == "the data is nested too deeply"
        assert found[0] in (True, "the data is nested too deeply")


def nested(kind: type, levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind is list else {"a": value}
    return value


@pytest.mark.parametrize("kind", [list, dict])
def test_values_nested_too_deeply_are_not_written(engine: Any, kind: type) -> None:
    write = writes(engine, ANYTHING)
    assert write(nested(kind, MAX_DEPTH))
    with pytest.raises(EncodeError, match="nested more than 128 deep, or holds itself"):
        write(nested(kind, MAX_DEPTH + 1))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(EncodeError, match="holds itself"):
        write(endless)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 10_000])
def test_writing_fits_a_small_stack(engine: Any, levels: int) -> None:
    """Also if each level is a union that has to try its branches."""
    shapes = obj("One", optional("n", any_of(ref("One"), ref("Two")))), obj("Two", optional("n", ref("One")))
    for node, kind in ((array(ANYTHING), list), (any_of(ref("One"), ref("Two")), dict)):
        value: Any = {}
        for _ in range(levels - 1):
            value = [value] if kind is list else {"n": value}
        write = writes(engine, node, *shapes)
        found: list[object] = []

        def run(write: Any = write, value: Any = value, found: list[object] = found) -> None:
            try:
                found.append(len(write(value)))
            except EncodeError as error:
                found.append(error.what)

        in_a_thread(run, (128 << 10) if engine == "native" else (16 << 20))
        refused = "the value is nested more than 128 deep, or holds itself"
        size = levels * 2 if kind is list else 6 * (levels - 1) + 2
        assert found == [size if levels == MAX_DEPTH else refused]


def test_too_few_calls_left_to_python_are_an_error_of_the_message() -> None:
    """Of the engine in Python, which takes some for each level."""

    def at(depth: int) -> Any:
        return at(depth - 1) if depth else read.decode_many([b"[" * 120 + b"]" * 120, b"1"])

    read = make_json_reader(schema_of(ANYTHING), engine="python")
    used = len(inspect.stack(0))
    _, errors = at(sys.getrecursionlimit() - used - 60)
    assert [error.what for error in errors.values()] == ["the data is nested too deeply"]


@dataclass(slots=True)
class Wide:
    a: int | None = None
    b: int | None = None
    c: int | None = None
    d: list[int] = field(default_factory=list)


def wide(count: int) -> tuple[Any, Any]:
    names = [f"p{number}" for number in range(count)]
    cls = make_dataclass("Many", [(name, Any, None) for name in names], slots=True)
    return obj("Many", *(optional(name, INTEGER) for name in names)), cls


def test_small_objects_of_wide_classes_are_limited(engine: Any) -> None:
    node, cls = wide(999)
    read = reads(engine, array(ref("Many")), node, Many=cls)
    most = ITEMS // 1000
    assert len(read(b"[" + b",".join([b"{}"] * most) + b"]")) == most
    message = b"[" + b",".join([b"{}"] * 10_000) + b"]"
    with pytest.raises(DecodeError, match="too many items for so few bytes") as caught:
        read(message)
    taken = (ITEMS + ITEMS_PER_BYTE * len(message)) // 1000
    assert (caught.value.position, caught.value.path) == (1 + 3 * taken, f"/{taken}")
    assert len(reads(engine, array(ref("Many")), node)(message)) == 10_000  # dicts have what the message has


def test_defaults_that_are_made_for_each_object_are_limited(engine: Any) -> None:
    default = list(range(1000))

    @dataclass(slots=True)
    class Made:
        d: list[int] = field(default_factory=lambda: list(default))

    @dataclass
    class MadeByCall:
        d: list[int] = field(default_factory=lambda: list(default))

    node = obj("Made", optional("d", array(INTEGER), default=default))
    for cls in (Made, MadeByCall):
        read = reads(engine, array(ref("Made")), node, Made=cls)
        assert read(b"[{},{}]")[1].d == default
        assert len(read(b"[" + b",".join([b'{"d":[]}'] * 20_000) + b"]")) == 20_000
        with pytest.raises(DecodeError, match="too many items for so few bytes"):
            read(b"[" + b",".join([b"{}"] * 1000) + b"]")


def test_objects_of_usual_width_are_not_limited(engine: Any) -> None:
    node = obj(
        "Wide", *(optional(name, INTEGER) for name in "abc"), optional("d", array(INTEGER), default=[])
    )
    read = reads(engine, array(ref("Wide")), node, Wide=Wide)
    assert len(read(b"[" + b",".join([b"{}"] * 50_000) + b"]")) == 50_000


def test_the_search_for_a_branch_is_limited(engine: Any) -> None:
    """Each level has two branches that fail at its end: without a limit it would take 2^60 readings."""
    one = obj("One", optional("n", ref("Two")), optional("end", INTEGER))
    two = obj("Two", optional("n", any_of(ref("One"), ref("Two"))), optional("end", INTEGER))
    node = any_of(ref("One"), ref("Two"))
    deep = b'{"n":' * 60 + b"{}" + b',"end":"x"}' * 60
    for union in (node, array(node)):
        with pytest.raises(DecodeError) as caught:
            reads(engine, union, one, two)(deep if union is node else b"[" + deep + b"]")
        assert caught.value.what in (
            "too many items for so few bytes",
            "the value fits no branch of the union",
        )


def test_the_search_for_a_branch_to_write_is_limited(engine: Any) -> None:
    one = obj("One", optional("n", any_of(ref("One"), ref("Two"))), optional("end", INTEGER))
    two = obj("Two", optional("n", any_of(ref("Two"), ref("One"))), optional("end", INTEGER))
    value: Any = {}
    for _ in range(40):
        value = {"n": value, "end": "x"}
    with pytest.raises(EncodeError):
        writes(engine, any_of(ref("One"), ref("Two")), one, two)(value)


def test_unions_inside_of_unions_look_at_what_they_hold_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In plain Python: each of a hundred levels looked at all of it before, a megabyte took a minute."""
    read_string, count = JsonCursor.string, 0

    def string(self: JsonCursor) -> str:
        nonlocal count
        count += 1
        return read_string(self)

    monkeypatch.setattr(JsonCursor, "string", string)
    branches = any_of(ref("One"), ref("Two"))
    shapes = obj("One", optional("n", branches), optional("x", ANYTHING)), obj("Two", required("z", INTEGER))
    message = b'{"n":' * 100 + b'{"x":[' + b'"a",' * 1000 + b"1]}" + b"}" * 100
    value = reads("python", branches, *shapes)(message)
    assert str(value).count("'a'") == 1000
    assert count < 5000


def test_long_lists_of_second_branches_are_not_limited(engine: Any) -> None:
    node = array(any_of(array(INTEGER), array(STRING)))
    value = [["a" * 5] * 10] * 5_000
    data = writes(engine, node)(value)
    assert reads(engine, node)(data) == value
    large = [1] * 50_000 + ["x"]
    other = any_of(array(INTEGER), array(any_of(INTEGER, STRING)))
    assert reads(engine, other)(writes(engine, other)(large)) == large


@pytest.mark.parametrize("digits", [10**5, 10**6])
def test_numbers_of_too_many_digits_are_refused_at_once(engine: Any, digits: int) -> None:
    ones = b"1" * digits
    for node in (INTEGER, NUMBER, ANYTHING, text("decimal")):
        for number in (ones, b"0." + ones, b"-" + ones + b"e-5"):
            message = b'"' + number + b'"' if node == text("decimal") else number
            with pytest.raises(DecodeError, match="more than 4,096 digits"):
                reads(engine, node)(message)
    with pytest.raises(DecodeError, match="more than 4,096 digits") as caught:
        reads(engine, DROPS)(b'{"x":[' + ones + b"]}")
    assert (caught.value.position, caught.value.path) == (6, "/x/0")
    assert reads(engine, NUMBER)(b"1e-" + ones) == 0.0


def test_long_strings(engine: Any) -> None:
    size = 10 << 20
    read, write = reads(engine, STRING), writes(engine, STRING)
    for value in (
        "a" * size,
        "é" * (size // 2),
        "😀" * (size // 4),
        '"\\' * (size // 40),
        "\n" * (size // 20),
    ):
        data = write(value)
        assert read(data) == value
        for node in (text("date"), text("uuid"), text("base64"), text("duration"), text("decimal")):
            if node != text("base64") or len(value) % 4 or value[0] != "a":
                with pytest.raises(DecodeError):
                    reads(engine, node)(data)
        with pytest.raises(DecodeError, match="ends too early"):
            read(data[:-1])
    for damaged in (b"\\u00", b"\\x", b"\n", b"\xff", b"\\ud800"):
        with pytest.raises(DecodeError):
            read(b'"' + b"a" * size + damaged + b'"')


def test_many_properties(engine: Any) -> None:
    count = 100_000
    names = [f"p{number}" for number in range(count)]
    value: dict[str, Any] = dict.fromkeys(names, 1)
    for node in (ANYTHING, mapping(INTEGER), obj("O", more=INTEGER)):
        data = writes(engine, node)(value)
        assert reads(engine, node)(data) == value
        with pytest.raises(DecodeError, match="there twice"):
            reads(engine, node)(data[:-1] + b',"p5":1}')
    assert reads(engine, DROPS)(writes(engine, ANYTHING)(value)) == {}
    wide_node, cls = wide(3000)
    many = writes(engine, wide_node)(dict.fromkeys(names[:3000], 1))
    assert reads(engine, wide_node, Many=cls)(many).p2999 == 1
    assert reads(engine, any_of(ref("Many"), ref("O")), wide_node, obj("O", required("x", INTEGER)))(many)


def test_an_object_with_100_000_properties_in_its_schema(engine: Any) -> None:
    names = [f"p{number}" for number in range(100_000)]
    node = obj("O", *(optional(name, INTEGER) for name in names))
    value = dict.fromkeys(reversed(names), 1)
    assert reads(engine, node)(writes(engine, ANYTHING)(value)) == value


def test_memory_stays_in_proportion(engine: Any) -> None:
    messages = [b"[" * 50_000, b'{"a":' * 50_000, b"[{}" + b",{}" * 50_000, b'["' + b"\\u0000" * 50_000]
    read = reads(engine, any_of(array(ANYTHING), mapping(ANYTHING)))
    tracemalloc.start()
    try:
        for message in messages:
            with pytest.raises(DecodeError):
                read(message)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50 << 20


def test_an_error_refers_to_nothing_of_the_payload(engine: Any) -> None:
    class Payload(bytes):
        pass

    for message in (b'{"z":x}', b'{"z":"a"}', b"\xff", b"1 1"):
        payload = Payload(message)
        before = sys.getrefcount(payload)
        decoded = make_json_reader(
            schema_of(any_of(DROPS.fields[0].type, ref("Drops")), DROPS), engine=engine
        )
        result = decoded.decode_many([payload])
        assert result.errors[0].__traceback__ is None
        assert result.errors[0].__context__ is None
        assert sys.getrefcount(payload) == before
