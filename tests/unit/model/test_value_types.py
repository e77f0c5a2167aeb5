"""Topics of several types: which subjects they have, the union, the serdes, and what the plan says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.model.pulls import SETTINGS, Project_, module, record, snapshot, version

from kgen.model import Project, Settings, TopicSettings, build
from kgen.model.subjects import SchemaVersion, Skipped
from kgen.pycode.expr import flat
from kgen.render import render
from kgen_runtime.errors import ConfigError

FLOW = "streams/flows/orders.py"


def of_shop(name: str, *fields: str) -> dict[str, Any]:
    return {**record(name, *(fields or ("order",))), "namespace": "shop"}


PLACED = version("shop.OrderPlaced", of_shop("OrderPlaced"))
SHIPPED = version("shop.OrderShipped", of_shop("OrderShipped"))
RETURNED = version("shop.Returned", of_shop("Returned"))


def settings(*types: str, **more: Any) -> Settings:
    return replace(SETTINGS, topics={"orders": TopicSettings(types=types, **more)})


def values(project: Project, name: str = "orders") -> list[str]:
    """The types in the union of a topic's module."""
    made = module(project, name)
    assert made.topic
    alias = next(it for it in made.aliases if it.name == made.topic.value.type)
    return flat(alias.types).split(" | ")


def test_types_by_full_name_make_a_union_with_a_serde_and_a_branch_for_each() -> None:
    project = build(snapshot(PLACED, SHIPPED), settings("shop.OrderPlaced", "shop.OrderShipped"))
    topic = module(project, "orders").topic
    assert topic
    assert (topic.value_type, topic.parameter) == ("orders.OrdersValue", "value")
    assert values(project) == ["OrderPlaced", "OrderShipped"]
    serde = flat(topic.value.serde)
    for name in ("OrderPlaced", "OrderShipped"):
        assert (
            f'"shop.{name}": rt.AvroSerde(_schemas.SCHEMAS.subject("shop.{name}"), {{"shop.{name}": {name}}})'
            in serde
        )
        assert f"        case orders.{name}():\n            return value\n" in render(project)[FLOW]
    assert topic.value.subjects == ("shop.OrderPlaced", "shop.OrderShipped")
    assert not project.notes
    assert not project.unplaced


@pytest.mark.parametrize(
    "subject", ["shop.OrderPlaced", "orders-shop.OrderPlaced", "placed", "orders-value"], ids=str
)
def test_a_full_name_finds_the_subject_whatever_it_is_called(subject: str) -> None:
    project = build(snapshot(replace(PLACED, subject=subject)), settings("shop.OrderPlaced"))
    topic = module(project, "orders").topic
    assert topic
    assert topic.value.subjects == (subject,)
    assert values(project) == ["OrderPlaced"]


def test_the_names_of_a_context_are_found_in_it() -> None:
    there = ":.staging:orders-key", ":.staging:shop.OrderPlaced"
    versions = [version(there[0], "string"), replace(PLACED, subject=there[1]), PLACED]
    for word in ("shop.OrderPlaced", there[1]):
        topic = module(build(snapshot(*versions), settings(word, context=".staging")), "orders").topic
        assert topic
        assert (topic.key.subject, topic.value.subjects) == (there[0], (there[1],))


def test_subjects_of_topic_and_record_name_need_no_setting() -> None:
    versions = [replace(it, subject=f"orders-{it.subject}") for it in (PLACED, SHIPPED)]
    project = build(snapshot(*versions, version("orders-key", "string")), SETTINGS)
    topic = module(project, "orders").topic
    assert topic
    assert values(project) == ["OrderPlaced", "OrderShipped"]
    assert topic.key.subject == "orders-key"
    assert not project.notes
    assert not project.unplaced
    usual = version("orders-value", record("Order"))
    project = build(snapshot(*versions, usual), SETTINGS)
    made = module(project, "orders").topic
    assert made
    assert made.value.subject == "orders-value"
    assert (
        'in kgen.toml, [topics."orders"] value = ["Order", "shop.OrderPlaced", "shop.OrderShipped"]'
        in project.unplaced[0]
    )
    again = build(snapshot(*versions, usual), settings("Order", "shop.OrderPlaced", "shop.OrderShipped"))
    assert values(again) == ["Order", "OrderPlaced", "OrderShipped"]
    assert not again.notes


def test_a_union_among_the_types_has_all_its_branches() -> None:
    both = version("moves", [of_shop("Returned"), "null", of_shop("Lost")])
    project = build(snapshot(PLACED, both), settings("moves", "shop.OrderPlaced"))
    assert values(project) == ["Returned", "Lost", "OrderPlaced", "None"]
    assert "        case None:\n            return value\n" in render(project)[FLOW]
    by_name = build(snapshot(PLACED, both), settings("shop.Lost", "shop.OrderPlaced"))
    assert values(by_name) == values(project)


def test_values_that_are_not_all_classes_have_no_branches() -> None:
    project = build(snapshot(PLACED, version("notes", "string")), settings("notes", "shop.OrderPlaced"))
    assert values(project) == ["str", "OrderPlaced"]
    assert "match" not in render(project)[FLOW]


def json_version(subject: str, title: str | None) -> SchemaVersion:
    schema = {
        "type": "object",
        "properties": {"page": {"type": "string"}},
        **({"title": title} if title else {}),
    }
    return replace(version(subject, schema), type="JSON")


def test_json_schemas_are_known_by_title_and_by_subject() -> None:
    versions = [json_version("opened", "web.Opened"), json_version("closed", None)]
    project = build(snapshot(*versions), settings("web.Opened", "closed"))
    topic = module(project, "orders").topic
    assert topic
    assert topic.value.subjects == ("opened", "closed")
    assert '"web.Opened": rt.JsonSerde(' in flat(topic.value.serde)
    assert '"closed": rt.JsonSerde(' in flat(topic.value.serde)


def test_names_stay_whatever_types_come_and_go() -> None:
    user = Project_(settings=settings("shop.OrderPlaced", "shop.OrderShipped"))
    user.pull(snapshot(PLACED, SHIPPED))
    user.settings = settings("shop.Returned", "shop.OrderShipped")
    project = user.pull(snapshot(PLACED, SHIPPED, RETURNED))
    assert module(project, "orders").topic.value.type == "OrdersValue"
    assert values(project) == ["Returned", "OrderShipped"]
    assert not project.notes
    (note,) = project.unplaced
    assert note.endswith('in kgen.toml, [topics.NAME] value = ["shop.OrderPlaced"]')


def test_a_type_of_two_topics_is_one_class() -> None:
    two = replace(
        SETTINGS,
        topics={
            "orders": TopicSettings(types=("shop.OrderPlaced", "shop.OrderShipped")),
            "parcels": TopicSettings(types=("shop.OrderShipped",)),
        },
    )
    project = build(snapshot(PLACED, SHIPPED), two)
    found = [it.module for name in ("orders", "parcels") for it in module(project, name).imports]
    assert found == ["shop_order_placed", "shop_order_shipped", "shop_order_shipped"]


@pytest.mark.parametrize(
    ("types", "hint"),
    [
        (("shop.OrderPlacd",), "did you mean shop.OrderPlaced"),
        (("shop.OrderPlaced", "Nothing.Like.It"), "its messages go to errs"),
        (("shop.OrderPlaced", "placed"), "list one of them"),
    ],
    ids=["misspelt", "removed", "one name twice"],
)
def test_types_that_cannot_be_are_refused(types: tuple[str, ...], hint: str) -> None:
    twin = replace(PLACED, subject="placed")
    with pytest.raises(ConfigError) as error:
        build(snapshot(PLACED, SHIPPED, twin), settings(*types))
    assert error.value.where == "kgen.toml, [topics.orders]"
    assert hint in (error.value.hint or "")


def test_a_full_name_of_several_subjects_is_not_guessed() -> None:
    twins = [replace(PLACED, subject=it) for it in ("one", "two")]
    with pytest.raises(ConfigError) as error:
        build(snapshot(*twins), settings("shop.OrderPlaced"))
    assert "one and two" in (error.value.hint or "")


def test_a_topic_of_a_type_that_cannot_be_read_is_left_out_with_its_key() -> None:
    found = snapshot(PLACED, version("orders-key", "string"))
    broken = replace(found, skipped=(Skipped("shop.OrderShipped", "v1 cannot be read"),))
    project = build(broken, settings("shop.OrderPlaced", "shop.OrderShipped"))
    assert all(it.topic is None for it in project.modules)
    assert any(it.subject == "orders-key" and "shop.OrderShipped" in it.reason for it in project.skipped)


def test_subjects_of_no_topic_are_named_with_the_line_to_write() -> None:
    address = version("address", record("Address"))
    home = version("home-value", record("Home", ("at", "Address")), address=1)
    project = build(snapshot(PLACED, SHIPPED, address, home), SETTINGS)
    assert not project.notes
    (note,) = project.unplaced
    assert note == (
        "no topic has values of shop.OrderPlaced and shop.OrderShipped: to read and write them, in "
        'kgen.toml, [topics.NAME] value = ["shop.OrderPlaced", "shop.OrderShipped"]'
    )
