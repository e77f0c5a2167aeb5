"""The fields and types of a .proto file, as the rows of a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from kgen_runtime.codec.protobuf.schema.proto_tree import (
    MessageRef,
    ProtoEnum,
    ProtoField,
    ProtoMap,
    ProtoMessage,
    ProtoScalar,
    ProtoType,
)

from ..impact.field_uses import FieldUse
from ..model.library import ParsedVersion
from ..protobuf.declared_files import DeclaredFiles
from ..protobuf.proto_model import ProtoAttribute, ProtoModel, attributes_of
from .entries import Extras, FieldRow, SymbolRow, TypeRow, TypeWord

_REPEATED: Final = 300  # rows below which the fields of a message that comes again are shown again
_DEPTH: Final = 24
_MOST: Final = 40  # tags of one field


def proto_titles(model: ProtoModel) -> Callable[[str], str]:
    """What messages and enums are called: by their names behind the package, if no two have the same."""
    behind = {name: ".".join(nested) for name, nested in model.files.nested.items()}
    counts = Counter(behind.values())
    return lambda name: name if counts[behind.get(name, name)] > 1 else behind.get(name, name)


def proto_rows(model: ProtoModel, roots: tuple[str, ...], title: Callable[[str], str]) -> Iterator[FieldRow]:
    """The rows in the order of the file, a field before the fields in it. With several roots each path begins
    with one: `OrderPlaced: id`.
    """
    yield from _ProtoRows(model, title).all(roots)


class _ProtoRows:
    def __init__(self, model: ProtoModel, title: Callable[[str], str]) -> None:
        self._model, self._title = model, title
        self._seen: set[str] = set()
        self._count = 0

    def all(self, roots: tuple[str, ...]) -> Iterator[FieldRow]:
        for root in roots:
            path = f"{self._title(root)}: " if len(roots) > 1 else ""
            yield from self._message(root, path, 0, ())

    def _message(self, name: str, path: str, depth: int, above: tuple[str, ...]) -> Iterator[FieldRow]:
        message = self._model.names.get(name)
        if not isinstance(message, ProtoMessage) or name in above or self._left_out(message):
            return
        self._seen.add(name)
        for attribute in attributes_of(message):
            if not attribute.is_oneof:
                yield from self._field(name, attribute.field, path, depth, (*above, name))
                continue
            yield self._oneof(message, attribute, path, depth)
            for item in attribute.fields:
                inside = f"{path}{attribute.wire}."
                yield from self._field(name, item, inside, depth + 1, (*above, name))

    def _word(self, name: str) -> TypeWord:
        """The name of a type, which leads to it unless it has none here, as those with a type of Python."""
        return TypeWord(self._title(name), name) if name in self._model.names else TypeWord(name)

    def _left_out(self, message: ProtoMessage) -> bool:
        """Whether its fields stand above, and there are too many rows to show them again."""
        return message.name in self._seen and self._count + len(message.fields) > _REPEATED

    def _oneof(self, message: ProtoMessage, attribute: ProtoAttribute, path: str, depth: int) -> FieldRow:
        self._count += 1
        members = " | ".join(it.name for it in attribute.fields)
        doc = self._model.doc(f"{message.name}.{attribute.wire}")
        return FieldRow(
            path + attribute.wire,
            attribute.wire,
            depth,
            (TypeWord(f"oneof: {members}"),),
            False,
            True,
            message.name,
            doc=doc,
        )

    def _field(
        self, owner: str, item: ProtoField, path: str, depth: int, above: tuple[str, ...]
    ) -> Iterator[FieldRow]:
        self._count += 1
        row = FieldRow(
            path=path + item.name,
            name=item.name,
            depth=depth,
            words=tuple(_words(item, self._word)),
            required=item.presence == "required",
            nullable=item.presence == "explicit" and item.oneof is None,
            owner=owner,
            default=item.default,
            doc=self._model.doc(f"{owner}:{item.name}"),
            extras=_extras(self._model.files, owner, item),
        )
        if item.oneof is not None:  # its class has the one attribute
            row = replace(row, owner=f"{owner}.{item.oneof}.{item.name}", name="value")
        held = _held(item.type)
        inner = self._model.names.get(held)
        if isinstance(inner, ProtoMessage):
            if held in above:
                row = replace(row, same_as=held, recursive=True)
            elif depth >= _DEPTH or self._left_out(inner):
                row = replace(row, same_as=held)
        yield row
        if not row.same_as and held:
            steps = "{}" if isinstance(item.type, ProtoMap) else "[]" if _is_list(item) else ""
            yield from self._message(held, f"{row.path}{steps}.", depth + 1, above)


def proto_types(
    unit: ParsedVersion,
    model: ProtoModel,
    title: Callable[[str], str],
    python: Callable[[str], str],
    uses: Callable[[str, str], Sequence[FieldUse]],
) -> Iterator[TypeRow]:
    """The messages and enums, in the order of the file. `python` is the class of one, `uses` the lines that
    use a value of an enum, by the full name of that and its number.
    """
    for name, named in model.schema.names.items():
        values = named.values if isinstance(named, ProtoEnum) else ()
        yield TypeRow(
            name=name,
            title=title(name),
            kind="message" if isinstance(named, ProtoMessage) else "enum" if named.open else "closed enum",
            origin=unit.origins[name],
            doc=model.doc(name),
            symbols=tuple(
                SymbolRow(f"{value} = {number}", tuple(uses(name, str(number)))) for value, number in values
            ),
            fields=len(named.fields) if isinstance(named, ProtoMessage) else 0,
            python=python(name),
            extras=_declared(model.files, name, _reserved(named)),
        )


def _words(item: ProtoField, word: Callable[[str], TypeWord]) -> Iterator[TypeWord]:
    if _is_list(item) and not isinstance(item.type, ProtoMap):
        yield TypeWord("repeated ")
    yield from _type_words(item.type, word)


def _type_words(type_: ProtoType, word: Callable[[str], TypeWord]) -> Iterator[TypeWord]:
    if isinstance(type_, ProtoMap):
        yield TypeWord(f"map<{type_.keys.kind}, ")
        yield from _type_words(type_.values, word)
        yield TypeWord(">")
    elif isinstance(type_, ProtoScalar):
        yield TypeWord(type_.kind)
    else:
        if isinstance(type_, MessageRef) and type_.group:
            yield TypeWord("group ")
        yield word(type_.name)


def _held(type_: ProtoType) -> str:
    """The message that a type has; empty if none."""
    inner = type_.values if isinstance(type_, ProtoMap) else type_
    return inner.name if isinstance(inner, MessageRef) else ""


def _is_list(item: ProtoField) -> bool:
    return item.presence in ("repeated", "packed")


def _extras(files: DeclaredFiles, owner: str, item: ProtoField) -> Extras:
    more = [("number", str(item.number))]
    if item.json_name is not None:
        more.append(("json_name", item.json_name))
    return _declared(files, f"{owner}:{item.name}", more)


def _reserved(named: ProtoMessage | ProtoEnum) -> list[tuple[str, str]]:
    ranges = [str(first) if first == last else f"{first} to {last}" for first, last in named.reserved]
    found = ", ".join([*ranges, *named.reserved_names])
    return [("reserved", found)] if found else []


def _declared(files: DeclaredFiles, key: str, more: list[tuple[str, str]]) -> Extras:
    constraints = ("deprecated",) if key in files.deprecated else ()
    return Extras(tuple(sorted({*files.tags.get(key, ())}))[:_MOST], constraints, tuple(more))
