"""Records and enums of a schema as classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kgen_runtime.codec.schema import Enum, Field, Named, Record

from . import names, quote
from .defaults import Defaults, invalid_default
from .expr import dict_of
from .project import EnumClass, FieldDef, RecordClass, Symbol
from .types import ModuleTypes, Types, note


@dataclass(frozen=True)
class ClassMaker:
    """Makes the classes of one schema in one module. `classes` is full name -> class, as the module knows
    it.
    """

    module: ModuleTypes
    schema_names: Mapping[str, Named]
    classes: Mapping[str, str]

    def enum(self, enum: Enum) -> EnumClass:
        """The class of an enum."""
        members = tuple(Symbol(name, quote.string(wire)) for wire, name in symbols_of(enum).items())
        self.module.imports.name("enum", "Enum")
        return EnumClass(self.classes[enum.name], enum.name, doc(enum.doc), members)

    def record(self, record: Record) -> RecordClass:
        """The class of a record."""
        attributes = fields_of(record)
        types = Types(self.module, self.schema_names, self.classes, frozenset(attributes.values()))
        defaults = Defaults(types, self.schema_names, fields_of, symbols_of)
        self.module.imports.name("dataclasses", "dataclass")
        fields = tuple(
            self._field(record, item, attributes[item.name], types, defaults) for item in record.fields
        )
        return RecordClass(self.classes[record.name], record.name, doc(record.doc), fields)

    def _field(self, record: Record, item: Field, name: str, types: Types, defaults: Defaults) -> FieldDef:
        remarks = [note(item.type, self.schema_names)]
        metadata = dict_of([('"avro"', quote.string(item.name))]) if name != item.name else None
        annotation = types.annotation(item.type, self.classes[record.name] + names.pascal(name))
        default = defaults.assigned(item.type, item.default, metadata)
        if item.invalid_default:
            remarks.append(invalid_default(item.invalid_default))
        return FieldDef(name, item.name, annotation, default, _remarked(doc(item.doc), remarks))


def fields_of(record: Record) -> dict[str, str]:
    """Wire name -> attribute of a record's fields."""
    wires = [item.name for item in record.fields]
    return names.unique(wires, {wire: names.field_name(wire) for wire in wires})


def symbols_of(enum: Enum) -> dict[str, str]:
    """Wire symbol -> member of an enum."""
    return names.unique(enum.symbols, {symbol: names.symbol_name(symbol) for symbol in enum.symbols})


def doc(text: str | None) -> str | None:
    """A doc as the body of a docstring, None where there is nothing in it."""
    return quote.clean(text) or None if text else None


def _remarked(text: str | None, remarks: list[str | None]) -> str | None:
    new = ", ".join(remark for remark in remarks if remark and remark not in (text or ""))
    if not new or not text:
        return text or new or None
    if text.endswith(".") and "\n" not in text:
        return f"{text[:-1]} ({new})."
    return f"{text} ({new})"
