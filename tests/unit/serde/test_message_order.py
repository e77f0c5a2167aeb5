"""The order of a Protobuf file's messages, and message indexes: protoc is the judge of both."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kgen_runtime.errors import FramingError, SchemaError
from kgen_runtime.serde.message_indexes import read_indexes, written_indexes
from kgen_runtime.serde.message_order import message_order, words_of
from kgen_runtime.serde.message_scopes import MAX_NESTED, MessageOrder

ODD = """// a message that is none: message Not {}
syntax = "proto2"; /* message Neither { */ package
  shop . odd;
option java_package = "message Nor {";
message A { // message {
  reserved 7, 60 to 80; reserved "gone";
  extensions 100 to 200;
  optional string message = 1 [default = "}{ \\" ;", deprecated = true];
  map<string, B> entries = 2;
  message B { enum E { message = 0; } oneof q { group Gg = 3 { message InGroup {} } } message C {} }
  optional group Other = 9 [deprecated = true] { optional int32 x = 1; }
  message D {};
  extend A { optional int32 more = 101; repeated group Nested = 102 {} }
}
extend A { optional group Ext = 100 {} }
enum X { Y = 0; }
service S { rpc M(A) returns (A) { option deprecated = true; } rpc N(stream A) returns (Z); }
message Z {}
"""


def protoc_descriptor(text: str, folder: Path) -> Any:
    """What protoc makes of a file."""
    from google.protobuf import descriptor_pb2
    from grpc_tools import protoc

    (folder / "t.proto").write_text(text)
    assert protoc.main(["protoc", f"-I{folder}", f"--descriptor_set_out={folder / 'o'}", "t.proto"]) == 0
    (file,) = descriptor_pb2.FileDescriptorSet.FromString((folder / "o").read_bytes()).file
    return file


def named(messages: Any, prefix: str, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], str]]:
    """The full names of messages in a descriptor, by their indexes."""
    for i, message in enumerate(messages):
        if not message.options.map_entry:
            name = f"{prefix}.{message.name}".lstrip(".")
            yield (*at, i), name
            yield from named(message.nested_type, name, (*at, i))


def test_a_scan_finds_what_protoc_finds(tmp_path: Path) -> None:
    descriptor = protoc_descriptor(ODD, tmp_path)
    order = message_order(ODD)
    assert order.described == dict(named(descriptor.message_type, "shop.odd"))
    assert order.package == "shop.odd"
    # Java counts neither the entries of maps nor groups.
    assert order.names((0, 0)) == ("shop.odd.A.B",)
    assert order.names((0, 1)) == ("shop.odd.A.D", "shop.odd.A.B")
    assert order.names((9,)) == order.names((0, 0, 0, 0)) == ()
    assert order.indexes("shop.odd.A.B.C") == (0, 0, 0)
    assert order.indexes("shop.odd.A.Other") is None
    assert message_order(base64.b64encode(descriptor.SerializeToString()).decode()) == order


NAMES = st.sampled_from(["A", "B", "message", "group", "map", "option", "x1"])
INSIDE = st.sampled_from(["int32 f{} = 1;", "map<string, int32> m{} = 2;", "oneof o{} {{ int32 p{} = 3; }}"])


@st.composite
def files(draw: st.DrawFn, depth: int = 3) -> str:
    """Messages with fields and messages in any order; names differ by a number."""
    counter = iter(range(1, 1_000_000))

    def message(left: int) -> str:
        body = []
        for _ in range(draw(st.integers(0, 4))):
            number = next(counter)
            if left and draw(st.booleans()):
                body.append(message(left - 1))
            else:
                body.append(draw(INSIDE).format(number, number).replace(" = ", f" = {len(body) + 1}0"))
        return f"message {draw(NAMES)}{next(counter)} {{ {' '.join(body)} }}"

    return 'syntax = "proto3";\n' + "\n".join(message(depth) for _ in range(draw(st.integers(1, 4))))


@settings(max_examples=40, deadline=None)
@given(files())
def test_a_scan_of_any_file_finds_what_protoc_finds(tmp_path_factory: Any, text: str) -> None:
    descriptor = protoc_descriptor(text, tmp_path_factory.mktemp("proto"))
    order = message_order(text)
    assert order.described == dict(named(descriptor.message_type, ""))
    assert sorted(order.written.values()) == sorted(order.described.values())
    for indexes, name in order.written.items():
        assert order.indexes(name) == indexes


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("message A {", "without its }"),
        ("message A {}}", "too many"),
        ("message A {} x", "inside a statement"),
        ('import "a', "without an end"),
        ("/* " * 50_000, "without an end"),
        ("message A { string a = 1 [", "inside a statement"),
        ("message A { " * (MAX_NESTED + 2) + "}" * (MAX_NESTED + 2), "levels deep"),
        ("{" * 200_000, "levels deep"),
        ("message A {}\n" * 30_001, "more than 30000 messages"),
        (f"message {'A' * 1_001} {{}}", "a name of 1001 characters"),
        ("A" * ((16 << 20) + 1), "the most is"),
        ("Q29uZmx1ZW50", "neither a Protobuf file nor the descriptor"),
    ],
)
def test_texts_that_are_not_files(text: str, what: str) -> None:
    with pytest.raises(SchemaError, match=what):
        message_order(text)


@given(st.binary(max_size=40))
@example(b"\x22\x04\x0a\x02ab")
@example(b"\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
def test_damaged_descriptors_are_errors(data: bytes) -> None:
    try:
        found = message_order(base64.b64encode(data).decode())
    except SchemaError:
        return
    assert isinstance(found, MessageOrder)


def test_files_of_many_messages_are_scanned() -> None:
    text = "".join(
        f"message M{i} {{ optional int32 a = 1; map<string, string> b = 2; }}\n" for i in range(20_000)
    )
    assert message_order(text).names((19_999,)) == ("M19999",)
    assert message_order("").names((0,)) == ()


def test_words_leave_out_space_and_comments() -> None:
    assert words_of("message  A{} // a\n") == words_of("message A {\n}/* b */") != words_of("message B {}")
    assert words_of("message A { int32 a = 1; }") != words_of("message A { int32 a = 2; }")


@given(st.lists(st.integers(0, (1 << 31) - 1), min_size=1, max_size=MAX_NESTED))
def test_indexes_come_back(indexes: list[int]) -> None:
    data = b"\x00\x00\x00\x00\x07" + written_indexes(tuple(indexes))
    assert read_indexes(data + b"rest", 5) == (tuple(indexes), len(data))


def test_indexes_are_those_of_confluent() -> None:
    assert [written_indexes(it).hex() for it in ((0,), (1,), (1, 0), (200,))] == [
        "00",
        "0202",
        "040200",
        "029003",
    ]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("", "end at byte 0"),
        ("02", "end at byte 1"),
        ("0280", "end at byte 2"),
        ("0101", "-1 message indexes"),
        ("0203", "message index -2 at byte 1 is negative"),
        ("02ffffffffff01", "more than 5 bytes"),
        ("02feffffff7f", "larger than"),
        ("ce01" + "00" * 103, "103 message indexes at byte 0: expected 1 to 100"),
    ],
)
def test_damaged_indexes(data: str, what: str) -> None:
    with pytest.raises(FramingError, match=what):
        read_indexes(bytes.fromhex(data), 0)
