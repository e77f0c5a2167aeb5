"""What docs/reference/json.md says of reading, as plainly as it goes: a second opinion on the engines.

It stands on `json.loads` and reads its result by the tree, with no thought of speed.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any
from uuid import UUID

from kgen_runtime.codec.json.schema.json_tree import (
    Anything,
    Constant,
    JsonArray,
    JsonMap,
    JsonObject,
    JsonRef,
    JsonScalar,
    JsonSchema,
    JsonTuple,
    JsonUnion,
    Node,
    Nothing,
)
from kgen_runtime.codec.values import Duration

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)


class UnfitError(Exception):
    """The value is not of its type."""


class MinusZero(int):
    """`-0`, of which `json` makes an int without a sign."""


def loads(message: bytes) -> Any:
    """A message as `json` has it; numbers with a fraction or an exponent are exact."""
    return json.loads(message, parse_int=_integer, parse_float=Decimal, parse_constant=_refuse)


def _integer(text: str) -> int:
    return MinusZero() if text == "-0" else int(text)


def _refuse(constant: str) -> Any:
    raise UnfitError(constant)


@dataclass(frozen=True)
class Model:
    """Reads what `loads` gives: `read`."""

    schema: JsonSchema
    classes: Mapping[str, type[Any]]

    def read(self, node: Node, raw: Any) -> Any:
        """The value. Raises `UnfitError`."""
        if isinstance(node, JsonScalar):
            return scalar(node, raw)
        if isinstance(node, Constant):
            found = [value for value in node.values if equal(value, raw)]
            return found[0] if found else refuse()
        if isinstance(node, Anything):
            return anything(raw)
        if isinstance(node, JsonUnion):
            return self.union(node, raw)
        if isinstance(node, JsonArray):
            return [self.read(node.items, item) for item in wanted(raw, list)]
        if isinstance(node, JsonTuple):
            wanted(raw, list)
            return [
                self.read(node.items[i] if i < len(node.items) else node.rest, item)
                for i, item in enumerate(raw)
            ]
        if isinstance(node, JsonMap):
            return {name: self.read(node.values, value) for name, value in wanted(raw, dict).items()}
        return refuse() if isinstance(node, Nothing) else self.named(node, raw)

    def named(self, ref: JsonRef, raw: Any) -> Any:
        named, cls = self.schema.names[ref.name], self.classes.get(ref.name)
        if isinstance(named, JsonObject):
            return self.object(named, cls, wanted(raw, dict))
        if wanted(raw, str) not in named.symbols:
            refuse()
        return raw if cls is None else cls(raw)

    def object(self, named: JsonObject, cls: Any, raw: dict[str, Any]) -> Any:
        known = {field.name: field for field in named.fields}
        if any(field.required and field.name not in raw for field in named.fields):
            refuse()
        read = {name: self.read(known[name].type, value) for name, value in raw.items() if name in known}
        rest = {name: value for name, value in raw.items() if name not in known}
        if rest and named.closed:
            refuse()
        unnamed = {name: self.read(named.extra, rest[name]) for name in rest} if named.extra else {}
        if cls is None:
            return {name: {**read, **unnamed}[name] for name in raw if name in read or name in unnamed}
        attributes = {field.metadata.get("json"): field.name for field in fields(cls)}
        extra = {"extra": unnamed} if named.extra else {}
        return cls(**{attributes[name]: value for name, value in read.items()}, **extra)

    def union(self, union: JsonUnion, raw: Any) -> Any:
        for branch in self.candidates(union, raw):
            try:
                return self.read(branch, raw)
            except UnfitError:
                continue
        return refuse()

    def candidates(self, union: JsonUnion, raw: Any) -> list[Node]:
        branches = list(union.branches)
        if not isinstance(raw, dict):
            return branches
        objects = [self.object_of(branch) for branch in branches]
        if union.tag is not None and union.tag in raw:
            tagged = [
                branch
                for branch, named in zip(branches, objects)
                if named and any(equal(value, raw[union.tag]) for value in self.tag_values(named, union.tag))
            ]
            return tagged or [branch for branch, named in zip(branches, objects) if not named]
        needs = [{f.name for f in named.fields if f.required} if named else set() for named in objects]
        order = sorted(range(len(branches)), key=lambda number: -len(needs[number]))
        return [branches[number] for number in order if needs[number] <= raw.keys()]

    def object_of(self, node: Node) -> JsonObject | None:
        named = self.schema.names[node.name] if isinstance(node, JsonRef) else None
        return named if isinstance(named, JsonObject) else None

    def tag_values(self, named: JsonObject, tag: str) -> tuple[Any, ...]:
        [field] = [field for field in named.fields if field.name == tag]
        return field.type.values if isinstance(field.type, Constant) else ()


def refuse() -> Any:
    raise UnfitError


def wanted(raw: Any, *types: type[Any]) -> Any:
    return raw if isinstance(raw, types) and (bool in types or not isinstance(raw, bool)) else refuse()


def equal(value: Any, raw: Any) -> bool:
    """As JSON values: `1` and `1.0` are equal, 1 and true are not."""
    if isinstance(value, bool | str | None) or isinstance(raw, bool | str | list | dict | None):
        return type(value) is type(raw) and bool(value == raw)
    return bool((float(raw) if isinstance(raw, Decimal) else raw) == value)


def anything(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {name: anything(value) for name, value in raw.items()}
    if isinstance(raw, list):
        return [anything(item) for item in raw]
    return number(raw) if isinstance(raw, Decimal) else raw


def number(raw: Any) -> float:
    found = -0.0 if isinstance(raw, MinusZero) else float(wanted(raw, int, Decimal))
    return found if math.isfinite(found) else refuse()


def whole(raw: Any) -> int:
    if isinstance(wanted(raw, int, Decimal), Decimal) and raw != raw.to_integral_value():
        refuse()
    return int(raw)


def decimal_text(raw: str) -> Decimal:
    return Decimal(raw) if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", raw, re.ASCII) else refuse()


def moment(raw: str) -> dt.datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", raw, re.ASCII):
        refuse()
    clock = re.sub(r"(\.\d{6})\d*", r"\1", raw.upper().replace("Z", "+00:00"))
    return dt.datetime.fromisoformat(clock).astimezone(UTC)


def clock_time(raw: str) -> dt.time:
    if not re.fullmatch(r"\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?", raw, re.ASCII):
        refuse()
    return dt.time.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", raw.upper().replace("Z", "+00:00")))


def day(raw: str) -> dt.date:
    return dt.date.fromisoformat(raw) if re.fullmatch(r"\d{4}-\d\d-\d\d", raw, re.ASCII) else refuse()


def duration(raw: str) -> Duration:
    number = r"(\d+)"
    date = rf"P(?:{number}Y)?(?:{number}M)?(?:{number}W)?(?:{number}D)?"
    time = rf"(T)?(?:{number}H)?(?:{number}M)?(?:(\d+(?:[.,]\d+)?)S)?"
    match = re.fullmatch(date + time, raw, re.ASCII)
    if not match or raw[-1] in "PT" or ("T" not in raw and any(match.group(6, 7, 8))):
        return refuse()
    part = [Decimal((match[place] or "0").replace(",", ".")) for place in (1, 2, 3, 4, 6, 7, 8)]
    millis = int(((part[4] * 60 + part[5]) * 60 + part[6]) * 1000)
    parts = int(part[0] * 12 + part[1]), int(part[2] * 7 + part[3]), millis
    return Duration(*parts) if max(parts) < 1 << 32 else refuse()


def base64_bytes(raw: str) -> bytes:
    return base64.b64decode(raw.encode("ascii"), validate=True)


def scaled(raw: str, scale: int) -> Decimal:
    data = base64_bytes(raw)
    return Decimal(int.from_bytes(data, "big", signed=True)).scaleb(-scale) if data else refuse()


def uuid(raw: str) -> UUID:
    return UUID(raw) if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", raw) else refuse()


FORMATS: Any = {
    "date": day,
    "time": clock_time,
    "date-time": moment,
    "duration": duration,
    "uuid": uuid,
    "base64": base64_bytes,
    "decimal": decimal_text,
}
NUMBERS: Any = {
    "date-days": lambda n: EPOCH.date() + dt.timedelta(days=n),
    "time-millis": lambda n: (
        (EPOCH + dt.timedelta(milliseconds=n)).time() if 0 <= n < 86_400_000 else refuse()
    ),
    "timestamp-millis": lambda n: EPOCH + dt.timedelta(milliseconds=n),
}


def scalar(node: JsonScalar, raw: Any) -> Any:
    try:
        return _scalar(node, raw)
    except (ValueError, OverflowError, ArithmeticError):
        return refuse()


def _scalar(node: JsonScalar, raw: Any) -> Any:
    if node.type == "null":
        return None if raw is None else refuse()
    if node.type == "boolean":
        return wanted(raw, bool)
    if node.type == "string":
        wanted(raw, str)
        if node.scale is not None:
            return scaled(raw, node.scale)
        return FORMATS[node.format](raw) if node.format else raw
    if node.format == "decimal":
        return Decimal("-0") if isinstance(raw, MinusZero) else Decimal(wanted(raw, int, Decimal))
    if node.type == "number":
        return number(raw)
    return NUMBERS[node.format](whole(raw)) if node.format else whole(raw)
