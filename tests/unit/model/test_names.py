"""Names from outside become names that are safe in Python and on every disk, and stay apart."""

from __future__ import annotations

import ast
import builtins
import enum
import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.model import names

AVRO_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
WILD = [
    "../../x", "con", "CON", "con.txt", "nul", "a b/c", "a\\b", "é", "e", "", ".", "..", "-", "_", "Orders",
    "orders", "ORDERS", "order.events", "order-events", "order_events", "2024", "class", "x" * 300, "x" * 301,
    "a.", "a ", " a", ".a", "~", "a~b", "orders~0123456789ab", "\ud800", "a\nb", ":.ctx:orders-value", "lpt1",
    "\u202eabc", "aux.tar.gz", "COM9", "k" * 80, "k" * 81,
]  # fmt: skip
ANY_TEXT = st.text(max_size=100) | st.sampled_from(WILD) | st.text("aAbB._-/~ ", max_size=8)


@given(ANY_TEXT)
def test_a_folder_name_is_safe_everywhere(subject: str) -> None:
    folder = names.folder_name(subject)
    assert re.fullmatch(r"[A-Za-z0-9._~-]{1,80}", folder)
    assert not folder.startswith((".", "-", "~"))
    assert not folder.endswith(".")
    assert folder.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "com9", "lpt1"}


@given(ANY_TEXT, ANY_TEXT)
def test_two_subjects_never_share_a_folder_even_where_case_does_not_count(a: str, b: str) -> None:
    if a != b:
        assert names.folder_name(a).lower() != names.folder_name(b).lower()


def test_wild_subjects_never_share_a_folder() -> None:
    folders = {names.folder_name(subject).lower() for subject in WILD}
    assert len(folders) == len(WILD)


@pytest.mark.parametrize("subject", ["orders-value", "shop.orders-key", "a_b", "0a"])
def test_a_plain_subject_is_its_own_folder(subject: str) -> None:
    assert names.folder_name(subject) == subject


@given(ANY_TEXT)
def test_a_module_name_is_a_safe_identifier(topic: str) -> None:
    module = names.module_name(topic)
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,61}", module)
    assert not keyword.iskeyword(module)
    assert not hasattr(builtins, module)
    assert module not in {"con", "nul", "flow", "build", "op", "rt", "testing", "topic"}


@given(st.sets(ANY_TEXT, max_size=30))
def test_no_two_topics_share_a_module(topics: set[str]) -> None:
    wanted = {f"topic:{topic}": names.module_name(topic) for topic in topics}
    found = names.module_names(wanted)
    assert found.keys() == wanted.keys()
    assert len(set(found.values())) == len(topics)
    assert found == names.module_names(dict(reversed(wanted.items())))


@pytest.mark.parametrize(
    ("topic", "module"),
    [
        ("orders", "orders"),
        ("order-events", "order_events"),
        ("shop.orders.v1", "shop_orders_v1"),
        ("OrderEvents", "order_events"),
        ("HTTPRequests", "http_requests"),
        ("2024.orders", "t_2024_orders"),
        ("test-orders", "t_test_orders"),
        ("orders.test", "orders_test_"),
        ("class", "class_"),
        ("con", "con_"),
        ("list", "list_"),
        ("_schemas", "schemas"),
        ("__init__", "init"),
    ],
)
def test_modules_read_well(topic: str, module: str) -> None:
    assert names.module_name(topic) == module


def test_who_is_called_like_the_module_gets_it() -> None:
    found = names.module_names({f"topic:{t}": names.module_name(t) for t in ("order-events", "order_events")})
    assert found["topic:order_events"] == "order_events"
    assert re.fullmatch("order_events_[0-9a-f]{6}", found["topic:order-events"])


@given(AVRO_NAME)
def test_fields_symbols_and_classes_are_identifiers(wire: str) -> None:
    for name in (names.field_name(wire), names.symbol_name(wire), names.class_name(wire)):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
        assert not name.startswith("__")


@given(
    st.lists(AVRO_NAME | st.sampled_from(["class", "class_", "__x", "x", "x_", "name", "name_"]), unique=True)
)
def test_names_stay_apart_and_plain_ones_stay(wires: list[str]) -> None:
    found = names.member_names([dict.fromkeys(wires, ())], names.symbol_name)
    assert set(found) == set(wires)
    assert len(set(found.values())) == len(wires)
    assert all(found[wire] == wire for wire in wires if names.symbol_name(wire) == wire)


@given(
    st.text(
        st.characters(max_codepoint=0xFFFF, categories=["L", "Nd"]) | st.just("_"), min_size=1, max_size=8
    )
)
def test_letters_of_any_script_become_identifiers_that_python_reads_as_they_stand(wire: str) -> None:
    for name in (names.field_name(wire), names.symbol_name(wire), names.class_name(wire)):
        assert ast.parse(name, mode="eval").body.id == name  # type: ignore[attr-defined]
        assert not name.startswith("__")


@pytest.mark.parametrize(
    ("wire", "field", "cls"),
    [
        ("beløp", "beløp", "Beløp"),
        ("FØDSEL", "FØDSEL", "FØDSEL"),
        ("名前", "名前", "名前"),
        ("ﬁl", "fil", "Fil"),
        ("ｃｌａｓｓ", "class_", "Class"),
        ("Ｄecimal", "Decimal", "Decimal_"),
        ("ǆep", "džep", "Džep"),
        ("ßen", "ßen", "SSen"),
        ("ა", "ა", "ა"),  # its capital is younger than Unicode 3.2
        ("\ua7c0x", "x", "X"),  # not a letter in every Python's Unicode
    ],
)
def test_names_beyond_ascii_read_well(wire: str, field: str, cls: str) -> None:
    assert names.field_name(wire) == field
    assert names.class_name(wire) == cls


def test_names_that_python_reads_as_one_stay_apart() -> None:
    wires = ["ﬁ", "fi", "ﬀi", "ffi", "ﬃ"]
    found = names.member_names([dict.fromkeys(wires, ())], names.field_name)
    assert found == {"ﬁ": "fi_", "fi": "fi", "ﬀi": "ffi_", "ffi": "ffi", "ﬃ": "ffi__"}


@pytest.mark.parametrize(
    ("cls", "parameter"), [("ÅrsLønn", "års_lønn"), ("申請", "申請"), ("İl", "il"), ("ｉｍｐｏｒｔ", "value")]
)
def test_a_flow_calls_a_value_by_the_letters_of_its_class(cls: str, parameter: str) -> None:
    assert names.parameter(cls, "orders") == parameter


def test_class_candidates_take_more_and_more_of_the_namespace() -> None:
    candidates = iter(names.class_candidates("shop.eu_north.order"))
    assert [next(candidates) for _ in range(5)] == [
        "Order",
        "EuNorthOrder",
        "ShopEuNorthOrder",
        "ShopEuNorthOrder",
        "ShopEuNorthOrder2",
    ]


def test_every_builtin_of_this_python_is_known() -> None:
    public = {name for name in dir(builtins) if not name.startswith("_")} - {"True", "False", "None"}
    assert public <= names.BUILTINS


@pytest.mark.parametrize(
    "name", ["", "class", "_A", "a", "A b", "A\n", "Decimal", "rt", "E\u0301", "é", "\uff23", "\ua7c0x"]
)
def test_a_lock_cannot_bring_in_a_bad_class_name(name: str) -> None:
    assert names.NameScope({("s", "n"): name}).keep(("s", "n")) is None


@pytest.mark.parametrize("name", ["", "class", "__a", "a b", "a\n", "self", "e\u0301", "x; import os", "l"])
def test_a_lock_cannot_bring_in_a_bad_attribute_or_member(name: str) -> None:
    assert names.member_names([{"a": ()}], names.field_name, {"a": name}) == {"a": "a"}
    assert names.member_names([{"a": ()}], names.symbol_name, {"a": name})["a"] in {"a", "self"}


MEMBERS = AVRO_NAME | st.sampled_from(["_x", "__x", "_x_", "x", "x_", "_x__", "None", "None_", "mro", "_"])


@given(st.lists(MEMBERS, unique=True, min_size=1))
def test_an_enum_takes_every_member_that_its_symbols_are_given(wires: list[str]) -> None:
    found = names.member_names([dict.fromkeys(wires, ())], names.symbol_name)
    made = enum.Enum("E", {found[wire]: wire for wire in wires})  # type: ignore[misc]
    assert [member.value for member in made] == wires


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ([{"__op": ()}, {"__op": (), "op": ()}], [{"__op": "op"}, {"__op": "op", "op": "op_"}]),
        ([{"__op": ()}, {"op": ()}, {"__op": ()}], [{"__op": "op"}, {"op": "op_"}, {"__op": "op"}]),
        ([{"op": ()}, {"__op": ()}, {"op": ()}], [{"op": "op"}, {"__op": "op_"}, {"op": "op"}]),
        (
            [{"__op": ()}, {"op": ("__op",)}, {"__op": ("op",)}],
            [{"__op": "op"}, {"op": "op"}, {"__op": "op"}],
        ),
        (
            [{"class": ()}, {"class": (), "class_": ()}],
            [{"class": "class_"}, {"class": "class_", "class_": "class__"}],
        ),
        ([{"op": (), "__op": ()}, {"__op": ()}], [{"op": "op", "__op": "op_"}, {"__op": "op_"}]),
    ],
)
def test_an_attribute_stays_with_its_field_whatever_arrives(
    versions: list[dict[str, tuple[str, ...]]], expected: list[dict[str, str]]
) -> None:
    locked: dict[str, str] = {}
    for version, names_now in zip(versions, expected):
        locked = names.member_names([version], names.field_name, locked)
        assert {wire: locked[wire] for wire in version} == names_now
