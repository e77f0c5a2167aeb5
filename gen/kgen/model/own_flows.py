"""The flows that kgen.toml asks for by name, `[flows.NAME]`: from one topic to another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from kgen_runtime.errors import ConfigError

from ..listing import listed, title
from ..pycode.expr import alternatives, flat
from . import names
from .names import BUILTINS
from .project import FlowDef, Module, TopicDef, TypeName
from .settings import Settings
from .type_writer import module_of

_NAME = re.compile(r"(?<![\w.'\"])([A-Za-z_]\w*)(\.[A-Za-z_]\w*)?")


def own_flows(
    modules: Sequence[Module], topics: Mapping[str, str], settings: Settings
) -> tuple[FlowDef, ...]:
    """The flows whose topics are both there. `topics` has the module of each topic by its name in kgen.toml.

    Raises `ConfigError` if a flow has the name of a topic's own one.
    """
    by_name = {module.name: module for module in modules}
    for name in settings.flows:
        _refuse_taken(name, by_name)
    found = []
    for name, words in sorted(settings.flows.items()):
        source, target = (_module(by_name, topics, word) for word in (words.source, words.target))
        if source and target and source.topic and target.topic and source is not target:
            found.append(_flow(name, (source, source.topic), (target, target.topic)))
    return tuple(found)


def unmade_flows(modules: Sequence[Module], topics: Mapping[str, str], settings: Settings) -> Iterator[str]:
    """A line for each flow that is not made, as a topic of its own is not there."""
    by_name = {module.name: module for module in modules}
    for name, words in sorted(settings.flows.items()):
        for key, word in (("from", words.source), ("to", words.target)):
            if _module(by_name, topics, word) is None:
                yield (
                    f"kgen.toml, [flows.{name}]: {key} = {json.dumps(title(word))} is not a topic that is "
                    f"read{near(word, live_topics(modules, topics))}; the flow is left as it is"
                )


def live_topics(modules: Iterable[Module], topics: Mapping[str, str]) -> list[str]:
    """The names that `from` and `to` may have."""
    made = {module.name: module.topic.name for module in modules if module.topic}
    return sorted(
        {name for table, module in topics.items() if module in made for name in (table, made[module])}
    )


def near(word: str, known: Sequence[str]) -> str:
    """What may have been meant, else what there is."""
    close = get_close_matches(word.removesuffix("-value").removesuffix("-key"), known, 3, 0.6)
    if close:
        return f": did you mean {' or '.join(map(title, close))}?"
    return f"; the topics are {listed(known)}" if known else ""


def flow_name(name: str) -> str:
    """`name`, if a flow can be called so. Raises `ConfigError`."""
    usual = names.module_name(name)
    if usual != name:
        raise ConfigError(
            f"{json.dumps(title(name))} cannot be the name of a flow",
            hint=f"lower-case letters, digits and underscores, as in {usual}",
        )
    return name


def _refuse_taken(name: str, modules: Mapping[str, Module]) -> None:
    taken = modules.get(name)
    if taken and taken.topic and taken.topic.flow:
        raise ConfigError(
            f"two flows are called {name}: that of the topic {taken.topic.name}, and [flows.{name}]",
            where=f"kgen.toml, [flows.{name}]",
            hint=f"another name, or flow = false under [topics.{json.dumps(taken.topic.name)}]",
        )


def _module(modules: Mapping[str, Module], topics: Mapping[str, str], word: str) -> Module | None:
    """The module of a topic, by the topic's name in kgen.toml, else by that on the broker."""
    found = modules.get(topics.get(word, ""))
    if found and found.topic:
        return found
    return next((it for it in modules.values() if it.topic and it.topic.name == word), None)


def _flow(name: str, source: tuple[Module, TopicDef], target: tuple[Module, TopicDef]) -> FlowDef:
    (read, topic), (written, out) = source, target
    before, imports = _key_type(read.name, topic)
    after, more = _key_type(written.name, out)
    nullable = any(it.name == out.value.type and "None" in _types(it) for it in written.aliases)
    rekeys = before != after
    taken = {read.name, written.name, "handle"}
    return FlowDef(
        name=name,
        source=read.name,
        source_topic=topic,
        target=written.name,
        target_topic=out,
        subjects=tuple(dict.fromkeys(s.subject for it in (read, written) for s in it.sources)),
        parameter="value" if topic.parameter in taken else topic.parameter,
        keys=(before, after),
        nullable=nullable,
        stdlib=tuple(sorted({*(imports if rekeys or nullable else ()), *(more if rekeys else ())})),
        rekey=names.free("rekey", taken),
        keyed=names.free("keyed", taken),
        unsent=names.free("unsent", taken),
    )


def _types(alias: TypeName) -> list[str]:
    return alternatives(flat(alias.types))


def _key_type(module: str, topic: TopicDef) -> tuple[str, frozenset[tuple[str, str]]]:
    """The type of a topic's keys as another module writes it, and what that imports for it."""
    imports: set[tuple[str, str]] = set()

    def qualified(match: re.Match[str]) -> str:
        name, rest = match[1], match[2]
        if name == "rt" or (rest is None and (name in BUILTINS or name == "None")):
            return match[0]
        if rest is not None:  # of a module under another name, as the class's name is taken there
            imports.add(("typing", "Any"))
            return "Any"
        if home := module_of(name):
            imports.add((home, name))
            return name
        return f"{module}.{name}"

    return _NAME.sub(qualified, flat(topic.key.type)), frozenset(imports)
