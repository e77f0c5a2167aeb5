"""Texts are parsed once, and mean what they would mean if they were parsed again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.model import Settings, build
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen_runtime import WriterSchema
from kgen_runtime.codec.avro.schema import documents, parser
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.avro.schema.tree import Limits, Record, Ref
from kgen_runtime.errors import SchemaError


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are parsed from here on, in order."""
    documents._documents.cache_clear()
    texts: list[str] = []
    read = parser.load_json

    def load_json(text: str, limits: Limits) -> Any:
        texts.append(text)
        return read(text, limits)

    monkeypatch.setattr(parser, "load_json", load_json)
    return texts


def record(name: str, **fields: Any) -> str:
    items = [{"name": field, "type": type_} for field, type_ in fields.items()]
    return json.dumps({"type": "record", "name": name, "fields": items})


SHARED = [record(f"Shared{at}", before=f"Shared{at - 1}" if at else "int") for at in range(12)]
USERS = [record(f"User{at}", a="Shared11", b=f"Shared{at}") for at in range(10)]


def shared(at: int) -> SchemaVersion:
    references = (Reference(f"Shared{at - 1}", f"shared{at - 1}", 1),) if at else ()
    return SchemaVersion(f"shared{at}", 1, at + 1, "AVRO", SHARED[at], references)


def test_a_reference_is_parsed_once_a_pull_not_once_a_referrer(parsed: list[str]) -> None:
    users = [
        SchemaVersion(
            f"t{at}-value", 1, 100 + at, "AVRO", text, tuple(Reference(n, n.lower(), 1) for n in names)
        )
        for at, text in enumerate(USERS)
        for names in [(f"Shared{at}", "Shared11")]
    ]
    subjects = tuple(Subject(user.subject, (user,)) for user in users)
    build(Snapshot("http://registry", subjects, tuple(map(shared, range(12)))), Settings("streams", "0.1.0"))
    assert sorted(parsed) == sorted(SHARED + USERS)


def test_the_runtime_parses_a_reference_once_for_all_topics(parsed: list[str]) -> None:
    for at, user in enumerate(USERS):
        WriterSchema(1, at, user, tuple(SHARED)).parse()
    assert sorted(parsed) == sorted(SHARED + USERS)


def test_a_text_is_parsed_again_where_it_means_something_else(parsed: list[str]) -> None:
    user = record("x.User", a="Inner")
    first = parse(user, [record("Inner")])
    second = parse(user, [record("Inner"), record("x.Inner")])
    again = parse(user, [record("Inner")])
    fields = [schema.names["x.User"] for schema in (first, second, again)]
    assert [isinstance(it, Record) and it.fields[0].type for it in fields] == [
        Ref("Inner"), Ref("x.Inner"), Ref("Inner"),
    ]  # fmt: skip
    assert parsed.count(user) == 2


def test_defaults_are_checked_again_where_what_they_build_is_another_type(parsed: list[str]) -> None:
    field = {"name": "a", "type": "Outer", "default": {"inner": {"v": 1}}}
    user = json.dumps({"type": "record", "name": "User", "fields": [field]})
    outer = record("Outer", inner="Inner")
    assert parse(user, [record("Inner", v="int"), outer]).root == Ref("User")
    again = parse(user, [record("Inner", v="string"), outer]).names["User"]
    assert isinstance(again, Record)
    assert again.fields[0].invalid_default is not None


def test_a_name_that_two_references_define_differently_is_refused_also_when_both_are_known() -> None:
    one, other = record("A", v="int"), record("A", v="long")
    parse(one)
    parse(other)
    with pytest.raises(SchemaError, match="A is defined twice") as caught:
        parse(record("User", a="A"), [one, other])
    assert "reference 1: " in str(caught.value)
    assert list(parse(record("User", a="A"), [one, one]).names) == ["A", "User"]


def test_smaller_limits_hold_for_texts_that_were_parsed_with_larger_ones() -> None:
    text = json.dumps({"type": "array", "items": {"type": "array", "items": "int"}})
    parse(text)
    with pytest.raises(SchemaError, match="nested more than"):
        parse(text, limits=Limits(depth=1))
    names = [record("A"), record("B")]
    parse(record("C"), names)
    with pytest.raises(SchemaError, match="more than 2 named types"):
        parse(record("C"), names, limits=Limits(names=2))


def test_what_cannot_be_parsed_is_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(SchemaError, match="unknown type 'Nope'"):
            parse(record("R", a="Nope"))
