"""What an expression in user code can be, as far as reading shows. `None` stands for what is not known."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, fields
from typing import TypeAlias

_MEMBERS = 12  # of a union; more are as good as unknown
_SIZE = 80  # of a kind, with all that it holds


@dataclass(frozen=True)
class _Compound:
    """A kind that holds others. Its size is known, so that kinds which grow without end are given up."""

    size: int = field(default=1, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        total = 1 + sum(_size_of(getattr(self, f.name)) for f in fields(self) if f.name != "size")
        object.__setattr__(self, "size", total)


def _size_of(value: object) -> int:
    if isinstance(value, tuple):
        return 1 + sum(map(_size_of, value))
    return getattr(value, "size", 1)


@dataclass(frozen=True)
class NoObject:
    """The object None, and what nothing has been put into yet: in a union it does not count."""


@dataclass(frozen=True)
class ModuleKind:
    """A module."""

    name: str  # dotted


@dataclass(frozen=True)
class External:
    """Something from outside of the project that does not hold an object of the model: a function, a class,
    an object that such a function gave.
    """

    name: str  # dotted: `kgen_runtime.map_value`


@dataclass(frozen=True)
class Derived:
    """Something that was made from objects or names of the model in a way that is not known: its attributes
    and keys may be those of the model.
    """


@dataclass(frozen=True)
class Text:
    """A string that is known."""

    value: str


@dataclass(frozen=True)
class Class:
    """A class of the project (the class itself)."""

    module: str
    name: str  # of one that is not at the top of its module: `Name@line`


@dataclass(frozen=True)
class Instance:
    """An object of a class."""

    of: Class


@dataclass(frozen=True)
class Function:
    """A function or lambda of the project; `bound` where its first parameter is taken."""

    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    owner: Class | None = None
    bound: bool = False
    is_context: bool = False  # by `contextlib.contextmanager`
    is_property: bool = False
    receiver: Kind = None  # what it is bound to, if that is not an object of `owner`


@dataclass(frozen=True)
class Partial(_Compound):
    """A function or class with some of its arguments."""

    function: Kind
    args: tuple[Kind, ...]
    named: tuple[tuple[str, Kind], ...] = ()


@dataclass(frozen=True)
class Getter:
    """What `operator.attrgetter`, `itemgetter` or `methodcaller` gives, or a string's `format`."""

    how: str
    names: tuple[str | int, ...]


@dataclass(frozen=True)
class Many(_Compound):
    """A list, set, iterator; or a dict, of which `item` is the value and `key` the key."""

    item: Kind
    key: Kind = None
    mapping: bool = False


@dataclass(frozen=True)
class Keyed(_Compound):
    """A dict whose keys are known; `is_open` where it may have more of them."""

    items: tuple[tuple[str, Kind], ...]
    is_open: bool = False

    def get(self, key: str) -> Kind:
        """The value of a key; unknown where it is not among the known ones."""
        return dict(self.items).get(key)

    def with_items(self, more: dict[str, Kind], *, is_open: bool = False) -> Keyed:
        """With other keys beside its own."""
        return Keyed(tuple({**dict(self.items), **more}.items()), self.is_open or is_open)


@dataclass(frozen=True)
class Tuple(_Compound):
    """A tuple of known length."""

    items: tuple[Kind, ...]


@dataclass(frozen=True)
class Either(_Compound):
    """One of several."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Context(_Compound):
    """A context manager, of which `item` is what `as` binds."""

    item: Kind


@dataclass(frozen=True)
class TopicKind(_Compound):
    """A generated topic, or a serde (of the value). `module` is the module that holds the topic."""

    key: Kind
    value: Kind
    module: str = ""


@dataclass(frozen=True)
class MessageKind(_Compound):
    """An `rt.Message`. `key_of` and `value_of` are the modules of the topics whose key and value it has."""

    key: Kind
    value: Kind
    key_of: str = ""
    value_of: str = ""


@dataclass(frozen=True)
class Stream(_Compound):
    """A Bytewax stream."""

    item: Kind


@dataclass(frozen=True)
class SplitKind(_Compound):
    """An object with streams for attributes: `oks` and `errs`, `trues` and `falses`, `down` and `late`."""

    item: Kind


Kind: TypeAlias = (
    NoObject
    | ModuleKind
    | External
    | Derived
    | Text
    | Class
    | Instance
    | Function
    | Partial
    | Getter
    | Many
    | Keyed
    | Tuple
    | Either
    | Context
    | TopicKind
    | MessageKind
    | Stream
    | SplitKind
    | None
)
NO_OBJECT, DERIVED = NoObject(), Derived()
SCALAR = External("builtins.object()")  # a number, a string that is not known, a boolean


def either(*kinds: Kind) -> Kind:
    """One of several, without repetition; unknown where one is unknown and nothing else is known."""
    first = kinds[0] if kinds else NO_OBJECT
    if all(kind is first for kind in kinds):
        return first
    found: dict[Kind, None] = {}
    for kind in kinds:
        found.update(dict.fromkeys(kind.kinds if isinstance(kind, Either) else (kind,)))
    found.pop(NO_OBJECT, None)
    if len(found) == 1:
        return next(iter(found))
    made = Either(tuple(found)) if found else NO_OBJECT
    return bounded(made) if len(found) <= _MEMBERS else None


def bounded(kind: Kind) -> Kind:
    """The kind, or unknown where it has grown too large."""
    return kind if getattr(kind, "size", 1) <= _SIZE else None


def members(kind: Kind) -> tuple[Kind, ...]:
    """The members of a union; anything else is its only member."""
    return kind.kinds if isinstance(kind, Either) else (kind,)


def texts(kind: Kind) -> list[str]:
    """The strings that it may be."""
    return [member.value for member in members(kind) if isinstance(member, Text)]


def has_names(kind: Kind) -> bool:
    """Whether it is made from objects or names of the model, or its keys or items are."""
    return any(
        isinstance(m, Derived) or (isinstance(m, Many) and (has_names(m.item) or has_names(m.key)))
        for m in members(kind)
    )


def is_specific(kind: Kind) -> bool:
    """Whether nothing in it is unknown."""
    if isinstance(kind, Many):
        return is_specific(kind.item) and (not kind.mapping or is_specific(kind.key))
    if isinstance(kind, Tuple):
        return all(map(is_specific, kind.items))
    if isinstance(kind, Either):
        return all(map(is_specific, kind.kinds))
    if isinstance(kind, (Context, Stream, SplitKind)):
        return is_specific(kind.item)
    return is_specific(kind.value) if isinstance(kind, (MessageKind, TopicKind)) else kind is not None
