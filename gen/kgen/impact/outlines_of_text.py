"""Outlines of generated modules by their texts: of those on disk that are not what the lock gives, as under
other settings of kgen.toml or by another kgen.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..model.json_places import EXTRA
from ..model.proto_classes import UNKNOWN
from .outlines import ClassOutline, FieldOutline, Half, ModuleOutline, Place
from .type_members import type_members

_SOURCE = re.compile(r"(\S+) v(\d+) \(id \d+\)")
_REGISTERING = ("rt.AvroSerde", "rt.JsonSerde", "rt.ProtobufSerde", "_schemas.SCHEMAS.register")
"""Calls whose last argument has the full names of classes."""
_ENUMS = {"Enum", "IntEnum", "OpenEnum"}


def text_outlines(texts: Mapping[str, str]) -> dict[str, ModuleOutline]:
    """By path. Raises `SyntaxError` if a text is not Python."""
    found = {path: _module(text) for path, text in texts.items()}
    by_name = {path.rpartition("/")[2].removesuffix(".py"): outline for path, outline in found.items()}
    return {path: _with_imported_names(outline, by_name) for path, outline in found.items()}


def _with_imported_names(outline: ModuleOutline, by_name: Mapping[str, ModuleOutline]) -> ModuleOutline:
    """Full names of classes that the module imports, where its own text has them by a reference's name alone,
    as of JSON Schemas.
    """
    imported = {
        local: by_name[module].full_names[name]
        for local, (module, name) in outline.imports.items()
        if module in by_name and name in by_name[module].full_names
    }
    return replace(outline, full_names={**imported, **outline.full_names})


def _module(text: str) -> ModuleOutline:
    tree = ast.parse(text)
    aliases = dict(_aliases(tree))
    return ModuleOutline(
        sources={subject: int(version) for subject, version in _SOURCE.findall(text.partition("\n")[0])},
        classes={n.name: _class(n, aliases) for n in tree.body if isinstance(n, ast.ClassDef)},
        aliases={name: ast.unparse(node) for name, node in aliases.items() if not name.startswith("_")},
        imports=dict(_imports(tree)),
        names=frozenset(_names(tree)),
        full_names=dict(_full_names(tree)),
        halves=dict(_halves(tree, aliases)),
    )


def _aliases(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Type aliases, and other names for classes."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            if ast.unparse(node.annotation) == "TypeAlias":
                yield node.target.id, node.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            yield ast.unparse(node.targets[0]), node.value


def _imports(tree: ast.Module) -> Iterator[tuple[str, Place]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module:
            yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)


def _names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield from (alias.asname or alias.name for alias in node.names if alias.name != "_schemas")


def _full_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Classes and full names, as the serdes have them and as they are registered. Of a JSON Schema's classes
    they are the subject and the place in it.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in _REGISTERING and len(node.args) > 1:
            classes = node.args[-1]
            texts = (n.value for n in ast.walk(node.args[0]) if isinstance(n, ast.Constant))
            subject = next((text for text in texts if isinstance(text, str)), "")
            if isinstance(classes, ast.Dict):
                for key, value in zip(classes.keys, classes.values):
                    if isinstance(key, ast.Constant) and isinstance(value, ast.Name):
                        full = str(key.value)
                        document, is_place, _ = full.partition("#")
                        if not is_place or not document:
                            yield value.id, subject + full if is_place else full


def _halves(tree: ast.Module, aliases: Mapping[str, ast.expr]) -> Iterator[tuple[str, Half]]:
    for node in tree.body:
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        if not isinstance(value, ast.Call):
            continue
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Subscript):
            shown = ast.unparse(node.annotation.slice)
            serde = ast.unparse(value.func)
            texts = (n for a in value.args[:1] for n in ast.walk(a) if isinstance(n, ast.Constant))
            first = next((n.value for n in texts if isinstance(n.value, str)), "")
            schemas = "" if serde == "rt.TypesSerde" else first  # that has several, by the names of types
            types = type_members(node.annotation.slice, aliases)
            yield ast.unparse(node.target), Half(types, shown, serde, schemas)
        elif isinstance(node, ast.Assign) and ast.unparse(value.func) == "rt.Topic" and value.args:
            yield "topic", Half((), str(ast.literal_eval(value.args[0])), "rt.Topic")


def _class(node: ast.ClassDef, aliases: Mapping[str, ast.expr]) -> ClassOutline:
    is_enum = any(ast.unparse(base).rpartition(".")[2] in _ENUMS for base in node.bases)
    fields, symbols = {}, {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            fields[item.target.id] = _field(item.target.id, item, aliases)
        elif is_enum and isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            symbols[item.targets[0].id] = str(ast.literal_eval(item.value))
    return ClassOutline(fields, symbols, is_enum)


def _field(name: str, node: ast.AnnAssign, aliases: Mapping[str, ast.expr]) -> FieldOutline:
    is_field = isinstance(node.value, ast.Call) and ast.unparse(node.value.func).rpartition(".")[2] == "field"
    given = {k.arg: k.value for k in node.value.keywords} if isinstance(node.value, ast.Call) else {}
    required = node.value is None or (is_field and not given.keys() & {"default", "default_factory"})
    metadata = ast.literal_eval(given["metadata"]) if is_field and "metadata" in given else {}
    types = type_members(node.annotation, aliases)
    wire = _alias(node.annotation) or _wire(name, metadata)
    return FieldOutline(types, ast.unparse(node.annotation), required, wire)


def _alias(annotation: ast.expr) -> str:
    """The name on the wire that a pydantic model has in `Annotated[..., Field(alias="name")]`; else empty."""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Field":
            for keyword in node.keywords:
                if keyword.arg == "alias" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""


def _wire(name: str, metadata: Mapping[str, Any]) -> str:
    if "json_extra" in metadata:
        return EXTRA
    if "proto_unknown" in metadata:
        return UNKNOWN
    return str(next((metadata[key] for key in ("avro", "json", "proto") if key in metadata), name))
