"""From a mark to what reads the values it stands for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from ..codec import make_reader
from ..codec.avro.resolution.read_plan import EnumValue, Link, Pick
from ..codec.avro.resolution.resolve import Resolution
from ..codec.avro.schema.tree import Enum, Node, Ref, Schema
from ..errors import DecodeError, RecoveryError, ResolutionError, SchemaError
from . import homes, notes
from .class_homes import JSON_HOMES, PROTO_HOMES
from .convert import Conversion
from .homes import Binding, Home
from .marks import Mark
from .record_values import blank

HINT = (
    "Run it with the code that wrote it, or let the schema change as Avro allows (new fields have a "
    "default), or begin with an empty recovery folder."
)


_known: dict[str, Restorer] = {}
_known_at = 0


def unreadable(name: str, why: str) -> RecoveryError:
    """The error for a kept value."""
    return RecoveryError(f"a kept {name} cannot be read: {why}", hint=HINT)


class Restorer:
    """Reads values of one type as one schema wrote it. `binding` is the class that stands for it today."""

    def __init__(self, mark: Mark, writer: Schema, binding: Binding | None, *, current: bool) -> None:
        self.mark = mark
        self.writer = Schema(Ref(mark.name), writer.names)
        self._binding = binding
        self.current = current  # the class is of this very schema
        self._readers: dict[tuple[int, str], Callable[[bytes], Any]] = {}
        self._conversions: dict[tuple[int, str], Conversion] = {}
        self._names: dict[tuple[int, Node], str] = {}

    @property
    def has_class(self) -> bool:
        """Whether a class is known that stands for the type."""
        return self._binding is not None

    @property
    def binding(self) -> Binding:
        """Raises `RecoveryError` if no class is left for the type."""
        if self._binding is None:
            raise unreadable(self.mark.name, "no generated class stands for it any more")
        return self._binding

    @cached_property
    def unpack(self) -> Callable[[bytes], Any]:
        """Makes an object of Avro binary. Raises `RecoveryError`."""
        return self.reader(self.binding)

    def reader(self, binding: Binding) -> Callable[[bytes], Any]:
        """Makes objects of a class. Raises `RecoveryError` if the schemas do not allow it."""
        key = (id(binding.home), binding.name)
        if key not in self._readers:
            self._readers[key] = self._reader(binding)
        return self._readers[key]

    def _reader(self, binding: Binding) -> Callable[[bytes], Any]:
        name, home = self.mark.name, binding.home
        try:
            # Raw, whatever the setting is by now: what was kept under another one is not lost.
            reader = make_reader(self.writer, home.alone(binding.name), home.classes, out_of_range="raw")
            decode = reader.decode
        except (ResolutionError, SchemaError) as error:
            raise unreadable(name, _why(error)) from error

        def read(data: bytes) -> Any:
            try:
                return decode(data)
            except DecodeError as error:
                raise unreadable(name, _why(error)) from error

        return decode if self.current else read

    def conversion(self, binding: Binding) -> Conversion:
        """Makes values of a class of those that were kept. Raises `RecoveryError`."""
        key = (id(binding.home), binding.name)
        if key not in self._conversions:
            try:
                self._conversions[key] = Conversion(self.writer, binding)
            except (ResolutionError, SchemaError) as error:
                raise unreadable(self.mark.name, _why(error)) from error
        return self._conversions[key]

    def name_in(self, read: Node, home: Home) -> str:
        """What a schema calls the type where it has `read`; empty if it has another there."""
        key = (id(home), read)
        if key not in self._names:
            self._names[key] = _name_in(self.writer, Schema(read, home.latest.names))
        return self._names[key]

    def blank(self) -> Any:
        """An object without values."""
        return blank(self.binding.cls)

    def member(self, symbol: str) -> Any:
        """The member for a symbol, else the default. Raises `RecoveryError`."""
        return member_of(self.binding, symbol)


def _name_in(writer: Schema, reader: Schema) -> str:
    resolution = Resolution(writer, reader)
    plan = resolution.root
    if isinstance(plan, Pick):
        plan = resolution.problems.picked(plan)
    if isinstance(plan, Link):
        return plan.key[2]
    return plan.name if isinstance(plan, EnumValue) else ""


def member_of(binding: Binding, symbol: str) -> Any:
    """The member of an enum for a symbol, else its default. Raises `RecoveryError`."""
    found = binding.members.get(symbol, binding.default)
    if found is None:
        raise unreadable(f"{binding.name}.{symbol}", "the symbol is gone, and the enum has no default")
    return found


def restorer(text: str) -> Restorer:
    """For a mark. Raises `RecoveryError` if nothing here knows it."""
    found = _remembered().get(text)
    if found is None:
        before = homes.version()
        found = _find(Mark.parse(text))
        if before == homes.version():
            _known[text] = found
    return found


def is_current(text: str) -> bool:
    """Whether a mark is that of a class of today. Only modules of a generated package that is imported
    already are imported for it: what looks like a mark in a row may be the text of a message.
    """
    if text not in _remembered():
        mark = Mark.parse(text)
        package = mark.module.rpartition(".")[0]
        if package.endswith("._generated") and package in sys.modules:
            homes.load(mark.module)
        by_itself = JSON_HOMES.known(mark) or PROTO_HOMES.known(mark)
        if by_itself is not None:
            return by_itself.mark == text
        found = _among(mark, package)
        if found is None or not found.current:
            return False
        _remembered()[text] = found
    return _remembered()[text].current


def _remembered() -> dict[str, Restorer]:
    """What was found since the last registration."""
    global _known_at
    if _known_at != homes.version():
        _known.clear()
        _known_at = homes.version()
    return _known


def unpacker(text: str) -> Callable[[bytes], Any]:
    """What makes objects of Avro binary, for a mark. Raises `RecoveryError`."""
    found = restorer(text)
    if found.current:
        homes.ready[text] = found.unpack
    return found.unpack


def _find(mark: Mark) -> Restorer:
    package = mark.module.rpartition(".")[0]
    homes.load(mark.module)
    found = _among(mark, package)
    if found is None or not found.has_class:
        homes.load_all(package)
        found = _among(mark, package) or _noted(mark, package)
    if found is None:
        why = f"this project does not have the schema ({mark.fingerprint}) that wrote it"
        raise unreadable(mark.name, why)
    return found


def _among(mark: Mark, package: str) -> Restorer | None:
    """By the schemas that the generated code holds."""
    for group in homes.groups(package):
        found = _of_today(mark, group) or _of_earlier(mark, group)
        if found is not None:
            return found
    return None


def _of_today(mark: Mark, among: Sequence[Home]) -> Restorer | None:
    for home in among:
        if home.mark == mark.fingerprint and mark.name in home.classes:
            binding = Binding(home, mark.name, home.classes[mark.name])
            return Restorer(mark, home.latest, binding, current=binding.mark == str(mark))
    return None


def _of_earlier(mark: Mark, among: Sequence[Home]) -> Restorer | None:
    for home in among:
        version = home.marks.get(mark.fingerprint)
        if version is not None and mark.name in version.parse().names:
            schema = version.parse()
            return Restorer(mark, schema, target(schema, mark.name, home, among), current=False)
    return None


def _noted(mark: Mark, package: str) -> Restorer | None:
    """By the schemas that a run left beside the store: of a version that this project never had."""
    noted = notes.find(mark.fingerprint)
    if noted is None or mark.name not in noted.schema.names:
        return None
    found = None
    for group in homes.groups(package):
        same = next((home for home in group if home.schemas.subject == noted.subject), None)
        found = found or target(noted.schema, mark.name, same, group)
    return Restorer(mark, noted.schema, found, current=False)


def target(writer: Schema, name: str, home: Home | None, among: Sequence[Home]) -> Binding | None:
    """The class that stands today for a type of an earlier schema: if `home` reads the whole schema, the
    one that this type is read as there; else the one of its name, or that lists it as an alias, and in the
    subject itself also one of its short name.
    """
    for each, found in _candidates(writer, name, home, among):
        if found in each.classes:
            return Binding(each, found, each.classes[found])
    return None


def _candidates(
    writer: Schema, name: str, home: Home | None, among: Sequence[Home]
) -> Iterator[tuple[Home, str]]:
    own = [home] if home else []
    if home is not None:
        readers = Resolution(writer, home.latest).readers(name)
        yield from ((home, found) for found in sorted(readers, key=lambda found: found != name))
    every = [*own, *(each for each in among if each is not home)]
    kind = Enum if isinstance(writer.names[name], Enum) else type(writer.names[name])
    for alike, order in ((_named, every), (_aliased, every), (_simply_named, own)):
        for each in order:
            for found, named in each.latest.names.items():
                if isinstance(named, kind) and alike(name, found, named.aliases):
                    yield each, found


def _named(name: str, found: str, aliases: Sequence[str]) -> bool:
    return name == found


def _aliased(name: str, found: str, aliases: Sequence[str]) -> bool:
    return name in aliases


def _simply_named(name: str, found: str, aliases: Sequence[str]) -> bool:
    return name.rpartition(".")[2] == found.rpartition(".")[2]


def _why(error: Any) -> str:
    return f"{error.what} (at {error.where})" if error.where else str(error.what)
