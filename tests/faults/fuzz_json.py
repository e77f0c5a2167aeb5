"""JSON for the fuzz target: schemas, messages to start from, and how those are damaged."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgen_runtime.codec import Reader, make_json_reader, make_json_writer
from kgen_runtime.codec.json.schema.json_tree import JsonScalar, JsonSchema, JsonTuple
from tests.unit.codec.json.json_kit import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    any_of,
    array,
    classes_of,
    enum_of,
    mapping,
    obj,
    one,
    optional,
    ref,
    required,
    schema_of,
    text,
)

LARGEST = 4096
TOKENS = [
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d\\ude00", b"\\ud800", b" ", b"\n"),
    *(
        b"null",
        b"true",
        b"false",
        b"NaN",
        b"-",
        b"0",
        b"1e",
        b".5",
        b"1e400",
        b"-0",
        b"9" * 40,
        b"1.0",
        b"{}",
    ),
    *(
        b'"id":',
        b'"kind":"card"',
        b'"kind":',
        b'"x":1,',
        b'"\\u0069d":1,',
        b'""',
        b"\xff",
        b"\xc3\xa9",
        b"\xe2",
    ),
    *(b'"2024-02-29T12:30:05.5+01:00"', b'"P1Y2M"', b'"12:30:05Z"', b'"AP8="', b"\xef\xbb\xbf", b"[" * 130),
]


@dataclass(frozen=True)
class JsonTarget:
    """A schema to read with, messages to start from, and the kind of classes to read to."""

    name: str
    schema: JsonSchema
    seeds: tuple[bytes, ...]
    kind: str = "dicts"

    def classes(self) -> Mapping[str, type[Any]]:
        """Classes of the target's kind."""
        return {} if self.kind == "dicts" else classes_of(self.schema, slots=self.kind == "slotted")

    def codec(self, known: Mapping[str, type[Any]], engine: Any) -> tuple[Reader, Callable[[Any], bytes]]:
        """A reader, and what writes its values."""
        writer = make_json_writer(self.schema, known, engine=engine)
        return make_json_reader(self.schema, known, engine=engine), writer.encode

    def damage(self, rng: random.Random, data: bytes) -> bytes:
        """A damaged copy: flipped, cut, repeated, spliced, or with a token where it does not belong."""
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            at = rng.randrange(len(out) + 1)
            end = min(len(out), at + rng.randrange(8))
            kind = rng.randrange(8)
            if kind == 0 and at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            elif kind == 1:
                out[at:end] = rng.randbytes(rng.randrange(4))
            elif kind == 2:
                out = out[: rng.randrange(at, len(out) + 1)]
            elif kind == 3:
                out[at:at] = out[at : at + rng.randrange(60)] * rng.randrange(1, 20)
            elif kind == 4:
                del out[at:end]
            elif kind == 5:
                out[at:at] = rng.choice(TOKENS)
            else:
                out[at:end] = rng.choice(TOKENS)
        return bytes(out[:LARGEST])


_FORMS = schema_of(
    obj(
        "#",
        required("id", INTEGER),
        optional("n", NUMBER),
        optional("b", BOOLEAN),
        optional("note", any_of(NULL, STRING)),
        optional("e", ref("#/e")),
        optional("c", one("x", 1, None, 2.5)),
        optional("at", text("date-time")),
        optional("day", text("date")),
        optional("clock", text("time")),
        optional("for", text("duration")),
        optional("uuid", text("uuid")),
        optional("bytes", text("base64")),
        optional("dec", JsonScalar("number", "decimal")),
        optional("decs", array(any_of(text("decimal"), NULL))),
        optional("old", text("decimal", 4)),
        optional("days", JsonScalar("integer", "date-days")),
        optional("millis", JsonScalar("integer", "timestamp-millis")),
        more=array(INTEGER),
    ),
    enum_of("#/e", "A", "B", "é"),
)
_FORMS_SEED = (
    '{"id": 12, "n": -1.5e3, "b": true, "note": "a\\u00e9\\n😀", "e": "é", "c": 1.0, '
    '"at": "2024-02-29T12:30:05.25+01:00", "day": "2024-02-29", "clock": "12:30:05", '
    '"for": "P1Y2M3DT4H5M6.5S", "uuid": "00000000-0000-0000-0000-000000000001", "bytes": "AP8=", '
    '"dec": 1.10, "decs": ["1.5", null], "old": "AMg=", "days": 19782, "millis": 1709209805250, '
    '"x": [1, 2], "y": []}'
)
_UNIONS = schema_of(
    array(
        any_of(
            any_of(ref("#/card"), ref("#/cash"), tag="kind"),
            any_of(ref("#/node"), ref("#/more"), mapping(INTEGER)),
            any_of(text("date"), text("uuid"), STRING),
            any_of(array(INTEGER), array(any_of(STRING, NUMBER)), JsonTuple((INTEGER, BOOLEAN), NULL)),
            NUMBER,
        )
    ),
    obj("#/card", required("kind", one("card")), required("id", STRING), closed=True),
    obj("#/cash", required("kind", one("cash", 7)), optional("id", INTEGER)),
    obj("#/node", required("id", any_of(INTEGER, ref("#/more"), ref("#/node"))), optional("x", STRING)),
    obj("#/more", required("id", any_of(ref("#/node"), STRING)), required("x", INTEGER)),
)
_UNIONS_SEED = (
    b'[{"kind":"card","id":"a"},{"id":3,"kind":7.0},{"id":{"id":{"id":1},"x":2},"x":"b"},{"q":1},"2024-02-29","",'
    b'[1,2],["a",1.5],[1,true,null],1]'
)
_TREE = schema_of(
    obj(
        "#",
        optional("kids", array(ref("#"))),
        optional("next", ref("#")),
        optional("id", INTEGER),
        more=ANYTHING,
    )
)


def json_targets(kinds: Sequence[str]) -> list[JsonTarget]:
    """All schemas of JSON to fuzz, each with all kinds of classes."""
    first = [
        JsonTarget("JSON formats", _FORMS, (_FORMS_SEED.encode(), b'{"id":1e2}')),
        JsonTarget("JSON unions", _UNIONS, (_UNIONS_SEED,)),
        JsonTarget(
            "JSON tree", _TREE, (b'{"kids":[{"id":1},{"kids":[{}]}],"next":{"x":{"a":[1,"b",null]}}}',)
        ),
        JsonTarget(
            "JSON, most dropped", schema_of(obj("#", required("id", INTEGER))), (_FORMS_SEED.encode(),)
        ),
    ]
    return [replace(each, name=f"{each.name}, {kind}", kind=kind) for each in first for kind in kinds]
