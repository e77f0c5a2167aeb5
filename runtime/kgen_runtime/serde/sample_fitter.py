"""Samples that are valid: what a validator finds wrong with one is changed until it finds nothing.

So whatever says it (`pattern`, `minimum`, a `$ref`, an `allOf`, a branch), it is said by the validator, and
there is nothing here that reads a schema.
"""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ..codec.json.pattern_texts import text_for_pattern
from .json_validation import JsonValidator

if TYPE_CHECKING:
    import jsonschema_rs

_ROUNDS: Final = 60
_TRIES: Final = 20  # texts of a pattern, until one has the right length
_MORE: Final = 4  # of what a pattern repeats
_LONGEST: Final = 10_000  # characters, or items
_NESTED: Final = 8  # branches inside of branches
_STEPS: Final = 1_000  # from a limit on, how many steps a number may be from it
_TEXTS: Final = frozenset({"pattern", "format", "minLength", "maxLength"})
_NUMBERS: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
_LENGTHS: Final = frozenset({"minItems", "maxItems", "uniqueItems"})
_PLAIN: Final[dict[str, Any]] = {"string": "text", "integer": 1, "number": 1, "boolean": True, "null": None}
_UNEXPECTED: Final = frozenset({"additionalProperties", "unevaluatedProperties"})
_NOT_HERE: Final = frozenset({"type", "const", "enum", "required"})
"""What says that another branch was meant."""


class SampleFitter:
    """Makes samples valid, as far as that is a matter of their texts, numbers, lengths and optional parts."""

    def __init__(self, validator: JsonValidator, rng: random.Random) -> None:
        self._validator = validator
        self._rng = rng
        self._wanted: dict[tuple[str | int, ...], dict[str, Any]] = {}

    def fit(self, payload: bytes) -> bytes | None:
        """JSON that is valid, and as near to `payload` as can be; None if none is found."""
        self._wanted.clear()
        holder = [json.loads(payload)]
        for _ in range(_ROUNDS):
            changed = json.dumps(holder[0], ensure_ascii=False).encode()
            if self._validator.check(changed) is None:
                return changed
            errors = self._validator.errors_of(holder[0])
            if not errors:  # too many to look for
                return None
            for error in errors:
                self._change(holder, error, 0)
        return None

    def _change(self, holder: list[Any], error: jsonschema_rs.ValidationError, depth: int) -> None:
        kind, path = error.kind, tuple(error.instance_path)
        branches = [branch for branch in getattr(kind, "context", ()) if branch]
        if branches and depth < _NESTED:
            for inner in self._nearest(branches):
                self._change(holder, inner, depth + 1)
            return
        place = _place(holder, path)
        if place is None:
            return  # another change took it away
        container, key = place
        wanted = self._wanted.setdefault(path, {})
        wanted[kind.name] = kind.as_dict()
        if not self._changed(container, key, kind.name, wanted):
            _drop(holder, path)

    def _nearest(self, branches: Sequence[list[Any]]) -> list[Any]:
        far = [sum(error.kind.name in _NOT_HERE for error in branch) for branch in branches]
        return self._rng.choice([branch for branch, n in zip(branches, far) if n == min(far)])

    def _changed(self, container: Any, key: Any, name: str, wanted: Mapping[str, Any]) -> bool:
        value, said = container[key], wanted[name]
        if name in _TEXTS and isinstance(value, str):
            container[key] = self._text(value, wanted)
        elif name in _NUMBERS and isinstance(value, int | float):
            container[key] = self._number(value, wanted)
        elif name in _LENGTHS and isinstance(value, list):
            return self._items(value, wanted)
        elif name in ("const", "enum"):
            options = said["options"] if name == "enum" else [said["expected_value"]]
            container[key] = copy.deepcopy(self._rng.choice(options))
        elif name == "type":
            plain = [_PLAIN[each] for each in said["types"] if each in _PLAIN]
            container[key] = plain[0] if plain else value
            return bool(plain)
        elif name in _UNEXPECTED:
            for each in said["unexpected"]:
                value.pop(each, None)
        elif name == "maxProperties":
            while len(value) > said["limit"]:
                del value[self._rng.choice(list(value))]
        else:
            return False
        return True

    def _text(self, text: str, wanted: Mapping[str, Any]) -> str:
        least = min(_limit(wanted, "minLength", 0), _LONGEST)
        most = _limit(wanted, "maxLength", math.inf)
        make: Callable[[], str | None] | None = None
        if "pattern" in wanted:
            pattern = wanted["pattern"]["pattern"]
            make = lambda: text_for_pattern(pattern, self._rng, max(_MORE, least))  # noqa: E731
        elif wanted.get("format", {}).get("format") in _FORMATS:
            format_ = _FORMATS[wanted["format"]["format"]]
            make = lambda: format_(self._rng)  # noqa: E731
        if make is None:
            return text.ljust(least, "x")[: int(min(most, _LONGEST))]
        made = [found for found in (make() for _ in range(_TRIES)) if found is not None]
        return next((found for found in made if least <= len(found) <= most), made[0] if made else text)

    def _number(self, number: float, wanted: Mapping[str, Any]) -> float:
        """A number between the limits that are known."""
        step = _fraction(wanted, "multipleOf", "multiple_of") or Fraction(1)
        low, above = _fraction(wanted, "minimum"), _fraction(wanted, "exclusiveMinimum")
        high, below = _fraction(wanted, "maximum"), _fraction(wanted, "exclusiveMaximum")
        lows = [math.ceil(it / step) for it in (low,) if it is not None]
        lows += [math.floor(it / step) + 1 for it in (above,) if it is not None]
        highs = [math.floor(it / step) for it in (high,) if it is not None]
        highs += [math.ceil(it / step) - 1 for it in (below,) if it is not None]
        least = max(lows) if lows else min([0, *highs]) - _STEPS * (bool(highs) and min(highs) <= 0)
        most = min(highs) if highs else max([0, *lows]) + _STEPS
        if least <= most:
            found = self._rng.randint(max(least, most - _STEPS), most) * step
            return found.numerator if found.denominator == 1 and isinstance(number, int) else float(found)
        known = [it for it in (low, above, high, below) if it is not None]
        return float(sum(known) / len(known)) if known else number  # no whole one: between them

    def _items(self, items: list[Any], wanted: Mapping[str, Any]) -> bool:
        del items[int(min(_limit(wanted, "maxItems", math.inf), _LONGEST)) :]
        least = min(_limit(wanted, "minItems", 0), _LONGEST)
        unique = "uniqueItems" in wanted
        if unique:
            items[:] = {json.dumps(it, sort_keys=True): it for it in items}.values()
        while items and len(items) < least:
            items.append(_another(items[-1], len(items)) if unique else copy.deepcopy(items[0]))
        return bool(items) or not least


def _another(item: Any, number: int) -> Any:
    """A value of the same kind, which differs where that is a matter of a text or a number."""
    if isinstance(item, dict):
        changed = next((name for name, it in item.items() if isinstance(it, str | int | float)), None)
        return {name: _another(it, number) if name == changed else it for name, it in item.items()}
    if isinstance(item, str):
        return f"{item}{number}"
    return item + 1 if isinstance(item, int | float) and not isinstance(item, bool) else copy.deepcopy(item)


def _limit(wanted: Mapping[str, Any], name: str, otherwise: float) -> Any:
    return wanted[name]["limit"] if name in wanted else otherwise


def _fraction(wanted: Mapping[str, Any], name: str, key: str = "limit") -> Fraction | None:
    return Fraction(str(wanted[name][key])) if name in wanted else None


def _place(holder: list[Any], path: Sequence[str | int]) -> tuple[Any, Any] | None:
    """What holds the value, and by which key or index."""
    container: Any = holder
    key: Any = 0
    for step in path:
        container, key = container[key], step
        if isinstance(container, list):
            is_there = isinstance(key, int) and key < len(container)
        else:
            is_there = isinstance(container, dict) and key in container
        if not is_there:
            return None
    return container, key


def _drop(holder: list[Any], path: Sequence[str | int]) -> None:
    """Take the value away, if it is not the whole: it may be optional."""
    place = _place(holder, path)
    if path and place is not None:
        del place[0][place[1]]


def _digits(rng: random.Random, count: int) -> str:
    return f"{rng.randrange(10**count):0{count}}"


_FORMATS: Final[dict[str, Callable[[random.Random], str]]] = {
    "email": lambda rng: f"user{_digits(rng, 3)}@example.org",
    "idn-email": lambda rng: f"user{_digits(rng, 3)}@example.org",
    "hostname": lambda rng: f"host{_digits(rng, 3)}.example.org",
    "idn-hostname": lambda rng: f"host{_digits(rng, 3)}.example.org",
    "ipv4": lambda rng: f"192.0.2.{rng.randrange(256)}",
    "ipv6": lambda rng: f"2001:db8::{rng.randrange(1, 1 << 16):x}",
    "uri": lambda rng: f"https://example.org/{_digits(rng, 4)}",
    "iri": lambda rng: f"https://example.org/{_digits(rng, 4)}",
    "uri-reference": lambda rng: f"/items/{_digits(rng, 4)}",
    "iri-reference": lambda rng: f"/items/{_digits(rng, 4)}",
    "uri-template": lambda rng: f"/items{_digits(rng, 2)}/{{id}}",
    "json-pointer": lambda rng: f"/items/{rng.randrange(100)}",
    "relative-json-pointer": lambda rng: f"{rng.randrange(9)}/items",
    "regex": lambda rng: f"^[a-z]{{{rng.randrange(1, 9)}}}$",
    "date": lambda rng: f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
    "time": lambda rng: f"{rng.randrange(24):02}:{rng.randrange(60):02}:00Z",
    "date-time": lambda rng: f"2026-01-{rng.randrange(1, 29):02}T{rng.randrange(24):02}:00:00Z",
    "duration": lambda rng: f"P{rng.randrange(1, 30)}D",
    "uuid": lambda rng: (
        f"{_digits(rng, 8)}-{_digits(rng, 4)}-4{_digits(rng, 3)}-8{_digits(rng, 3)}-{_digits(rng, 12)}"
    ),
}
