"""Loading what was kept with another schema, piece by piece, before it is known where each piece stands.

Pickle makes what is inside before what holds it. So an object whose class is not the one that its place asks
for (two records of one name, an alias), or that nothing stands for any more, is kept as it was written until
what holds it is read, and left out if that has no place for it.
"""

from __future__ import annotations

import gc
import io
import threading
import weakref
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from ..codec.avro.schema.tree import Node
from ..errors import RecoveryError
from . import legacy
from .distinct import DistinctUnpickler
from .homes import Binding, Home
from .marks import Mark
from .record_values import blank
from .restorers import Restorer, member_of, restorer, unreadable


class Old:
    """A value as it was written. In the place of an object only while what holds it is not read."""

    __slots__ = ("__weakref__", "_found", "_how", "_made", "error")

    def __init__(
        self, found: Restorer | None, how: Callable[[Restorer, Binding], Any], error: RecoveryError | None
    ) -> None:
        self._found = found
        self._how = how
        self._made: dict[str, Any] = {}
        self.error = error

    def __setstate__(self, state: Any) -> None:
        """What pickle gives to an object that it has just made."""
        self._how = lambda found, binding: _filled(binding, state)

    def __hash__(self) -> int:
        return id(self)

    def keep(self, binding: Binding, value: Any) -> None:
        """It was read as this class already."""
        self._made[binding.name] = value

    def read_as(self, read: Node, home: Home) -> Any:
        """The value where a schema has `read`. Raises `RecoveryError`."""
        if self._found is None:
            raise self.error or unreadable("object", "its class is unknown here")
        name = self._found.name_in(read, home)
        if name not in home.classes:
            raise unreadable(self._found.mark.name, f"the schema has {name} in its place")
        if name not in self._made:
            self._made[name] = self._how(self._found, Binding(home, name, home.classes[name]))
        return self._made[name]


def _filled(binding: Binding, state: Any) -> Any:
    made = blank(binding.cls)
    made.__setstate__(state)
    return made


class Load:
    """One pickle. After it `outdated` says whether pickling the value again would give another form."""

    def __init__(self) -> None:
        self.outdated = False
        self._old: dict[int, tuple[Any, Old]] = {}
        self._standing: list[weakref.ref[Old]] = []

    def unpack(self, mark: str, data: bytes) -> Any:
        """See `kgen_runtime.state.restore`."""
        return self._read(
            mark, lambda found: found.unpack(data), lambda found, binding: found.reader(binding)(data)
        )

    def blank(self, mark: str) -> Any:
        """See `kgen_runtime.state.new`."""

        def made(found: Restorer) -> Any:
            found.conversion(found.binding)  # refused now, if it must be: while this can be left out
            return found.blank()

        return self._read(mark, made, lambda found, binding: blank(binding.cls))

    def member(self, mark: str, symbol: str) -> Any:
        """See `kgen_runtime.state.member`."""
        how: Callable[[Restorer, Binding], Any] = lambda found, binding: member_of(binding, symbol)  # noqa: E731
        return self._read(mark, lambda found: found.member(symbol), how, remember=False)

    def _read(
        self,
        mark: str,
        make: Callable[[Restorer], Any],
        how: Callable[[Restorer, Binding], Any],
        remember: bool = True,
    ) -> Any:
        try:
            found = restorer(mark)
        except RecoveryError as error:
            return self.stand_in(None, how, error)
        if found.current:
            return make(found)
        self.outdated = True
        try:
            value = make(found)
        except RecoveryError as error:
            return self.stand_in(found, how, error)
        if remember:
            self._remember(found, found.binding, how, value)
        return value

    def stand_in(
        self, found: Restorer | None, how: Callable[[Restorer, Binding], Any], error: RecoveryError
    ) -> Old:
        """What stands for a value that cannot be read by itself."""
        self.outdated = True
        old = Old(found, how, error)
        self._standing.append(weakref.ref(old))
        return old

    def note(self, binding: Binding, record: Any, found: Restorer, values: Sequence[Any]) -> None:
        """A record is about to be given values of another schema."""
        self.outdated = True

        def again(found: Restorer, binding: Binding) -> Any:
            made = blank(binding.cls)
            for attribute, value in zip(binding.attributes, found.conversion(binding).values(values, self)):
                setattr(made, attribute, value)
            return made

        self._remember(found, binding, again, record)

    def _remember(
        self, found: Restorer, binding: Binding, how: Callable[[Restorer, Binding], Any], value: Any
    ) -> None:
        old = Old(found, how, None)
        old.keep(binding, value)
        self._old[id(value)] = (value, old)

    def is_old(self, value: Any) -> bool:
        """Whether a value was written with another schema."""
        return isinstance(value, Old) or id(value) in self._old

    def read_as(self, value: Any, read: Node, home: Home) -> Any:
        """Such a value where a schema has `read`. Raises `RecoveryError`."""
        old = value if isinstance(value, Old) else self._old[id(value)][1]
        return old.read_as(read, home)

    def finish(self) -> None:
        """Raise `RecoveryError` if what was loaded holds a value that cannot be read."""
        self._old.clear()
        if any(ref() for ref in self._standing):
            gc.collect()
        error = self.unread()
        if error is not None:
            raise error

    def unread(self) -> RecoveryError | None:
        """Why a value that something holds could not be read; None where there is none."""
        for ref in self._standing:
            old = ref()
            if old is not None:
                return old.error or unreadable("object", "its class is unknown here")
        return None


class _Here(threading.local):
    load: Load | None = None


_here = _Here()


def current_load() -> Load | None:
    """What kgen itself is loading in this thread."""
    return _here.load


def load(data: bytes) -> tuple[Any, bool]:
    """The value of a pickle, and whether pickling it again gives another form. Raises `RecoveryError`, and
    what loading a pickle raises.
    """
    try:
        return _load(data, stand_ins=False)
    except ValueError:  # a symbol of an enum that is gone, as earlier releases kept it
        return _load(data, stand_ins=True)


def _load(data: bytes, *, stand_ins: bool) -> tuple[Any, bool]:
    loading = Load()
    _here.load = loading
    try:
        value = _Unpickler(io.BytesIO(data), loading, stand_ins).load()
    except RecoveryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and not stand_ins:
            raise
        raise loading.unread() or error from None  # code of the user's may have met what stands for a value
    finally:
        _here.load = None
    loading.finish()
    return value, loading.outdated


class _Unpickler(DistinctUnpickler):
    """Finds classes of generated code also where they are called otherwise, or have moved."""

    def __init__(self, file: io.BytesIO, loading: Load, stand_ins: bool) -> None:
        super().__init__(file)
        self._loading = loading
        self._stand_ins = stand_ins

    def find_class(self, module: str, name: str) -> Any:
        """As pickle does, and then by the schemas."""
        try:
            found = super().find_class(module, name)
        except (ImportError, AttributeError):
            found = self._moved(module, name)
        if self._stand_ins and isinstance(found, type) and issubclass(found, Enum):
            binding = legacy.bound(found)
            return found if binding is None else _members(self._loading, binding)
        return found

    def _moved(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "kgen_runtime":
            self._loading.outdated = True
            return legacy.of_the_runtime(module, name)
        if "_generated" not in module.split("."):
            raise RecoveryError(
                f"{module}.{name} is gone, of which an object is kept",
                hint="Put it back where it was, or leave there a name for what it is now.",
            )
        binding = legacy.class_for(module, name)
        if binding is None:
            return _stub(self._loading, module, name)
        self._loading.outdated = True
        return _members(self._loading, binding) if issubclass(binding.cls, Enum) else binding.cls


# What pickle remembers must not lead back to the unpickler: Python 3.10 does not see through that circle, and
# what is left out would seem to be held.


def _members(loading: Load, binding: Binding) -> Callable[[str], Any]:
    """Stands for the class of an enum where members are kept by the class and their value."""

    def member(symbol: str) -> Any:
        loading.outdated = True
        try:
            return member_of(binding, symbol)
        except RecoveryError as error:
            mark = Mark(binding.cls.__module__, binding.name, "")
            found = Restorer(mark, binding.home.latest, binding, current=False)
            return loading.stand_in(found, lambda _, other: member_of(other, symbol), error)

    return member


def _stub(loading: Load, module: str, name: str) -> type[Any]:
    """For what nothing stands for any more: it may be left out by what holds it."""
    error = unreadable(name, f"{module}.{name} is gone, and no class stands for it")

    def stand(cls: type[Any], *args: Any) -> Any:
        return loading.stand_in(None, lambda found, binding: None, error)

    return type(name, (), {"__new__": stand})
