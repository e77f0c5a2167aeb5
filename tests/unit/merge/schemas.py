"""Versions of a real subject: what schema changes make of the renders, through the model."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from kgen.model import Names, Project, Settings, build
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.render import kind, render

Record = dict[str, Any]
ORDER: Record = {
    "type": "record",
    "name": "shop.Order",
    "doc": "An order placed in the shop.",
    "fields": [
        {"name": "order_id", "type": "string"},
        {"name": "amount", "type": "double"},
        {"name": "discount", "type": "double", "default": 0.0},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PLACED", "PAID"]}},
        {"name": "tags", "type": {"type": "map", "values": "string"}, "default": {}},
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]},
            },
            "default": [],
        },
    ],
}
ADDRESS: Record = {"type": "record", "name": "shop.Address", "fields": [{"name": "city", "type": "string"}]}


def field(schema: Record, name: str) -> Record:
    found: Record = next(f for f in schema["fields"] if f["name"] == name)
    return found


def added(schema: Record) -> None:
    schema["fields"].append({"name": "currency", "type": "string", "default": "SEK"})


def added_required(schema: Record) -> None:
    schema["fields"].insert(0, {"name": "currency", "type": "string"})


def removed(schema: Record) -> None:
    schema["fields"].remove(field(schema, "discount"))


def renamed(schema: Record) -> None:
    field(schema, "amount").update(name="total", aliases=["amount"])


def retyped(schema: Record) -> None:
    field(schema, "amount")["type"] = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}


def nullable(schema: Record) -> None:
    field(schema, "amount")["type"] = ["null", "double"]


def symbol_added(schema: Record) -> None:
    field(schema, "status")["type"]["symbols"].append("SENT")


def symbol_removed(schema: Record) -> None:
    field(schema, "status")["type"]["symbols"].remove("PAID")


def documented(schema: Record) -> None:
    schema["doc"] = "Another doc."
    field(schema, "amount")["doc"] = "In the order's currency."


def reordered(schema: Record) -> None:
    schema["fields"].reverse()
    nested = [f for f in schema["fields"] if isinstance(f["type"], dict)]
    assert nested


def root_renamed(schema: Record) -> None:
    schema.update(name="shop.Purchase", aliases=["shop.Order"])


def moved(schema: Record) -> None:
    schema["name"] = "store.Order"


def type_added(schema: Record) -> None:
    schema["fields"].append({"name": "ship_to", "type": ["null", copy.deepcopy(ADDRESS)], "default": None})


def referenced(schema: Record) -> None:
    schema["fields"].append({"name": "ship_to", "type": ["null", "shop.Address"], "default": None})


SCHEMA_CHANGES: dict[str, Callable[[Record], None]] = {
    "added": added,
    "added, required": added_required,
    "removed": removed,
    "renamed": renamed,
    "retyped": retyped,
    "nullable": nullable,
    "symbol added": symbol_added,
    "symbol removed": symbol_removed,
    "documented": documented,
    "reordered": reordered,
    "root renamed": root_renamed,
    "moved": moved,
    "type added": type_added,
    "referenced": referenced,
}


def snapshot(*texts: Any, key: Any = None) -> Snapshot:
    """A topic `orders` whose value has these versions; a key, where there is one."""
    address = SchemaVersion("address", 1, 50, "AVRO", json.dumps(ADDRESS))
    values = []
    for number, text in enumerate(texts, 1):
        uses = (Reference("shop.Address", "address", 1),) if '"shop.Address"]' in json.dumps(text) else ()
        values.append(SchemaVersion("orders-value", number, number, "AVRO", json.dumps(text), uses))
    subjects = [Subject("orders-value", tuple(values))]
    if key is not None:
        subjects.insert(
            0, Subject("orders-key", (SchemaVersion("orders-key", 1, 99, "AVRO", json.dumps(key)),))
        )
    needed = any(v.references for v in values)
    return Snapshot("http://registry", tuple(subjects), (address,) if needed else ())


def first_model() -> Project:
    return model(snapshot(ORDER))


@cache
def first() -> dict[str, str]:
    """The render of the first version."""
    return render(first_model())


def model(found: Snapshot, names: Names | None = None) -> Project:
    return build(found, Settings("streams", "0.1.0", {}), names)


def model_after(change: str) -> Project:
    """The model with a change as the second version; classes keep their names."""
    names = first_model().names
    if change == "key":
        return model(snapshot(ORDER, key="string"), names)
    if change == "union":
        return model(snapshot(ORDER, [ORDER, ADDRESS]), names)
    schema = copy.deepcopy(ORDER)
    SCHEMA_CHANGES[change](schema)
    return model(snapshot(ORDER, schema), names)


@cache
def after(change: str) -> dict[str, str]:
    """The render with a change as the second version."""
    return render(model_after(change))


CHANGES = [*SCHEMA_CHANGES, "key", "union"]


def owned(files: dict[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if kind(path) == "owned"}
