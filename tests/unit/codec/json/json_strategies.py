"""Trees of JSON Schemas, classes for them, and messages that fit them or nearly do, for hypothesis."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

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
    Named,
    Node,
    Nothing,
    Property,
    StringEnum,
)

NAMES = ["a", "b", "c", "", "é", "x y", "__class__", "a.b", 'q"\\', "kind", "\U0001f600"]
SYMBOLS = ["A", "B", "é", "", "2024-01-01"]
SCALARS: list[Node] = [
    *(JsonScalar(kind) for kind in ("null", "boolean", "integer", "number", "string")),
    *(
        JsonScalar("string", form)
        for form in ("date", "time", "date-time", "duration", "uuid", "base64", "decimal")
    ),
    JsonScalar("string", "decimal", 2),
    JsonScalar("number", "decimal"),
    JsonScalar("number", "float"),
    *(JsonScalar("integer", form) for form in ("date-days", "time-millis", "timestamp-millis")),
    Constant(("a",)),
    Constant((1, "b", None)),
    Constant((False, 0.5, 2)),
    Anything(),
]


@st.composite
def trees(draw: Any, unions: bool = True) -> JsonSchema:
    """A schema; without `unions` those whose branches may be mixed up are left out."""
    names: dict[str, Named] = {}
    count = draw(st.integers(0, 4))
    places = [f"#/{number}" for number in range(count)]
    leaf = st.sampled_from([*SCALARS, *map(JsonRef, places)])
    nodes = st.recursive(leaf, lambda inner: _around(inner, unions), max_leaves=6)
    for place in places:
        names[place] = draw(_named(place, nodes))
    tagged = [place for place in places if _has_tag(names[place])]
    root: Node = draw(nodes)
    if len(tagged) > 1 and draw(st.booleans()):
        root = JsonArray(JsonUnion(tuple(map(JsonRef, tagged)), "kind"))
    return JsonSchema(root, names)


def _around(inner: Any, unions: bool) -> Any:
    kinds = [
        inner.map(JsonArray),
        inner.map(JsonMap),
        st.builds(JsonTuple, st.lists(inner, max_size=3).map(tuple), inner | st.just(Nothing())),
        inner.map(lambda node: JsonUnion((JsonScalar("null"), node))),
    ]
    if unions:
        kinds.append(st.lists(inner, min_size=1, max_size=4).map(lambda nodes: JsonUnion(tuple(nodes))))
    return st.one_of(kinds)


@st.composite
def _named(draw: Any, place: str, nodes: Any) -> Named:
    if draw(st.integers(0, 4)) == 0:
        return StringEnum(place, tuple(draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True))))
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    fields = [
        Property(name, Constant((place,)), required=True)
        if name == "kind"
        else Property(name, draw(nodes), required=draw(st.booleans()))
        for name in names
    ]
    extra = draw(st.none() | nodes)
    return JsonObject(place, tuple(fields), extra=extra, closed=extra is None and draw(st.booleans()))


def _has_tag(named: Named) -> bool:
    return isinstance(named, JsonObject) and any(each.name == "kind" for each in named.fields)


INSTANTS = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
OFFSETS = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-23:59", ""])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
FORMS: Mapping[str, Any] = {
    "date": INSTANTS.map(lambda moment: moment.date().isoformat()),
    "time": st.builds(lambda moment, offset: moment.time().isoformat() + offset, INSTANTS, OFFSETS),
    "date-time": st.builds(
        lambda moment, glue, offset: moment.isoformat(glue) + offset,
        INSTANTS,
        st.sampled_from(["T", "t", " "]),
        OFFSETS,
    ),
    "duration": st.from_regex(
        r"\AP([0-9]{1,3}Y)?([0-9]{1,3}M)?([0-9]W)?([0-9]{1,3}D)?(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}(\.[0-9]{1,4})?S)?)?\Z"
    ),
    "uuid": st.uuids().map(str),
    "base64": st.sampled_from(["", "AP8=", "AA==", "////", "AP8", "a-b_", "AAAAyA=="]),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
}
INTEGERS = st.integers(-(10**30), 10**30) | st.integers(-100, 100) | st.integers(0, 10**8)
NUMBERS = st.one_of(
    INTEGERS.map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.builds("{}.{}".format, st.integers(-99, 99), st.sampled_from(["0", "00", "5", "125"])),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-8, 8)),
    st.sampled_from(["-0", "0.0", "-0.0E-0", "1E400", "1e-400", "123456789012345678901234567890.0"]),
)
ANY_TEXT = st.recursive(
    st.sampled_from(["null", "true", "false"])
    | NUMBERS
    | TEXTS.map(json.dumps)
    | st.sampled_from(["{}", "[]"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3).map(
            lambda held: "{" + ",".join(f"{json.dumps(k)}:{v}" for k, v in held.items()) + "}"
        )
    ),
    max_leaves=5,
)
SPACES = st.sampled_from(["", "", "", " ", "\n\t "])


@st.composite
def messages(draw: Any, schema: JsonSchema) -> str:
    """A message for a schema: most fit, some have a value of another type somewhere."""
    return draw(SPACES) + draw(_message(schema, schema.root, 0)) + draw(SPACES)


@st.composite
def _message(draw: Any, schema: JsonSchema, node: Node, depth: int) -> str:
    if depth > 8 or draw(st.integers(0, 30)) == 17:
        found: str = draw(ANY_TEXT)
        return found
    if isinstance(node, JsonUnion):
        node = draw(st.sampled_from(node.branches))
        return draw(_message(schema, node, depth + 1))
    if isinstance(node, JsonArray | JsonTuple | JsonMap):
        return draw(_container(schema, node, depth + 1))
    if isinstance(node, JsonRef):
        named = schema.names[node.name]
        if isinstance(named, JsonObject):
            return draw(_object(schema, named, depth + 1))
        return draw(_quoted(st.sampled_from(named.symbols)))
    return draw(_leaf(node))


def _leaf(node: Node) -> Any:
    if isinstance(node, Constant):
        return st.sampled_from(node.values).map(json.dumps)
    if not isinstance(node, JsonScalar):
        return ANY_TEXT
    if node.type == "null":
        return st.just("null")
    if node.type == "boolean":
        return st.sampled_from(["true", "false"])
    if node.type == "string":
        form = "base64" if node.scale is not None else node.format
        return _quoted(FORMS[form] if form else TEXTS | st.sampled_from(SYMBOLS))
    if node.type == "integer":
        return INTEGERS.map(str) | st.integers(0, 10**6).map("{}.0".format) | NUMBERS
    return NUMBERS


@st.composite
def _quoted(draw: Any, texts: Any) -> str:
    """A string, with or without escapes."""
    return json.dumps(draw(texts), ensure_ascii=draw(st.booleans()))


@st.composite
def _container(draw: Any, schema: JsonSchema, node: JsonArray | JsonTuple | JsonMap, depth: int) -> str:
    gap = draw(SPACES)
    if isinstance(node, JsonMap):
        keys = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
        parts = [f"{json.dumps(key)}{gap}:{draw(_message(schema, node.values, depth))}" for key in keys]
        return "{" + gap + f"{gap},{gap}".join(parts) + "}"
    if isinstance(node, JsonArray):
        nodes: list[Node] = [node.items] * draw(st.integers(0, 3))
    else:
        nodes = list(node.items) if isinstance(node.rest, Nothing) else [*node.items, node.rest, node.rest]
        nodes = nodes[: draw(st.integers(0, len(nodes)))]
    items = [draw(_message(schema, item, depth)) for item in nodes]
    return "[" + f"{gap},{gap}".join(items) + gap + "]"


@st.composite
def _object(draw: Any, schema: JsonSchema, named: JsonObject, depth: int) -> str:
    parts = []
    for each in named.fields:
        if draw(st.integers(0, 20)) > 0 if each.required else draw(st.booleans()):
            parts.append((each.name, draw(_message(schema, each.type, depth))))
    known = {each.name for each in named.fields}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=1)):
        if name not in known and (not named.closed or draw(st.booleans())):
            parts.append((name, draw(_message(schema, named.extra or Anything(), depth))))
    gap = draw(SPACES)
    texts = [
        f"{draw(_quoted(st.just(name)))}{gap}:{gap}{text}" for name, text in draw(st.permutations(parts))
    ]
    return "{" + f",{gap}".join(texts) + gap + "}"


def exact(value: Any) -> Any:
    """What distinguishes a value from others that equal it: types, zeros, signs; not the order of a dict."""
    if isinstance(value, dict):
        return sorted((name, exact(held)) for name, held in value.items())
    return list(map(exact, value)) if isinstance(value, list) else repr(value)
