"""TLS, SASL, OAuth and access control on Apache Kafka, with confluent-kafka's options and callbacks."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.integration.kafka_flows import ids, read, write
from tests.kafka.broker import KafkaBroker, KafkaCluster
from tests.kafka.clients import create_topic, numbered, send
from tests.kafka.processes import wait_for
from tests.kafka.proxy import Proxy
from tests.kafka.rights import ADA, GUARDED, allow

import kgen_runtime as rt

pytestmark = pytest.mark.kafka

LOGIN = "org.apache.kafka.common.security"
PASSWORD = f'{LOGIN}.plain.PlainLoginModule required user_ada="pw";'
TOKEN = f"{LOGIN}.oauthbearer.OAuthBearerLoginModule required;"
PROTOCOLS = "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXY:{}"


@contextmanager
def _secured(root: Path, protocol: str, settings: Mapping[str, object]) -> Iterator[KafkaBroker]:
    """A broker whose listener behind the proxy asks for more than the plain one, which the tests keep."""
    protocols = {"listener.security.protocol.map": PROTOCOLS.format(protocol)}
    with KafkaCluster(root, settings={**protocols, **settings}) as cluster:
        broker = cluster.brokers[0]
        with Proxy(broker.proxied_port, broker.behind):
            create_topic(broker.bootstrap, "secured")
            yield broker


def _round_trip(broker: KafkaBroker, config: Mapping[str, Any]) -> None:
    settings = rt.Kafka(broker.proxied, config=config)
    assert write(settings, "secured", [rt.Message(key="k", value=str(n)) for n in range(10)]) == []
    assert ids(read(settings, "secured")) == list(range(10))


@pytest.fixture(scope="module")
def certificate(kafka_here: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key store for the broker and its certificate for clients, by the JDK's own tool."""
    folder = tmp_path_factory.mktemp("tls")
    store, authority = folder / "broker.p12", folder / "ca.pem"
    keytool = [
        "keytool",
        "-keystore",
        str(store),
        "-storetype",
        "PKCS12",
        "-storepass",
        "secret",
        "-alias",
        "broker",
    ]
    names = ["-dname", "CN=localhost", "-ext", "SAN=ip:127.0.0.1,dns:localhost", "-ext", "BC=ca:true"]
    subprocess.run([*keytool, "-genkeypair", "-keyalg", "RSA", "-validity", "2", *names], check=True)
    subprocess.run([*keytool, "-exportcert", "-rfc", "-file", str(authority)], check=True)
    return store, authority


def test_tls_and_a_password(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    store, authority = certificate
    settings = {
        "listener.name.proxy.ssl.keystore.location": store,
        "listener.name.proxy.ssl.keystore.type": "PKCS12",
        "listener.name.proxy.ssl.keystore.password": "secret",
        "listener.name.proxy.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.proxy.plain.sasl.jaas.config": PASSWORD,
    }
    config = {
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(authority),
        "sasl.mechanism": "PLAIN",
        "sasl.username": "ada",
        "sasl.password": "pw",
    }
    with _secured(tmp_path, "SASL_SSL", settings) as broker:
        _round_trip(broker, config)
        with pytest.raises(BaseException) as caught:
            read(rt.Kafka(broker.proxied, config={**config, "sasl.password": "wrong-one"}), "secured")
        assert "wrong-one" not in _whole(caught.value)


def test_an_oauth_callback(kafka_here: None, tmp_path: Path) -> None:
    """An unsecured token, which Kafka takes unless told otherwise; asked for before the first request."""
    settings = {
        "listener.name.proxy.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.proxy.oauthbearer.sasl.jaas.config": TOKEN,
    }
    asked: list[str] = []

    def token(config: str) -> tuple[str, float]:
        asked.append(config)
        return _token("ada"), time.time() + 300

    config = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": token}
    with _secured(tmp_path, "SASL_PLAINTEXT", settings) as broker:
        _round_trip(broker, config)
    assert asked


class Guarded:
    """A broker with access control, where user ada may do what she is given."""

    def __init__(self, broker: KafkaBroker) -> None:
        self.bootstrap = broker.bootstrap
        self.hers = rt.Kafka(broker.proxied, config=ADA)

    def topic(self, name: str) -> str:
        """With ten messages."""
        create_topic(self.bootstrap, name)
        send(self.bootstrap, name, numbered(range(10), 1))
        return name

    def committed(self, group: str, topic: str) -> int:
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            (found,) = consumer.committed([TopicPartition(topic, 0)], timeout=30)
            return found.offset
        finally:
            consumer.close()


@pytest.fixture(scope="module")
def guarded(kafka_here: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with _secured(tmp_path_factory.mktemp("guarded"), "SASL_PLAINTEXT", GUARDED) as broker:
        yield Guarded(broker)


def test_reading_needs_nothing_but_the_topic(guarded: Guarded) -> None:
    topic = guarded.topic("read-alone")
    with pytest.raises(RuntimeError) as caught:
        read(guarded.hers, topic)
    assert "READ on the topic" in _whole(caught.value)
    allow(guarded.bootstrap, "TOPIC", topic, "READ")
    wait_for(lambda: ids(read(guarded.hers, topic)) == list(range(10)), "the right to be known")


def test_a_group_that_may_not_be_used_is_sent_nothing(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    topic = guarded.topic("read-in-a-group")
    allow(guarded.bootstrap, "TOPIC", topic, "READ")
    wait_for(lambda: ids(read(guarded.hers, topic)) == list(range(10)), "the right to be known")
    assert ids(read(guarded.hers, topic, group_id="watched")) == list(range(10))
    assert caplog.text.count("READ on the group") == 1
    wait_for(lambda: guarded.committed("watched", topic) < 0, "the group's coordinator")
    with pytest.raises(RuntimeError) as caught:
        read(guarded.hers, topic, group_id="watched", start="stored")
    assert "the consumer group watched" in _whole(caught.value)
    allow(guarded.bootstrap, "GROUP", "watched", "READ")

    def told() -> bool:
        read(guarded.hers, topic, group_id="watched")
        return guarded.committed("watched", topic) == 10

    wait_for(told, "the right to be known")
    assert read(guarded.hers, topic, group_id="watched", start="stored") == []


def _token(subject: str) -> str:
    claims = {"sub": subject, "iat": int(time.time()), "exp": int(time.time()) + 300}
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(content: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _whole(error: BaseException | None) -> str:
    return "" if error is None else f"{error!r} {error}" + _whole(error.__cause__ or error.__context__)
