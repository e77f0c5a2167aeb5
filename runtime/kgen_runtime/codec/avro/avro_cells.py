"""Avro binary as the cells of CSV or of a table, made by the native engine without objects in between.

In cells values are as people read them: times in ISO 8601, bytes as `0x` and hexadecimal digits, null as
nothing; what has parts is JSON. What the engine does not write is left to who asks for it, and everything
without the engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from .. import ENGINE, EngineName
from ..limits import MAX_DEPTH
from .json_encoding import object_parts
from .schema.tree import Array, Enum, Fixed, Logical, Map, Node, Primitive, Record, Ref, Schema, Union

_NULL: Final = Primitive("null")


class AvroCells:
    """The cells of values of one schema. Of a map that has a name twice both are written.

    `columns` are the paths of fields, `place.latitude` for a field of a record in a record; None: the value
    is one cell. They may be more than the schema has, which are empty. With `widths`, one for each, they are
    cells of a table, two spaces between them, cut (…) or filled, and what is not printable ASCII is left;
    without, those of CSV. Text that a spreadsheet would take for a
    formula has an apostrophe before it in CSV.
    """

    def __init__(
        self,
        schema: Schema,
        columns: Sequence[str] | None,
        *,
        widths: Sequence[int] | None = None,
        engine: EngineName | None = None,
    ) -> None:
        self._writer: Any = None
        if (engine or ENGINE) == "native":
            nodes: Any = import_module("kgen_runtime.codec.native._avro_texts")
            root = _CellBuilder(nodes, schema, columns, widths).root()
            if root is not None:
                self._writer = nodes.TextWriter(root, MAX_DEPTH)

    def texts(self, payloads: Sequence[bytes | None], offset: int = 0) -> list[str | None]:
        """The cells of the value in each payload from byte `offset` on, joined; None for each that is left,
        also if it does not decode, or is None.
        """
        if self._writer is None:
            return [None] * len(payloads)
        found: list[str | None] = self._writer.texts(payloads, offset)
        return found


class _CellBuilder:
    """The nodes of cells, and of the JSON in them. A column's text begins with what parts it from the one
    before.
    """

    def __init__(
        self, nodes: Any, schema: Schema, columns: Sequence[str] | None, widths: Sequence[int] | None
    ) -> None:
        self._nodes = nodes
        self._schema = schema
        self._widths = widths
        self._single = columns is None
        self._numbers = {name: number for number, name in enumerate(columns or ())}
        self._outer = {outer for name in self._numbers for outer in _outer_paths(name)}
        self._records: dict[str, Any] = {}
        self._next = 0

    def root(self) -> Any:
        """The node of the schema's root; None if its fields are not those of the columns in their order."""
        if self._single:
            return self._cell(self._schema.root, 0)
        try:
            node = self._columns(self._schema.root, "")
        except LookupError:
            return None
        made = self._nodes.RecordText()
        made.fill((b"",), (node,), self._empty(self._next, len(self._numbers)))
        return made

    def _columns(self, node: Node, prefix: str) -> Any:
        """Of a record, or of one or null. Raises LookupError."""
        if isinstance(node, Union):
            first = self._next
            records = [each for each in node.branches if each != _NULL]
            if len(records) != 1:
                raise LookupError(prefix)
            made = self._columns(records[0], prefix)
            empty = self._nodes.NullText(self._empty(first, self._next))
            return self._union(node, lambda each: empty if each == _NULL else made)
        named = self._schema.names[node.name] if isinstance(node, Ref) else None
        if not isinstance(named, Record):
            raise LookupError(prefix)
        heads, fields = [], []
        for field in named.fields:
            path = prefix + field.name
            if path in self._outer:
                heads.append(b"")
                fields.append(self._columns(field.type, f"{path}."))
                continue
            number = self._numbers[path]
            if number < self._next:
                raise LookupError(path)
            heads.append(self._empty(self._next, number) + self._before(number))
            self._next = number + 1
            fields.append(self._cell(field.type, number))
        made = self._nodes.RecordText()
        made.fill(tuple(heads), tuple(fields), b"")
        return made

    def _before(self, number: int) -> bytes:
        return b"" if not number else b"," if self._widths is None else b"  "

    def _empty(self, begin: int, end: int) -> bytes:
        widths = self._widths or (0,) * end
        return b"".join(self._before(number) + b" " * widths[number] for number in range(begin, end))

    def _cell(self, node: Node, number: int) -> Any:
        if self._widths is None:
            return self._csv(node)
        return self._nodes.TableCell(self._text(node), self._widths[number])

    def _csv(self, node: Node) -> Any:
        if isinstance(node, Union):
            return self._union(node, self._csv)
        named = self._schema.names[node.name] if isinstance(node, Ref) else None
        text = isinstance(named, Enum) or node == Primitive("string")
        plain = isinstance(node, Primitive) and node.type not in ("string", "float", "double")
        inner = self._text(node)
        return inner if plain else self._nodes.CsvCell(inner, text)

    def _union(self, node: Union, of: Callable[[Node], Any]) -> Any:
        return self._nodes.UnionText((b"",) * len(node.branches), tuple(map(of, node.branches)))

    def _text(self, node: Node) -> Any:
        """The value alone in a cell."""
        if node == _NULL:
            return self._nodes.NullText(b"")
        if isinstance(node, Union):
            return self._union(node, self._text)
        if node == Primitive("string"):
            return self._nodes.PlainText()
        named = self._schema.names[node.name] if isinstance(node, Ref) else None
        if isinstance(named, Enum):
            return self._nodes.EnumText(tuple(each.encode() for each in named.symbols))
        return self._value(node, quoted=False)

    def _part(self, node: Node) -> Any:
        """The value in JSON."""
        if node == _NULL:
            return self._nodes.NullText(b"null")
        if isinstance(node, Union):
            return self._union(node, self._part)
        if node == Primitive("string"):
            return self._string()
        return self._value(node, quoted=True)

    def _string(self) -> Any:
        """In JSON, of which CSV has ASCII, tables other letters as they are."""
        return self._nodes.StringText(False, -1) if self._widths is None else self._nodes.AsciiText()

    def _value(self, node: Node, *, quoted: bool) -> Any:
        nodes = self._nodes
        if isinstance(node, Array):
            return nodes.ListText(self._part(node.items), None)
        if isinstance(node, Map):
            return nodes.ListText(self._part(node.values), self._string())
        if isinstance(node, Primitive):
            if node.logical is not None:
                return self._logical(node.logical, -1, node.type == "string", quoted)
            if node.type == "bytes":
                return nodes.HexText(-1, quoted)
            if node.type in ("int", "long"):
                return nodes.LongText(node.type == "int")
            made = {"boolean": nodes.BooleanText, "float": nodes.FloatText, "double": nodes.DoubleText}
            return made[node.type]()
        assert isinstance(node, Ref)
        named = self._schema.names[node.name]
        if isinstance(named, Fixed):
            if named.logical is None:
                return nodes.HexText(named.size, quoted)
            return self._logical(named.logical, named.size, False, quoted)
        if isinstance(named, Enum):
            return nodes.EnumText(tuple(self._quote(each) for each in named.symbols))
        return self._records[named.name] if named.name in self._records else self._record(named)

    def _record(self, record: Record) -> Any:
        made = self._records[record.name] = self._nodes.RecordText()
        heads, tail = object_parts([self._quote(field.name) for field in record.fields])
        made.fill(heads, tuple(self._part(field.type) for field in record.fields), tail)
        return made

    def _quote(self, name: str) -> bytes:
        return json.dumps(name, ensure_ascii=self._widths is None).encode()

    def _logical(self, kind: Logical, size: int, of_text: bool, quoted: bool) -> Any:
        nodes = self._nodes
        micros = kind.name.endswith("-micros")
        if kind.name == "decimal":
            return nodes.DecimalText(size, kind.scale, kind.precision)
        if kind.name == "uuid":
            return nodes.UuidText(of_text, quoted)
        if kind.name == "duration":
            return nodes.DurationText()
        if kind.name == "date":
            return nodes.DateText(quoted)
        if kind.name in ("time-millis", "time-micros"):
            return nodes.TimeText(micros, quoted)
        if kind.name.endswith("-nanos"):
            return nodes.LongText(False)
        if kind.name.endswith(("-millis", "-micros")):
            return nodes.TimestampText(micros, not kind.name.startswith("local-"), quoted)
        return nodes.Node()  # a big-decimal


def _outer_paths(column: str) -> list[str]:
    parts = column.split(".")
    return [".".join(parts[:size]) for size in range(1, len(parts))]
