"""The fields of a schema, nested, each with its path from the root."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kgen_runtime.codec.avro.schema import tree as avro
from kgen_runtime.codec.json.schema import json_tree

from ..model.library import ParsedVersion
from ..model.trees import RECORDS, AnyNode, AnyRecord, AnySchema, parts
from .entries import Extras, FieldRow
from .type_names import takes_null, without_null, words

_SCALARS: Final = (avro.Primitive, json_tree.JsonScalar)
_NO_EXTRAS: Final = Extras()
_REPEATED: Final = 300
"""Rows below which the fields of a type that comes again are shown again."""
_DEPTH: Final = 24
_SHOWN: Final = 200
"""Characters of a default."""


def field_rows(
    unit: ParsedVersion, title: Callable[[str], str], extras: Mapping[tuple[str, str], Extras]
) -> tuple[FieldRow, ...]:
    """The rows in the order of the schema, a field before the fields in it.

    The fields of a type stand below every field that has it, as long as there are few; else below the first
    one, and others say so: however types hold one another, there are not many more rows than fields.
    """
    return tuple(_Rows(unit.schema, title, extras).all())


@dataclass(frozen=True)
class _Nesting:
    path: str
    depth: int
    above: tuple[str, ...]  # the types that it is in, outermost first


class _Rows:
    def __init__(
        self,
        schema: AnySchema,
        title: Callable[[str], str],
        extras: Mapping[tuple[str, str], Extras],
    ) -> None:
        self._schema = schema
        self._title = title
        self._extras = extras
        self._seen: set[str] = set()
        self._count = 0

    def all(self) -> Iterator[FieldRow]:
        root: AnyNode = self._schema.root
        inside = list(self._records(root, ""))
        if not inside:
            yield FieldRow("", "", 0, words(root, self._title), True, takes_null(root), "")
            return
        yield from self._below(root, _Nesting("", 0, ()))

    def _below(self, node: AnyNode, at: _Nesting) -> Iterator[FieldRow]:
        """The fields of all records that a type holds."""
        for name, path in self._records(node, at.path):
            record = self._schema.names[name]
            if isinstance(record, RECORDS) and name not in at.above and not self._left_out(name):
                self._seen.add(name)
                yield from self._of_record(record, _Nesting(path, at.depth, (*at.above, name)))

    def _of_record(self, record: AnyRecord, at: _Nesting) -> Iterator[FieldRow]:
        for item in record.fields:
            row = self._row(record, item, at)
            if isinstance(item.type, _SCALARS):  # most fields hold no record
                self._count += 1
                yield row
                continue
            names = [name for name, _ in self._records(item.type, "")]
            around = next((name for name in names if name in at.above), "")
            again = next(filter(self._left_out, names), "")
            self._count += 1
            if around:
                row = replace(row, same_as=around, recursive=True)
            elif names and (again or at.depth >= _DEPTH):
                row = replace(row, same_as=again or names[0])
            yield row
            if at.depth < _DEPTH:
                yield from self._below(item.type, _Nesting(row.path, at.depth + 1, at.above))
        if isinstance(record, json_tree.JsonObject) and record.extra is not None:
            more = json_tree.Property("{}", record.extra, doc="Every other property.")
            yield replace(self._row(record, more, at), path=f"{at.path}{{}}")

    def _left_out(self, name: str) -> bool:
        """Whether the fields of a type stand above, and there are too many rows to show them again."""
        named = self._schema.names[name]
        size = len(named.fields) if isinstance(named, RECORDS) else 0
        return name in self._seen and self._count + size > _REPEATED

    def _row(self, record: AnyRecord, item: avro.Field | json_tree.Property, at: _Nesting) -> FieldRow:
        path = f"{at.path}.{item.name}" if at.path else item.name
        aliases: tuple[str, ...] = ()
        if isinstance(item, json_tree.Property):
            required = item.required
            default = _json(item.default) if item.default is not json_tree.UNDEFINED else None
        else:
            required, aliases = item.default is avro.NO_DEFAULT, item.aliases
            default = None if required else _json(item.default)
        return FieldRow(
            path=path,
            name=item.name,
            depth=at.depth,
            words=words(item.type, self._title),
            required=required,
            nullable=takes_null(item.type),
            owner=record.name,
            default=default,
            doc=item.doc,
            aliases=aliases,
            extras=self._extras.get((record.name, item.name), _NO_EXTRAS),
        )

    def _records(self, node: AnyNode, path: str) -> Iterator[tuple[str, str]]:
        """The records that a type holds, and the paths to them."""
        found = without_null(node)
        if isinstance(found, (avro.Ref, json_tree.JsonRef)):
            if isinstance(self._schema.names[found.name], RECORDS):
                yield found.name, path
        elif isinstance(found, (avro.Array, json_tree.JsonArray)):
            yield from self._records(found.items, f"{path}[]")
        elif isinstance(found, (avro.Map, json_tree.JsonMap)):
            yield from self._records(found.values, f"{path}{{}}")
        elif isinstance(found, (avro.Union, json_tree.JsonUnion)):
            yield from self._of_union(found, path)
        else:
            for number, part in enumerate(parts(found)):
                yield from self._records(part, f"{path}[{number}]")

    def _of_union(self, union: avro.Union | json_tree.JsonUnion, path: str) -> Iterator[tuple[str, str]]:
        inside = [(branch, list(self._records(branch, path))) for branch in union.branches]
        alone = sum(bool(found) for _, found in inside) == 1
        for branch, found in inside:
            if alone or not isinstance(branch, (avro.Ref, json_tree.JsonRef)):
                yield from found
            else:
                yield from ((name, f"{at}({self._title(name)})") for name, at in found)


def _json(default: Any) -> str:
    text = json.dumps(default, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
