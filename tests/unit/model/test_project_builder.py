"""What the model promises about names, references, topics and bad input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kgen.model import Names, Project, Settings, TopicSettings, build
from kgen.model.project import Module
from kgen.model.subjects import Reference, SchemaVersion, Skipped, Snapshot, Subject
from kgen.render import kind, render

SETTINGS = Settings("streams", "0.1.0")


def record(name: str, *fields: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def version(subject: str, schema: Any, number: int = 1, *references: Reference, **more: Any) -> SchemaVersion:
    text = schema if isinstance(schema, str) and schema.startswith("{") else json.dumps(schema)
    return SchemaVersion(subject, number, 100 + number, more.pop("type", "AVRO"), text, references, **more)


def snapshot(*versions: SchemaVersion, referenced: tuple[SchemaVersion, ...] = ()) -> Snapshot:
    names = sorted({v.subject for v in versions})
    subjects = (Subject(name, tuple(v for v in versions if v.subject == name)) for name in names)
    return Snapshot("http://registry", tuple(subjects), referenced)


def module(project: Project, name: str) -> Module:
    return next(it for it in project.modules if it.name == name)


def names(*versions: SchemaVersion, locked: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
    """Subject -> full name -> class, in the module of the topic `t`."""
    return dict(build(snapshot(*versions), SETTINGS, Names(by_subject=locked or {})).names.classes["topic:t"])


def things(*full_names: str) -> SchemaVersion:
    fields = ((f"f{at}", record(name, ("v", "int"))) for at, name in enumerate(full_names))
    return version("t-value", record("Root", *fields))


def test_a_locked_class_never_changes_its_name() -> None:
    before = names(things("b.Thing"))["t-value"]
    after = names(things("a.Thing", "b.Thing"), locked={"t-value": before})["t-value"]
    assert after == {"Root": "Root", "a.Thing": "AThing", "b.Thing": "Thing"}
    # Without the lock the newcomer, which stands first, would have taken the name.
    assert names(things("a.Thing", "b.Thing"))["t-value"]["a.Thing"] == "Thing"


def test_pulling_with_ones_own_names_changes_nothing() -> None:
    versions = [things("a.Thing", "b.Thing", "c.b.Thing", "n.Value"), version("t-key", record("a.Thing"))]
    first = names(*versions)
    assert names(*versions, locked=first) == first


def test_the_key_shares_a_class_that_is_the_same_and_only_then() -> None:
    same = names(version("t-key", record("Id", ("v", "int"))), things("Id"))
    assert same["t-key"] == {"Id": "Id"}
    assert same["t-value"]["Id"] == "Id"
    other = names(version("t-key", record("Id", ("v", "long"))), things("Id"))
    assert other["t-key"] == {"Id": "Id2"}
    assert other["t-value"]["Id"] == "Id"


def test_equal_records_over_unequal_types_are_not_the_same() -> None:
    inner = {"type": "enum", "name": "E", "symbols": ["A"]}
    key = version("t-key", record("Id", ("e", inner)))
    value = version("t-value", record("V", ("id", record("Id", ("e", inner | {"symbols": ["A", "B"]})))))
    found = names(key, value)
    assert found["t-key"]["Id"] != found["t-value"]["Id"]


def test_a_type_that_was_only_referenced_keeps_its_module_when_it_is_pulled() -> None:
    shared = version("geo-value", record("Geo", ("v", "int")))
    user = version("t-value", record("T", ("geo", "Geo")), 1, Reference("Geo", "geo-value", 1))
    before = build(snapshot(user, referenced=(shared,)), SETTINGS)
    after = build(snapshot(user, shared, referenced=(shared,)), SETTINGS)
    assert module(before, "t") == module(after, "t")
    assert module(before, "geo").topic is None
    assert module(after, "geo").topic is not None


def test_the_order_of_what_arrives_does_not_matter() -> None:
    versions = [
        things("a.X", "b.X"),
        version("u-value", "string"),
        version("u-key", record("K", ("v", "int"))),
    ]
    given = snapshot(*versions)
    turned = replace(given, subjects=tuple(reversed(given.subjects)))
    assert render(build(given, SETTINGS)) == render(build(turned, SETTINGS))


def test_every_topic_gets_models_a_flow_and_a_test() -> None:
    files = render(build(snapshot(things("X"), version("shared", record("S"))), SETTINGS))
    assert {path: kind(path) for path in files} == {
        "streams/__init__.py": "owned",
        "streams/_generated/__init__.py": "generated",
        "streams/_generated/_schemas.py": "generated",
        "streams/_generated/shared.py": "generated",
        "streams/_generated/t.py": "generated",
        "streams/flows/__init__.py": "owned",
        "streams/flows/t.py": "owned",
        "tests/__init__.py": "owned",
        "tests/test_t.py": "owned",
    }


def test_a_new_field_leaves_flow_and_test_alone() -> None:
    old = version("t-value", record("T", ("a", "int")))
    new = version("t-value", record("T", ("a", "int"), ("b", "int")), 2)
    before, after = (render(build(snapshot(*v), SETTINGS)) for v in ([old], [old, new]))
    changed = {path for path in after if before[path] != after[path]}
    assert changed == {"streams/_generated/t.py", "streams/_generated/_schemas.py"}


def test_what_cannot_be_read_is_skipped_with_the_reason_and_the_rest_goes_on() -> None:
    given = snapshot(
        version("j-value", "{}", type="THRIFT"),
        version("j-key", "string"),
        version("p-key", "{}", type="THRIFT"),
        version("p-value", "string"),
        version("o-value", "nonsense", 1),
        version("o-value", "string", 2),
    )
    project = build(replace(given, skipped=(Skipped("x", "gone"),)), SETTINGS)
    assert project.skipped == (
        Skipped("x", "gone"),
        Skipped("j-value", "THRIFT schemas are not supported yet", "format"),
        Skipped("o-value", "v1 cannot be read: unknown type 'nonsense'", "earlier"),
        Skipped("p-key", "THRIFT schemas are not supported yet", "format"),
    )
    assert [it.name for it in project.modules] == ["o", "p"]


def test_a_topic_whose_value_was_skipped_elsewhere_is_not_made_from_its_key_alone() -> None:
    given = replace(snapshot(version("t-key", "string")), skipped=(Skipped("t-value", "deleted"),))
    assert build(given, SETTINGS).modules == ()


def test_settings_bind_topics_to_subjects_and_formats() -> None:
    settings = replace(SETTINGS, topics={"t": TopicSettings(key="long", value="shop.Order")})
    project = build(snapshot(version("shop.Order", record("shop.Order", ("v", "int")))), settings)
    topic = module(project, "t").topic
    assert topic is not None
    assert (topic.key.type, topic.value.type, topic.value_type) == ("int", "Order", "t.Order")
    assert module(project, "shop_order").topic is None


def test_a_context_is_not_part_of_the_topic_and_gives_way_to_the_default_one() -> None:
    alone = build(snapshot(version(":.eu:t-value", "string")), SETTINGS)
    assert [it.topic and it.topic.name for it in alone.modules] == ["t"]
    both = build(snapshot(version(":.eu:t-value", "long"), version("t-value", "string")), SETTINGS)
    assert [it.topic and it.topic.name for it in both.modules if it.topic] == ["t"]
    assert module(both, "t").sources[0].subject == "t-value"


def reasons(*subjects: SchemaVersion, referenced: tuple[SchemaVersion, ...] = ()) -> list[tuple[str, str]]:
    """What is said of the subjects that are left out, beside one that is fine."""
    project = build(snapshot(*subjects, version("z-value", "string"), referenced=referenced), SETTINGS)
    assert [it.name for it in project.modules] == ["z"]
    return [(it.subject, it.reason) for it in project.skipped]


def test_a_subject_that_cannot_be_read_is_left_out_with_version_and_place() -> None:
    assert reasons(version("t-value", record("T", ("a", "Nope")), 7)) == [
        ("t-value", "v7 cannot be read: unknown type 'Nope' at /fields/0/type")
    ]


def test_a_bad_reference_names_both_ends() -> None:
    user = version("t-value", record("T", ("a", "A")), 1, Reference("A", "a", 3))
    assert reasons(user) == [("t-value", "v1 cannot be read: the referenced schema a v3 is unknown")]


def test_a_broken_reference_is_reported_once_where_it_is_broken() -> None:
    broken = version("a", record("A", ("x", "Nope")), 3)
    users = [
        version(f"{name}-value", record("T", ("a", "A")), 1, Reference("A", "a", 3)) for name in ("s", "t")
    ]
    assert reasons(*users, referenced=(broken,)) == [
        ("s-value", "it refers to a v3, which cannot be read"),
        ("t-value", "it refers to a v3, which cannot be read"),
        ("a", "v3 cannot be read: unknown type 'Nope' at /fields/0/type"),
    ]


def test_every_schema_of_a_circle_says_so_and_what_leads_into_it_names_one() -> None:
    one = version("a", record("A"), 1, Reference("B", "b", 1))
    two = version("b", record("B"), 1, Reference("A", "a", 1))
    user = version("t-value", record("T"), 1, Reference("A", "a", 1))
    assert reasons(one, two, user) == [
        ("a", "v1 cannot be read: references lead round in a circle: a v1 -> b v1 -> a v1"),
        ("b", "v1 cannot be read: references lead round in a circle: b v1 -> a v1 -> b v1"),
        ("t-value", "it refers to a v1, which cannot be read"),
    ]


def test_two_definitions_of_one_name_are_refused() -> None:
    shared = [version("a", record("A", ("v", type_)), at) for at, type_ in enumerate(("int", "long"), 1)]
    user = version("t-value", record("T"), 1, Reference("A", "a", 1), Reference("A2", "a", 2))
    assert "A is defined twice" in reasons(user, referenced=tuple(shared))[0][1]


def test_a_very_long_chain_of_references_is_a_reason_not_a_crash() -> None:
    chain = [
        version(f"s{at}", record(f"R{at}"), 1, Reference(f"R{at + 1}", f"s{at + 1}", 1)) for at in range(3000)
    ]
    found = reasons(chain[0], referenced=tuple(chain))
    assert found == [("s0", "v1 cannot be read: the chain of references is too long")]


def test_a_topic_that_is_bound_to_a_subject_that_cannot_be_read_is_left_out_and_said() -> None:
    settings = replace(SETTINGS, topics={"t": TopicSettings(key="ids")})
    project = build(snapshot(version("t-value", "string"), version("ids", "nonsense")), settings)
    assert project.modules == ()
    assert [(it.subject, it.reason) for it in project.skipped] == [
        ("ids", "v1 cannot be read: unknown type 'nonsense'"),
        ("t-value", "the topic t is left out: its key is ids, which cannot be read"),
    ]
