"""Pickled objects of generated classes, read by the code of another schema version."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record

import kgen_runtime as rt
from kgen_runtime.state.loading import load

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"]}
LINE = record("Line", ("sku", "string"), ("price", "int"))
ORDER = record(
    "shop.Order",
    ("id", "string"),
    ("lines", {"type": "array", "items": LINE}),
    ("status", STATUS),
    ("note", ["null", "string"], None),
)


def order(orders: Any, **more: Any) -> Any:
    lines = [orders.Line(sku="a", price=1), orders.Line(sku="b", price=2)]
    return orders.Order(**{"id": "1", "lines": lines, "status": orders.Status.PAID, **more})


def forms(value: Any) -> tuple[bytes, bytes]:
    """Pickled as Avro binary, and with its values as they are, because something else holds a list of it."""
    held = value.lines
    shared = pickle.dumps(value)
    del held
    return pickle.dumps(value), shared


def test_an_object_comes_back_as_it_was(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        orders = module("orders")
        for data in forms(order(orders)):
            assert pickle.loads(data) == order(orders)
            assert type(pickle.loads(data).lines[0]) is orders.Line


def test_a_pickle_holds_no_name_of_a_field_and_no_path_of_a_class(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        for data in forms(order(module("orders"))):
            found = {op.name: arg for op, arg, _ in pickletools.genops(data) if isinstance(arg, str)}
            assert not {"sku", "lines", "status", "Order", "Line"} & set(found.values())


def test_what_is_shared_is_shared_again(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        orders = module("orders")
        value = order(orders)
        state = {"order": value, "line": value.lines[0], "lines": value.lines}
        again = pickle.loads(pickle.dumps(state))
        assert again == state
        assert again["line"] is again["order"].lines[0]
        assert again["lines"] is again["order"].lines
        value.lines.append(value.lines[0])
        twice = pickle.loads(pickle.dumps(value))
        assert twice.lines[0] is twice.lines[2]


NODE = record("Node", ("name", "string"), ("next", ["null", "Node"], None))


def test_what_holds_itself_holds_itself_again(tmp_path: Path) -> None:
    with project(tmp_path, {"nodes-value": [NODE]}):
        nodes = module("nodes")
        one = nodes.Node(name="one")
        one.next = nodes.Node(name="two", next=one)
        for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            assert again.next.next is again
        chain = None
        for number in range(200):  # deeper than the codec goes
            chain = nodes.Node(name=str(number), next=chain)
        again = pickle.loads(pickle.dumps(chain))
        assert (again.name, again.next.name) == ("199", "198")


@pytest.mark.parametrize(
    "change",
    [{"id": 5}, {"id": "\ud800"}, {"lines": ()}, {"status": "PAID"}, {"note": b"x"}, {"lines": None}],
    ids=str,
)
def test_a_value_that_does_not_fit_its_schema_is_kept_as_it_is(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        value = order(module("orders"), **change)
        again = pickle.loads(pickle.dumps(value))
        assert again == value
        [name] = change
        assert type(getattr(again, name)) is type(getattr(value, name))


def test_an_attribute_that_is_not_set_is_not_set_again(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        value = order(module("orders"))
        del value.note
        again = pickle.loads(pickle.dumps(value))
        assert not hasattr(again, "note")
        assert again.id == "1"


def test_copies_are_as_deep_as_they_should_be(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        value = order(module("orders"))
        shallow, deep = copy.copy(value), copy.deepcopy(value)
        assert shallow == deep == value
        assert shallow.lines is value.lines
        assert deep.lines is not value.lines
        assert deep.lines[0] is not value.lines[0]
        assert deep.status is value.status
        replaced = dataclasses.replace(value, note="x")
        assert (replaced.note, replaced.lines) == ("x", value.lines)


DERIVED = """
from dataclasses import dataclass, field
from shopstate._generated import orders

@dataclass(slots=True, kw_only=True)
class Mine(orders.Order):
    seen: int = 0

class Loose(orders.Order):
    pass

@dataclass
class Basket:
    last: orders.Order | None = None
    by_status: dict = field(default_factory=dict)

class Own(orders.Order):
    def __getstate__(self):
        return {"only": self.id}
    def __setstate__(self, state):
        self.id = state["only"]
"""

GROWN = record(
    "shop.Order",
    ("id", "string"),
    (
        "lines",
        {"type": "array", "items": record("Line", ("sku", "string"), ("price", "double"), ("tax", "int", 7))},
    ),
    ("status", STATUS),
    ("remark", ["null", "string"], None, ["note"]),
    ("added", "string", "new"),
)


def test_what_a_user_derives_and_holds_is_read_by_the_new_schema(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}, mine=DERIVED):
        import mine  # type: ignore[import-not-found]

        orders = module("orders")
        parts = {
            "id": "1",
            "lines": [orders.Line(sku="a", price=1)],
            "status": orders.Status.PAID,
            "note": "n",
        }
        one, two = mine.Mine(**parts, seen=3), mine.Loose(**parts)
        two.extra = one
        assert copy.copy(two).extra is one
        basket = mine.Basket(orders.Order(**parts), {orders.Status.NEW: [one, {"x": two}]})
        data, own = pickle.dumps(basket), pickle.dumps(mine.Own(**parts))
        assert pickle.loads(data) == basket
        assert pickle.loads(own).id == "1"
    with project(tmp_path, {"orders-value": [ORDER, GROWN]}, mine=DERIVED):
        import mine

        orders = module("orders")
        again = pickle.loads(data)
        one, held = again.by_status[orders.Status.NEW]
        assert type(one) is mine.Mine
        assert (one.seen, one.remark, one.added) == (3, "n", "new")
        assert held["x"].extra is one
        assert again.last.lines == [orders.Line(sku="a", price=1.0, tax=7)]
        assert type(again.last.lines[0].price) is float
        assert pickle.loads(own).id == "1"


CHANGES: dict[str, tuple[Any, str]] = {
    "same": (
        ORDER,
        "Order(id='1', lines=[Line(sku='a', price=1), Line(sku='b', price=2)],"
        " status=<Status.PAID: 'PAID'>, note=None)",
    ),
    "removed": (record("shop.Order", ("id", "string")), "Order(id='1')"),
    "root renamed": (
        record("shop.Purchase", ("id", "string"), aliases=["shop.Order"]),
        "Purchase(id='1')",
    ),
    "grown": (
        GROWN,
        "Order(id='1', lines=[Line(sku='a', price=1.0, tax=7), Line(sku='b', price=2.0, tax=7)],"
        " status=<Status.PAID: 'PAID'>, remark=None, added='new')",
    ),
    "moved to another namespace": (
        {**record("v2.Order", ("id", "string")), "aliases": ["shop.Order"]},
        "Order(id='1')",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_both_forms_are_read_after_a_change(tmp_path: Path, change: str) -> None:
    reader, said = CHANGES[change]
    with project(tmp_path, {"orders-value": [ORDER]}):
        kept = forms(order(module("orders")))
    with project(tmp_path, {"orders-value": [ORDER, reader]}):
        assert [repr(load(data)[0]) for data in kept] == [said, said]
        if b"restore" in kept[0]:  # as Avro binary, which the native codec alone makes, pickle needs no help
            assert repr(pickle.loads(kept[0])) == said


def test_an_object_is_found_again_where_its_class_has_moved_to(tmp_path: Path) -> None:
    """The record got a subject of its own: another module."""
    refer = record("shop.Order", ("id", "string"), ("line", "shop.Line"))
    line = record("shop.Line", ("sku", "string"), ("price", "int"))
    inline = record("shop.Order", ("id", "string"), ("line", line))
    with project(tmp_path, {"orders-value": [inline]}):
        orders = module("orders")
        kept = pickle.dumps(
            [orders.Line(sku="a", price=1), orders.Order(id="1", line=orders.Line(sku="b", price=2))]
        )
    subjects = {"line": [line], "orders-value": [inline, (refer, [("shop.Line", "line", 1)])]}
    with project(tmp_path, subjects):  # type: ignore[arg-type]
        again = pickle.loads(kept)
        assert again[0] == module("line").Line(sku="a", price=1)
        assert again[1].line == module("line").Line(sku="b", price=2)


def test_a_member_of_an_enum_is_read_by_its_symbol(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        orders = module("orders")
        kept = {symbol: pickle.dumps(orders.Status(symbol)) for symbol in ("PAID", "GONE")}
        assert pickle.loads(kept["PAID"]) is orders.Status.PAID
        assert copy.copy(orders.Status.PAID) is copy.deepcopy(orders.Status.PAID) is orders.Status.PAID
    less = {
        **ORDER,
        "fields": [*ORDER["fields"][:2], {"name": "status", "type": {**STATUS, "symbols": ["PAID", "NEW"]}}],
    }
    with project(tmp_path, {"orders-value": [ORDER, less]}):
        assert pickle.loads(kept["PAID"]) is module("orders").Status.PAID
        with pytest.raises(rt.RecoveryError, match=r"Status\.GONE.*no default"):
            pickle.loads(kept["GONE"])
    less["fields"][2]["type"] = {**STATUS, "symbols": ["PAID", "NEW"], "default": "NEW"}
    with project(tmp_path, {"orders-value": [ORDER, less]}):
        assert pickle.loads(kept["GONE"]) is module("orders").Status.NEW


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        kept = forms(order(module("orders")))
    with project(
        tmp_path, {"orders-value": [ORDER, record("shop.Order", ("id", "string"), ("must", "int"))]}
    ):
        for data in kept:
            with pytest.raises(rt.RecoveryError, match=r"kept shop.Order cannot be read: .*must") as caught:
                load(data)
            assert caught.value.hint


def test_a_version_that_the_project_does_not_have_is_named(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        kept = forms(order(module("orders")))
    with project(tmp_path, {"orders-value": [GROWN]}):
        for data in kept:
            with pytest.raises(rt.RecoveryError, match=r"shop\.Order|Status|Line"):
                pickle.loads(data)


def test_a_process_that_has_imported_nothing_reads_a_pickle(tmp_path: Path) -> None:
    """As a child of multiprocessing with `spawn`."""
    with project(tmp_path, {"orders-value": [ORDER]}):
        kept = pickle.dumps([order(module("orders"))])
        code = f"import pickle; print(pickle.loads({kept!r}))"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == repr([order(module("orders"))])


def test_messages_and_failures_have_fields_added_by_later_releases() -> None:
    """Fewer values than fields, and more."""
    original = rt.RawMessage(key=b"k", value=b"v", topic="t", offset=4)
    failure = rt.Failure(
        stage=rt.Stage.DECODE,
        transient=False,
        error_class="E",
        message="m",
        fingerprint="f",
        original=original,
    )
    for value in (rt.Message("k", "v", "t", offset=4), original, failure):
        function, values = value.__reduce__()
        assert pickle.loads(pickle.dumps(value)) == value
        assert function(*values) == function(*values, "of a later release") == value
    function, values = failure.__reduce__()
    before = function(*values[:11])  # as far as the fields went before `path`
    assert before == failure
    assert (before.first_seen, before.attempts, before.place) == (0, 1, "")
    assert function("of-a-later-release", *values[1:]).stage is rt.Stage.PROCESS
    assert rt.Message("k", "v") == rt.Message("k", "v", "t").__reduce__()[0]("k", "v")


@pytest.mark.parametrize("kind", [rt.Message, rt.RawMessage, rt.Failure])
def test_the_order_of_the_fields_is_a_contract(kind: Any) -> None:
    """What is pickled has no names: fields are only ever added at the end."""
    known = {
        rt.Message: "key value topic partition offset timestamp headers key_schema_id value_schema_id"
        " target_topic target_partition origin",
        rt.RawMessage: "key value topic partition offset timestamp headers",
        rt.Failure: "stage transient error_class message fingerprint original traceback step part schema_id"
        " attributes path position key_schema_id value_schema_id place cause_class first_seen attempts",
    }
    assert [field.name for field in dataclasses.fields(kind)][: len(known[kind].split())] == known[
        kind
    ].split()


def test_a_class_of_the_user_that_pickles_in_its_own_way_is_left_alone(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}, mine=DERIVED):
        import mine

        before = mine.Own.__reduce_ex__
        schemas = module("orders").value.schemas
        rt.AvroSerde(schemas, {"shop.Order": mine.Own})
        assert mine.Own.__reduce_ex__ is before


def _items(space: str, more: tuple[Any, ...]) -> Any:
    """Two records of one short name, told apart by their place."""
    one = record(f"{space}.a.Item", ("x", "int"), *more)
    two = record(f"{space}.b.Item", ("y", "int"), *more)
    return record(f"{space}.Pair", ("one", one), ("two", {"type": "array", "items": two}))


def test_records_of_one_name_are_distinguished_by_their_place(tmp_path: Path) -> None:
    """Versioned namespaces, without aliases: only the place says what `Item` is."""
    with project(tmp_path, {"pairs-value": [_items("v1", ())]}):
        value = _pair(module("pairs"))
        held = value.two
        shared = pickle.dumps(value)
        del held
        kept = [pickle.dumps(value), shared]
    with project(tmp_path, {"pairs-value": [_items("v1", ()), _items("v2", (("z", "int", 5),))]}):
        classes = module("pairs").value.classes
        for data in kept:
            again, _ = load(data)
            assert again.one == classes["v2.a.Item"](x=1, z=5)
            assert again.two == [classes["v2.b.Item"](y=2, z=5)]


def _pair(pairs: Any) -> Any:
    classes = pairs.value.classes
    return classes["v1.Pair"](one=classes["v1.a.Item"](x=1), two=[classes["v1.b.Item"](y=2)])


def test_what_a_removed_field_held_is_refused_only_if_something_else_holds_it(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}):
        value = order(module("orders"))
        line = value.lines[0]
        kept, held = pickle.dumps([value]), pickle.dumps([value, line])
    with project(tmp_path, {"orders-value": [ORDER, record("shop.Order", ("id", "string"))]}):
        assert load(kept)[0] == [module("orders").Order(id="1")]
        with pytest.raises(rt.RecoveryError, match=r"kept shop\.Line cannot be read"):
            load(held)


LOOKS = """
from dataclasses import dataclass
from typing import Any

@dataclass
class Priced:
    line: Any
    total: int = 0
    def __getstate__(self):
        return {"line": self.line}
    def __setstate__(self, state):
        self.line = state["line"]
        self.total = self.line.price

class Checked:
    def __init__(self, line):
        if not hasattr(line, "sku"):
            raise ValueError(f"not a line: {line}")
        self.line = line
    def __reduce__(self):
        return Checked, (self.line,)
"""


@pytest.mark.parametrize("kind", ["Priced", "Checked"])
def test_code_of_the_user_that_meets_what_cannot_be_read_does_not_hide_why(tmp_path: Path, kind: str) -> None:
    with project(tmp_path, {"orders-value": [ORDER]}, looks=LOOKS):
        import looks  # type: ignore[import-not-found]

        kept = pickle.dumps(getattr(looks, kind)(module("orders").Line(sku="a", price=1)))
    without = record("shop.Order", ("id", "string"))
    refused = pytest.raises(rt.RecoveryError, match=r"kept shop\.Line cannot be read: no generated class")
    with project(tmp_path, {"orders-value": [ORDER, without]}, looks=LOOKS), refused:
        load(kept)


def test_classes_of_a_subject_that_no_topic_reads_take_part(tmp_path: Path) -> None:
    line = record("shop.Line", ("sku", "string"))
    grown = record("shop.Line", ("sku", "string"), ("tax", "int", 7))
    with project(tmp_path, {"line": [line]}):
        kept = pickle.dumps(module("line").Line(sku="a"))
    with project(tmp_path, {"line": [line, grown]}):
        assert pickle.loads(kept) == module("line").Line(sku="a", tax=7)


def test_a_set_and_a_key_of_a_dict_may_be_members_of_enums(tmp_path: Path) -> None:
    less = {**ORDER, "fields": [*ORDER["fields"][:2], {"name": "status", "type": SYMBOLS}]}
    with project(tmp_path, {"orders-value": [ORDER]}):
        status = module("orders").Status
        kept = pickle.dumps([{status.GONE, status.PAID}, {status.GONE: 1}])
    with project(tmp_path, {"orders-value": [ORDER, less]}):
        status = module("orders").Status
        assert load(kept)[0] == [{status.NEW, status.PAID}, {status.NEW: 1}]


SYMBOLS = {**STATUS, "symbols": ["PAID", "NEW"], "default": "NEW"}
