"""Types as text, whatever schema they come from: what a module imports, aliases of unions, shadowed names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from ..pycode.expr import Alternatives, Expr, Group
from .names import free, import_key
from .project import TypeName
from .ranged_types import raw_type

N = TypeVar("N")

_MODULES = {
    "field": ("dataclasses", "dataclasses"),
    "date": ("datetime", "dt"),
    "time": ("datetime", "dt"),
    "datetime": ("datetime", "dt"),
    "timedelta": ("datetime", "dt"),
    "Decimal": ("decimal", "decimal"),
    "UUID": ("uuid", "uuid"),
    **dict.fromkeys(("Any", "Literal", "NoReturn", "Union"), ("typing", "typing")),
}
"""Name -> the module it comes from, and what that is called where the name itself is taken."""


def module_of(name: str) -> str | None:
    """The module of the standard library that generated modules import a name from."""
    return _MODULES[name][0] if name in _MODULES else None


_MOST_FORMER = 8  # keys of a path
_MOST_ALTERNATIVES = 200  # with `|` between them: pyright parses 256 levels


class Imports:
    """What a module imports from outside of its package."""

    def __init__(self) -> None:
        self._froms: dict[str, set[str]] = {}
        self._modules: set[tuple[str, str]] = set()

    def name(self, module: str, name: str) -> None:
        """`from module import name`."""
        self._froms.setdefault(module, set()).add(name)

    def module(self, module: str, local: str) -> None:
        """`import module as local`."""
        self._modules.add((module, local))

    def stdlib(self) -> tuple[str, ...]:
        """The import statements of the standard library, in isort's order."""
        froms = (
            f"from {module} import {', '.join(sorted(names, key=import_key))}"
            for module, names in sorted(self._froms.items())
        )
        return (*(line for line in self._lines() if "kgen_runtime" not in line), *froms)

    def runtime(self) -> tuple[str, ...]:
        """The import statements of the runtime."""
        return tuple(line for line in self._lines() if "kgen_runtime" in line)

    def _lines(self) -> list[str]:
        return [
            f"import {module}" if module == local else f"import {module} as {local}"
            for module, local in sorted(self._modules)
        ]


@dataclass(frozen=True)
class Path:
    """Where a union stands, to name it: `name` is what it would be called, `keys` are its path in the schema
    of the subject (`full.Name:field`, with `[]` for its items and `{}` for a map's) and those that it had
    before. No two unions of a module have one path: the name stays with the first key. `former` are keys that
    it may have in a lock, whose name goes to the first key then.
    """

    name: str
    subject: str = ""
    keys: tuple[str, ...] = ()
    former: tuple[str, ...] = ()

    def item(self) -> Path:
        """The path of its items."""
        return self.below("Item", "[]")

    def entry(self, *, alone: bool) -> Path:
        """The path of its values by key; `alone` where no list can stand in its place, with items of the same
        name.
        """
        found = self.below("Item", "{}")
        return found.formerly(*self.item().keys) if alone else found

    def below(self, word: str, key: str) -> Path:
        """The path of what is inside."""
        keys, former = (tuple(f"{it}{key}" for it in some) for some in (self.keys, self.former))
        return Path(f"{self.name}{word}", self.subject, keys, former)

    def formerly(self, *former: str) -> Path:
        """The path with more of `former`; there are bounded many, for each level has ways of its own."""
        return replace(self, former=(*self.former, *former)[:_MOST_FORMER])


class ModuleTypes:
    """What all classes of a module share: the names of classes, the imports, and the aliases made on the
    way. `own` are names that mean something else in the whole module. `keeps_raw`: what Python has no value
    for is an `rt.OutOfRange`.
    """

    def __init__(
        self, take: Callable[[Path], str], own: Collection[str] = (), *, keeps_raw: bool = False
    ) -> None:
        self.imports = Imports()
        self.aliases: list[TypeName] = []
        self.take = take
        self.own = own
        self.keeps_raw = keeps_raw
        self._private: dict[str, str] = {}  # alias -> what it stands for

    def alias(self, name: str, types: Expr) -> None:
        """`name: TypeAlias = types`."""
        self.imports.name("typing", "TypeAlias")
        self.aliases.append(TypeName(name, types))

    def private(self, name: str, shadowed: Collection[str]) -> str:
        """An alias of a class or alias, for classes with a field of that name."""
        # Linters read a final T as a type variable's.
        alias = f"_{name}_" if name.endswith("T") else f"_{name}"
        while alias in shadowed or self._private.get(alias, name) != name:
            alias += "_"
        self._private[alias] = name
        self.imports.name("typing", "TypeAlias")
        return alias

    def private_of(self, name: str) -> tuple[str, ...]:
        """The private aliases of a name."""
        return tuple(alias for alias, of in self._private.items() if of == name)


@dataclass(frozen=True)
class TypeWriter(ABC, Generic[N]):
    """Writes types (and the names in default values) where the names in `shadowed` mean something else.

    `names` has the schema's named types, `classes` their classes, both by full name.
    """

    module: ModuleTypes
    names: Mapping[str, Any]
    classes: Mapping[str, str]
    shadowed: Collection[str] = ()
    dry: bool = False  # whether what is inside of lists and maps is left as it is
    _taken: dict[tuple[str, ...], str] = field(default_factory=dict, compare=False)  # aliases by their path

    def name(self, name: str) -> str:
        """A builtin, a name of the standard library or of the runtime (`rt.Duration`)."""
        if name.startswith("rt."):
            return self._qualified("kgen_runtime", "rt", name[3:])
        module, alias = _MODULES.get(name, ("builtins", "builtins"))
        if name in self.shadowed or name in self.module.own:
            return self._qualified(module, alias, name)
        if module != "builtins":
            self.module.imports.name(module, name)
        return name

    def math(self, name: str) -> str:
        """A constant of the math module."""
        return self._qualified("math", "math", name)

    def _qualified(self, module: str, alias: str, name: str) -> str:
        alias = free(alias, self.shadowed)
        self.module.imports.module(module, alias)
        return f"{alias}.{name}"

    def cls(self, fullname: str) -> str:
        """The class of a record or enum."""
        name = self.classes[fullname]
        return self.module.private(name, self.shadowed) if name in self.shadowed else name

    def raw(self, node: Any) -> str | None:
        """What `rt.OutOfRange` holds of a scalar (`int`), if its values are read as that where Python has
        none for them.
        """
        return raw_type(node, self.names) if self.module.keeps_raw else None

    def with_raw(self, types: Iterable[str], branches: Iterable[Any]) -> list[str]:
        """Types of a value with these branches, each once: those of what Python has no value for come after
        the others, and None last.
        """
        every = dict.fromkeys(types)
        if self.module.keeps_raw:
            raws = (raw for branch in branches if (raw := self.raw(branch)))
            every.update(dict.fromkeys(f"{self.name('rt.OutOfRange')}[{self.name(raw)}]" for raw in raws))
        distinct = [name for name in every if name != "None"]
        return [*distinct, "None"] if "None" in every else distinct

    @abstractmethod
    def alternatives(self, node: N, path: Path) -> list[str]:
        """The types that a value may have, each once, None last."""

    @abstractmethod
    def branch_type(self, node: N, branch: N, path: Path) -> str:
        """The type of one branch of a type, or of it alone, as `annotation` writes it there."""

    @abstractmethod
    def holds_records(self, node: N) -> bool:
        """Whether the node is a union with a record among its branches."""

    def annotation(self, node: N, path: Path) -> str:
        """The type of a value. `path` names the aliases of unions in it."""
        if self.dry:
            return repr(node)
        if not self._worth_a_name(node):
            return " | ".join(self.alternatives(node, path))
        # An alias stands outside of the class, where nothing is shadowed.
        types = replace(self, shadowed=()).alternatives(node, path)
        optional = types[-1] == "None"
        name = self.alias(path, self.aliased(node, types[:-1] if optional else types))
        return f"{name} | None" if optional else name

    def alias(self, path: Path, types: Expr) -> str:
        """The alias of what stands at a path, made once, by the name that it has in the class."""
        name = self._taken.get(path.keys)
        if name is None:
            name = self.module.take(path)
            self.module.alias(name, types)
        if path.keys:
            self._taken[path.keys] = name
        return self.module.private(name, self.shadowed) if name in self.shadowed else name

    def aliased(self, node: N, types: Sequence[str]) -> Expr:
        """What an alias stands for."""
        if len(types) > _MOST_ALTERNATIVES:
            return Group(f"{self.name('Union')}[", tuple(("", each) for each in types), "]")
        return types[0] if len(types) == 1 else Alternatives(tuple(types))

    def _worth_a_name(self, node: N) -> bool:
        unnamed = ModuleTypes(lambda path: path.name, keeps_raw=self.module.keeps_raw)
        types = replace(self, module=unnamed, shadowed=(), dry=True).alternatives(node, Path(""))
        several = [name for name in types if name != "None"]
        return self.is_long(several) or (len(several) == 2 and self.holds_records(node))

    def is_long(self, types: Sequence[str]) -> bool:
        """Whether the types, without None, are better read under a name."""
        return len(types) > 2

    def whole(self, node: N, path: Path) -> Expr:
        """The type of a whole schema, for an alias of its own."""
        return self.aliased(node, self.alternatives(node, path))
