"""Protobuf messages as text, one line a thing: what the generator makes of .proto files for the run time.

    descriptor 1
    message shop.Order
      1 id string implicit
      2 lines message shop.Line repeated
      3 total double implicit
      4 codes sint32 packed
      5 tags map string message shop.Tag
      6 status enum shop.Status implicit
      7 when message google.protobuf.Timestamp explicit
      8 card string explicit oneof=payment
      9 cash int64 explicit oneof=payment json="cashCents"
      10 old group shop.Order.Old explicit
      11 note string explicit unchecked default="none"
      100 [shop.priority] int32 explicit
      reserved 12 20..30
      reserved-names "colour" "size"
    enum shop.Status open
      0 UNKNOWN
      1 OPEN

The first line has the version of the grammar. A definition begins at the start of a line, what is in it
stands below, indented by two spaces. A field is its number, its name, its type and its presence, then what
there is of: `oneof=` its oneof, `json=` its JSON name if it is not the usual one, `default=` proto2's
default, `unchecked` if its strings need not be UTF-8. A type is a scalar's name, `message NAME`, `group
NAME`, `enum NAME` or `map KEY TYPE`, which has no presence. Names are full, without a dot in front. An enum
is `open` or `closed`. Texts in quotes are JSON strings. Order: as in the tree.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, cast

from ....errors import SchemaError
from ...limits import NAME_LENGTH
from .proto_tree import (
    KEY_KINDS,
    KINDS,
    MOST_NUMBER,
    PACKABLE,
    PRESENCES,
    WELL_KNOWN,
    EnumRef,
    MessageRef,
    Presence,
    ProtoEnum,
    ProtoField,
    ProtoKind,
    ProtoMap,
    ProtoMessage,
    ProtoNamed,
    ProtoScalar,
    ProtoSchema,
    ProtoType,
    json_name_of,
)

VERSION: Final = "descriptor 1"

_NAME: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*", re.ASCII)
_FIELD_NAME: Final = re.compile(r"[^\W\d]\w*|\[[^\W\d]\w*(\.[^\W\d]\w*)*\]", re.ASCII)
_WORD: Final = re.compile(r'(?:([a-z-]+=)?("(?:[^"\\]|\\.)*")|(\S+))(?: |$)')
_NUMBER: Final = re.compile(r"-?\d{1,10}", re.ASCII)
_INT32: Final = range(-(1 << 31), 1 << 31)


def parse_descriptor(text: str) -> ProtoSchema:
    """The tree of a text. Raises `SchemaError`, whose `where` is the line, if it is not well formed."""
    return _DescriptorParser(text).schema()


def descriptor_text(schema: ProtoSchema) -> str:
    """The text of a tree: `parse_descriptor` makes the same tree of it."""
    lines = [VERSION]
    for named in schema.names.values():
        if isinstance(named, ProtoMessage):
            lines.append(f"message {named.name}")
            lines += [f"  {_field_text(member)}" for member in named.fields]
        else:
            lines.append(f"enum {named.name} {'open' if named.open else 'closed'}")
            lines += [f"  {number} {name}" for name, number in named.values]
        if named.reserved:
            lines.append(f"  reserved {' '.join(_range_text(*each) for each in named.reserved)}")
        if named.reserved_names:
            lines.append(f"  reserved-names {' '.join(map(json.dumps, named.reserved_names))}")
    return "\n".join(lines) + "\n"


def _range_text(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}..{last}"


def _field_text(member: ProtoField) -> str:
    words = [str(member.number), member.name, _type_text(member.type)]
    if not isinstance(member.type, ProtoMap):
        words.append(member.presence)
    if member.oneof is not None:
        words.append(f"oneof={member.oneof}")
    if member.json_name is not None:
        words.append(f"json={json.dumps(member.json_name)}")
    if member.default is not None:
        words.append(f"default={json.dumps(member.default)}")
    if _is_unchecked(member.type):
        words.append("unchecked")
    return " ".join(words)


def _type_text(type_: ProtoType) -> str:
    if isinstance(type_, ProtoScalar):
        return type_.kind
    if isinstance(type_, ProtoMap):
        return f"map {type_.keys.kind} {_type_text(type_.values)}"
    if isinstance(type_, EnumRef):
        return f"enum {type_.name}"
    return f"{'group' if type_.group else 'message'} {type_.name}"


def _is_unchecked(type_: ProtoType) -> bool:
    if isinstance(type_, ProtoMap):
        return _is_unchecked(type_.keys) or _is_unchecked(type_.values)
    return isinstance(type_, ProtoScalar) and not type_.checked


class _DescriptorParser:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._line = 0
        self._names: dict[str, ProtoNamed] = {}
        self._used: list[tuple[int, str, type[ProtoNamed]]] = []

    def schema(self) -> ProtoSchema:
        if self._lines[0] != VERSION:
            raise self._error(
                f"the description of the messages does not begin with {VERSION!r}",
                "Run `kgen pull` with the version of kgen that is installed here.",
            )
        self._line = 1
        while self._line < len(self._lines):
            if self._lines[self._line]:
                self._definition()
            else:
                self._line += 1
        for line, name, wanted in self._used:
            if not isinstance(self._names.get(name), wanted) and not self._is_well_known(name, wanted):
                self._line = line
                raise self._error(f"{name} is not defined")
        return ProtoSchema(self._names)

    def _is_well_known(self, name: str, wanted: type[ProtoNamed]) -> bool:
        return wanted is ProtoMessage and name in WELL_KNOWN

    def _definition(self) -> None:
        words = self._words()
        begin = self._line
        named: ProtoNamed
        if words[0] == "message" and len(words) == 2:
            name = self._full_name(words[1])
            named = self._message(name)
        elif words[0] == "enum" and len(words) == 3 and words[2] in ("open", "closed"):
            name = self._full_name(words[1])
            named = self._enum(name, words[2] == "open")
        else:
            raise self._error("expected `message NAME`, `enum NAME open` or `enum NAME closed`")
        if name in self._names:
            self._line = begin
            raise self._error(f"{name} is defined twice")
        self._names[name] = named

    def _message(self, name: str) -> ProtoMessage:
        fields: dict[str, ProtoField] = {}
        numbers: set[int] = set()
        reserved = _ReservedLists()
        while self._next_inside():
            words = self._words()
            if self._takes_reserved(reserved, words):
                continue
            member = self._field(words)
            if member.name in fields or member.number in numbers:
                raise self._error(f"the field {member.number} {member.name} is defined twice")
            fields[member.name] = member
            numbers.add(member.number)
        return ProtoMessage(name, tuple(fields.values()), tuple(reserved.ranges), tuple(reserved.names))

    def _enum(self, name: str, open_: bool) -> ProtoEnum:
        values: dict[str, int] = {}
        reserved = _ReservedLists()
        begin = self._line
        while self._next_inside():
            words = self._words()
            if self._takes_reserved(reserved, words):
                continue
            if len(words) != 2 or _FIELD_NAME.fullmatch(words[1]) is None or words[1] in values:
                raise self._error("expected a number and a name of the enum's own")
            values[words[1]] = self._number(words[0])
        if not values:
            self._line = begin
            raise self._error(f"the enum {name} has no values")
        ranges, names = tuple(reserved.ranges), tuple(reserved.names)
        return ProtoEnum(name, tuple(values.items()), open_, ranges, names)

    def _takes_reserved(self, reserved: _ReservedLists, words: list[str]) -> bool:
        if words[0] == "reserved":
            for word in words[1:]:
                first, _, last = word.partition("..")
                reserved.ranges.append((self._number(first), self._number(last or first)))
            return True
        if words[0] == "reserved-names":
            reserved.names += [self._quoted(word) for word in words[1:]]
            return True
        return False

    def _field(self, words: list[str]) -> ProtoField:
        number = self._number(words[0])
        if not 1 <= number <= MOST_NUMBER:
            raise self._error(f"the number {number} of a field is not from 1 to {MOST_NUMBER}")
        if len(words) < 3 or _FIELD_NAME.fullmatch(words[1]) is None:
            raise self._error("expected a number, a name and a type")
        extra = {key: value for key, _, value in (word.partition("=") for word in words if "=" in word)}
        plain = [word for word in words if "=" not in word]
        checked = plain[-1] != "unchecked"
        type_, rest = self._type(plain[2:] if checked else plain[2:-1], checked)
        if isinstance(type_, ProtoMap):
            rest.append("repeated")
        if len(rest) != 1 or rest[0] not in PRESENCES or not extra.keys() <= {"oneof", "json", "default"}:
            raise self._error(f"expected a presence ({', '.join(PRESENCES)}), then oneof=, json=, default=")
        presence = cast(Presence, rest[0])
        self._check_presence(type_, presence, "oneof" in extra)
        oneof = extra.get("oneof")
        if oneof is not None and _FIELD_NAME.fullmatch(oneof) is None:
            raise self._error("the name of a oneof is not an identifier")
        default = extra.get("default")
        json_name = None if extra.get("json") is None else self._quoted(extra["json"])
        return ProtoField(
            number,
            words[1],
            type_,
            presence,
            oneof,
            None if default is None else self._quoted(default),
            None if json_name == json_name_of(words[1]) else json_name,
        )

    def _check_presence(self, type_: ProtoType, presence: Presence, in_oneof: bool) -> None:
        packable = isinstance(type_, EnumRef) or (isinstance(type_, ProtoScalar) and type_.kind in PACKABLE)
        if presence == "packed" and not packable:
            raise self._error("the type of a packed field is a number, a bool or an enum")
        if presence == "implicit" and isinstance(type_, MessageRef):
            raise self._error("the presence of a message is explicit")
        if in_oneof and presence != "explicit":
            raise self._error("the presence of a member of a oneof is explicit")

    def _type(self, words: list[str], checked: bool) -> tuple[ProtoType, list[str]]:
        """The type that the words begin with, and the words after it."""
        first = words[0] if words else ""
        if first in KINDS:
            kind = cast(ProtoKind, first)
            return ProtoScalar(kind, checked or kind != "string"), words[1:]
        if first == "map" and len(words) >= 3 and words[1] in KEY_KINDS and words[2] not in ("map", "group"):
            keys = ProtoScalar(cast(ProtoKind, words[1]), checked or words[1] != "string")
            values, rest = self._type(words[2:], checked)
            if not isinstance(values, ProtoMap):
                return ProtoMap(keys, values), rest
        if first in ("message", "group", "enum") and len(words) >= 2:
            name = self._full_name(words[1])
            self._used.append((self._line, name, ProtoEnum if first == "enum" else ProtoMessage))
            return EnumRef(name) if first == "enum" else MessageRef(name, first == "group"), words[2:]
        raise self._error(f"unknown type {' '.join(words[:3])[:200]!r}")

    def _next_inside(self) -> bool:
        """Move on to the next line, if it is part of the definition."""
        self._line += 1
        return self._line < len(self._lines) and self._lines[self._line].startswith("  ")

    def _words(self) -> list[str]:
        line = self._lines[self._line].removeprefix("  ")
        words, at = [], 0
        while at < len(line):
            found = _WORD.match(line, at)
            if found is None:
                raise self._error("a quoted text does not end, or two spaces follow each other")
            words.append((found[1] or "") + found[2] if found[2] else found[3])
            at = found.end()
        if not words:
            raise self._error("an empty line stands in a definition")
        return words

    def _full_name(self, word: str) -> str:
        if len(word) > NAME_LENGTH or _NAME.fullmatch(word) is None:
            raise self._error(f"{word[:200]!r} is not a full name")
        return word

    def _number(self, word: str) -> int:
        if _NUMBER.fullmatch(word) is None or int(word) not in _INT32:
            raise self._error(f"{word[:200]!r} is not a number of 32 bits")
        return int(word)

    def _quoted(self, word: str) -> str:
        try:
            made: Any = json.loads(word)
        except ValueError:
            made = None
        if not isinstance(made, str):
            raise self._error(f"{word[:200]} is not a JSON string")
        return made

    def _error(self, what: str, hint: str | None = None) -> SchemaError:
        return SchemaError(what, where=f"line {self._line + 1} of the description", hint=hint)


class _ReservedLists:
    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.names: list[str] = []
