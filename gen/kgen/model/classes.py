"""Records and enums of a schema as classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kgen_runtime.codec.avro.schema.tree import NO_DEFAULT, Enum, Field, Named, Primitive, Record

from ..pycode import quote
from ..pycode.expr import dict_of
from . import names
from .default_expr import BeyondDefaultError, Defaults, invalid_default
from .default_parts import ignored_default
from .project import EnumClass, FieldDef, RecordClass, Symbol
from .trees import AnyNamed
from .type_writer import ModuleTypes, Path
from .types import Types, note

_NOWHERE = Path("")


@dataclass(frozen=True)
class ClassMaker:
    """Makes the classes of a subject's schema in one module.

    `classes` is full name -> class, as the module knows it; `members` gives wire name -> attribute or member
    of a type, `earlier` full name -> what the type was called before.
    """

    module: ModuleTypes
    subject: str
    schema_names: Mapping[str, Named]
    classes: Mapping[str, str]
    members: Callable[[Named], Mapping[str, str]]
    earlier: Mapping[str, str] = field(default_factory=dict)

    def make(self, named: AnyNamed) -> EnumClass | RecordClass:
        """The class of a record or enum."""
        if isinstance(named, Enum):
            return self._enum(named)
        assert isinstance(named, Record)
        return self._record(named)

    def _enum(self, enum: Enum) -> EnumClass:
        known = self.members(enum)
        members = tuple(Symbol(known[wire], quote.string(wire)) for wire in enum.symbols)
        self.module.imports.name("enum", "Enum")
        return EnumClass(self.classes[enum.name], enum.name, doc(enum.doc), members)

    def _record(self, record: Record) -> RecordClass:
        known = self.members(record)
        attributes = {item.name: known[item.name] for item in record.fields}
        types = Types(self.module, self.schema_names, self.classes, frozenset(attributes.values()))
        defaults = Defaults(types, self.schema_names, self.members)
        self.module.imports.name("dataclasses", "dataclass")
        fields = tuple(
            self._field(record, item, attributes[item.name], types, defaults) for item in record.fields
        )
        return RecordClass(self.classes[record.name], record.name, doc(record.doc), fields)

    def _field(self, record: Record, item: Field, name: str, types: Types, defaults: Defaults) -> FieldDef:
        remarks = [note(item.type, self.schema_names)]
        metadata = dict_of([('"avro"', quote.string(item.name))]) if name != item.name else None
        # No union to name stands in a primitive type, which most fields have.
        path = _NOWHERE if isinstance(item.type, Primitive) else self._path(record, item, name)
        annotation = types.annotation(item.type, path)
        try:
            default = defaults.assigned(item.type, item.default, metadata, path)
        except BeyondDefaultError as error:
            default = defaults.assigned(item.type, NO_DEFAULT, metadata, path)
            remarks.append(ignored_default(item.default, str(error)))
        if item.invalid_default:
            remarks.append(invalid_default(item.invalid_default))
        return FieldDef(name, item.name, annotation, default, remarked(doc(item.doc), remarks))

    def _path(self, record: Record, item: Field, name: str) -> Path:
        owners = filter(None, (record.name, self.earlier.get(record.name)))
        keys = (f"{owner}:{wire}" for owner in owners for wire in (item.name, *item.aliases))
        return Path(self.classes[record.name] + names.pascal(name), self.subject, tuple(keys))


def doc(text: str | None) -> str | None:
    """A doc as the body of a docstring, None where there is nothing in it."""
    return quote.clean(text) or None if text else None


def remarked(text: str | None, remarks: list[str | None]) -> str | None:
    """A doc with what a type does not say after it."""
    if not any(remarks):
        return text or None
    new = ", ".join(remark for remark in remarks if remark and remark not in (text or ""))
    if not new or not text:
        return text or new or None
    if text.endswith(".") and "\n" not in text:
        return f"{text[:-1]} ({new})."
    return f"{text} ({new})"
