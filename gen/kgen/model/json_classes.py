"""Objects and enums of a JSON Schema as classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kgen_runtime.codec.json.schema.json_tree import JsonObject, Named, Property, StringEnum

from ..pycode import quote
from ..pycode.expr import dict_of
from . import names
from .classes import doc, remarked
from .json_annotations import JsonTypeWriter, note
from .json_default import JsonDefaults
from .json_places import EXTRA, key_of
from .project import EnumClass, FieldDef, RecordClass, Symbol
from .trees import AnyNamed
from .type_writer import ModuleTypes, Path


@dataclass(frozen=True)
class JsonClassMaker:
    """Makes the classes of a subject's schema in one module.

    `classes` is place -> class, as the module knows it; `members` gives, for a type, the key of a property or
    symbol -> attribute or member.
    """

    module: ModuleTypes
    subject: str
    schema_names: Mapping[str, Named]
    classes: Mapping[str, str]
    members: Callable[[Named], Mapping[str, str]]

    def make(self, named: AnyNamed) -> EnumClass | RecordClass:
        """The class of an object or enum."""
        if isinstance(named, StringEnum):
            return self._enum(named)
        assert isinstance(named, JsonObject)
        return self._record(named)

    def _enum(self, enum: StringEnum) -> EnumClass:
        known = self.members(enum)
        members = tuple(Symbol(known[key_of(wire)], quote.string(wire)) for wire in enum.symbols)
        self.module.imports.name("enum", "Enum")
        return EnumClass(self.classes[enum.name], self._full_name(enum), doc(enum.doc), members)

    def _record(self, record: JsonObject) -> RecordClass:
        known = self.members(record)
        attributes = {item.name: known[key_of(item.name)] for item in record.fields}
        shadowed = {*attributes.values(), *([known[EXTRA]] if record.extra is not None else [])}
        types = JsonTypeWriter(self.module, self.schema_names, self.classes, frozenset(shadowed))
        defaults = JsonDefaults(types, self.schema_names, self.members)
        self.module.imports.name("dataclasses", "dataclass")
        fields = [self._field(record, item, attributes[item.name], types, defaults) for item in record.fields]
        if record.extra is not None:
            fields.append(self._extra(record, known[EXTRA], types, defaults))
        return RecordClass(self.classes[record.name], self._full_name(record), doc(record.doc), tuple(fields))

    def _full_name(self, named: Named) -> str:
        return full_name(self.subject, named.name)

    def _field(
        self, record: JsonObject, item: Property, name: str, types: JsonTypeWriter, defaults: JsonDefaults
    ) -> FieldDef:
        metadata = dict_of([('"json"', quote.string(item.name))]) if name != item.name else None
        path = self._path(record, key_of(item.name), name)
        annotation = types.field(item, path)
        default, problem = defaults.assigned(record, item, metadata, path)
        remarks = [note(item.type), problem]
        return FieldDef(name, item.name, annotation, default, remarked(doc(item.doc), remarks))

    def _extra(
        self, record: JsonObject, name: str, types: JsonTypeWriter, defaults: JsonDefaults
    ) -> FieldDef:
        assert record.extra is not None
        values = types.annotation(record.extra, self._path(record, EXTRA, name).item())
        annotation = f"{types.name('dict')}[{types.name('str')}, {values}]"
        return FieldDef(
            name, EXTRA, annotation, defaults.extra(), "Properties that the schema does not name."
        )

    def _path(self, record: JsonObject, key: str, name: str) -> Path:
        return Path(self.classes[record.name] + names.pascal(name), self.subject, (f"{record.name}:{key}",))


def full_name(subject: str, place: str) -> str:
    """What a type is called in all of a registry."""
    return f"{subject}{place}"
