"""Where Kafka is, without showing secrets."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest

import kgen_runtime as rt
from kgen_runtime.serde.registry.client import RegistryClient
from kgen_runtime.serde.schema_store import SchemaStore

SECRETS = {
    "sasl.password": "hunter2",
    "ssl.key.password": "hunter2",
    "ssl.key.pem": "hunter2",
    "sasl.oauthbearer.client.secret": "hunter2",
    "sasl.oauthbearer.config": "secret=hunter2",
    "some.future.option": "hunter2",
    "sasl.username": "hunter2",
}


def test_from_env_reads_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGEN_BROKERS", " a:1, b:2,")
    monkeypatch.setenv("KGEN_KAFKA_SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("KGEN_KAFKA_LOG_LEVEL", "3")
    kafka = rt.Kafka.from_env()
    assert kafka.brokers == ("a:1", "b:2")
    assert kafka.config == {"sasl.password": "hunter2", "log_level": "3"}


def test_missing_brokers_are_reported_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KGEN_BROKERS", raising=False)
    kafka = rt.Kafka.from_env()
    with pytest.raises(rt.ConfigError, match="no Kafka brokers") as caught:
        kafka.consumer({"group.id": "g"})
    assert "KGEN_BROKERS" in str(caught.value)


def test_brokers_may_be_text_or_a_list() -> None:
    assert rt.Kafka("a:1,b:2").brokers == rt.Kafka(["a:1", "b:2"]).brokers == ("a:1", "b:2")


def test_secrets_are_not_shown() -> None:
    kafka = rt.Kafka("a:1", config=SECRETS, registry="http://me:hunter2@registry:8081/?token=hunter2")
    for text in (repr(kafka), str(kafka), repr({"kafka": kafka})):
        assert "hunter2" not in text
    assert "registry:8081" in repr(kafka)
    assert "sasl.password" in repr(kafka)


def test_what_is_harmless_is_shown() -> None:
    shown = repr(rt.Kafka("a:1", config={"security.protocol": "SASL_SSL", "linger.ms": 5}))
    assert "SASL_SSL" in shown
    assert "5" in shown


@pytest.mark.parametrize(
    "option", ["group.id", "auto.offset.reset", "enable.auto.commit", "bootstrap.servers"]
)
def test_options_that_kgen_needs_are_refused_with_a_hint(option: str) -> None:
    with pytest.raises(rt.ConfigError, match=option) as caught:
        rt.Kafka("a:1", config={option: "x"})
    assert caught.value.hint


def test_an_option_librdkafka_does_not_know_is_reported() -> None:
    with pytest.raises(rt.ConfigError, match=r"no\.such\.option") as caught:
        rt.Kafka("a:1", config={"no.such.option": "x"}).producer({})
    assert "CONFIGURATION.md" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"security.protocol": "hunter2"}, "security.protocol"),
        ({"sasl.mechanisms": "hunter2", "security.protocol": "SASL_SSL"}, "mechanism"),
        ({"partitioner": "hunter2"}, "partitioner"),
        ({"debug": "msg,hunter2"}, "debug"),
        ({"plugin.library.paths": "hunter2"}, "cannot open"),
        ({"ssl.key.pem": "hunter2", "security.protocol": "SSL"}, "ssl.key.pem failed: not in PEM format"),
    ],
)
def test_a_refused_value_is_not_shown(config: dict[str, str], names: str) -> None:
    """It may be a password given to the wrong option."""
    with pytest.raises(rt.ConfigError) as caught:
        rt.Kafka("a:1", config={"log_level": 0, **config}).producer({})
    assert names in caught.value.what
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"linger.ms": "-5"}, "value -5 is outside allowed range 0..900000"),
        ({"enable.idempotence": "true", "acks": "1"}, "`acks` must be set to `all`"),
        (
            {"acks": "all", "client.id": "producer", "ssl.ca.location": "x", "security.protocol": "SSL"},
            "producer",
        ),
    ],
)
def test_what_librdkafka_says_of_harmless_values_stays(config: dict[str, str], says: str) -> None:
    with pytest.raises(rt.ConfigError) as caught:
        rt.Kafka("a:1", config={"log_level": 0, **config}).producer({})
    assert says in caught.value.what


@pytest.mark.parametrize("brokers", ["user:hunter2@host:1", "a:1,SASL_SSL://user:hunter2@host:1"])
def test_a_password_among_the_brokers_is_refused_and_not_shown(brokers: str) -> None:
    """librdkafka would write it to the log with every failed connection."""
    with pytest.raises(rt.ConfigError, match="'@'") as caught:
        rt.Kafka(brokers)
    assert "hunter2" not in str(caught.value)
    assert "KGEN_KAFKA_SASL_PASSWORD" in str(caught.value)


def test_settings_travel_between_processes() -> None:
    kafka = rt.Kafka("a:1", config={"linger.ms": 5}, registry="http://r:1")
    _ = kafka.store
    again = pickle.loads(pickle.dumps(kafka))
    assert (again.brokers, again.config) == (kafka.brokers, kafka.config)
    assert isinstance(again.store, SchemaStore)


def test_consumers_and_producers_get_only_their_options(caplog: pytest.LogCaptureFixture) -> None:
    kafka = rt.Kafka("127.0.0.1:1", config={"linger.ms": 5, "fetch.min.bytes": 1, "log_level": 0})
    kafka.producer({}).poll(0)
    consumer = kafka.consumer({"group.id": "g"})
    consumer.poll(0)
    consumer.close()
    assert "CONFWARN" not in caplog.text


def test_the_users_options_win_over_the_producers_defaults() -> None:
    seen: dict[str, Any] = {}

    class Kafka(rt.Kafka):
        def _client(self, kind: Any, foreign: Any, options: Any) -> Any:
            seen.update(options)

    Kafka("a:1", config={"linger.ms": 50}).producer({"linger.ms": 5, "acks": "all"})
    assert seen == {"linger.ms": 50, "acks": "all"}


def test_only_transactional_producers_do_not_start_again_from_the_bootstrap_brokers() -> None:
    """Others may stay without a connection after all brokers were away."""
    kafka = rt.Kafka("127.0.0.1:1")
    made = [kafka._client(dict, frozenset(), options) for options in ({}, {"transactional.id": "t"})]
    assert [config.get("metadata.recovery.strategy") for config in made] == [None, "none"]


def test_the_registry_may_be_a_url_a_client_or_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KGEN_REGISTRY_URL", raising=False)
    assert rt.Kafka("a:1").store.registry is None
    by_url = rt.Kafka("a:1", registry="http://r:1").store.registry
    assert by_url is not None
    assert by_url.url == "http://r:1"
    client = RegistryClient("http://r:2")
    assert rt.Kafka("a:1", registry=client).store.registry is client
    store = SchemaStore(None)
    assert rt.Kafka("a:1", registry=store).store is store


@pytest.mark.parametrize(
    "brokers",
    [
        "http://host:9092",
        "https://host",
        "host:port",
        "host:70000",
        "a:1 b:2",
        "a:1;b:2",
        ["a:1", "b:1:2x"],
        "[::1:9092",
    ],
)
def test_what_is_not_an_address_is_refused_before_anything_waits_for_it(brokers: str | list[str]) -> None:
    with pytest.raises(rt.ConfigError, match="not the address of a broker") as caught:
        rt.Kafka(brokers)
    assert "host:9092" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("broker", "place"),
    [
        ("host", ("host", 9092)),
        ("host:9093", ("host", 9093)),
        ("SASL_SSL://host:9093", ("host", 9093)),
        ("ssl://host", ("host", 9092)),
        ("[::1]:9093", ("::1", 9093)),
        ("::1", ("::1", 9092)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        (":9092", ("", 9092)),
        ("host:1/path", ("host", 1)),
    ],
)
def test_what_librdkafka_takes_as_an_address_is_taken(broker: str, place: tuple[str, int]) -> None:
    kafka = rt.Kafka(f"{broker},other:1")
    assert kafka.brokers == (broker, "other:1")
    assert kafka.addresses[0] == (broker, *place)
