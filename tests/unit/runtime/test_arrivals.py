"""What is done to messages as they arrive: the same for those of confluent-kafka and of `testing`, in both
engines of the codec.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from confluent_kafka import KafkaError
from confluent_kafka import Message as KafkaMessage

import kgen_runtime as rt
from kgen_runtime.codec import arrival_functions, has_native
from kgen_runtime.testing.memory_clients import MemoryMessage

ENGINES = [
    "python",
    pytest.param("native", marks=pytest.mark.skipif(not has_native(), reason="not compiled")),
]
HEADERS: list[tuple[str, bytes | None]] = [("trace", b"1"), ("none", None)]
END = KafkaError(KafkaError._PARTITION_EOF)


def of_client(partition: int, offset: int, error: KafkaError | None = None, **more: Any) -> Any:
    return KafkaMessage(
        topic="orders",
        partition=partition,
        offset=offset,
        error=error,
        **{"key": b"k", "value": b"v", "timestamp": (1, 5), **more},
    )


def of_memory(partition: int, offset: int, error: KafkaError | None = None, **more: Any) -> Any:
    kind, time = more.get("timestamp", (1, 5))
    raw = rt.RawMessage(
        key=more.get("key", b"k"),
        value=more.get("value", b"v"),
        topic="orders",
        headers=tuple(more.get("headers", ())),
        timestamp=time if kind else None,
    )
    return MemoryMessage(raw, partition, offset, error)


@pytest.fixture(params=ENGINES)
def functions(request: pytest.FixtureRequest) -> Any:
    return arrival_functions(engine=request.param)


@pytest.mark.parametrize("make", [of_client, of_memory])
def test_runs_are_of_one_partition_or_of_events(functions: Any, make: Any) -> None:
    places = [(3, None), (3, None), (0, None), (3, END), (0, END), (0, None), (3, None), (3, None)]
    messages = [make(partition, at, error) for at, (partition, error) in enumerate(places)]
    found = [(partition, [each.offset() for each in run]) for partition, run in functions.runs(messages)]
    assert found == [(3, [0, 1]), (0, [2]), (-1, [3, 4]), (0, [5]), (3, [6, 7])]
    assert functions.runs(messages[:2]) == [(3, messages[:2])]
    assert functions.runs(messages[3:4]) == [(-1, messages[3:4])]
    assert functions.runs([]) == []


@pytest.mark.parametrize("make", [of_client, of_memory])
def test_columns_have_a_part_of_each_message(functions: Any, make: Any) -> None:
    messages = [
        make(0, 7),
        make(0, 9, key=None, value=None, timestamp=(0, 0)),
        make(0, 10, value=b"", headers=list(HEADERS), timestamp=(2, 6)),
    ]
    assert functions.columns(messages) == (
        [b"k", None, b"k"],
        [b"v", None, b""],
        [(), (), tuple(HEADERS)],
        [5, None, 6],
        [7, 9, 10],
        [(b"k", b"v", (), 5), (None, None, (), None), (b"k", b"", tuple(HEADERS), 6)],
        3,
        [],
    )
    assert messages == []
    assert functions.columns([]) == ([], [], [], [], [], [], 0, [])


@pytest.mark.parametrize("time", [0, 1, -1, 1_764_460_800_123, 2**63 - 1, -(2**63), 0x1122334455667788])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_times_are_those_of_the_client(functions: Any, kind: int, time: int) -> None:
    """The native engine reads them where messages keep them."""
    message = of_client(0, 1, timestamp=(kind, time))
    told = message.timestamp()
    assert functions.columns([message])[3] == [told[1] if told[0] else None]


def test_what_is_taken_is_let_go_of(functions: Any) -> None:
    value = b"%d" % id(functions)
    messages = [of_client(0, 1, value=value)]
    before = sys.getrefcount(value)
    columns = functions.columns(messages)
    assert sys.getrefcount(value) - before == 1  # in the columns and in the origin, not in the message
    del columns
    assert sys.getrefcount(value) == before - 1


def test_messages_of_a_derived_class_are_taken_too(functions: Any) -> None:
    class Other(KafkaMessage):
        pass

    messages = [of_client(1, 0), Other(topic="orders", partition=1, offset=1, key=b"o")]
    assert functions.runs(messages) == [(1, messages)]
    assert functions.columns(messages)[0] == [b"k", b"o"]


def test_nothing_leaks(functions: Any) -> None:
    """Neither the messages, which garbage collection may not visit, nor their parts."""
    value = b"%d" % id(functions)
    message = of_client(0, 1 << 40, value=value, headers=list(HEADERS))
    end = of_client(0, 1, END)
    before = [sys.getrefcount(each) for each in (value, message, end, END)]
    for _ in range(100):
        functions.runs([message, message, end])
        functions.columns([message] * 3)
    assert [sys.getrefcount(each) for each in (value, message, end, END)] == before


def test_a_message_of_the_client_refers_to_nothing_that_may_refer_to_it() -> None:
    """So the native engine takes it from garbage collection's lists."""
    message = of_client(0, 1, headers=list(HEADERS))
    assert {type(each) for each in gc.get_referents(message)} <= {str, bytes, list, type, type(None)}
    failed = of_client(0, 1, END)
    assert {type(each) for each in gc.get_referents(failed)} <= {str, bytes, KafkaError, type, type(None)}
