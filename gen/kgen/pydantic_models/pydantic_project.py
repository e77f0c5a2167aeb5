"""A project whose JSON Schema subjects have pydantic models: the rest of it stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kgen_runtime.codec.json.schema.json_tree import JsonRef

from ..errors import ConfigError, SchemaError
from ..model import names
from ..model.library import Library, ParsedVersion
from ..model.project import EnumClass, Import, Module, Project, RecordClass, SerdeDef, Source
from ..model.subject_filter import excluding
from ..pycode import quote
from ..pycode.expr import Expr, Group, call, flat
from .one_schema import one_schema
from .pydantic_texts import ModelText, model_texts, require_generator, version

_SERDE: Final = "rt.JsonSerde("
_NARROWED: Final = """# A field of a base may have a narrower type, as in the schema.
# mypy: disable-error-code="assignment"
# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false"""
_ROLES: Final = ("value", "key")


@dataclass(frozen=True)
class _Wanted:
    """The models of one half of a topic: in a module called `name`, the class of a message is `root`."""

    module: str
    role: str
    name: str
    root: str
    unit: ParsedVersion


def with_pydantic(project: Project, library: Library) -> Project:
    """The project with pydantic models in the place of the dataclasses of JSON Schemas.

    What has no objects keeps kgen's codec, and topics of several types keep their dataclasses. A topic's
    module has all the models of its value, and of its key those that have names of their own. Raises
    `SchemaError` for a schema that no models are made of, `ConfigError` without datamodel-code-generator.
    """
    require_generator()
    wanted = [each for module in project.modules for each in _wanted(project, module, library)]
    texts = dict(zip(((it.module, it.role) for it in wanted), _texts(wanted)))
    kept = _of_several_types(project)
    json_classes = {
        (m.name, c.name)
        for m in project.modules
        for c in m.classes
        if "#" in c.fullname and m.name not in kept
    }
    modules: list[Module] = []
    for module in project.modules:
        own = [(it, texts[it.module, it.role]) for it in wanted if it.module == module.name]
        modules += (_models(it, text) for it, text in own)
        if module.topic or any((module.name, c.name) not in json_classes for c in module.classes):
            modules.append(_without_classes(module, own, json_classes))
    return replace(
        project,
        modules=tuple(sorted(modules, key=lambda it: it.name)),
        model_generator=version() if wanted else None,
    )


def _of_several_types(project: Project) -> set[str]:
    """The modules with the classes of topics of several types."""
    modules = {module.name: module for module in project.modules}
    todo = [module.name for module in project.modules if module.topic and module.topic.value.types]
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [item.module for item in modules[name].imports]
    return found


def _wanted(project: Project, module: Module, library: Library) -> Iterator[_Wanted]:
    taken = {it.name for it in project.modules}
    for role in _ROLES if module.topic else ():
        serde: SerdeDef = getattr(module.topic, role)
        group = _json_serde(serde.serde)
        own = [it for it in module.sources if it.subject == serde.subject]
        units = [library.unit((it.subject, it.version)) for it in own]
        # Of a subject that changed its type one unit is of Avro.
        unit = next((it for it in reversed(units) if it.version.type == "JSON"), None)
        if group and unit and unit.classes:
            name = f"{module.name}_models" if role == "value" else f"{module.name}_key_models"
            name = next(it for it in names.numbered(name) if it not in taken)
            yield _Wanted(module.name, role, name, _root(module, serde, group, unit), unit)


def _json_serde(serde: Expr) -> Group | None:
    """The part of an expression that makes a `JsonSerde`."""
    if not isinstance(serde, Group):
        return None
    if serde.opening == _SERDE:
        return serde
    return next(filter(None, (_json_serde(item) for _, item in serde.items)), None)


def _root(module: Module, serde: SerdeDef, group: Group, unit: ParsedVersion) -> str:
    """The class of a message: of the same name as without pydantic, so that flows stay as they are."""
    classes, root = group.items[1][1], unit.schema.root
    if isinstance(root, JsonRef) and isinstance(classes, Group):
        for before, name in classes.items:
            if before == f"{quote.string(root.name)}: ":
                return flat(name)
    if serde.serde is not group:
        raise ConfigError(
            f"{serde.subject} cannot be read beside another format as pydantic models: it is not an object",
            where=f"kgen.toml, the topic {module.topic.name if module.topic else ''}",
            hint='leave out json = "pydantic", or the other format',
        )
    shown = flat(serde.type)
    return shown if shown.isidentifier() else "Value"


def _texts(wanted: Sequence[_Wanted]) -> Iterator[ModelText]:
    schemas = [(it.root, one_schema(it.unit.version.text, it.unit.documents)) for it in wanted]
    for it, found in zip(wanted, model_texts(schemas)):
        if not isinstance(found, ModelText):
            subject, number = it.unit.pair
            raise SchemaError(
                f"datamodel-code-generator makes no pydantic models of it: {found}",
                where=f"{quote.comment(subject)} v{number}",
                hint=f'leave out json = "pydantic", or the subject: --subject {excluding(subject)}',
            )
        yield found


def _models(wanted: _Wanted, text: ModelText) -> Module:
    """The module with the models. Its imports are those of the generator, in order."""
    version = wanted.unit.version
    doc = f"Models of the subject `{quote.inline(version.subject)}`, by datamodel-code-generator."
    stdlib = [line for line in text.imports if not _is_package(line)]
    packages = [line for line in text.imports if _is_package(line)]
    blocks = [
        quote.docstring(doc, 0, 88),
        *([_NARROWED] if text.narrows else []),
        "from __future__ import annotations",
        *("\n".join(lines) for lines in (stdlib, packages) if lines),
    ]
    return Module(
        name=wanted.name,
        doc=doc,
        sources=(Source(version.subject, version.version, version.id),),
        stdlib=(),
        runtime=(),
        uses_schemas=False,
        imports=(),
        exports=(),
        enums=(),
        records=(),
        aliases=(),
        topic=None,
        text="\n\n".join(blocks) + f"\n\n\n{text.body}",
    )


def _is_package(line: str) -> bool:
    return line.startswith(("from pydantic", "from kgen_runtime"))


def _without_classes(
    module: Module, own: Sequence[tuple[_Wanted, ModelText]], json_classes: set[tuple[str, str]]
) -> Module:
    """A module without its classes of JSON Schemas, with the models of its topic."""
    enums = tuple(it for it in module.enums if (module.name, it.name) not in json_classes)
    records = tuple(it for it in module.records if (module.name, it.name) not in json_classes)
    classes: list[EnumClass | RecordClass] = [*enums, *records]
    imports = [it for it in module.imports if (it.module, it.name) not in json_classes]
    topic = module.topic
    for wanted, text in own:
        assert topic is not None  # it is a half of it
        serde: SerdeDef = getattr(topic, wanted.role)
        made = replace(serde, serde=_with_model(serde.serde, wanted.root))
        is_whole = serde.serde == _json_serde(serde.serde)
        if is_whole:
            made = replace(made, type=wanted.root)
        if wanted.role == "key":
            topic = replace(topic, key=made)
        else:  # a model is one class, even where its schema is a union
            topic = replace(topic, value=made, cases=() if is_whole else topic.cases)
        known = {it.local for it in imports} | {it.name for it in classes}
        imports += (Import(wanted.name, name, name) for name in text.classes if name not in known)
    made_here = {it.root for it, _ in own}
    used = [flat(field.annotation) for record in records for field in record.fields]
    used += [flat(field.default) for record in records for field in record.fields if field.default]
    used += [flat(half.type) for half in (topic.key, topic.value)] if topic else []
    aliases = [it for it in module.aliases if it.name not in made_here]
    kept = set(_reached(used, {it.name: flat(it.types) for it in aliases}))
    aliases = [it for it in aliases if it.name in kept]
    used += [flat(it.types) for it in aliases]
    words = {word for text in used for word in re.findall(r"\w+", text)}
    words |= {"dataclass"} if records else set()
    words |= {"Enum"} if enums else set()
    words |= {"TypeAlias"} if aliases or any(it.private for it in (*classes, *imports)) else set()
    registered = tuple(it for it in module.registered if "#" not in flat(it))
    public = [it.name for it in (*classes, *aliases)] + [it.local for it in imports]
    public += ["key", "topic", "value"] if topic else []
    return replace(
        module,
        enums=enums,
        records=records,
        aliases=tuple(aliases),
        imports=tuple(sorted(imports, key=lambda it: (it.module, names.import_key(it.name)))),
        exports=tuple(sorted(public, key=names.sort_key)) if imports else (),
        stdlib=tuple(_needed(module.stdlib, words)),
        topic=topic,
        registered=registered,
    )


def _with_model(serde: Expr, root: str) -> Expr:
    """The expression with a `PydanticSerde` in it."""
    if not isinstance(serde, Group):
        return serde
    if serde.opening == _SERDE:
        made = call("rt.PydanticSerde", serde.items[0][1], root)
        # With the options that it had: what values its fields take is pydantic's affair.
        options = [it for it in serde.items[2:] if not it[0].startswith("out_of_range=")]
        return replace(made, items=(*made.items, *options))
    return replace(serde, items=tuple((before, _with_model(item, root)) for before, item in serde.items))


def _reached(texts: Iterable[str], aliases: Mapping[str, str]) -> Iterator[str]:
    """The aliases that texts mention, and those that these do."""
    left, seen = list(texts), set[str]()
    while left:
        for word in re.findall(r"\w+", left.pop()):
            if word in aliases and word not in seen:
                seen.add(word)
                left.append(aliases[word])
                yield word


def _needed(lines: Iterable[str], words: set[str]) -> Iterator[str]:
    """Import lines with the names that are used."""
    for line in lines:
        before, _, listed = line.partition(" import ")
        found = [name for name in listed.split(", ") if name.rpartition(" ")[2] in words]
        if found:
            yield f"{before} import {', '.join(found)}"
