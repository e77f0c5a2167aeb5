"""The documents of the JSON bench: schemas, classes, messages, and how to read and write them by hand."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from typing import Any

from tests.bench.model_classes import Place, Status


@dataclass(frozen=True)
class JsonCase:
    """`classes` by place in the schema. `hand`: what `json.loads` gives to an object. `plain`: an object to
    what `json.dumps` takes. `msgspec` is the type to decode to with it, if it can.
    """

    name: str
    schema: dict[str, Any]
    classes: dict[str, type[Any]]
    make: Callable[[random.Random], dict[str, Any]]
    hand: Callable[[dict[str, Any]], Any]
    plain: Callable[[Any], dict[str, Any]]
    msgspec: type[Any] | None
    messages: int = 500


def _object(title: str, required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    properties = {**required, **optional}
    return {"type": "object", "title": title, "properties": properties, "required": list(required)}


_STRING, _NUMBER, _INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}


@dataclass(slots=True, kw_only=True)
class Order:
    id: str
    created: dt.datetime
    amount: float
    discount: float | None
    status: Status
    tags: dict[str, str]
    place: Place
    count: int
    paid: bool


_ORDER = _object(
    "Order",
    {
        "id": _STRING,
        "created": {"type": "string", "format": "date-time"},
        "amount": _NUMBER,
        "discount": {"type": ["number", "null"]},
        "status": {"enum": [status.value for status in Status], "title": "Status"},
        "tags": {"type": "object", "additionalProperties": _STRING},
        "place": _object("Place", {"latitude": _NUMBER, "longitude": _NUMBER}),
        "count": _INTEGER,
        "paid": {"type": "boolean"},
    },
)


def _order(rng: random.Random) -> dict[str, Any]:
    """249 bytes or a few more or less, as `json.dumps` writes it."""
    created = dt.datetime.fromtimestamp(rng.randrange(1_600_000_000, 1_800_000_000), dt.timezone.utc)
    return {
        "id": f"order-{rng.randrange(10**8):08}",
        "created": f"{created:%Y-%m-%dT%H:%M:%S}.{rng.randrange(1000):03}Z",
        "amount": rng.randrange(10**5) / 100,
        "discount": rng.choice([None, rng.randrange(100) / 10]),
        "status": rng.choice(list(Status)).value,
        "tags": {"source": rng.choice(["web", "app", "shop"]), "region": rng.choice(["eu-west", "us-east"])},
        "place": {"latitude": rng.randrange(90_000) / 1000, "longitude": rng.randrange(180_000) / 1000},
        "count": rng.randrange(1, 10_000),
        "paid": rng.random() < 0.5,
    }


def _order_by_hand(loaded: dict[str, Any]) -> Order:
    created = loaded["created"]
    return Order(
        id=loaded["id"],
        created=dt.datetime.fromisoformat(f"{created[:-1]}+00:00"),
        amount=float(loaded["amount"]),
        discount=loaded["discount"],
        status=Status(loaded["status"]),
        tags=loaded["tags"],
        place=Place(**loaded["place"]),
        count=loaded["count"],
        paid=loaded["paid"],
    )


def _order_plain(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "created": order.created.isoformat().replace("+00:00", "Z"),
        "amount": order.amount,
        "discount": order.discount,
        "status": order.status.value,
        "tags": order.tags,
        "place": {"latitude": order.place.latitude, "longitude": order.place.longitude},
        "count": order.count,
        "paid": order.paid,
    }


@dataclass(slots=True, kw_only=True)
class Flat:
    id: int
    name: str
    active: bool


def _flat(rng: random.Random) -> dict[str, Any]:
    return {"id": rng.randrange(10**9), "name": f"user {rng.randrange(10**6)}", "active": rng.random() < 0.5}


_KINDS: list[tuple[dict[str, Any], Any]] = [
    (_INTEGER, int),
    (_STRING, str),
    (_NUMBER, float),
    ({"type": "boolean"}, bool),
    ({"type": ["string", "null"]}, str | None),
]
_WIDE_NAMES = [f"field_{number}" for number in range(100)]
Wide: Any = make_dataclass(
    "Wide",
    [(name, _KINDS[number % 5][1]) for number, name in enumerate(_WIDE_NAMES)],
    slots=True,
    kw_only=True,
)


def _wide(rng: random.Random) -> dict[str, Any]:
    return {
        name: [rng.randrange(10**6), f"v{number}", rng.random(), True, rng.choice([None, "text"])][number % 5]
        for number, name in enumerate(_WIDE_NAMES)
    }


def _wide_plain(wide: Any) -> dict[str, Any]:
    return {name: getattr(wide, name) for name in _WIDE_NAMES}


@dataclass(slots=True, kw_only=True)
class Circle:
    kind: str
    radius: float


@dataclass(slots=True, kw_only=True)
class Text:
    kind: str
    words: str
    size: int | None = None


@dataclass(slots=True, kw_only=True)
class Group:
    kind: str
    label: str | float
    parts: list[Circle | Text | Group] = field(default_factory=list)


_PART = {"oneOf": [{"$ref": f"#/definitions/{name}"} for name in ("Circle", "Text", "Group")]}
_DRAWING = {
    "$ref": "#/definitions/Group",
    "definitions": {
        "Circle": _object("Circle", {"kind": {"const": "circle"}, "radius": _NUMBER}),
        "Text": _object("Text", {"kind": {"const": "text"}, "words": _STRING}, size=_INTEGER),
        "Group": _object(
            "Group",
            {
                "kind": {"const": "group"},
                "label": {"oneOf": [_STRING, _NUMBER]},
                "parts": {"type": "array", "items": _PART},
            },
        ),
    },
}


def _drawing(rng: random.Random, depth: int = 4) -> dict[str, Any]:
    circle = {"kind": "circle", "radius": rng.randrange(1000) / 10}
    text: dict[str, Any] = {"kind": "text", "words": f"word {rng.randrange(1000)}"}
    if rng.random() < 0.5:
        text["size"] = rng.randrange(40)
    parts = [circle, text, *([_drawing(rng, depth - 1)] if depth else [])]
    return {"kind": "group", "label": rng.choice(["left", 2.5]), "parts": parts}


def _part_by_hand(loaded: dict[str, Any]) -> Any:
    if loaded["kind"] == "circle":
        return Circle(**loaded)
    if loaded["kind"] == "text":
        return Text(**loaded)
    parts = [_part_by_hand(part) for part in loaded["parts"]]
    return Group(kind="group", label=loaded["label"], parts=parts)


def _part_plain(part: Any) -> dict[str, Any]:
    if isinstance(part, Circle):
        return {"kind": part.kind, "radius": part.radius}
    if isinstance(part, Text):
        text = {"kind": part.kind, "words": part.words}
        return text if part.size is None else {**text, "size": part.size}
    return {"kind": part.kind, "label": part.label, "parts": [_part_plain(inner) for inner in part.parts]}


@dataclass(slots=True, kw_only=True)
class Reading:
    at: int
    value: float


@dataclass(slots=True, kw_only=True)
class Series:
    sensor: str
    readings: list[Reading]
    raw: list[float]


_READING = _object("Reading", {"at": _INTEGER, "value": _NUMBER})
_SERIES = _object(
    "Series",
    {
        "sensor": _STRING,
        "readings": {"type": "array", "items": _READING},
        "raw": {"type": "array", "items": _NUMBER},
    },
)


def _series(rng: random.Random) -> dict[str, Any]:
    readings = [{"at": 1_700_000_000_000 + n, "value": rng.randrange(10_000) / 100} for n in range(500)]
    return {"sensor": "a-17", "readings": readings, "raw": [rng.uniform(-1, 1) for _ in range(500)]}


def _series_by_hand(loaded: dict[str, Any]) -> Series:
    readings = [Reading(**reading) for reading in loaded["readings"]]
    return Series(sensor=loaded["sensor"], readings=readings, raw=loaded["raw"])


def _series_plain(series: Series) -> dict[str, Any]:
    readings = [{"at": reading.at, "value": reading.value} for reading in series.readings]
    return {"sensor": series.sensor, "readings": readings, "raw": series.raw}


CASES = [
    JsonCase(
        "249 bytes, 9 properties",
        _ORDER,
        {"#": Order, "#/properties/status": Status, "#/properties/place": Place},
        _order,
        _order_by_hand,
        _order_plain,
        Order,
    ),
    JsonCase(
        "flat small",
        _object("Flat", {"id": _INTEGER, "name": _STRING, "active": {"type": "boolean"}}),
        {"#": Flat},
        _flat,
        lambda loaded: Flat(**loaded),
        lambda flat: {"id": flat.id, "name": flat.name, "active": flat.active},
        Flat,
    ),
    JsonCase(
        "wide, 100 properties",
        _object("Wide", {name: _KINDS[number % 5][0] for number, name in enumerate(_WIDE_NAMES)}),
        {"#": Wide},
        _wide,
        lambda loaded: Wide(**loaded),
        _wide_plain,
        Wide,
    ),
    JsonCase(
        "deep, with unions",
        _DRAWING,
        {f"#/definitions/{cls.__name__}": cls for cls in (Circle, Text, Group)},
        _drawing,
        _part_by_hand,
        _part_plain,
        None,  # msgspec has no unions of dataclasses
        100,
    ),
    JsonCase(
        "array of 500 objects, 500 numbers",
        _SERIES,
        {"#": Series, "#/properties/readings/items": Reading},
        _series,
        _series_by_hand,
        _series_plain,
        Series,
        20,
    ),
]


def dumped(value: dict[str, Any]) -> bytes:
    """A message as most Python producers write it."""
    return json.dumps(value).encode()
