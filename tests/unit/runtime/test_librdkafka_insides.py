"""What `kgen_runtime._librdkafka` assumes of confluent-kafka and librdkafka, asserted on them."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, cimpl
from confluent_kafka.admin import AdminClient

from kgen_runtime import _librdkafka

NOWHERE = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}


def test_the_work_arounds_that_need_a_hanging_broker_were_seen_with_this_version() -> None:
    """librdkafka #5511, #5456, and the answers without a connection: a change that locks another version
    has to look at them again. The one installed may be newer than the lock, where uv is not there.
    """
    assert _locked("confluent-kafka").rpartition(".")[0] == _librdkafka.SEEN_WITH


def _locked(name: str) -> str:
    lock = (Path(__file__).parents[3] / "uv.lock").read_text()
    found = re.search(rf'^name = "{name}"\nversion = "([^"]+)"', lock, re.MULTILINE)
    assert found is not None
    return found[1]


def test_there_is_an_option_against_starting_again_from_the_bootstrap_brokers() -> None:
    config: dict[str, Any] = dict(NOWHERE)
    _librdkafka.prevent_rebootstrap(config)
    assert config.pop("metadata.recovery.strategy") == "none"
    with pytest.raises(KafkaException):
        Producer({**config, "metadata.recovery.strategy": "other"})


@pytest.mark.parametrize("limit", [1_000, 1_000_000])
def test_a_message_counts_36_bytes_more_than_its_content(limit: int) -> None:
    producer = Producer({**NOWHERE, **({} if limit == 1_000_000 else {"message.max.bytes": limit})})
    most = limit - _librdkafka.MESSAGE_OVERHEAD
    producer.produce("topic", b"x" * most)
    with pytest.raises(KafkaException) as raised:
        producer.produce("topic", b"x" * (most + 1))
    assert raised.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    producer.purge()


@pytest.mark.parametrize("broker", ["host:port", "http://host:1", "host:1:2:x"])
def test_brokers_that_cannot_be_are_taken_without_an_error(broker: str) -> None:
    assert not _librdkafka.BROKER.fullmatch(broker)
    Producer({"bootstrap.servers": broker, "log_level": 0})


def test_a_broker_without_a_port_is_asked_at_the_default_one() -> None:
    said: list[str] = []
    config = {"bootstrap.servers": "no-such-host.invalid", "log_level": 0}
    producer = Producer({**config, "error_cb": lambda error: said.append(error.str())})
    end = time.monotonic() + 30
    while not said and time.monotonic() < end:
        producer.poll(0.1)
    assert f"no-such-host.invalid:{_librdkafka.DEFAULT_PORT}" in said[0]


@pytest.mark.parametrize("kind", [Consumer, Producer, AdminClient])
def test_a_poll_is_enough_to_be_asked_for_an_oauth_token(kind: Any) -> None:
    asked = []

    def token(config: str) -> tuple[str, float]:
        asked.append(config)
        return "token", time.time() + 3_600

    sasl = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": token}
    client = kind({**NOWHERE, **sasl, **({"group.id": "group"} if kind is Consumer else {})})
    _librdkafka.ask_for_token(client)
    assert len(asked) == 1


def test_an_error_of_an_option_repeats_its_value_in_these_words() -> None:
    with pytest.raises(KafkaException) as raised:
        Producer({**NOWHERE, "compression.type": "a secret"})
    text = raised.value.args[0].str()
    assert "a secret" in text
    assert "***" in _librdkafka.hide_quoted_value(text)
    assert "a secret" not in _librdkafka.hide_quoted_value(text)


OPENED = """
import os, sys
from contextlib import suppress
from confluent_kafka import KafkaException, Producer
config = {"log_level": 0, "bootstrap.servers": sys.argv[1]}
before = len(os.listdir("/dev/fd"))
producer = Producer(config)
with suppress(KafkaException):  # nothing answers, and all are connected to
    producer.list_topics(timeout=1)
print(len(os.listdir("/dev/fd")) - before)
"""


@pytest.mark.parametrize("brokers", [1, 5])
def test_a_client_opens_no_more_files_than_its_own_and_three_for_each_broker(brokers: int) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(brokers)]
        addresses = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
        # In a process of its own: here clients of other tests may close theirs meanwhile.
        done = subprocess.run(
            [sys.executable, "-c", OPENED, addresses], capture_output=True, text=True, timeout=60, check=True
        )
        most = _librdkafka.CLIENT_DESCRIPTORS + _librdkafka.BROKER_DESCRIPTORS * brokers
        assert brokers < int(done.stdout) <= most


def test_a_consumer_is_not_to_be_had_without_a_group() -> None:
    with pytest.raises(ValueError, match=r"group\.id must be set"):
        Consumer(NOWHERE)


def test_a_lone_surrogate_in_the_name_of_a_header_kills_the_process() -> None:
    assert not _librdkafka.is_text(chr(0xD800))
    produce = "produce('topic', b'', headers=[(chr(0xD800), b'')])"
    script = f"from confluent_kafka import Producer; Producer({NOWHERE}).{produce}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGSEGV


def test_the_client_of_a_consumer_is_found_and_its_functions() -> None:
    """Of the versions that were looked at; elsewhere messages are those of confluent-kafka."""
    config = {**NOWHERE, "group.id": "g"}
    consumers = [Consumer({**config, "client.id": "a"}), Consumer(config)]
    found = [_librdkafka.client_of(each) for each in consumers]
    assert None not in found
    assert len({*found}) == 2
    functions = _librdkafka.queue_functions()
    assert functions is not None
    assert all(functions.values())
    consumers[0].close()
    assert _librdkafka.client_of(consumers[0]) is None
    consumers[1].close()


@pytest.mark.parametrize("version", ["2.9.0", "2.12.0", "2.17.0", "3.0.0", ("2.9.0", 0x02090000), ""])
def test_the_client_is_not_looked_for_in_versions_that_are_not_known(
    monkeypatch: pytest.MonkeyPatch, version: object
) -> None:
    consumer = Consumer({**NOWHERE, "group.id": "g"})
    monkeypatch.setattr(confluent_kafka, "version", lambda: version)
    assert _librdkafka.client_of(consumer) is None
    consumer.close()


def test_only_a_consumer_of_the_client_has_a_client() -> None:
    assert _librdkafka.client_of(object()) is None  # type: ignore[arg-type]
    producer: Any = Producer(NOWHERE)
    assert _librdkafka.client_of(producer) is None


def test_a_librdkafka_that_shows_no_functions_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cimpl, "__file__", "/nowhere")
    monkeypatch.setattr(_librdkafka, "_library", _librdkafka._library.__wrapped__)
    consumer = Consumer({**NOWHERE, "group.id": "g"})
    assert _librdkafka.client_of(consumer) is None
    assert _librdkafka.queue_functions() is None
    consumer.close()
