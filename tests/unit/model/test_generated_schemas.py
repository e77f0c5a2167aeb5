"""Random schemas: their classes import, read what fastavro wrote, and have the codec's own defaults."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.examples import examples

from kgen.model import Settings, build
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen.render import render
from kgen_runtime.codec import make_reader, make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse

SHORT_NAMES = [
    "Order", "order_line", "Thing", "Value", "Decimal", "list", "Enum", "field", "O", "_X", "_0", "None",
]  # fmt: skip
SPACES = ["a", "b", "a.b", "shop.eu-north"]
FIELD_NAMES = [
    "id", "class", "class_", "list", "dict", "int", "str", "float", "bytes", "date", "time", "datetime",
    "Decimal", "UUID", "field", "rt", "dt", "builtins", "__x", "_", "_0", "l", "Order", "Thing", "Value",
    "None", "self",
]  # fmt: skip
SYMBOLS = ["A", "B", "name", "value", "mro", "None", "class", "_x_", "__y", "I", "a"]
TEXT = st.text("a\"'\\\né{", max_size=4)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-9, 9),
    "long": st.integers(-(2**60), 2**60),
    "float": st.integers(-3, 3).map(lambda n: n / 4),
    "double": st.sampled_from([0, -0.0, 1.5, 1e300, "NaN", "Infinity"]),
    "string": TEXT,
    "bytes": st.text("\x00a\xff'", max_size=3),
}
LOGICAL: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "decimal": ({"type": "bytes", "precision": 9, "scale": 3}, st.sampled_from(["\x00", "\x01", "\xff\x10"])),
    "uuid": ({"type": "string"}, st.uuids().map(str)),
    "date": ({"type": "int"}, st.integers(-50000, 50000)),
    "time-millis": ({"type": "int"}, st.integers(0, 86_399_999)),
    "time-micros": ({"type": "long"}, st.integers(0, 86_399_999_999)),
    "timestamp-millis": ({"type": "long"}, st.integers(-(10**12), 10**13)),
    "timestamp-micros": ({"type": "long"}, st.integers(-(10**15), 10**16)),
    "local-timestamp-millis": ({"type": "long"}, st.integers(-(10**12), 10**13)),
    "local-timestamp-micros": ({"type": "long"}, st.integers(-(10**15), 10**16)),
}
Made = tuple[Any, Any]
"""A schema and a default for it."""


class Maker:
    """Draws a schema; remembers the names that are defined so far."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.defined: dict[str, Any] = {}
        self.taken: set[str] = set()

    def node(self, depth: int, union: bool = True) -> Made:
        kinds = [
            "plain",
            "logical",
            "ref",
            *(["array", "map", "record", "enum", "fixed", "union"] if depth else []),
        ]
        kind = self.draw(st.sampled_from(kinds if union else [k for k in kinds if k != "union"]))
        made: Made = getattr(self, kind)(depth)
        return made

    def plain(self, _: int) -> Made:
        kind = self.draw(st.sampled_from(sorted(PLAIN)))
        return kind, self.draw(PLAIN[kind])

    def logical(self, _: int) -> Made:
        kind = self.draw(st.sampled_from(sorted(LOGICAL)))
        schema, defaults = LOGICAL[kind]
        return schema | {"logicalType": kind}, self.draw(defaults)

    def ref(self, depth: int) -> Made:
        if not self.defined:
            return self.plain(depth)
        name = self.draw(st.sampled_from(sorted(self.defined)))
        return name, self.defined[name]

    def array(self, depth: int) -> Made:
        items, default = self.node(depth - 1)
        return {"type": "array", "items": items}, [default] * self.draw(st.integers(0, 2))

    def map(self, depth: int) -> Made:
        values, default = self.node(depth - 1)
        return {"type": "map", "values": values}, dict.fromkeys(self.draw(st.sets(TEXT, max_size=2)), default)

    def union(self, depth: int) -> Made:
        branches: dict[str, Made] = {}
        for _ in range(self.draw(st.integers(1, 3))):
            before = dict(self.defined)
            made = self.node(depth - 1, union=False)
            if _branch(made[0]) in branches:
                self.defined = before  # the branch is left out, and what it defined with it
            branches.setdefault(_branch(made[0]), made)
        return [schema for schema, _ in branches.values()], next(iter(branches.values()))[1]

    def enum(self, _: int) -> Made:
        name = self._name()
        symbols = self.draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4, unique=True))
        self.defined[name] = symbols[-1]
        return {"type": "enum", "name": name, "symbols": symbols}, symbols[-1]

    def fixed(self, _: int) -> Made:
        name = self._name()
        self.defined[name] = "\xff\x00"
        return {"type": "fixed", "name": name, "size": 2}, "\xff\x00"

    def record(self, depth: int) -> Made:
        name = self._name()
        wires = self.draw(st.lists(st.sampled_from(FIELD_NAMES), max_size=6, unique=True))
        fields = [self._field(wire, depth) for wire in wires]
        default = {f["name"]: f["default"] for f in fields if self.draw(st.booleans())}
        if fields and self.draw(st.booleans()):  # type: ignore[arg-type]
            fields.append({"name": "again", "type": ["null", name], "default": None})
        self.defined[name] = default
        return {"type": "record", "name": name, "fields": fields, "doc": self.draw(TEXT)}, default

    def _field(self, wire: str, depth: int) -> dict[str, Any]:
        schema, default = self.node(depth - 1)
        return {"name": wire, "type": schema, "default": default}

    def _name(self) -> str:
        spaces, names = st.sampled_from(SPACES), st.sampled_from(SHORT_NAMES)
        full = f"{self.draw(spaces)}.{self.draw(names)}"
        while full in self.taken:
            full += "1"
        self.taken.add(full)
        return full


def _branch(schema: Any) -> str:
    if isinstance(schema, str):
        return schema
    kind: str = schema["type"]
    return schema["name"] if kind in ("record", "enum", "fixed") else kind


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A record all of whose fields have defaults."""
    schema: dict[str, Any] = Maker(draw).record(3)[0]
    return schema


def _of_its_type(prepare: Callable[..., Any], cls: type[Any]) -> Callable[..., Any]:
    """fastavro's own preparation of a logical type's value, but that of another type fits it not.

    It takes any string for a UUID, and tries to read it as a date: in a union an enum's symbol would be
    written as the branch of these, or not at all.
    """
    return lambda value, schema=None: prepare(value, schema) if isinstance(value, cls) else None


def written_by_fastavro(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, cls in (("string-uuid", UUID), ("int-date", date)):
            prepare = fastavro.write.LOGICAL_WRITERS[name]
            patch.setitem(fastavro.write.LOGICAL_WRITERS, name, _of_its_type(prepare, cls))
        fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(json.dumps(schema))), value)
    return out.getvalue()


def _beside_an_enum(logical: dict[str, str], default: Any) -> dict[str, Any]:
    union = [logical, {"type": "enum", "name": "Side", "symbols": ["BUY", "SELL"]}]
    return {"type": "record", "name": "R", "fields": [{"name": "f", "type": union, "default": default}]}


COUNTER = itertools.count()


@contextmanager
def generated(schema: Any) -> Iterator[ModuleType]:
    """The module that is generated for the schema, imported."""
    package = f"made_{next(COUNTER)}"
    version = SchemaVersion("t-value", 1, 1, "AVRO", json.dumps(schema))
    snapshot = Snapshot("http://registry", (Subject("t-value", (version,)),))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for path, text in render(build(snapshot, Settings(package, "0.1.0"))).items():
            target = Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        patch.syspath_prepend(folder)
        patch.setattr(sys, "dont_write_bytecode", True)
        try:
            yield importlib.import_module(f"{package}._generated.t")
        finally:
            for name in [name for name in sys.modules if name.partition(".")[0] == package]:
                del sys.modules[name]


def classes_of(module: ModuleType) -> dict[str, type[Any]]:
    return dict(module.value.classes)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(records(), st.integers(0, 2**32))
@example(_beside_an_enum({"type": "string", "logicalType": "uuid"}, str(UUID(int=0))), 0)
@example(_beside_an_enum({"type": "int", "logicalType": "date"}, 0), 0)
def test_classes_import_and_read_what_fastavro_wrote(schema: dict[str, Any], seed: int) -> None:
    tree = parse(json.dumps(schema))
    payload = written_by_fastavro(schema, sample(tree, random.Random(seed)))
    with generated(schema) as module:
        classes = classes_of(module)
        read = make_reader(tree, tree, classes).decode(payload)
        assert type(read) is classes[schema["name"]]
        again = make_reader(tree, tree, classes).decode(make_writer(tree, classes).encode(read))
        assert repr(again) == repr(read)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(records())
def test_the_defaults_of_a_class_are_those_the_codec_fills_in(schema: dict[str, Any]) -> None:
    empty = parse(json.dumps({"type": "record", "name": schema["name"], "fields": []}))
    with generated(schema) as module:
        classes = classes_of(module)
        filled = make_reader(empty, parse(json.dumps(schema)), classes).decode(b"")
        assert repr(classes[schema["name"]]()) == repr(filled)
