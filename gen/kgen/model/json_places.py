"""What places in a JSON Schema are called: types by their titles, else by the path that leads to them.

A place is `<document>#<JSON pointer>`. A name depends on the place and what is above it, never on what stands
beside it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from kgen_runtime.codec.json.schema.json_tree import (
    Constant,
    JsonObject,
    JsonRef,
    JsonSchema,
    JsonUnion,
    Named,
    Node,
)
from kgen_runtime.serde.subject_names import plain

from . import names
from .names import Owner
from .trees import held, parts

_WORDS = 6  # of a title that is a name; more are a sentence
_LENGTH = 60
_HELD = frozenset({"items", "contains", "additionalItems", "unevaluatedItems", "additionalProperties"})
_KEYED = {"properties": "", "dependentSchemas": "", "dependencies": "", "patternProperties": "Item"}
_LISTS = frozenset({"oneOf", "anyOf", "allOf"})
_DEFINITIONS = frozenset({"definitions", "$defs"})
_DOTTED = re.compile(r"\w+(\.\w+)+\Z")
_TYPING = frozenset({"Any", "Literal"})  # imported where a JSON Schema has such types

_SIGNS = {"+": "plus_", "-": "minus_"}

Steps: TypeAlias = "tuple[str, ...]"
"""The parts of a JSON pointer."""

_CODES = {"~": "~0", "/": "~1", ":": "~2", "[": "~3", "|": "~4"}
_SIGNS_OF = {code: sign for sign, code in _CODES.items()}

EXTRA = "~"
"""The key of the attribute that holds the properties without a name; no property has this key."""


def key_of(wire: str) -> str:
    """A property or symbol as it stands in keys, after a `:`; what has a meaning there is written as `_CODES`
    says.
    """
    return re.sub("[~/:[|]", lambda sign: _CODES[sign[0]], wire)


def wire_of(key: str) -> str:
    """The property or symbol that a key is of."""
    return re.sub("~[0-4]", lambda code: _SIGNS_OF[code[0]], key)


def place_of(name: str, documents: Iterable[str]) -> tuple[str, str]:
    """Document and pointer of a place. The document may have a `#` in its name."""
    document, _, pointer = name.partition("#")
    if document in documents:
        return document, pointer
    fitting = (it for it in documents if name.startswith(f"{it}#"))
    document = max(fitting, key=len, default=document)
    return document, name[len(document) + 1 :]


def json_root_name(subject: str) -> str:
    """What the schema of a subject is called, without a title: after the topic, a key's with `Key` after
    it.
    """
    name = plain(subject)
    topic, _, role = name.rpartition("-")
    words = re.findall(r"\w+", topic if topic and role == "value" else name)
    return _word("_".join(words))


def tokens(pointer: str) -> list[str]:
    """The parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def attribute(key: str) -> str:
    """The attribute of a property by its key, taken alone."""
    if key == EXTRA:
        return "extra"
    wire = wire_of(key)
    signed = re.sub(r"\A([+-])(?=\d)", lambda sign: _SIGNS[sign[0]], wire)
    # `$id` and `@type` are `id` and `type`.
    return names.field_name(re.sub(r"\A[^\w]+(?=\w)", "", signed))


def member(key: str) -> str:
    """The member of an enum by its symbol's key, taken alone."""
    return names.symbol_name(wire_of(key))


def rekeyed(given: Mapping[Owner, str], subject: str, moved: Mapping[str, str]) -> dict[Owner, str]:
    """Names given to the types and unions of a subject, by the places where these are now. What is at a place
    that another moved to has lost its own.
    """
    found: dict[Owner, str] = {}
    arrived = {*moved.values()}
    for (owner, key), name in given.items():
        at = key if key in moved or key in arrived else key.rpartition(":")[0]
        if owner != subject or at not in moved:
            if owner != subject or at not in arrived:
                found[owner, key] = name
        else:
            found[owner, moved[at] + key[len(at) :]] = name
    return found


@dataclass(frozen=True)
class JsonNames:
    """The natural names of the types that a subject's schema defines. `root` is what the schema itself would
    be called, without a title.
    """

    schema: JsonSchema
    root: str

    def natural(self, name: str) -> str:
        """The class of a type, taken alone."""
        return next(iter(self.candidates(name)))

    def candidates(self, name: str) -> Iterator[str]:
        """Names for the class of a type, best first: the title, then with the path before it; without a title
        the path; the last one has a hash of the place, so that it is free.
        """
        title, path = _title(self.schema.names[name].title), self._path(name)
        if title:
            yield _class(title)
            yield _class(path if path.endswith(title) else path + title)
        yield _class(path)
        yield _class(f"{path}_{names.digest(name, 8)}")

    def _path(self, name: str) -> str:
        """The path as words, from the nearest type above that has a title or a definition's name."""
        document, path = self._pointers[name]
        words: list[str] = []
        while path:
            taken, word, ends = self._step(document, path)
            words.insert(0, word)
            path = path[:-taken]
            above = "" if ends else self._titled(document, path)
            if ends or above:
                return above + "".join(words)
        above = self._titled(document, ()) if words else ""
        root = above or (_word(document.rpartition("/")[2]) if document else self.root)
        return root + "".join(words)

    def _step(self, document: str, path: Steps) -> tuple[int, str, bool]:
        """The last step of a path: how many parts it takes, its word, and whether it says all."""
        last, before = path[-1], path[-2] if len(path) > 1 else ""
        if before in _DEFINITIONS:
            return 2, _word(last), True
        if before in _KEYED:
            return 2, _KEYED[before] or _word(last), False
        if before in _LISTS and last.isdigit():
            return 2, self._branch(document, path), False
        if before in ("items", "prefixItems") and last.isdigit():
            return 2, f"Item{last}", False
        return 1, "Item" if last in _HELD else _word(last), False

    def _branch(self, document: str, path: Steps) -> str:
        """A branch by the constant that marks it. The only one with a class needs no word, nor do members of
        `allOf`, which are merged.
        """
        places = self._children[document, path[:-1]]
        place = self._places.get((document, path))
        if len(places) < 2 or path[-2] == "allOf":
            return ""
        mark = _mark(self.schema.names[place], self._tags.get(place)) if place is not None else ""
        return _word(mark) if mark else f"{_word(path[-2])}{path[-1]}"

    def _titled(self, document: str, path: Steps) -> str:
        place = self._places.get((document, path))
        return _title(self.schema.names[place].title) if place is not None else ""

    @cached_property
    def _pointers(self) -> Mapping[str, tuple[str, Steps]]:
        split = ((name, name.partition("#")) for name in self.schema.names)
        return {name: (document, tuple(tokens(pointer))) for name, (document, _, pointer) in split}

    @cached_property
    def _places(self) -> Mapping[tuple[str, Steps], str]:
        return {at: name for name, at in self._pointers.items()}

    @cached_property
    def _children(self) -> Mapping[tuple[str, Steps], list[str]]:
        """The types right below a path."""
        found: defaultdict[tuple[str, Steps], list[str]] = defaultdict(list)
        for name, (document, path) in self._pointers.items():
            found[document, path[:-1]].append(name)
        return found

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        """Type -> the property that marks it in a union."""
        return {ref: tag for union in _unions(self.schema) for ref, tag in _tagged(union)}


def _unions(schema: JsonSchema) -> Iterator[JsonUnion]:
    todo: list[Node] = [schema.root, *(node for it in schema.names.values() for node in held(it))]
    while todo:
        node = todo.pop()
        if isinstance(node, JsonUnion):
            yield node
        todo.extend(parts(node))


def _tagged(union: JsonUnion) -> Iterator[tuple[str, str]]:
    for branch in union.branches if union.tag is not None else ():
        if isinstance(branch, JsonRef) and union.tag is not None:
            yield branch.name, union.tag


def _mark(named: Named, tag: str | None) -> str:
    """The constant that a type has as its tag; empty if it has none."""
    for item in named.fields if isinstance(named, JsonObject) else ():
        if item.name == tag and isinstance(item.type, Constant) and len(item.type.values) == 1:
            return str(item.type.values[0])
    return ""


def _title(title: str | None) -> str:
    """A title as the name of a class; empty if it is a sentence, or nothing of a name."""
    text = (title or "").strip()
    if _DOTTED.match(text):  # Connect writes full names: `io.acme.Order`
        text = text.rpartition(".")[2]
    words = re.findall(r"\w+", text)
    if not words or len(words) > _WORDS or len(text) > _LENGTH or words[0][0].isdigit():
        return ""
    return _word(text)


def _word(text: str) -> str:
    """`order-line` -> `OrderLine`."""
    return names.pascal(names.identifier("_".join(re.findall(r"\w+", text)) or "_", "T"))


def _class(text: str) -> str:
    name = names.class_name(text or "T")
    return f"{name}_" if name in _TYPING else name
