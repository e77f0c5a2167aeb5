"""Classes made from JSON Schemas, by where they are: `kgen_runtime.state` keeps their objects by name."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..codec.json.json_bind import Absence, bind_object
from ..codec.json.schema.json_tree import (
    JsonObject,
    JsonRef,
    JsonSchema,
    JsonUnion,
    Node,
    Property,
    StringEnum,
    takes_null,
)
from ..errors import SchemaError
from .marks import Mark, fingerprint

if TYPE_CHECKING:
    from ..serde.schemas import Schemas


class JsonBinding:
    """A class that stands for an object or enum of a JSON Schema."""

    def __init__(
        self, schemas: Schemas, place: str, cls: type[Any], classes: Mapping[str, type[Any]]
    ) -> None:
        self.schemas = schemas
        self.place = place
        self.cls = cls
        self.classes = classes

    @cached_property
    def schema(self) -> JsonSchema:
        """The whole schema. Raises `SchemaError`."""
        return self.schemas.latest.parse_json()

    @cached_property
    def mark(self) -> str:
        """What its pickled values carry. Raises `SchemaError`."""
        latest = self.schemas.latest
        hashed = fingerprint(latest.text, latest.references)
        return str(Mark(self.cls.__module__, self.cls.__qualname__, hashed))

    @cached_property
    def members(self) -> tuple[JsonMember, ...]:
        """Its properties. Raises `SchemaError` if the class does not stand for an object of its schema."""
        named = self.schemas.latest.parse_json().names.get(self.place)
        if not isinstance(named, JsonObject):
            raise SchemaError(f"{self.place} is not an object of {self.schemas.subject}")
        bound = bind_object(named, self.cls)
        return tuple(
            JsonMember(attribute, each, absent, self._enums(each.type))
            for attribute, each, absent in zip(bound.attributes, named.fields, bound.absent)
        )

    @cached_property
    def extra_attribute(self) -> str | None:
        """The attribute of the properties without a name in the schema. Raises as `members`."""
        named = self.schemas.latest.parse_json().names[self.place]
        return bind_object(named, self.cls).extra_attribute if isinstance(named, JsonObject) else None

    def _enums(self, node: Node) -> tuple[type[enum.Enum], ...]:
        names = self.schemas.latest.parse_json().names
        branches = node.branches if isinstance(node, JsonUnion) else (node,)
        places = [each.name for each in branches if isinstance(each, JsonRef)]
        return tuple(
            self.classes[place]
            for place in places
            if isinstance(names[place], StringEnum) and place in self.classes
        )


class JsonMember:
    """A property and its attribute."""

    def __init__(
        self, attribute: str, of: Property, absent: Absence | None, enums: tuple[type[enum.Enum], ...]
    ) -> None:
        self.attribute = attribute
        self.name = of.name
        self.is_required = of.required
        self.takes_null = takes_null(of.type)
        self.absent = absent
        self.enums = enums
