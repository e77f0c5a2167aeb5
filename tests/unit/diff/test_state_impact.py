"""`kgen pull` names the flows that keep state of a type that changes, and no others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.compat.schema_diff import schema_diff
from kgen.compat.subject_diff import SchemaChange
from kgen.impact import Use
from kgen.planning.state_impact import keeping
from kgen_runtime.codec.avro.schema.parser import parse

GENERATED = {
    "shop/_generated/orders.py": {"orders-key", "orders-value"},
    "shop/_generated/visits.py": {"visits-value"},
}


def record(name: str, *fields: tuple[Any, ...]) -> dict[str, Any]:
    """A field is `(name, type)` or `(name, type, default)`."""
    made = [dict(zip(("name", "type", "default"), each)) for each in fields]
    return {"type": "record", "name": name, "fields": made}


def orders(price: str, *more: tuple[Any, ...], doc: str = "a") -> dict[str, Any]:
    line = record("shop.Line", ("price", price))
    address = record("shop.Address", ("city", "string"))
    return record("shop.Order", ("line", line), ("to", address | {"doc": doc}), *more)


def between(old: Any, new: Any) -> dict[str, SchemaChange]:
    schemas = parse(json.dumps(old)), parse(json.dumps(new))
    return {"orders-value": SchemaChange(schema_diff(*schemas), (), schemas)}


CHANGES = between(orders("int"), orders("long", ("note", "string", ""), doc="b"))
READ = "it is read as old messages are"
HEAD = """
import bytewax.operators as op
from bytewax.operators import windowing as win, collect as gather
from .._generated import {}
"""


def lines(steps: str, module: str = "orders", **more: str) -> list[tuple[str, int]]:
    files = {"shop/flows/flow.py": HEAD.format(module) + steps, **more}
    return [(use.path, use.line) for use in keeping(files, GENERATED, CHANGES, ())]


@pytest.mark.parametrize(
    "step",
    [
        'op.stateful_map("s", up, f)',
        'op.stateful_flat_map("s", up, f)',
        'op.join("s", one, two)',
        'gather("s", up, later, 3)',
        'win.collect_window("s", up, clock, windower)',
        'win.join_window("s", clock, windower, one, two)',
        'bytewax.operators.fold_final("s", up, list, f)',
        'op.windowing.fold_window("s", up, clock, windower, list, f, g)',
        'rt.stateful_map("s", up, f)',
        'rt.stateful_flat_map("s", up, f)',
        'rt.windowing.fold_window("s", up, clock, windower, list, f, g)',
        'kgen_runtime.windowing.join_window("s", clock, windower, one, two)',
    ],
)
def test_each_stateful_step_is_named_with_the_types_that_change(step: str) -> None:
    text = (
        HEAD.format("orders")
        + "import bytewax.operators, kgen_runtime, kgen_runtime as rt\n"
        + f"def build():\n    x = 1\n    {step}\n{step}"
    )
    said = f"step s keeps state of Line and Order, which change: {READ}"
    found = keeping({"shop/flows/flow.py": text}, GENERATED, CHANGES, ())
    assert found == (Use("shop/flows/flow.py", 8, said), Use("shop/flows/flow.py", 9, said))


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ("from bytewax.operators.windowing import *\nfold_window('s', up, clock, windower, list, f, g)", "s"),
        ("from functools import partial\nkeep = partial(op.stateful_map, 's')\n", ""),
        ("keep = gather\nkeep('s', up, later, 3)", ""),
    ],
)
def test_a_stateful_operator_is_found_however_it_is_called(steps: str, name: str) -> None:
    [found] = keeping({"shop/flows/flow.py": HEAD.format("orders") + steps}, GENERATED, CHANGES, ())
    head = f"step {name} keeps state" if name else "state is kept"
    assert found.what == f"{head} of Line and Order, which change: {READ}"


def test_the_steps_that_are_named_of_one_file_are_bounded() -> None:
    steps = "\n".join(f'op.stateful_map("s{number}", up, f)' for number in range(25))
    found = keeping({"shop/flows/flow.py": HEAD.format("orders") + steps}, GENERATED, CHANGES, ())
    assert [use.line for use in found] == [*range(5, 15), 15]
    assert found[0].what.startswith("step s0 keeps state of Line and Order, ")
    assert found[-1].what == "15 more steps of this file keep state too"


PAID = {"type": "enum", "name": "shop.Status", "symbols": ["NEW", "PAID"], "default": "NEW"}
HASH = {"type": "fixed", "name": "shop.Hash", "size": 4}
CENTS = {"logicalType": "decimal", "precision": 4}


STEP = HEAD.format("orders") + 'op.stateful_map("s", up, f)'


def order(**fields: object) -> dict[str, object]:
    return record("Order", *fields.items())


def said(old: Any, new: Any, *present: str) -> list[str]:
    found = keeping({"shop/flows/flow.py": STEP}, GENERATED, between(old, new), present)
    return [use.what.removeprefix("step s keeps state of ") for use in found]


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        (PAID, PAID | {"symbols": ["NEW"]}, "Status"),
        (PAID | {"symbols": ["NEW"]}, PAID, "Status"),
        (HASH, HASH | CENTS, "Hash"),
        (order(at="int"), order(at={"type": "int", "logicalType": "date"}), "Order"),
        (order(at="int"), order(), "Order"),
    ],
)
def test_the_type_that_a_change_is_of_is_named(old: object, new: object, name: str) -> None:
    assert said(old, new) == [f"{name}, which changes: {READ}"]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            order(at="int"),
            order(at="int", must="int"),
            "must: the writer does not write this field and the reader has no default for it",
        ),
        (order(at="string"), order(at="int"), "at: string cannot be read as int"),
        (
            order(at="int"),
            record("Order", ("at", "int"), ("note", ["null", "string"], "x")),
            "note: the writer does not write this field and the reader's default for it is ignored: it "
            "does not fit the union's first branch: it must be null",
        ),
        (HASH, HASH | {"size": 5}, "shop.Hash of 4 bytes cannot be read as one of 5"),
    ],
)
def test_state_that_cannot_be_read_is_said_to_stop_the_start(old: Any, new: Any, why: str) -> None:
    assert said(old, new) == [
        f"{new['name'].rpartition('.')[2]}, which changes: what was kept cannot be read, "
        f"and the flow will not start with it ({why})"
    ]


def test_state_that_can_be_read_in_part_is_said_to_stop_the_start_perhaps() -> None:
    lacks = {"type": "enum", "name": "shop.Status", "symbols": ["NEW"]}
    assert said(PAID, lacks) == [
        "Status, which changes: what was kept may not be readable, and the flow will not start with that "
        "(the reader's enum shop.Status lacks PAID and has no default)"
    ]


def test_types_of_one_schema_have_fates_of_their_own() -> None:
    assert said(orders("int"), orders("string", ("note", "string", ""))) == [
        "Line, which changes: what was kept cannot be read, and the flow will not start with it "
        "(price: int cannot be read as string)",
        "Order, which changes: what was kept cannot be read, and the flow will not start with it "
        "(line.price: int cannot be read as string)",
    ]


def test_a_type_that_is_gone_stops_the_start_unless_it_is_elsewhere() -> None:
    """One of another subject that only shares its short name is another type."""
    old, new = orders("int"), record("shop.Order", ("note", "string", ""))
    gone = "Address and Line, which are gone: the flow will not start with one that was kept by itself"
    read = f"which changes: {READ}"
    assert said(old, new) == [gone, f"Order, {read}"]
    assert said(old, new, "other.Line") == [gone, f"Order, {read}"]
    assert said(old, new, "shop.Line") == [
        "Address, which is gone: the flow will not start with one that was kept by itself",
        f"Line and Order, {read.replace('changes', 'change')}",
    ]
    assert said(order(at=HASH), order()) == [f"Order, {read}"]


def test_plain_values_stay_as_they_were_kept() -> None:
    assert said("string", ["null", "string"]) == [
        "the value, which changes: what was kept of it stays as it is"
    ]


def test_a_flow_of_another_topic_and_one_without_state_are_not_named() -> None:
    assert lines('op.stateful_map("s", up, f)', "visits") == []
    assert lines('op.map("s", up, f)') == []
    assert lines('mine.stateful_map("s", up, f)') == []


def test_changes_that_reading_does_not_depend_on_are_not_named() -> None:
    """A default that changes is one: what was kept has the value it was written or first read with."""
    old, new = (record("Order", ("at", "int", number)) | {"doc": str(number)} for number in (1, 2))
    assert said(old, new) == []


def test_a_step_in_a_module_beside_the_flow_is_named() -> None:
    steps = "import bytewax.operators as op\ndef keep(up):\n    return op.stateful_map('s', up, f)\n"
    found = lines("from ..steps import keep\nkeep(1)", **{"shop/steps.py": steps})
    assert found == [("shop/steps.py", 3)]


def test_what_is_not_python_is_passed_over() -> None:
    assert lines("(", **{"shop/other.py": "def"}) == []
