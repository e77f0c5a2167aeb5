"""The brokers that the settings in force name, and the schemas that a command looks up beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kgen_runtime.kafka.connection import Kafka, options_of_env
from kgen_runtime.serde.schema_store import SchemaStore

from ..errors import ConfigError
from ..project import config
from ..registry import connected
from . import inputs


def kafka_in_force(workspace: inputs.Workspace, brokers: str | None) -> Kafka:
    """The brokers of the flag, else of the environment, else of kgen.toml, with `KGEN_KAFKA_<OPTION>`; no
    registry. Raises `ConfigError`.
    """
    return _kafka(_settings(workspace), brokers, SchemaStore(None))


@contextmanager
def opened_kafka(workspace: inputs.Workspace, brokers: str | None, registry: str | None) -> Iterator[Kafka]:
    """The same with the registry in force, if one is set (`registry` is the flag's URL), closed at the end.
    Raises `ConfigError`.
    """
    settings = _settings(workspace)
    url = inputs.url_in_force(settings.registry, registry)
    if not url.value:
        yield _kafka(settings, brokers, SchemaStore(None))
        return
    reach = inputs.access(settings.registry, url, workspace.root)
    with connected(reach, say=workspace.say) as client:
        yield _kafka(settings, brokers, SchemaStore(client))


def _settings(workspace: inputs.Workspace) -> config.Config:
    return config.load(workspace.root) or config.Config(config.Registry(""))


def _kafka(settings: config.Config, brokers: str | None, store: SchemaStore) -> Kafka:
    found = inputs.brokers_in_force(settings.brokers, brokers)
    try:
        return Kafka(found.value, config=options_of_env(), registry=store)
    except ConfigError as error:
        if error.where and "rt.Kafka(brokers" in error.where:
            error.where = found.origin
        raise
