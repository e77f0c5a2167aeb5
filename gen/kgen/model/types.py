"""Avro types as Python types, written so that they mean the same inside the class they stand in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from kgen_runtime.codec.avro.schema.tree import (
    Array,
    Fixed,
    Logical,
    Map,
    Named,
    Node,
    Primitive,
    Record,
    Ref,
    Union,
)

from ..pycode.expr import Alternatives, Expr
from .names import free, sort_key
from .project import TypeName

_LOGICAL = {
    "decimal": "Decimal",
    "big-decimal": "Decimal",
    "uuid": "UUID",
    "date": "date",
    "time-millis": "time",
    "time-micros": "time",
    "timestamp-millis": "datetime",
    "timestamp-micros": "datetime",
    "timestamp-nanos": "rt.TimestampNanos",
    "local-timestamp-millis": "datetime",
    "local-timestamp-micros": "datetime",
    "local-timestamp-nanos": "rt.LocalTimestampNanos",
    "duration": "rt.Duration",
}
_PRIMITIVE = {
    "null": "None",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bytes": "bytes",
    "string": "str",
}
_MODULES = {
    "field": ("dataclasses", "dataclasses"),
    "date": ("datetime", "dt"),
    "time": ("datetime", "dt"),
    "datetime": ("datetime", "dt"),
    "Decimal": ("decimal", "decimal"),
    "UUID": ("uuid", "uuid"),
    "NoReturn": ("typing", "typing"),
}
"""Name -> the module it comes from, and what that is called where the name itself is taken."""


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
            f"from {module} import {', '.join(sorted(names, key=sort_key))}"
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
    of the subject (`full.Name:field`, with `[]` for its items) and those that it had before.
    """

    name: str
    subject: str = ""
    keys: tuple[str, ...] = ()

    def item(self) -> Path:
        """The path of its items."""
        return Path(f"{self.name}Item", self.subject, tuple(f"{key}[]" for key in self.keys))


class ModuleTypes:
    """What all classes of a module share: the names of classes, the imports, and the aliases made on the
    way.
    """

    def __init__(self, take: Callable[[Path], str]) -> None:
        self.imports = Imports()
        self.aliases: list[TypeName] = []
        self.take = take
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
class Types:
    """Writes types (and the names in default values) where the names in `shadowed` mean something else."""

    module: ModuleTypes
    names: Mapping[str, Named]
    classes: Mapping[str, str]
    shadowed: Collection[str] = ()

    def name(self, name: str) -> str:
        """A builtin, a name of the standard library or of the runtime (`rt.Duration`)."""
        if name.startswith("rt."):
            return self._qualified("kgen_runtime", "rt", name[3:])
        module, alias = _MODULES.get(name, ("builtins", "builtins"))
        if name in self.shadowed:
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

    def annotation(self, node: Node, path: Path) -> str:
        """The type of a value. `path` names the aliases of unions in it."""
        if isinstance(node, Union):
            return self._union(node, path)
        return self._single(node, path)

    def _single(self, node: Node, path: Path) -> str:
        if isinstance(node, Primitive):
            return self._logical(node.logical) or self._primitive(node.type)
        if isinstance(node, Array):
            return f"{self.name('list')}[{self.annotation(node.items, path.item())}]"
        if isinstance(node, Map):
            values = self.annotation(node.values, path.item())
            return f"{self.name('dict')}[{self.name('str')}, {values}]"
        if isinstance(node, Ref):
            return self._ref(node)
        raise TypeError(f"not a single type: {node}")

    def _ref(self, node: Ref) -> str:
        named = self.names[node.name]
        if isinstance(named, Fixed):
            return self._logical(named.logical) or self.name("bytes")
        return self.cls(node.name)

    def _primitive(self, kind: str) -> str:
        name = _PRIMITIVE[kind]
        return name if name == "None" else self.name(name)

    def _logical(self, logical: Logical | None) -> str | None:
        return self.name(_LOGICAL[logical.name]) if logical else None

    def _union(self, node: Union, path: Path) -> str:
        if not self._worth_a_name(node):
            return " | ".join(self.alternatives(node, path))
        # An alias stands outside of the class, where nothing is shadowed.
        types = replace(self, shadowed=()).alternatives(node, path)
        optional = types[-1] == "None"
        alias = self.module.take(path)
        self.module.alias(alias, Alternatives(tuple(types[:-1] if optional else types)))
        name = self.module.private(alias, self.shadowed) if alias in self.shadowed else alias
        return f"{name} | None" if optional else name

    def alternatives(self, node: Union, path: Path) -> list[str]:
        """The branches' types, each once, None last. A union without branches has no value."""
        if not node.branches:
            return [self.name("NoReturn")]
        types = [self._single(branch, path) for branch in node.branches]
        distinct = [name for name in dict.fromkeys(types) if name != "None"]
        return [*distinct, "None"] if "None" in types else distinct

    def _worth_a_name(self, node: Union) -> bool:
        dry = Types(ModuleTypes(lambda path: path.name), self.names, self.classes)
        types = [name for name in dry.alternatives(node, Path("")) if name != "None"]
        records = any(isinstance(b, Ref) and isinstance(self.names[b.name], Record) for b in node.branches)
        return len(types) > 2 or (len(types) == 2 and records)

    def whole(self, node: Node, path: Path) -> Expr:
        """The type of a whole schema, for an alias of its own."""
        if isinstance(node, Union):
            return Alternatives(tuple(self.alternatives(node, path)))
        return self.annotation(node, path)


def note(node: Node, names: Mapping[str, Named]) -> str | None:
    """What a Python type does not say of the Avro type: the digits of a decimal, the clock of a timestamp,
    the size of a fixed.
    """
    kinds = node.branches if isinstance(node, Union) else (node,)
    found = dict.fromkeys(filter(None, (_single_note(kind, names) for kind in kinds)))
    return ", ".join(found) or None


def _single_note(node: Node, names: Mapping[str, Named]) -> str | None:
    named = names[node.name] if isinstance(node, Ref) else node
    if not isinstance(named, Primitive | Fixed):
        return None
    logical = named.logical
    if logical is None:
        return f"fixed({named.size})" if isinstance(named, Fixed) else None
    if logical.name == "decimal":
        return f"decimal({logical.precision}, {logical.scale})"
    if logical.name.startswith("timestamp"):
        return f"{logical.name}, UTC"
    return logical.name if logical.name.startswith("local") else None
