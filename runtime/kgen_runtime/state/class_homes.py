"""Which class stands today for one of a mark, of classes that pickle by themselves: without their schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from . import homes
from .marks import Mark

if TYPE_CHECKING:
    from .json_homes import JsonBinding
    from .proto_homes import ProtoBinding


class Marked(Protocol):
    """A class that stands for something in a schema."""

    @property
    def cls(self) -> type[object]:
        """The class."""


B = TypeVar("B", bound=Marked)


class ClassHomes(Generic[B]):
    """Bindings by module and name of the class: the first schema that a class was known by."""

    def __init__(self) -> None:
        self.bindings: dict[tuple[str, str], B] = {}

    def add(self, binding: B) -> bool:
        """Whether the class is new here."""
        key = (binding.cls.__module__, binding.cls.__qualname__)
        known = self.bindings.get(key)
        if known is not None and known.cls is binding.cls:
            return False
        self.bindings[key] = binding
        return True

    def find(self, mark: Mark) -> B | None:
        """The class that stands today for the one of a mark: the one of its name in its module, else in its
        package, else in another one. Modules of generated code are imported for it.
        """
        package = mark.module.rpartition(".")[0]
        for load, name in ((homes.load, mark.module), (homes.load_all, package)):
            found = self.known(mark)
            if found is not None:
                return found
            load(name)
        by_module = sorted(self.bindings.items(), key=lambda item: item[0])
        named = [each for (_, name), each in by_module if name == mark.name]
        inside = [each for each in named if each.cls.__module__.rpartition(".")[0] == package]
        return self.known(mark) or next(iter([*inside, *named]), None)

    def known(self, mark: Mark) -> B | None:
        """As `find`, without importing anything."""
        return self.bindings.get((mark.module, mark.name))


# Here, and not with the bindings: who has no such classes need not import what these consist of.
JSON_HOMES: Final[ClassHomes[JsonBinding]] = ClassHomes()
PROTO_HOMES: Final[ClassHomes[ProtoBinding]] = ClassHomes()
