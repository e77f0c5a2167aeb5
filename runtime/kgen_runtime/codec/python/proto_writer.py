"""The Protobuf writer in plain Python, if no C compiler was: nodes, results and errors as in
`_proto_writer.pyx`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...errors import EncodeError
from ..error_texts import shown
from ..field_paths import field_path
from ..protobuf import proto_reasons
from ..protobuf.proto_build import UNSET
from ..protobuf.proto_shapes import EXPLICIT, IMPLICIT, MAP, NULLABLE, PACKED, REPEATED, REQUIRED, FieldShape
from ..values import ABSENT
from .proto_cursor import DELIMITED, GROUP, GROUP_END
from .proto_output import ProtoEnumWriterNode as ProtoEnumWriterNode
from .proto_output import ProtoOut, ProtoScalarWriterNode, ProtoWriterNode, unwanted_value
from .proto_output import proto_scalar_writer as proto_scalar_writer
from .proto_well_known_writer import ProtoBodyWriterNode, packed_keys, write_implicit
from .proto_well_known_writer import proto_well_known_writer as proto_well_known_writer
from .writer import RefusedValueError, place_refused


class ProtoMapWriterNode(ProtoWriterNode):
    """A map: its entries, each with the field's tag."""

    wire = DELIMITED

    def __init__(self, keys: ProtoScalarWriterNode, values: ProtoWriterNode) -> None:
        self.keys = keys
        self.values = values

    def write(self, out: ProtoOut, value: Any) -> None:
        """See `write_all`."""
        raise NotImplementedError

    def write_all(self, out: ProtoOut, number: int, value: Any) -> None:
        """Add the entries of the field of that number."""
        if not isinstance(value, dict):
            raise unwanted_value("dict", value)
        items = packed_keys(self.keys, value).items()
        is_text = self.keys.wire == DELIMITED
        for packed, (key, item) in sorted(items, key=lambda each: each[0] if is_text else int(each[1][0])):
            out.tag(number, DELIMITED)
            start = len(out.data)
            out.tag(1, self.keys.wire)
            if is_text:
                out.varint(len(packed))
            out.data += packed
            out.tag(2, self.values.wire)
            try:
                self.values.write(out, item)
            except Exception as error:
                place_refused(error, (shown(key),))
                raise
            out.close(start)


class ProtoMessageWriterNode(ProtoBodyWriterNode):
    """A message: an object of `cls` by its attributes, or a dict by the names of the fields."""

    def __init__(self, name: str, cls: type[Any] | None, attributes: tuple[str, ...], plain: bool) -> None:
        self.name = name
        self.cls = cls
        self.attributes = attributes

    def fill(self, fields: tuple[FieldShape, ...], unknown: int) -> None:
        """See `proto_build`."""
        self.fields = fields
        self.unknown = unknown
        self.names = frozenset(field.name for field in fields)
        self.holders: dict[int, list[type[Any]]] = {}
        for field in fields:
            if field.holder is not None:
                self.holders.setdefault(field.slot, []).append(field.holder)

    def body(self, out: ProtoOut, value: Any) -> None:
        """Add the fields in order of number, and the unknown ones."""
        out.enter()
        if self.cls is not None and isinstance(value, self.cls):
            self._object(out, value)
        elif isinstance(value, dict):
            self._dict(out, dict.copy(value) if type(value) is dict else dict(dict.items(value)))
        else:
            raise unwanted_value("dict" if self.cls is None else self.cls.__qualname__, value)
        out.depth += 1

    def _object(self, out: ProtoOut, value: Any) -> None:
        values = [self._attribute(value, name) for name in self.attributes]
        for slot, holders in self.holders.items():
            if values[slot] is not None and type(values[slot]) not in holders:
                wanted = " or ".join(holder.__qualname__ for holder in holders[:10])
                refused = unwanted_value(wanted, values[slot])
                refused.parts.append(self.attributes[slot])
                raise refused
        for field in self.fields:
            item = values[field.slot]
            if field.holder is not None:
                item = item.value if type(item) is field.holder else None
                self._write(out, field, item, type(values[field.slot]) is not field.holder)
            else:
                self._write(out, field, item, item is (ABSENT if field.shape == NULLABLE else None))
        if self.unknown >= 0:
            kept = values[self.unknown]
            if not isinstance(kept, bytes):
                refused = unwanted_value("bytes", kept)
                refused.parts.append(self.attributes[self.unknown])
                raise refused
            out.data += kept

    def _attribute(self, value: Any, name: str) -> Any:
        try:
            return getattr(value, name)
        except Exception as error:
            if isinstance(error, AttributeError):
                error = RefusedValueError("the field is not set")
            place_refused(error, name)
            raise error from None

    def _dict(self, out: ProtoOut, value: dict[str, Any]) -> None:
        others = [key for key in value if key not in self.names]
        if others:
            raise RefusedValueError(f"{self.name} has no field {shown(others[0])}")
        chosen: dict[int, str] = {}
        for field in self.fields:
            item = value.get(field.name, UNSET)
            is_absent = item is UNSET or item is ABSENT or (item is None and not self._takes_none(field))
            if field.oneof >= 0 and not is_absent:
                if field.oneof in chosen:
                    raise RefusedValueError(
                        f"{proto_reasons.SEVERAL_MEMBERS}: {chosen[field.oneof]} and {field.name}"
                    )
                chosen[field.oneof] = field.name
            if not (is_absent and field.shape != REQUIRED):
                self._write(out, field, item, is_absent)

    def _takes_none(self, field: FieldShape) -> bool:
        return field.shape in (NULLABLE, IMPLICIT, REPEATED, PACKED, MAP)

    def _write(self, out: ProtoOut, field: FieldShape, value: Any, is_absent: bool) -> None:
        """Add a field. Absent ones are left out, if they may be absent."""
        try:
            if field.shape == REQUIRED and is_absent:
                raise RefusedValueError(proto_reasons.MISSING)
            if is_absent and field.shape in (EXPLICIT, NULLABLE):
                return
            if field.shape == IMPLICIT:
                write_implicit(out, field.number, field.node, value)
            elif field.shape == MAP:
                field.node.write_all(out, field.number, value)
            elif field.shape == REPEATED:
                for number, item in enumerate(_items(value)):
                    self._item(out, field, item, number)
            elif field.shape == PACKED:
                self._packed(out, field, _items(value))
            else:
                _value(out, field, value)
        except Exception as error:
            place_refused(error, field.name)
            raise

    def _item(self, out: ProtoOut, field: FieldShape, item: Any, number: int) -> None:
        try:
            _value(out, field, item)
        except Exception as error:
            place_refused(error, number)
            raise

    def _packed(self, out: ProtoOut, field: FieldShape, items: Iterable[Any]) -> None:
        inner = ProtoOut(b"")
        for number, item in enumerate(items):
            try:
                field.node.write(inner, item)
            except Exception as error:
                place_refused(error, number)
                raise
        if inner.data:
            out.tag(field.number, DELIMITED)
            out.varint(len(inner.data))
            out.data += inner.data


def _value(out: ProtoOut, field: FieldShape, value: Any) -> None:
    """A value, with its tag."""
    if not field.group:
        out.tag(field.number, field.node.wire)
        field.node.write(out, value)
        return
    out.tag(field.number, GROUP)
    field.node.body(out, value)
    out.tag(field.number, GROUP_END)


def _items(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise unwanted_value("list", value)
    return tuple(list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value))


class ProtoNodeWriter:
    """Encodes with a tree of nodes. Its methods are those of `codec.ValueWriter`."""

    def __init__(self, root: ProtoBodyWriterNode) -> None:
        self._root = root

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """`prefix` and then the message. Raises `EncodeError`."""
        out = ProtoOut(prefix)
        try:
            self._write(out, value)
        except RefusedValueError as error:
            raise EncodeError(error.why, path=field_path(error.parts)) from error.cause
        if len(out.data) > (1 << 31) - 1:
            raise EncodeError(proto_reasons.TOO_LONG)
        return bytes(out.data)

    def pack(self, value: Any) -> bytes | None:
        """See `codec.ValueWriter.pack`."""
        return None

    def _write(self, out: ProtoOut, value: Any) -> None:
        try:
            self._root.body(out, value)
        except Exception as error:
            place_refused(error)
            raise
