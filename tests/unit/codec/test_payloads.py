"""What is done to all payloads of a batch at once: the same in both engines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_runtime.codec import batch_functions, payload_functions


@given(st.lists(st.none() | st.binary(max_size=4)), st.integers(0, 4))
def test_the_engines_agree_on_prefixes(payloads: list[bytes | None], size: int) -> None:
    beginnings = {None if each is None or len(each) < size else each[:size] for each in payloads}
    expected = beginnings.pop() if len(beginnings) == 1 else None
    for name in ("native", "python"):
        assert payload_functions(engine=name).common_prefix(payloads, size) == expected


@given(st.lists(st.none() | st.text().map(str.encode)))
def test_texts_are_decoded_and_none_stays(payloads: list[bytes | None]) -> None:
    for name in ("native", "python"):
        made = payload_functions(engine=name).texts(payloads)
        assert made == [None if each is None else each.decode() for each in payloads]


@pytest.mark.parametrize("payloads", [[b"\xff"], [b"a", None, b"\xc3"], [b"\xed\xa0\x80"]])
def test_what_is_not_utf8_is_an_error(engine: Any, payloads: list[bytes | None]) -> None:
    with pytest.raises(UnicodeDecodeError):
        payload_functions(engine=engine).texts(payloads)


def test_sizes_are_summed_without_what_is_missing(engine: Any) -> None:
    functions = payload_functions(engine=engine)
    assert functions.total_size([]) == functions.total_size([None]) == 0
    assert functions.total_size([b"abc", None, b"", b"de"]) == 5


def test_sizes_by_id_have_each_id_once(engine: Any) -> None:
    functions = payload_functions(engine=engine)
    keys, values = [b"a", None, b"", b"bc"], [b"123", b"4", None, b""]
    assert functions.sizes_by_id([7, None, 7, 1 << 31], keys, values) == [
        [7, 2, 4],
        [None, 1, 1],
        [1 << 31, 1, 2],
    ]
    assert functions.sizes_by_id([], [], []) == []
    with pytest.raises(ValueError, match="as many"):
        functions.sizes_by_id([7], [], [])


@pytest.mark.parametrize("wrong", ["a", 5])
def test_only_bytes_are_payloads(engine: Any, wrong: Any) -> None:
    functions = payload_functions(engine=engine)
    with pytest.raises(TypeError):
        functions.texts([b"a", wrong])
    assert functions.common_prefix([b"abc", b"abd"], 2) == b"ab"


@given(st.lists(st.none() | st.binary(max_size=3)), st.integers(0, 4), st.integers(0, 20))
def test_the_engines_agree_on_groups(payloads: list[bytes | None], size: int, more: int) -> None:
    many = [*payloads, *(bytes([number, 1, 2, 3]) for number in range(more)), *payloads]
    native, python = (batch_functions(engine=name) for name in ("native", "python"))
    groups = native.groups(many, size)
    assert groups == python.groups(many, size)
    assert sorted(i for _, where in groups for i in where) == [
        i for i, it in enumerate(many) if it is not None
    ]
    for functions in (native, python):
        into: list[bytes | None] = [None] * len(many)
        for prefix, where in groups:
            some = functions.picked(many, where)
            assert {(it or b"")[:size] for it in some} == {prefix}
            functions.spread(some, where, into)
        assert into == many


@given(
    st.lists(
        st.none() | st.binary(max_size=9) | st.sampled_from([b"\0\0", b"ab", b"abcdefgh", b"abcdefghi"])
    ),
    st.sampled_from([[], [b"\0"], [b"ab", b"a\0", b"b"], [b"abcdefgh", b"\0\0\0"], [b""]]),
)
def test_payloads_are_sorted_by_what_they_begin_with(
    payloads: list[bytes | None], prefixes: list[bytes]
) -> None:
    native, python = (batch_functions(engine=name) for name in ("native", "python"))
    *found, rest = native.by_prefix(payloads, prefixes)
    assert [*found, rest] == python.by_prefix(payloads, prefixes)
    for prefix, where in zip(prefixes, found):
        assert where == [i for i, it in enumerate(payloads) if it is not None and it.startswith(prefix)]
    present = {i for i, it in enumerate(payloads) if it is not None}
    assert set(rest) == present.difference(*found)


def test_batches_are_taken_apart_within_their_bounds(engine: Any) -> None:
    functions = batch_functions(engine=engine)
    for wrong in (
        lambda: functions.picked([1], [1]),
        lambda: functions.spread([1], [1], [0]),
        lambda: functions.spread([1, 2], [0], [0]),
        lambda: functions.groups(["a"], 1) and functions.groups([5], 1),  # type: ignore[list-item]
    ):
        with pytest.raises((IndexError, ValueError, TypeError)):
            wrong()


def test_prefixes_are_few_and_short_and_payloads_bytes() -> None:
    functions = batch_functions(engine="native")
    for prefixes in ([b"123456789"], [bytes([i]) for i in range(65)]):
        with pytest.raises(ValueError, match="prefix"):
            functions.by_prefix([b"a"], prefixes)
    for wrong in (5, "a"):
        with pytest.raises(TypeError):
            functions.by_prefix([wrong], [])  # type: ignore[list-item]
