"""How to reach Kafka and the registry: the one place that makes confluent-kafka's clients."""

from __future__ import annotations

import copy
import logging
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, cimpl
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from .._librdkafka import BROKER, DEFAULT_PORT, ask_for_token, hide_quoted_value, prevent_rebootstrap
from ..errors import ConfigError, FlowError
from ..reporting.call_site import users_line
from ..serde.registry.url import shown
from ..serde.schema_store import SchemaStore
from .log_throttle import OncePer
from .options import CONSUMER_ONLY, OURS, PRODUCER_ONLY, SHOWN, option_name
from .similar_topics import similar_topics

if TYPE_CHECKING:
    from ..serde.registry.client import RegistryClient

_PREFIX: Final = "KGEN_KAFKA_"
_ASKING: Final = 10.0

_SEPARATORS: Final = re.compile(r"[,;\s]+")
_NAMES: Final = ("client.id", "client.rack")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")
_WORDS: Final = frozenset(
    {"true", "false", "all", "none", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}
    | {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"}
)
"""Values that librdkafka's texts have of themselves."""

log = logging.getLogger("kgen_runtime.kafka")


log.addFilter(OncePer(10))


class BrokerTopicSettings(NamedTuple):
    """Of a topic: the largest batch in bytes (`max.message.bytes`; None where the broker does not say),
    whether it is compacted (`cleanup.policy`), so that messages need a key, and for how many milliseconds
    after its own timestamp it keeps a message (`retention.ms`; None: for ever, by another clock, or unknown).
    """

    known: bool = False
    batch_limit: int | None = None
    compacted: bool = False
    kept_ms: int | None = None


class BrokerAddress(NamedTuple):
    """A broker as it is written in settings, and the host and port that this means."""

    text: str
    host: str
    port: int


class TopicFound(NamedTuple):
    """A topic on the broker: how many partitions it has, and what the user may do with it (`READ`, `WRITE`,
    ...), None where the broker does not say.
    """

    partitions: int
    allowed: frozenset[str] | None = None


@dataclass(frozen=True)
class NewTopic:
    """How a topic is created where it is absent: see `rt.sink(..., create=...)`.

    `replication` None is the broker's `default.replication.factor`; `config` has the topic's own settings
    (`cleanup.policy`, ...). Raises `FlowError`.
    """

    partitions: int
    replication: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("partitions", "replication"):
            given = getattr(self, name)
            if given is None and name == "replication":
                continue
            if not isinstance(given, int) or isinstance(given, bool) or given < 1:
                raise FlowError(
                    f"invalid {name}={given!r}: expected a positive integer",
                    where="rt.NewTopic",
                    hint="create=6, for example, creates an absent topic with 6 partitions; "
                    "create=rt.NewTopic(6, replication=3) says more.",
                )


def new_topic(create: int | NewTopic | None) -> NewTopic | None:
    """What `create=` means. Raises `FlowError`."""
    return create if create is None or isinstance(create, NewTopic) else NewTopic(create)


class Kafka:
    """The brokers, librdkafka's options and the registry, shared by the steps of a flow.

    `brokers` is `host:port,host:port` or a list of `host:port`; `config` holds librdkafka options
    (security, tuning) and confluent-kafka's callbacks, for consumers and producers alike; `registry` is a
    URL, a `RegistryClient` or a `SchemaStore`; if it is None, `KGEN_REGISTRY_URL` is used, and without
    that only the schemas vendored in the generated code are known. Making one connects to nothing. What is
    missing is reported when a flow starts, so that a flow can be imported and tested without a broker.
    """

    ends: bool = False
    """True where the topics are finite: `stop="never"` then means at the end."""

    def __init__(
        self,
        brokers: str | Sequence[str] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        registry: str | RegistryClient | SchemaStore | None = None,
    ) -> None:
        _check_types(brokers, config, registry)
        self._brokers = _split(brokers)
        self._config = dict(config or {})
        self._registry = registry
        self._store: SchemaStore | None = None
        self._lock = threading.Lock()
        if any("@" in broker for broker in self._brokers):  # not shown: it may be a password
            raise ConfigError(
                "the brokers have an '@'",
                where="KGEN_BROKERS or rt.Kafka(brokers=...)",
                hint="Give host:port alone; a user and a password are KGEN_KAFKA_SASL_USERNAME and "
                "KGEN_KAFKA_SASL_PASSWORD.",
            )
        _check_addresses(self._brokers)
        for name, value in self._config.items():
            if name in OURS and (name, str(value).lower()) != ("enable.idempotence", "true"):
                raise ConfigError(f"the Kafka option {name} is set by kgen", hint=OURS[name])

    @classmethod
    def from_env(cls) -> Kafka:
        """From `KGEN_BROKERS`, `KGEN_REGISTRY_URL` and `KGEN_KAFKA_<OPTION>` (`KGEN_KAFKA_SASL_PASSWORD` is
        `sasl.password`).

        Raises `ConfigError` for an option that kgen sets itself, but not for missing brokers: those are
        asked for when the flow starts.
        """
        return cls(
            os.environ.get("KGEN_BROKERS"),
            config=options_of_env(),
            registry=os.environ.get("KGEN_REGISTRY_URL"),
        )

    @property
    def brokers(self) -> tuple[str, ...]:
        """The bootstrap brokers. Raises `ConfigError` if there are none."""
        if not self._brokers:
            raise ConfigError(
                "no Kafka brokers are given",
                where="KGEN_BROKERS",
                hint="Set KGEN_BROKERS=host:port[,host:port], or start a local broker with `kgen dev`.",
            )
        return self._brokers

    def is_same_cluster(self, other: Kafka) -> bool:
        """Whether both have the same bootstrap brokers, or none yet: a flow is built without."""
        return set(self._brokers) == set(other._brokers)

    @property
    def addresses(self) -> tuple[BrokerAddress, ...]:
        """Where the bootstrap brokers are. Raises `ConfigError` if there are none."""
        return tuple(map(_address, self.brokers))

    @property
    def config(self) -> dict[str, Any]:
        """librdkafka's options as given (a copy, secrets included)."""
        return dict(self._config)

    def with_config(self, changes: Mapping[str, Any]) -> Kafka:
        """The same with other values for some of librdkafka's options."""
        changed = copy.copy(self)
        changed._config = {**self._config, **changes}
        return changed

    @property
    def store(self) -> SchemaStore:
        """The schema store that all steps with these settings share in this process."""
        with self._lock:
            if self._store is None:
                self._store = self._make_store()
            return self._store

    def consumer(self, overrides: Mapping[str, Any]) -> Consumer:
        """A confluent-kafka consumer with these settings; `overrides` go before what the user has set.
        Raises `ConfigError`.
        """
        consumer: Consumer = self._client(Consumer, PRODUCER_ONLY, {**self._config, **overrides})
        return consumer

    def producer(self, defaults: Mapping[str, Any]) -> Producer:
        """A confluent-kafka producer with these settings; `defaults` give way to what the user has set.
        Raises `ConfigError`.
        """
        producer: Producer = self._client(Producer, CONSUMER_ONLY, {**defaults, **self._config})
        return producer

    def admin_client(self) -> AdminClient:
        """A client for what brokers say of topics, with these settings. Raises `ConfigError`, and
        `KafkaException` if the user's token is refused.
        """
        client: AdminClient = self._admin()
        ask_for_token(client)
        return client

    def topic_settings(self, topic: str) -> BrokerTopicSettings:
        """What decides which messages a topic takes, as far as the broker reports it to this user."""
        wanted = ConfigResource(ConfigResource.Type.TOPIC, topic)
        try:
            client: AdminClient = self._admin()
            ask_for_token(client)
            found = client.describe_configs([wanted], request_timeout=_ASKING)[wanted].result()
        except KafkaException as error:
            log.info("topic %s: the broker does not report its configs: %s", topic, error.args[0].str())
            return BrokerTopicSettings()
        limit, policy = found.get("max.message.bytes"), found.get("cleanup.policy")
        return BrokerTopicSettings(
            known=True,
            batch_limit=None if limit is None else int(limit.value),
            compacted=policy is not None and "compact" in str(policy.value),
            kept_ms=_kept_ms({name: str(each.value) for name, each in found.items()}),
        )

    def find_topic(self, topic: str) -> TopicFound | None:
        """None where it is absent. Raises `KafkaException` if the broker does not answer, or does not let
        this user see it.
        """
        client: AdminClient = self._admin()
        ask_for_token(client)
        try:
            found = client.describe_topics(
                TopicCollection([topic]), include_authorized_operations=True, request_timeout=_ASKING
            )[topic].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise
        return TopicFound(len(found.partitions), _names(found.authorized_operations))

    def similar_topics(self, topic: str) -> list[str]:
        """The names of topics that are like this one, fit for a terminal."""
        return similar_topics(self._admin(), topic)

    def broker_count(self) -> int:
        """How many brokers the cluster has. Raises `KafkaException`."""
        client: AdminClient = self._admin()
        ask_for_token(client)
        return len(client.describe_cluster(request_timeout=_ASKING).result().nodes)

    def creates_topics(self) -> bool | None:
        """Whether the broker creates a topic when it is written to (`auto.create.topics.enable`); None where
        it does not say. False where this user may not know.
        """
        client: AdminClient = self._admin()
        try:
            broker = str(next(iter(client.list_topics(timeout=_ASKING).brokers)))
            wanted = ConfigResource(ConfigResource.Type.BROKER, broker)
            found = client.describe_configs([wanted], request_timeout=_ASKING)[wanted].result()
        except KafkaException as error:
            return False if error.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED else None
        creates = found.get("auto.create.topics.enable")
        return None if creates is None else str(creates.value).lower() == "true"

    def create_topic(self, topic: str, new: NewTopic) -> bool:
        """Whether it was absent. Raises `KafkaException`."""
        client: AdminClient = self._admin()
        ask_for_token(client)
        made = cimpl.NewTopic(
            topic, new.partitions, -1 if new.replication is None else new.replication, config=dict(new.config)
        )
        try:
            client.create_topics([made], operation_timeout=_ASKING, request_timeout=_ASKING)[topic].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise
        return True

    def group_allowed(self, group: str) -> frozenset[str] | None:
        """What the user may do with a consumer group; None where the broker does not say. Raises
        `KafkaException`.
        """
        client: AdminClient = self._admin()
        ask_for_token(client)
        found = client.describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=_ASKING
        )[group].result()
        return _names(found.authorized_operations)

    def topic_id(self, topic: str) -> str | None:
        """What distinguishes a topic from another one of its name; None where the broker does not say."""
        client: AdminClient = self._admin()
        try:
            ask_for_token(client)
            found = client.describe_topics(TopicCollection([topic]), request_timeout=_ASKING)[topic].result()
        except KafkaException as error:
            log.info("topic %s: the broker does not report its id: %s", topic, error.args[0].str())
            return None
        return None if found.topic_id is None else str(found.topic_id)

    def _admin(self) -> Any:
        return self._client(AdminClient, CONSUMER_ONLY | PRODUCER_ONLY, self._config)

    def _client(self, kind: Any, foreign: frozenset[str], options: Mapping[str, Any]) -> Any:
        config = {name: value for name, value in options.items() if name not in foreign}
        config["bootstrap.servers"] = ",".join(self.brokers)
        if "transactional.id" in config:
            prevent_rebootstrap(config)
        config.setdefault("logger", log)
        try:
            return kind(config)
        except (KafkaException, ValueError, TypeError) as error:
            raise ConfigError(
                f"librdkafka refuses the settings: {_hidden(_reason(error), self._config)}",
                where="rt.Kafka(config=...) or KGEN_KAFKA_<OPTION>",
                hint="Options: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md",
            ) from None  # its text may show a secret

    def _make_store(self) -> SchemaStore:
        if isinstance(self._registry, SchemaStore):
            return self._registry
        if self._registry is None or isinstance(self._registry, str):
            return SchemaStore.from_env(self._registry)
        return SchemaStore(self._registry)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_store")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _store=None, _lock=threading.Lock())

    def __repr__(self) -> str:
        config = {name: value if _may_show(name, value) else "***" for name, value in self._config.items()}
        brokers, registry = ",".join(self._brokers), _shown(self._registry)
        return f"{type(self).__name__}(brokers={brokers!r}, config={config!r}, registry={registry!r})"


def options_of_env() -> dict[str, str]:
    """librdkafka's options as the environment has them, secrets included."""
    return {
        option_name(name[len(_PREFIX) :]): value
        for name, value in os.environ.items()
        if name.startswith(_PREFIX)
    }


def _kept_ms(settings: Mapping[str, str]) -> int | None:
    kept = settings.get("retention.ms", "-1")
    by_own_time = settings.get("message.timestamp.type") == "CreateTime"
    deletes = "delete" in settings.get("cleanup.policy", "")
    return int(kept) if deletes and by_own_time and kept.isdigit() else None


def _names(operations: Any) -> frozenset[str] | None:
    return None if not operations else frozenset(each.name for each in operations)


def _check_types(brokers: object, config: object, registry: object) -> None:
    """Raises `ConfigError`, without a value: one may be a secret."""
    if not (
        brokers is None
        or isinstance(brokers, str)
        or (isinstance(brokers, Sequence) and all(isinstance(each, str) for each in brokers))
    ):
        kind, hint = type(brokers).__name__, 'rt.Kafka("host:9092"), or a list of such.'
        raise ConfigError(f"the brokers are of type {kind}", where=_called_at(), hint=hint)
    if not isinstance(config, Mapping | None):
        kind, hint = type(config).__name__, 'config={"security.protocol": "SSL"}, for example.'
        raise ConfigError(f"config is of type {kind}, not a mapping", where=_called_at(), hint=hint)
    if not (isinstance(registry, str | SchemaStore | None) or _is_client(registry)):
        kind, hint = type(registry).__name__, "Pass a URL, a RegistryClient or a SchemaStore."
        raise ConfigError(f"the registry is of type {kind}", where=_called_at(), hint=hint)


def _is_client(registry: object) -> bool:
    from ..serde.registry.client import RegistryClient  # with an HTTP client, which few programs load here

    return isinstance(registry, RegistryClient)


def _check_addresses(brokers: Sequence[str]) -> None:
    """Raises `ConfigError`."""
    for broker in brokers:
        found = BROKER.fullmatch(broker)
        if found is None or int(found["port"] or 0) > 65535:
            raise ConfigError(
                f"not the address of a broker: {broker[:80]!r}",
                where="KGEN_BROKERS or rt.Kafka(brokers=...)",
                hint="It looks like host:9092, several have commas between them; TLS is "
                "KGEN_KAFKA_SECURITY_PROTOCOL=SSL.",
            )


def _address(broker: str) -> BrokerAddress:
    """Of one that `_check_addresses` has passed."""
    found = BROKER.fullmatch(broker)
    parts = found.groupdict() if found else {}
    host = (parts.get("ip6") or parts.get("host") or "").strip("[]")
    return BrokerAddress(broker, host, int(parts.get("port") or DEFAULT_PORT))


def _called_at() -> str:
    line = users_line()
    return f"{line}, rt.Kafka" if line else "rt.Kafka"


def _split(brokers: str | Sequence[str] | None) -> tuple[str, ...]:
    parts = brokers.split(",") if isinstance(brokers, str) else list(brokers or ())
    return tuple(part.strip() for part in parts if part.strip())


def _may_show(name: str, value: object) -> bool:
    # What is not known to be harmless is hidden: librdkafka gains options, and passwords, with every release.
    return name in SHOWN or isinstance(value, (bool, int, float))


def _shown(registry: str | RegistryClient | SchemaStore | None) -> object:
    if isinstance(registry, str):
        return shown(registry)
    return registry if registry is None or isinstance(registry, SchemaStore) else registry.url


def _reason(error: BaseException) -> str:
    first = error.args[0] if error.args else error
    return (first.str() if hasattr(first, "str") else str(first)).strip()


def _hidden(text: str, config: Mapping[str, Any]) -> str:
    """librdkafka's text without the values it repeats, but for numbers and words of its own: a value it does
    not know may be a password that was given to the wrong option.
    """
    given = [value for name, value in config.items() if name not in _NAMES and isinstance(value, str)]
    values = {part for value in given for part in _parts(value)}
    for value in sorted(values, key=len, reverse=True):
        if value not in _WORDS and not _NUMBER.fullmatch(value):
            text = re.sub(rf"(?<![\w.]){re.escape(value)}(?!\w)", "***", text)
    return hide_quoted_value(text)


def _parts(value: str) -> Sequence[str]:
    return [part for part in (value, *_SEPARATORS.split(value)) if part]
