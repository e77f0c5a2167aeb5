"""The names that recovery stores hold: a store is opened by those, so each stays where it is."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime import state

RAW = rt.RawMessage(key=b"k", value=b"v", topic="orders", partition=0, offset=1, timestamp=2)
KEPT: dict[str, tuple[Any, set[str]]] = {
    "message": (rt.Message("k", "v", "orders", 0, 1), {"kgen_runtime.state.message"}),
    "raw message": (RAW, {"kgen_runtime.state.raw_message"}),
    "failure": (
        rt.Failure(
            stage=rt.Stage.LATE, transient=False, error_class="E", message="m", fingerprint="f", original=RAW
        ),
        {"kgen_runtime.state.failure", "kgen_runtime.state.raw_message"},
    ),
    "stage": (rt.Stage.LATE, {"kgen_runtime.messages.Stage"}),
    "tombstone": (rt.TOMBSTONE, {"kgen_runtime.messages.Tombstone"}),
    "branch": (rt.of_branch(3, "long"), {"kgen_runtime.codec.branches.of_branch"}),
    "duration": (rt.Duration(1, 2, 3), {"kgen_runtime.codec.values.Duration"}),
    "out of range": (rt.OutOfRange(1, "date"), {"kgen_runtime.codec.values.OutOfRange"}),
    "nanoseconds": (rt.TimestampNanos(5), {"kgen_runtime.codec.values.TimestampNanos"}),
    "local nanoseconds": (rt.LocalTimestampNanos(5), {"kgen_runtime.codec.values.LocalTimestampNanos"}),
    "error": (
        rt.LateError("too late", where="w", hint="h"),
        {"kgen_runtime.errors._rebuild", "kgen_runtime.errors.LateError"},
    ),
}


def names(data: bytes) -> set[str]:
    """The names of kgen's that a pickle asks for."""
    texts: list[str] = []
    found = set()
    memo: list[str] = []
    for opcode, argument, _ in pickletools.genops(data):
        if "UNICODE" in opcode.name:
            texts.append(str(argument))
        elif opcode.name == "MEMOIZE":
            memo.append(texts[-1] if texts else "")
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[int(argument or 0)])
        elif opcode.name == "STACK_GLOBAL":
            found.add(".".join(texts[-2:]))
    return {name for name in found if name.startswith("kgen_runtime")}


@pytest.mark.parametrize("what", KEPT)
def test_what_a_store_refers_to_stays_where_it_is(what: str) -> None:
    value, expected = KEPT[what]
    data = pickle.dumps(value, protocol=4)
    assert names(data) == expected
    assert repr(pickle.loads(data)) == repr(value)


@pytest.mark.parametrize("name", state.__all__)
def test_what_makes_objects_is_found_by_the_name_that_a_store_has(name: str) -> None:
    """Also what is imported only then."""
    makes = pickle.loads(f"c{state.__name__}\n{name}\n.".encode())
    assert pickle.dumps(makes, protocol=0).startswith(f"c{state.__name__}\n{name}\n".encode())


def test_a_name_that_no_store_has_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_object"):
        pickle.loads(b"ckgen_runtime.state\nno_object\n.")
