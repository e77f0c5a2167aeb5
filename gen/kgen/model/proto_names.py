"""What Protobuf's types, fields and values are called in Python, taken alone."""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from typing import Final

from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoEnum, ProtoMessage

from ..protobuf.proto_model import OneofMember, ProtoClassed, ProtoModel, attributes_of
from . import names

IMPORTED: Final = frozenset({"Any", "IntEnum", "timedelta"})
"""What modules with such types import, beside what others do."""
_OF_NUMBERS: Final = frozenset(dir(int))


def proto_class_candidates(schema: ProtoModel, name: str) -> Iterator[str]:
    """Names for the class of a type, best first: those of the messages around it and its own, of a member of
    a oneof the oneof's too; then with ever more of the package before them, then numbers.
    """
    nested = _nested(schema, name)
    spaces = name.split(".")[: -len(nested)]
    base = "".join(map(_word, nested)) if len(nested) > 1 else nested[0]
    yield _class(base)
    prefix = ""
    for space in reversed(spaces):
        prefix = _word(space) + prefix
        yield _class(prefix + _word(base))
    yield from names.numbered(_class(prefix + _word(base)))


def _nested(schema: ProtoModel, name: str) -> tuple[str, ...]:
    if isinstance(schema.names[name], OneofMember):
        message, oneof, member = name.rsplit(".", 2)
        return (*schema.files.nested[message], oneof, member)
    return schema.files.nested[name]


def _word(text: str) -> str:
    return names.pascal(text) or "T"


def _class(text: str) -> str:
    name = names.class_name(text)
    return f"{name}_" if name in IMPORTED else name


def proto_field_name(wire: str) -> str:
    """The attribute of a field or oneof."""
    return names.field_name(wire)


def proto_symbol_name(wire: str) -> str:
    """The member of an enum for a value: also none of what numbers have themselves."""
    name = names.symbol_name(wire)
    return f"{name}_" if name in _OF_NUMBERS and not keyword.iskeyword(name) else name


def proto_wires(named: ProtoClassed) -> Mapping[str, tuple[str, ...]]:
    """The names of fields, oneofs or values that become attributes or members."""
    if isinstance(named, ProtoMessage):
        return dict.fromkeys((it.wire for it in attributes_of(named)), ())
    if isinstance(named, ProtoEnum):
        return dict.fromkeys((name for name, _ in named.values), ())
    return {}
