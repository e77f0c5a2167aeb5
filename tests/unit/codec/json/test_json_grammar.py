"""What is JSON and what is not: cases as in JSONTestSuite, written here.

RFC 8259 lets readers choose in some; those are marked, and docs/reference/json.md says what the codec does.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.codec.json.json_kit import ANYTHING, array, mapping, obj, optional, reads

from kgen_runtime.errors import DecodeError

ACCEPTED: list[bytes] = [
    *(b"[]", b"{}", b"[[]]", b'[""]', b"[ ]", b"{ }", b" [] ", b"\n\r\t 1 \t\r\n"),
    *(b"null", b"true", b"false", b"0", b"-0", b"-1", b"1.0", b'"x"'),
    *(b"[0e1]", b"[0e+1]", b"[1E22]", b"[1e-2]", b"[1E-2]", b"[1E+2]", b"[123.456e78]", b"[-0.0]"),
    *(b"[-123]", b"[20e1]", b"[1e-9999]", b"[123.456789]"),
    b"[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]",
    *(b"[null, 1, true]", b"[1,null,null,null,2]", b"[false]", b'["asd"]'),
    *(b'{"":0}', b'{"a":[]}', b'{"a":"b","asd":"sdf"}', b'{"a":{"b":{"c":null}}}'),
    *(rb'{"foo\u0000bar": 42}', rb'{"title":"\u041f"}', b'{\n"a": "b"\n}', b'{"min": -1.0e+28}'),
    *(rb'["\u0060\u012a\u12AB"]', rb'["\uD801\udc37"]', rb'["\ud83d\ude39\ud83d\udc8d"]'),
    *(rb'["\"\\\/\b\f\n\r\t"]', rb'["\\u0000"]', rb'["\""]', rb'["\\a"]', rb'["\\n"]', rb'["\u0012"]'),
    *('["é"]'.encode(), '["\uffff"]'.encode(), '["\U0010ffff"]'.encode(), '["\u2028\u2029\x7f"]'.encode()),
    *(rb'["\uDBFF\uDFFF"]', rb'["new\u00A0line"]', rb'["\u0000"]', rb'["\uFDD0\uFFFE"]', rb'["a\/*b*\/c"]'),
    b"\xef\xbb\xbf[]",  # readers may choose: a byte order mark is skipped
    b"\xef\xbb\xbf \n{}",
    b"[" + b"1" * 400 + b"]",  # readers may choose: integers of any size
    b"[1.7976931348623157e308]",
]

REFUSED: list[tuple[bytes, int, str]] = [
    (b"", 0, "the data ends too early"),
    (b"  ", 2, "the data ends too early"),
    (b"\xef\xbb\xbf", 3, "the data ends too early"),
    (b"\xef\xbb\xbf\xef\xbb\xbf1", 3, "expected a JSON value"),
    (b"1\xef\xbb\xbf", 1, "3 bytes are left over"),
    (b"[", 1, "the data ends too early"),
    (b"[1", 2, "the data ends too early"),
    (b"[1,", 3, "the data ends too early"),
    (b"[1,]", 3, "expected a JSON value"),
    (b"[,1]", 1, "expected a JSON value"),
    (b"[1,,2]", 3, "expected a JSON value"),
    (b"[1 true]", 3, "expected ',' or ']'"),
    (b"[1:2]", 2, "expected ',' or ']'"),
    (b"[1}", 2, "expected ',' or ']'"),
    (b"]", 0, "expected a JSON value"),
    (b"[]]", 2, "1 bytes are left over"),
    (b"[] []", 3, "2 bytes are left over"),
    (b"[]\0", 2, "1 bytes are left over"),
    (b"\0", 0, "expected a JSON value"),
    (b"[\0]", 1, "expected a JSON value"),
    (b"[\x0b1]", 1, "expected a JSON value"),
    (b"[\xc2\xa01]", 1, "expected a JSON value"),
    (b"[a", 1, "expected a JSON value"),
    (b"[nul]", 1, "expected a JSON value"),
    (b"[nullx]", 5, "expected ',' or ']'"),
    (b"tru", 0, "expected a JSON value"),
    (b"[True]", 1, "expected a JSON value"),
    (b"[fals", 1, "expected a JSON value"),
    (b"[NaN]", 1, "NaN and Infinity are not JSON"),
    (b"[Infinity]", 1, "NaN and Infinity are not JSON"),
    (b"[-Infinity]", 2, "NaN and Infinity are not JSON"),
    (b"[-NaN]", 2, "expected a digit"),
    (b"[+1]", 1, "expected a JSON value"),
    (b"[.5]", 1, "expected a JSON value"),
    (b"[-]", 2, "expected a digit"),
    (b"-", 1, "the data ends too early"),
    (b"[-.5]", 2, "expected a digit"),
    (b"[01]", 2, "expected ',' or ']'"),
    (b"[-01]", 3, "expected ',' or ']'"),
    (b"00", 1, "1 bytes are left over"),
    (b"[1.]", 3, "expected a digit"),
    (b"1.", 2, "the data ends too early"),
    (b"[1.e1]", 3, "expected a digit"),
    (b"[1.5.2]", 4, "expected ',' or ']'"),
    (b"[1e]", 3, "expected a digit"),
    (b"[1e+]", 4, "expected a digit"),
    (b"1e-", 3, "the data ends too early"),
    (b"1.5E", 4, "the data ends too early"),
    (b"[1e1.5]", 4, "expected ',' or ']'"),
    (b"[1ee2]", 3, "expected a digit"),
    (b"[0x1]", 2, "expected ',' or ']'"),
    (b"[1_000]", 2, "expected ',' or ']'"),
    (b"[--1]", 2, "expected a digit"),
    (b"{", 1, "the data ends too early"),
    (b'{"a"', 4, "the data ends too early"),
    (b'{"a":', 5, "the data ends too early"),
    (b'{"a":1', 6, "the data ends too early"),
    (b'{"a":1,', 7, "the data ends too early"),
    (b'{"a":1,}', 7, "expected a property's name in quotes"),
    (b"{a:1}", 1, "expected a property's name in quotes"),
    (b"{'a':1}", 1, "expected a property's name in quotes"),
    (b"{1:1}", 1, "expected a property's name in quotes"),
    (b"{,}", 1, "expected a property's name in quotes"),
    (b'{"a" 1}', 5, "expected ':'"),
    (b'{"a",1}', 4, "expected ':'"),
    (b'{"a"::1}', 5, "expected a JSON value"),
    (b'{"a":}', 5, "expected a JSON value"),
    (b'{"a":1 "b":2}', 7, "expected ',' or '}'"),
    (b'{"a":1]', 6, "expected ',' or '}'"),
    (b'{"a":1}//', 7, "2 bytes are left over"),
    (b"/**/1", 0, "expected a JSON value"),
    (b"[1/**/]", 2, "expected ',' or ']'"),
    (b"[#]", 1, "expected a JSON value"),
    (b"['a']", 1, "expected a JSON value"),
    (b'["', 2, "the data ends too early"),
    (b'["a', 3, "the data ends too early"),
    (b'["\\', 3, "the data ends too early"),
    (b'["\\"', 4, "the data ends too early"),
    (b'["\\n\\', 5, "the data ends too early"),
    (b'["\\n\\"', 6, "the data ends too early"),
    (b'["\\"]', 5, "the data ends too early"),
    (b'["a\nb"]', 3, "a string holds a control character that is not escaped"),
    (b'["\t"]', 2, "a string holds a control character that is not escaped"),
    (b'["\0"]', 2, "a string holds a control character that is not escaped"),
    (b'["\\\x00"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\x41"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\a"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\U0041"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\\'"]', 2, "a string holds an escape that JSON does not have"),
    ('["é\\é"]'.encode(), 4, "a string holds an escape that JSON does not have"),
    (b'["\\u"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\u00A"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\u00G0"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\u+123"]', 2, "a string holds an escape that JSON does not have"),
    (b'["\\u 123"]', 2, "a string holds an escape that JSON does not have"),
    (b'["a\\n\\q"]', 5, "a string holds an escape that JSON does not have"),
    # readers may choose: lone surrogates are refused
    (b'["\\ud800"]', 2, "a string holds a lone surrogate"),
    (b'["\\uDC00"]', 2, "a string holds a lone surrogate"),
    (b'["\\ud800\\ud800"]', 2, "a string holds a lone surrogate"),
    (b'["\\ude00\\ud83d"]', 2, "a string holds a lone surrogate"),
    (b'["\\ud83dx\\ude00"]', 2, "a string holds a lone surrogate"),
    (b'["\\ud83d\\n"]', 2, "a string holds a lone surrogate"),
    (b'["\\ud83d\\u12"]', 2, "a string holds a lone surrogate"),
    ('["é\\ud83d\\ude00\\ud83d"]'.encode(), 16, "a string holds a lone surrogate"),
    # readers may choose: what is not UTF-8 is refused, before anything else
    (b'["\xff"]', 2, "the message is not valid UTF-8"),
    (b'["\xc3"]', 2, "the message is not valid UTF-8"),
    (b'["\xc0\x80"]', 2, "the message is not valid UTF-8"),
    (b'["\xed\xa0\x80"]', 2, "the message is not valid UTF-8"),
    (b'["\xf4\x90\x80\x80"]', 2, "the message is not valid UTF-8"),
    (b'["a\xe2\x82', 3, "the message is not valid UTF-8"),
    (b"[1,x,\xff]", 5, "the message is not valid UTF-8"),
    (b"\xff\xfe[\0]\0", 0, "the message is not valid UTF-8"),
    (b"[\0]\0", 1, "expected a JSON value"),
    (b"\xef\xbb1", 0, "the message is not valid UTF-8"),
    # readers may choose: numbers that no float holds are refused
    (b"[1e400]", 1, "a number is beyond the range of a float"),
    (b"[-1e400]", 1, "a number is beyond the range of a float"),
    # readers may choose: a name may stand once
    (b'{"a":1,"a":1}', 7, "the property 'a' is there twice"),
    (b'{"a":1,"\\u0061":2}', 7, "the property 'a' is there twice"),
]
DROPS = obj("D", optional("z", ANYTHING))


@pytest.mark.parametrize("message", ACCEPTED)
def test_what_is_json_is_read_as_pythons_own_module_reads_it(engine: Any, message: bytes) -> None:
    assert reads(engine, ANYTHING)(message) == json.loads(message)


@pytest.mark.parametrize("message", ACCEPTED)
def test_what_is_json_is_dropped(engine: Any, message: bytes) -> None:
    inside = b'{"x":' + message.removeprefix(b"\xef\xbb\xbf") + b',"z":1}'
    assert reads(engine, DROPS)(inside) == {"z": 1}


@pytest.mark.parametrize(("message", "at", "why"), REFUSED)
def test_what_is_not_json_is_refused_where_it_is_wrong(
    engine: Any, message: bytes, at: int, why: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, ANYTHING)(b"12345" + message, 5)
    assert caught.value.what.startswith(why)
    assert caught.value.position == at + 5


OF_VALUES = ("beyond the range", "there twice")


@pytest.mark.parametrize(
    ("message", "at", "why"),
    [case for case in REFUSED if case[0][:1] in (b"[", b"{") and not any(o in case[2] for o in OF_VALUES)],
)
def test_what_is_not_json_is_refused_where_it_is_dropped(
    engine: Any, message: bytes, at: int, why: str
) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, DROPS)(b'{"x":' + message)
    if "left over" not in why:
        assert (caught.value.what, caught.value.position) == (why, at + 5)


def test_every_prefix_of_a_message_is_refused_at_its_end_or_at_a_literal(engine: Any) -> None:
    message = '{"a": [1.5e3, true, null, "é\\u00e9", {}], "b": {"c": [[]]}}'.encode()
    read = reads(engine, ANYTHING)
    for end in range(len(message)):
        with pytest.raises(DecodeError) as caught:
            read(message[:end])
        literal = message[caught.value.position :].startswith((b"true", b"null"))
        assert (
            caught.value.position == end or literal or caught.value.what == "the message is not valid UTF-8"
        )


@pytest.mark.parametrize(
    ("node", "message", "path", "at"),
    [
        (array(mapping(ANYTHING)), b'[{}, {"a": [0, {"b": x}]}]', "/1/a/1/b", 21),
        (ANYTHING, b'{"a~b/c": {"": [tru]}}', "/a~0b~1c//0", 16),
        (ANYTHING, '{"é": ["\\ud800"]}'.encode(), "/é/0", 9),
        (ANYTHING, b'{"a": {"b\n": 1}}', "/a", 9),
        (ANYTHING, b'{"a": {"b" 1}}', "/a/b", 11),
        (ANYTHING, b'{"a": [1 2]}', "/a", 9),
        (ANYTHING, b'{"a": {"b": 1 "c"}}', "/a", 14),
        (ANYTHING, b'{"a": {"b": 1, "b": 2}}', "/a/b", 15),
        (DROPS, b'{"x": {"a": [0, x]}}', "/x/a/1", 16),
        (DROPS, b'{"x": 1} x', "", 9),
        (ANYTHING, b'{"' + b"k" * 1000 + b'": x}', "/" + "k" * 200, 1005),
    ],
)
def test_an_error_has_the_pointer_of_the_value(
    engine: Any, node: Any, message: bytes, path: str, at: int
) -> None:
    with pytest.raises(DecodeError) as caught:
        reads(engine, node)(message)
    assert (caught.value.path, caught.value.position) == (path, at)
    assert str(caught.value).splitlines()[1] == f"  at byte {at}" + (f", field {path}" if path else "")


@pytest.mark.parametrize("offset", [-1, 4, 1 << 70])
def test_an_offset_outside_of_the_payload_is_refused(engine: Any, offset: int) -> None:
    with pytest.raises(DecodeError, match="ends too early") as caught:
        reads(engine, ANYTHING)(b"123", offset)
    assert caught.value.position == 3


@pytest.mark.parametrize("data", ["{}", bytearray(b"{}"), None, 1])
def test_a_payload_is_bytes(engine: Any, data: Any) -> None:
    with pytest.raises(TypeError, match="a payload must be bytes"):
        reads(engine, ANYTHING)(data)


def test_a_subclass_of_bytes_is_a_payload(engine: Any) -> None:
    class Odd(bytes):
        def __len__(self) -> int:
            return 0

        def __getitem__(self, at: Any) -> Any:
            raise AssertionError

    assert reads(engine, ANYTHING)(Odd(b'{"a": 1}')) == {"a": 1}


@pytest.mark.parametrize("lead", range(9))
def test_escapes_and_wide_characters_in_long_strings(engine: Any, lead: int) -> None:
    """At every place in a word of eight bytes, next to each other and apart."""
    value = "x" * lead + 'é\u6f22\U0001f600\n"\\' * 3 + "Straße und Köln, " * 100 + "é" * 2000 + "end"
    read = reads(engine, ANYTHING)
    for ascii_alone in (True, False):
        assert read(json.dumps([value], ensure_ascii=ascii_alone).encode()) == [value]
