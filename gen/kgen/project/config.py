"""kgen.toml: which registry, which subjects, which package. Secrets stand in it only as names of
environment variables.
"""

from __future__ import annotations

import json
import keyword
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import tomlkit
import tomlkit.exceptions

from kgen_runtime.codec.ranges import OutOfRangeChoice
from kgen_runtime.serde.registry.url import registry_url
from kgen_runtime.serde.rules import OnRules
from kgen_runtime.serde.subject_names import DEFAULT, qualified

from ..errors import ConfigError
from ..model.own_flows import flow_name
from ..model.settings import LEVELS, Extras, FlowSettings, JsonModels, TopicSettings
from ..model.topic_plans import BESIDE, FORMATS, ROLES
from . import deploy_settings, root
from .deploy_settings import DeploySettings
from .tables import known, setting

NAME = root.NAME
DEFAULT_PACKAGE = "streams"

ConflictMode: TypeAlias = Literal["file", "inline"]
_RESERVED_PACKAGES = {
    "kgen",
    "kgen_runtime",
    "kgen_templates",
    "bytewax",
    "confluent_kafka",
    "tests",
    "schemas",
}


@dataclass(frozen=True)
class Registry:
    """Where the registry is (empty: kgen.toml does not say), and the names of the environment variables that
    hold its secrets.
    """

    url: str
    user_env: str = "KGEN_REGISTRY_USER"
    password_env: str = "KGEN_REGISTRY_PASSWORD"  # noqa: S105  (a variable's name)
    token_env: str = "KGEN_REGISTRY_TOKEN"  # noqa: S105
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    timeout: float = 600.0  # seconds for all that a command asks of it


@dataclass(frozen=True)
class OwnSubject:
    """What `kgen push` sets for a subject beside its schema: None or empty where it leaves that alone."""

    compatibility: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)  # properties


@dataclass(frozen=True)
class Config:
    """What kgen.toml says."""

    registry: Registry
    package: str = DEFAULT_PACKAGE
    subjects: tuple[str, ...] = ("*",)
    all_versions: bool = True
    conflict: ConflictMode = "file"
    pins: Mapping[str, int] = field(default_factory=dict)
    topics: Mapping[str, TopicSettings] = field(default_factory=dict)
    flows: Mapping[str, FlowSettings] = field(default_factory=dict)
    json_models: JsonModels = "dataclasses"
    out_of_range: OutOfRangeChoice = "error"
    extras: Extras = "drop"
    ignore_rules: tuple[str, ...] = ()  # patterns of subjects whose data contract rules are ignored
    own: Mapping[str, OwnSubject] = field(default_factory=dict)
    brokers: str = ""  # host:port,host:port; for commands that read and write topics
    deploy: Mapping[str, DeploySettings] = field(default_factory=dict)


def load(root: Path) -> Config | None:
    """The configuration in `root`, or None where there is none.

    Raises:
        ConfigError: kgen.toml cannot be read, is not TOML, or holds an unknown or wrong setting.
    """
    text = read_text(root)
    return None if text is None else parse(text)


def read_text(root: Path) -> str | None:
    """The text of kgen.toml, line ends as they are, or None where there is none."""
    path = root / NAME
    try:
        return path.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as e:
        raise ConfigError("kgen.toml is not UTF-8", where=str(path)) from e
    except OSError as e:
        raise ConfigError(f"kgen.toml cannot be read: {e.strerror or e}", where=str(path)) from e


def parse(text: str) -> Config:
    """The configuration that `text` holds. Raises `ConfigError`."""
    try:
        data = tomlkit.parse(text).unwrap()
    except tomlkit.exceptions.ParseError as e:
        raise ConfigError("kgen.toml is not TOML", where=f"{NAME}:{e.line}", hint=str(e)) from e
    except tomlkit.exceptions.TOMLKitError as e:
        raise ConfigError("kgen.toml is not TOML", where=NAME, hint=str(e)) from e
    return _config(data)


def _config(data: Mapping[str, Any]) -> Config:
    known(
        data,
        {"registry", "package", "subjects", "all_versions", "conflict", "pins", "topics", "rules", "models"}
        | {"kafka", "own", "flows", "deploy"},
        "",
    )
    subjects = setting(data, "subjects", list, ["*"])
    conflict = setting(data, "conflict", str, "file")
    if conflict not in ("file", "inline"):
        raise ConfigError(f'conflict must be "file" or "inline", not "{conflict}"', where=NAME)
    models = setting(data, "models", dict, {})
    known(models, {"json", "out_of_range", "extras"}, "models.")
    return Config(
        registry=_registry(setting(data, "registry", dict, {})),
        package=check_package(setting(data, "package", str, DEFAULT_PACKAGE)),
        subjects=tuple(_globs(subjects)) or ("*",),
        all_versions=setting(data, "all_versions", bool, True),
        conflict="inline" if conflict == "inline" else "file",
        pins=_pins(setting(data, "pins", dict, {})),
        topics=_topics(setting(data, "topics", dict, {})),
        flows=_flows(setting(data, "flows", dict, {})),
        json_models=_json_models(models.get("json", "dataclasses")),
        out_of_range=_out_of_range(models.get("out_of_range", "error")),
        extras=_extras(models.get("extras", "drop")),
        ignore_rules=_ignore_rules(data.get("rules", {})),
        own=_own(setting(data, "own", dict, {})),
        brokers=_brokers(setting(data, "kafka", dict, {})),
        deploy=deploy_settings.read(setting(data, "deploy", dict, {})),
    )


def _registry(table: Mapping[str, Any]) -> Registry:
    names = {"url", "user_env", "password_env", "token_env", "ca", "cert", "key"}
    known(table, {*names, "timeout"}, "registry.")
    texts = {key: setting(table, key, str, "", "registry.") for key in table if key in names}
    if texts.get("url"):
        _check_url(texts["url"])
    timeout = _timeout(table.get("timeout", Registry.timeout))
    return Registry(**{"url": "", **texts}, timeout=timeout)


def _timeout(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 86_400:
        raise ConfigError("registry.timeout must be a number of seconds, less than a day", where=NAME)
    return float(value)


def _check_url(url: str) -> None:
    try:
        _, credentials = registry_url(url)
    except ConfigError as e:
        raise ConfigError(e.what, where=f"{NAME}, registry.url", hint=e.hint) from None
    if credentials:
        hint = "take it out, and set KGEN_REGISTRY_USER and KGEN_REGISTRY_PASSWORD"
        raise ConfigError("registry.url holds a user or a password", where=NAME, hint=hint)


def _pins(table: Mapping[str, Any]) -> dict[str, int]:
    for subject, version in table.items():
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise ConfigError(f"the pin of {subject} must be a version number", where=f"{NAME}, pins")
    return _by_one_name(table, "pins")


def _by_one_name(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The table by names without the default context, which may be written in kgen.toml."""
    found = {qualified(key): value for key, value in table.items()}
    for key in found:
        if DEFAULT + key in table and key in table:
            what = f"{name}.{key} and {name}.{json.dumps(DEFAULT + key)} are the same subject"
            raise ConfigError(what, where=f"{NAME}, {name}", hint="keep one of the two lines")
    return found


def _topics(table: Mapping[str, Any]) -> dict[str, TopicSettings]:
    found = {topic: _topic(topic, setting(table, topic, dict, {}, "topics.")) for topic in table}
    return _by_one_name(found, "topics")


def _topic(topic: str, table: Mapping[str, Any]) -> TopicSettings:
    where = f"topics.{topic}."
    known(table, {"key", "value", "context", "topic", "validate", "flow"}, where)
    validate = setting(table, "validate", bool, False, where)
    flow = setting(table, "flow", bool, True, where)
    table = {name: word for name, word in table.items() if name not in ("validate", "flow")}
    types = _types(table["value"], where) if _lists_types(table.get("value")) else ()
    table = {name: word for name, word in table.items() if name != "value" or not types}
    both = {
        role: _both(words, f"{where}{role}")
        for role, words in table.items()
        if role in ROLES and isinstance(words, list)
    }
    chosen = {role: both[role][0] if role in both else setting(table, role, str, "", where) for role in table}
    context = chosen.get("context", ".")
    if not context.startswith(".") or ":" in context or chosen.get("topic") == "":
        raise ConfigError(
            f"{where}context must be the name of a registry context, {where}topic that of a topic",
            where=NAME,
            hint='context = ".staging", or context = "." for the default one; topic = "orders"',
        )
    named = {role: word if role == "context" else qualified(word) for role, word in chosen.items()}
    also = {role: words[1] for role, words in both.items()}
    return TopicSettings(**named, also=also, validate=validate, flow=flow, types=types)


def _lists_types(words: Any) -> bool:
    """Whether a value is a list of types, and not a subject and a format that is read beside it."""
    if not isinstance(words, list):
        return False
    return not (len(words) == 2 and isinstance(words[1], str) and words[1] in FORMATS)


def _types(words: Sequence[Any], where: str) -> tuple[str, ...]:
    found = tuple(qualified(word) if isinstance(word, str) else "" for word in words)
    if not found or not all(found) or len(set(found)) < len(found) or set(found) & FORMATS.keys():
        raise ConfigError(
            f"{where}value must list the types of the topic, each once, by full name or by subject",
            where=NAME,
            hint='value = ["shop.OrderPlaced", "shop.OrderShipped"]',
        )
    return found


def _flows(table: Mapping[str, Any]) -> dict[str, FlowSettings]:
    found = {}
    for name in table:
        try:
            flow_name(name)
        except ConfigError as e:
            raise ConfigError(e.what, where=f"{NAME}, flows", hint=e.hint) from None
        where = f"flows.{name}."
        words = setting(table, name, dict, {}, "flows.")
        known(words, {"from", "to"}, where)
        source, target = (setting(words, key, str, "", where) for key in ("from", "to"))
        if not source or not target or source == target:
            hint = f'[flows.{name}] from = "orders", to = "invoices"'
            raise ConfigError(f"{where}from and {where}to must be two topics", where=NAME, hint=hint)
        found[name] = FlowSettings(source, target)
    return found


def _both(words: Sequence[Any], name: str) -> tuple[str, str]:
    """A subject, and the format that is read beside it."""
    if len(words) == 2 and isinstance(words[0], str) and words[1] in BESIDE:
        return words[0], words[1]
    raise ConfigError(
        f"{name} must be a word, or a subject and one of the formats that can be distinguished from "
        "its frames",
        where=NAME,
        hint=" or ".join(f'["orders-key", "{word}"]' for word in BESIDE),
    )


def _ignore_rules(value: Any) -> tuple[str, ...]:
    """A word for all subjects, or one for each pattern."""
    words = {"*": value} if isinstance(value, str) else value
    if not isinstance(words, dict) or not all(word in get_args(OnRules) for word in words.values()):
        hint = '[rules] "orders-*" = "ignore", or rules = "ignore" for all subjects'
        raise ConfigError('rules must be "refuse" or "ignore", by subject or for all', where=NAME, hint=hint)
    ignored = [glob for glob, word in words.items() if word == "ignore"]
    refused = [f"!{glob}" for glob, word in words.items() if word == "refuse"]
    return (*ignored, *refused) if ignored else ()


def _json_models(word: Any) -> JsonModels:
    if word not in get_args(JsonModels):
        raise ConfigError('models.json must be "dataclasses" or "pydantic"', where=NAME)
    found: JsonModels = word
    return found


def _out_of_range(word: Any) -> OutOfRangeChoice:
    if word not in get_args(OutOfRangeChoice):
        raise ConfigError('models.out_of_range must be "error" or "raw"', where=NAME)
    found: OutOfRangeChoice = word
    return found


def _extras(word: Any) -> Extras:
    if word not in get_args(Extras):
        raise ConfigError('models.extras must be "drop" or "keep"', where=NAME)
    found: Extras = word
    return found


def _own(table: Mapping[str, Any]) -> dict[str, OwnSubject]:
    found = {name: _own_subject(name, setting(table, name, dict, {}, "own.")) for name in table}
    return _by_one_name(found, "own")


def _own_subject(subject: str, table: Mapping[str, Any]) -> OwnSubject:
    where = f"own.{json.dumps(subject, ensure_ascii=False)}."
    known(table, {"compatibility", "metadata"}, where)
    level, metadata = table.get("compatibility"), setting(table, "metadata", dict, {}, where)
    if level is not None and level not in LEVELS:
        raise ConfigError(f"{where}compatibility must be one of {', '.join(LEVELS)}", where=NAME)
    if not all(isinstance(value, str) and value for value in metadata.values()):
        hint = 'metadata = { owner = "team-orders" }'
        raise ConfigError(f"{where}metadata must be a table of texts", where=NAME, hint=hint)
    return OwnSubject(level, metadata)


def _brokers(table: Mapping[str, Any]) -> str:
    known(table, {"brokers"}, "kafka.")
    brokers: str = setting(table, "brokers", str, "", "kafka.")
    if "@" in brokers:  # not shown: it may be a password
        hint = "host:port alone; a user and a password are KGEN_KAFKA_SASL_USERNAME and _SASL_PASSWORD"
        raise ConfigError("kafka.brokers holds an '@'", where=NAME, hint=hint)
    return brokers


def _globs(values: Iterable[Any]) -> list[str]:
    globs = list(values)
    if not all(isinstance(glob, str) and glob for glob in globs):
        raise ConfigError("subjects must be a list of patterns", where=NAME, hint='subjects = ["orders-*"]')
    return globs


def check_package(name: str) -> str:
    """`name`, if a package of that name can be written and imported; `acme.streams` is `streams` in `acme`.

    Raises `ConfigError`.
    """
    parts = name.split(".")
    if not all(part.isascii() and part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ConfigError(
            f'"{name}" cannot be the name of a package',
            hint="letters, digits and underscores; dots between a package and the one it is in",
        )
    top = parts[0]
    if top in sys.stdlib_module_names or top.lower() in _RESERVED_PACKAGES or "_generated" in parts:
        hidden = "_generated" if "_generated" in parts else top
        raise ConfigError(
            f'a package "{name}" would hide a module "{hidden}"',
            hint="choose another name, by --package or as package in kgen.toml",
        )
    return name


def first_text(config: Config) -> str:
    """The text of a new kgen.toml."""
    doc = tomlkit.document()
    doc.add(
        tomlkit.comment(
            "What `kgen pull` reads. kgen keeps your comments; it only edits `subjects` and `[pins]`."
        )
    )
    doc.add("package", tomlkit.item(config.package))
    doc.add("subjects", tomlkit.item(list(config.subjects)))
    if not config.all_versions:
        doc.add("all_versions", tomlkit.item(False))
    doc.add(tomlkit.nl())
    table = tomlkit.table()
    table.add("url", str(registry_url(config.registry.url)[0]))
    table.add(
        tomlkit.comment(
            "Secrets come from the environment: KGEN_REGISTRY_USER and KGEN_REGISTRY_PASSWORD, or"
        )
    )
    table.add(
        tomlkit.comment(
            'KGEN_REGISTRY_TOKEN. Other names: user_env = "…", password_env = "…", token_env = "…".'
        )
    )
    doc.add("registry", table)
    return with_pins(tomlkit.dumps(doc), config.pins)


def pinned(pins: Mapping[str, int], changes: Mapping[str, int | None]) -> dict[str, int]:
    """`pins` with `changes`; None takes a pin away."""
    return {subject: version for subject, version in {**pins, **changes}.items() if version is not None}


def with_pins(text: str, changes: Mapping[str, int | None]) -> str:
    """`text` of a kgen.toml with pins changed (None: taken away); everything else as it stands."""
    if not changes:
        return text
    doc = tomlkit.parse(text)
    table: Any = doc.get("pins")
    if table is None:
        doc["pins"] = table = tomlkit.table()
    for subject, version in changes.items():
        present = next((key for key in table if qualified(key) == subject), subject)
        if version is not None:
            table[present] = version
        elif present in table:
            del table[present]
    return tomlkit.dumps(doc)


def with_subjects(text: str, globs: Iterable[str]) -> str:
    """`text` of a kgen.toml, with patterns added to `subjects`; everything else as it stands."""
    added = list(globs)
    if not added:
        return text
    doc = tomlkit.parse(text)
    subjects: Any = doc["subjects"]
    subjects.extend(added)
    return tomlkit.dumps(doc)


def table_of(settings: TopicSettings) -> dict[str, Any]:
    """Key and value of a topic as they stand in kgen.toml; without those that it does not set."""
    found: dict[str, Any] = {}
    for role, word in (("key", settings.key), ("value", settings.value)):
        if word is not None:
            found[role] = [word, settings.also[role]] if role in settings.also else word
    return {**found, **({"value": list(settings.types)} if settings.types else {})}


def with_topic(text: str, topic: str, name: str, value: str | Sequence[str]) -> str:
    """`text` of a kgen.toml, with one more setting of a topic; everything else as it stands."""
    doc = tomlkit.parse(text)
    topics: Any = doc.get("topics")
    if topics is None:
        doc["topics"] = topics = tomlkit.table(is_super_table=True)
    present = next((key for key in topics if qualified(key) == qualified(topic)), topic)
    if present not in topics:
        topics[present] = tomlkit.table()
    topics[present][name] = value if isinstance(value, str) else list(value)
    return tomlkit.dumps(doc)


def with_flow(text: str, name: str, flow: FlowSettings) -> str:
    """`text` of a kgen.toml, with a table `[flows.NAME]` at its end; everything else as it stands."""
    table = tomlkit.table()
    table.add("from", flow.source)
    table.add("to", flow.target)
    doc = tomlkit.parse(text)
    flows: Any = doc.get("flows")
    if flows is None:
        doc["flows"] = flows = tomlkit.table(is_super_table=True)
    flows[name] = table
    return tomlkit.dumps(doc)
