"""Outlines of generated modules by the generator's model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..model.project import EnumClass, FieldDef, Module, Project, RecordClass, SerdeDef, TopicDef
from ..pycode.expr import Expr, Group, flat
from .outlines import ClassOutline, FieldOutline, Half, ModuleOutline, Place
from .outlines_of_text import text_outlines
from .type_members import type_members

_SCHEMAS = ModuleOutline(names=frozenset({"SCHEMAS"}))


def model_outlines(project: Project) -> dict[str, ModuleOutline]:
    """By path, of all modules that are generated for the project."""
    full_names = {(m.name, c.name): c.fullname for m in project.modules for c in m.classes}
    found = {"__init__": ModuleOutline(), **({"_schemas": _SCHEMAS} if project.schemas else {})}
    found |= {module.name: _module(module, full_names) for module in project.modules}
    return {f"{project.folder}/_generated/{name}.py": outline for name, outline in found.items()}


def _module(module: Module, full_names: Mapping[Place, str]) -> ModuleOutline:
    if module.text is not None:
        sources = {source.subject: source.version for source in module.sources}
        return replace(text_outlines({module.name: module.text})[module.name], sources=sources)
    imports = {it.local: (it.module, it.name) for it in module.imports}
    private = dict(_private(module))
    types = {it.name: _parsed(it.types) for it in module.aliases}
    aliases = {**{alias: _parsed(name) for alias, name in private.items()}, **types}
    own = {c.name: (module.name, c.name) for c in module.classes}
    named = {local: full_names[place] for local, place in {**imports, **own}.items() if place in full_names}
    halves = dict(_halves(module.topic, aliases)) if module.topic else {}
    more = {"__all__"} if module.exports else set()
    return ModuleOutline(
        sources={source.subject: source.version for source in module.sources},
        classes={
            **{it.name: _enum(it) for it in module.enums},
            **{it.name: _record(it, aliases) for it in module.records},
        },
        aliases={name: ast.unparse(node) for name, node in types.items()},
        imports=imports,
        names=frozenset({*own, *imports, *aliases, *halves, *more}),
        full_names=named,
        halves=halves,
    )


def _private(module: Module) -> Iterator[tuple[str, str]]:
    """Private aliases, and the names that they stand for."""
    for it in (*module.classes, *module.aliases):
        yield from ((alias, it.name) for alias in it.private)
    for each in module.imports:
        yield from ((alias, each.local) for alias in each.private)


def _enum(enum: EnumClass) -> ClassOutline:
    symbols = {symbol.name: str(ast.literal_eval(symbol.wire)) for symbol in enum.symbols}
    return ClassOutline(symbols=symbols, is_enum=True)


def _record(record: RecordClass, aliases: Mapping[str, ast.expr]) -> ClassOutline:
    return ClassOutline({field.name: _field(field, aliases) for field in record.fields})


def _field(field: FieldDef, aliases: Mapping[str, ast.expr]) -> FieldOutline:
    node = _parsed(field.annotation)
    return FieldOutline(type_members(node, aliases), ast.unparse(node), field.required, field.wire)


def _halves(topic: TopicDef, aliases: Mapping[str, ast.expr]) -> Iterator[tuple[str, Half]]:
    yield "key", _half(topic.key, aliases)
    yield "value", _half(topic.value, aliases)
    yield "topic", Half((), topic.name, "rt.Topic")


def _half(serde: SerdeDef, aliases: Mapping[str, ast.expr]) -> Half:
    node = _parsed(serde.type)
    types = type_members(node, aliases)
    return Half(types, ast.unparse(node), _function(serde.serde), serde.subject)


def _function(expr: Expr) -> str:
    """What is called."""
    return expr.opening.removesuffix("(") if isinstance(expr, Group) else ""


def _parsed(expr: Expr) -> ast.expr:
    return ast.parse(flat(expr), mode="eval").body
