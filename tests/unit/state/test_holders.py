"""Objects of the user's that hold generated ones, each with its own way of being pickled."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record

from kgen_runtime.state.loading import load

STATUS = {"type": "enum", "name": "Status", "symbols": ["NEW", "PAID", "GONE"]}
LINE = record("Line", ("sku", "string"), ("price", "int"))
V1 = record(
    "shop.Order",
    ("id", "string"),
    ("lines", {"type": "array", "items": LINE}),
    ("status", STATUS),
    ("note", ["null", "string"], None),
)
ITEM = record("Item", ("sku", "string"), ("price", "double"), ("tax", "int", 7), aliases=["Line"])
V2 = record(
    "shop.Purchase",
    ("id", "string"),
    ("lines", {"type": "array", "items": ITEM}),
    ("status", {**STATUS, "symbols": ["NEW", "PAID"], "default": "NEW"}),
    ("remark", ["null", "string"], None, ["note"]),
    aliases=["shop.Order"],
)

MINE = """
import copyreg
import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple, TypedDict

import pydantic

ANY = pydantic.ConfigDict(arbitrary_types_allowed=True)


class Model(pydantic.BaseModel):
    model_config = ANY
    one: Any
    more: list[Any] = []
    _hidden: Any = pydantic.PrivateAttr(default=None)


class FrozenModel(pydantic.BaseModel, frozen=True, extra="allow"):
    model_config = ANY
    one: Any


@pydantic.dataclasses.dataclass(config=ANY)
class Checked:
    one: Any
    more: list[Any]


@dataclass(frozen=True, slots=True)
class Frozen:
    one: Any
    more: Any


@dataclass(slots=True, kw_only=True)
class Slots:
    one: Any
    more: Any


class Named(NamedTuple):
    one: Any
    more: Any


class Typed(TypedDict):
    one: Any
    more: Any


class Of:
    def __init__(self, one: Any, more: Any = None) -> None:
        self.one, self.more = one, more

    def __repr__(self) -> str:
        return f"Of({self.one!r}, {self.more!r})"


class Reduced(Of):
    def __reduce__(self):
        return Reduced, (self.one, self.more)


class Rebuilt(Of):
    '''As numpy rebuilds its arrays: a function, and then a state that is a tuple with a list.'''

    def __reduce__(self):
        return rebuild, (Rebuilt, (0,), b"b"), (1, (2,), False, [self.one, self.more])

    def __setstate__(self, state):
        self.one, self.more = state[3]


def rebuild(cls, shape, kind):
    return cls.__new__(cls)


class Reducing(Of):
    def __reduce_ex__(self, protocol):
        return copyreg.__newobj__, (Reducing,), {"one": self.one, "more": self.more}


class Slotted:
    '''As attrs makes classes with slots.'''

    __slots__ = ("__weakref__", "one", "more")

    def __init__(self, one, more):
        self.one, self.more = one, more

    def __getstate__(self):
        return {name: getattr(self, name) for name in ("one", "more")}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def __repr__(self):
        return f"Slotted({self.one!r}, {self.more!r})"


class Newly(Of):
    def __new__(cls, *, one=None, more=None):
        made = object.__new__(cls)
        made.one, made.more = one, more
        return made

    def __init__(self, **given):
        pass

    def __getnewargs_ex__(self):
        return (), {"one": self.one, "more": self.more}


class Inner(Of):
    '''As cloudpickle and joblib do it: a pickle in a pickle.'''

    def __reduce__(self):
        return unpickled, (pickle.dumps((self.one, self.more)),)


def unpickled(data):
    return Inner(*pickle.loads(data))


class Uses(Of):
    '''Looks into the model while it is loaded.'''

    def __setstate__(self, state):
        self.__dict__ |= state
        self.first = self.one.lines[0].sku


class Deque(deque):
    pass


class Default(defaultdict):
    pass


class Counts(Counter):
    pass


class Ordered(OrderedDict):
    pass


class List(list):
    pass


class Set(set):
    pass


class Failed(Exception):
    pass
"""

HOLDERS: dict[str, Any] = {
    "pydantic": lambda mine, o: mine.Model(one=o, more=[o.lines[0], {o.status: o}]),
    "pydantic, frozen, extra": lambda mine, o: mine.FrozenModel(one=o, other=[o.lines[0]]),
    "pydantic dataclass": lambda mine, o: mine.Checked(o, [o.lines[0]]),
    "dataclass, frozen, slots": lambda mine, o: mine.Frozen(o, [o.lines[0]]),
    "dataclass, slots, kw_only": lambda mine, o: mine.Slots(one=o, more=o.lines[0]),
    "NamedTuple": lambda mine, o: mine.Named(o, (o.lines[0],)),
    "TypedDict": lambda mine, o: mine.Typed(one=o, more=o.lines[0]),
    "plain": lambda mine, o: mine.Of(o, o.lines[0]),
    "namespace": lambda mine, o: mine.SimpleNamespace(one=o, more=o.lines),
    "__reduce__": lambda mine, o: mine.Reduced(o, o.lines[0]),
    "__reduce__ as numpy's": lambda mine, o: mine.Rebuilt(o, o.lines[0]),
    "__reduce_ex__": lambda mine, o: mine.Reducing(o, o.lines[0]),
    "__getstate__ as attrs'": lambda mine, o: mine.Slotted(o, o.lines[0]),
    "__getnewargs_ex__": lambda mine, o: mine.Newly(one=o, more=o.lines[0]),
    "a pickle in a pickle": lambda mine, o: mine.Inner(o, o.lines[0]),
    "used while loaded": lambda mine, o: mine.Uses(o, o.lines[0]),
    "deque": lambda mine, o: mine.Deque([o, o.lines[0]], 5),
    "defaultdict": lambda mine, o: mine.Default(list, {o.status: [o]}),
    "Counter": lambda mine, o: (o, mine.Counts([o.status])),
    "OrderedDict": lambda mine, o: mine.Ordered([(o.status, o), (1, o.lines[0])]),
    "list": lambda mine, o: mine.List([o, o.lines]),
    "set": lambda mine, o: (o, mine.Set([o.status])),
    "an exception": lambda mine, o: mine.Failed(o, o.lines[0]),
}


def order() -> Any:
    orders = module("orders")
    return orders.Order(id="1", lines=[orders.Line(sku="a", price=1)], status=orders.Status.GONE, note="n")


def purchase() -> Any:
    orders = module("orders")
    lines = [orders.Item(sku="a", price=1.0, tax=7)]
    return orders.Purchase(id="1", lines=lines, status=orders.Status.NEW, remark="n")


@pytest.mark.parametrize("kind", HOLDERS)
def test_what_holds_models_is_read_as_if_it_held_those_of_today(tmp_path: Path, kind: str) -> None:
    with project(tmp_path, {"orders-value": [V1]}, mine=MINE):
        import mine  # type: ignore[import-not-found]

        kept = pickle.dumps(HOLDERS[kind](mine, order()))
    with project(tmp_path, {"orders-value": [V1, V2]}, mine=MINE):
        import mine

        again, outdated = load(kept)
        assert outdated
        expected = HOLDERS[kind](mine, purchase())
        assert repr(again) == repr(expected)
        assert type(again) is type(expected)
        again_kept = pickle.dumps(again)  # by its length: a set's items come in any order
        assert len(again_kept) == len(pickle.dumps(pickle.loads(again_kept)))
        assert not load(again_kept)[1]


def test_a_private_attribute_of_a_pydantic_model_is_read_too(tmp_path: Path) -> None:
    with project(tmp_path, {"orders-value": [V1]}, mine=MINE):
        import mine

        model = mine.Model(one=1)
        model._hidden = order()
        kept = pickle.dumps(model)
    with project(tmp_path, {"orders-value": [V1, V2]}, mine=MINE):
        assert load(kept)[0]._hidden == purchase()
