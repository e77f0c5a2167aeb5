"""What kgen knows of librdkafka and confluent-kafka beyond their documentation, and works around.

`SEEN_WITH` is the version that all of it was last looked at with. Each assumption has a test on the installed
library (tests/unit/runtime/test_librdkafka_insides.py); what takes a broker that hangs is tied to the version
there: with another one, look whether the work-around is still needed.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from typing import Any, Final, TypeVar

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, cimpl

R = TypeVar("R")

SEEN_WITH: Final = "2.16"

MESSAGE_OVERHEAD: Final = 36
"""Bytes that librdkafka counts for a message beside its content, when it compares it with
`message.max.bytes`: RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD in its rdkafka_proto.h.
"""

BROKER_DESCRIPTORS: Final = 3
"""Open files of a client for each broker: a socket, and a pipe that wakes its thread."""
CLIENT_DESCRIPTORS: Final = 2 + BROKER_DESCRIPTORS
"""Of a client, beside its brokers: its own pipe, and a coordinator, which counts as another broker."""

NOT_CONNECTED: Final = frozenset({KafkaError._UNKNOWN_PARTITION, KafkaError._DESTROY_BROKER})
"""What librdkafka also answers while it has no connection to the leader of a partition."""

NO_GROUP: Final = "kgen"
"""For a consumer without a group: confluent-kafka wants one, and librdkafka asks for its coordinator at once.
Without commits nothing follows from the answer: who may not use the group may still read the topic.
"""

BROKER: Final = re.compile(
    r"((plaintext|ssl|sasl_plaintext|sasl_ssl)://)?"
    r"(?:(?P<host>\[[^\[\]\s]+\]|[^\s:/\[\]]*)(?::(?P<port>[0-9]{1,5}))?|(?P<ip6>[0-9a-f.]*:[0-9a-f.]*:[0-9a-f.:]*))"
    r"(?:/\S*)?",
    re.IGNORECASE | re.ASCII,
)
"""What librdkafka understands: a protocol, a host or an IPv6 address, a port. Of others it logs a line,
and then waits for brokers that it does not have.
"""
DEFAULT_PORT: Final = 9092

_NO_REBOOTSTRAP: Final = ("metadata.recovery.strategy", "none")
"""librdkafka's default is to start again from the bootstrap brokers when none answers. With 2.16 the calls of
a transactional producer then hang until the transaction has timed out, and the next one is fenced
(librdkafka #5511).
"""
_QUOTED_VALUE: Final = re.compile(r'(Invalid value )".*?"( for )')


@cache
def _knows_rebootstrap() -> bool:
    try:
        Producer(dict([_NO_REBOOTSTRAP, ("log_level", 0)]))  # it would warn of having no brokers
    except KafkaException:
        return False  # an older librdkafka, which does not do it either
    return True


def prevent_rebootstrap(config: dict[str, Any]) -> None:
    """Unless the user has chosen, a transactional producer does not start again from the bootstrap brokers.

    Other clients need to: one whose only broker had been frozen for seconds was seen to stay without a
    connection afterwards.
    """
    if _knows_rebootstrap():
        config.setdefault(*_NO_REBOOTSTRAP)


def ask_for_token(client: Any) -> None:
    """Let librdkafka ask for an OAuth token, without which the next call would not end well."""
    client.poll(0)


def open_transactions_error(producer: Producer) -> KafkaError | None:
    """What broke the transaction that is open. To be called only while one is.

    librdkafka has no call that reads it: it reports it to any call that another state would be needed for.
    That of `begin_transaction` is one without a transaction, so it begins none and changes nothing here.
    """
    try:
        producer.begin_transaction()
    except KafkaException as error:
        found: KafkaError = error.args[0]
        return found if found.fatal() or found.txn_requires_abort() else None
    return None


def hide_quoted_value(text: str) -> str:
    """The text of an error without the value of an option that it repeats."""
    return _QUOTED_VALUE.sub(r'\1"***"\2', text)


def is_text(text: str) -> bool:
    """Not with a lone surrogate: of one in a header's name, confluent-kafka 2.16 dies (SIGSEGV)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def run_apart(call: Callable[..., R], *arguments: Any) -> Future[R]:
    """In a thread that may hang without keeping the process: with librdkafka 2.16 at least,
    `send_offsets_to_transaction` does not heed its timeout while no broker answers (librdkafka #5456).
    """
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # noqa: BLE001 - the caller that asks for the result gets it
            future.set_exception(error)

    threading.Thread(target=run, name="kgen-transaction", daemon=True).start()
    return future


QUEUE_FUNCTIONS: Final = (
    "rd_kafka_consume_batch_queue",
    "rd_kafka_header_get_all",
    "rd_kafka_message_destroy",
    "rd_kafka_message_errstr",
    "rd_kafka_message_headers",
    "rd_kafka_message_timestamp",
    "rd_kafka_queue_destroy",
    "rd_kafka_queue_forward",
    "rd_kafka_queue_get_partition",
    "rd_kafka_queue_new",
)
"""What `codec.MessageQueue` calls; all of them are in librdkafka's documentation."""
_CLIENT_KNOWN: Final = ((2, 13), (2, 16))
"""The first and the last version of confluent-kafka whose consumers were looked at for where they keep
librdkafka's client: it is their first member.
"""


def queue_functions() -> dict[str, int] | None:
    """Addresses of `QUEUE_FUNCTIONS` in the librdkafka that confluent-kafka has loaded; None where it does
    not export them.
    """
    library = _library()
    if library is None:
        return None
    return {name: _address(getattr(library, name)) for name in QUEUE_FUNCTIONS}


def client_of(consumer: Consumer) -> int | None:
    """The address of librdkafka's client behind a consumer; None where it is not known for certain."""
    library = _library()
    if library is None or not isinstance(consumer, cimpl.Consumer):
        return None
    version = tuple(int(number) for number in re.findall("[0-9]+", str(confluent_kafka.version()))[:2])
    if not _CLIENT_KNOWN[0] <= version <= _CLIENT_KNOWN[1]:
        return None
    bare = cimpl.Consumer.__new__(cimpl.Consumer)  # without a client
    client = _first_member(consumer)
    if _first_member(bare) is not None or client is None:
        return None
    name = library.rd_kafka_name(client)
    return client if name is not None and _CONSUMER_NAME.search(name) else None


_CONSUMER_NAME: Final = re.compile(rb"#consumer-[0-9]+\Z")


def _first_member(instance: object) -> int | None:
    return ctypes.c_void_p.from_address(id(instance) + object.__basicsize__).value


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


@cache
def _library() -> Any:
    try:
        library = ctypes.CDLL(cimpl.__file__)  # which is loaded: names are looked up in what it needs as well
        for name in QUEUE_FUNCTIONS:
            getattr(library, name)
        library.rd_kafka_name.argtypes = [ctypes.c_void_p]
        library.rd_kafka_name.restype = ctypes.c_char_p
    except (OSError, AttributeError):
        return None
    return library
