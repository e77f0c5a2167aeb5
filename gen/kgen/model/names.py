"""Names that come from outside (topics, subjects, Avro names) as names that are safe in Python and on every
disk.

Everything here is deterministic and the same on every Python version, so the Unicode tables are the frozen
ones of Unicode 3.2. What Avro names (fields, symbols, types) keeps its letters, in the form in which Python
reads identifiers (NFKC); modules and folders are ASCII, as file systems do not agree on anything else.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias
from unicodedata import normalize, ucd_3_2_0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The builtins of every supported Python version, in lower case too: what a generated module or class must
# not hide.
BUILTINS = _words(
    """
    abs aiter all anext any ascii bin bool breakpoint bytearray bytes callable chr classmethod
    compile complex copyright credits delattr dict dir divmod enumerate eval exec exit filter float
    format frozenset getattr globals hasattr hash help hex id input int isinstance issubclass iter
    len license list locals map max memoryview min next object oct open ord pow print property quit
    range repr reversed round set setattr slice sorted staticmethod str sum super tuple type vars
    zip ArithmeticError AssertionError AttributeError BaseException BaseExceptionGroup
    BlockingIOError BrokenPipeError BufferError BytesWarning ChildProcessError
    ConnectionAbortedError ConnectionError ConnectionRefusedError ConnectionResetError
    DeprecationWarning EOFError Ellipsis EncodingWarning EnvironmentError Exception ExceptionGroup
    FileExistsError FileNotFoundError FloatingPointError FutureWarning GeneratorExit IOError
    ImportError ImportWarning IndentationError IndexError InterruptedError IsADirectoryError
    KeyError KeyboardInterrupt LookupError MemoryError ModuleNotFoundError NameError
    NotADirectoryError NotImplemented NotImplementedError OSError OverflowError
    PendingDeprecationWarning PermissionError ProcessLookupError PythonFinalizationError
    RecursionError ReferenceError ResourceWarning RuntimeError RuntimeWarning StopAsyncIteration
    StopIteration SyntaxError SyntaxWarning SystemError SystemExit TabError TimeoutError TypeError
    UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
    UnicodeWarning UserWarning ValueError Warning ZeroDivisionError
    """
)
_AMBIGUOUS = frozenset({"l", "O", "I"})  # ruff refuses to see them assigned (E741, E742)

# What a generated module imports or defines itself: no class may take these names.
MODULE_NAMES = _words(
    """
    annotations builtins dataclasses dataclass field datetime date dt time decimal Decimal enum Enum
    math NoReturn TypeAlias typing uuid UUID rt topic key value
    """
)
# What a flow or a generated test calls its own things: no module may take these names.
_FLOW_NAMES = _words(
    """
    annotations build bytewax dataflow errs flow handle handled kafka kgen_runtime op read rt
    run_main samples test testing tests topic
    """
)
# The same, for new modules only: a module keeps the name that the lock gives it.
_NEW_FLOW_NAMES = _words("out out_errs show unsent value")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$|clock\$)(\..*)?\Z")
_PLAIN_FOLDER = re.compile(r"[a-z0-9_][a-z0-9._-]*\Z")
_NO_PART_OF_A_NAME = re.compile(r"[^A-Za-z0-9_]+")
_MODULE = re.compile(r"[a-z_][a-z0-9_]*\Z")
_NAME_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"})
_FIELDS = 16_384  # names that are remembered: the versions of a subject share most of them
_FOLDER_LENGTH = 80
_MODULE_LENGTH = 60


def digest(text: str, length: int) -> str:
    """The first hex digits of the text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def ascii_name(text: str, prefix: str) -> str:
    """`text` as letters, digits and underscores that do not begin with a digit."""
    if text.isascii() and text.isidentifier():
        return text
    plain = text if text.isascii() else ucd_3_2_0.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = _NO_PART_OF_A_NAME.sub("_", plain)
    return f"{prefix}_{name}" if not name or name[0].isdigit() else name


def identifier(text: str, prefix: str) -> str:
    """`text` as Python reads it as an identifier; as `ascii_name` makes it where some Python would not."""
    if not text.isascii():
        name = ucd_3_2_0.normalize("NFKC", text)
        if name.isidentifier() and _is_stable(name):
            return name
    return ascii_name(text, prefix)


def _is_stable(text: str) -> bool:
    """Whether these letters, digits and underscores mean the same in every version of Unicode since 3.2."""
    if text.isascii():
        return text.replace("_", "a").isalnum() or not text
    known = all(char == "_" or ucd_3_2_0.category(char) in _NAME_CATEGORIES for char in text)
    return known and text == ucd_3_2_0.normalize("NFKC", text) == normalize("NFKC", text)


def folder_name(subject: str) -> str:
    """The folder of a subject: the subject itself where that is a safe name on every system, else a
    readable part of it and a hash after a `~`. Injective, also where file names ignore case.
    """
    if _PLAIN_FOLDER.match(subject) and len(subject) <= _FOLDER_LENGTH and not _unsafe(subject):
        return subject
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", subject).strip("_-")[:48]
    return f"{readable or 'subject'}~{digest(subject, 12)}"


def _unsafe(name: str) -> bool:
    # `schemas/own/` has the files of schemas that the project registers itself.
    return name.endswith(".") or _DEVICES.match(name) is not None or name == "own"


def module_name(name: str) -> str:
    """The module of a topic or subject, taken alone. Two may want the same one: see `module_names`."""
    slug = re.sub(r"_{2,}", "_", _snake(ascii_name(name, "t"))).strip("_") or "t"
    if slug[0].isdigit() or slug.startswith("test_"):  # pytest would collect it
        slug = f"t_{slug}"
    if not re.match(r"[A-Za-z0-9._-]*\Z", name) or len(slug) > _MODULE_LENGTH:
        slug = f"{slug[: _MODULE_LENGTH - 20].strip('_')}_{digest(name, 8)}"
    return f"{slug}_" if _reserved_module(slug) or slug in _NEW_FLOW_NAMES else slug


def _snake(text: str) -> str:
    out: list[str] = []
    for before, char, after in zip(f"_{text}", text, f"{text[1:]}_"):
        begins = before.islower() or before.isdecimal() or (before.isupper() and after.islower())
        out.append(f"_{char}" if char.isupper() and begins else char)
    return "".join(out).lower()


def _reserved_module(name: str) -> bool:
    taken = keyword.iskeyword(name) or name in BUILTINS or name in _FLOW_NAMES
    return taken or name.endswith("_test") or name == "none" or _unsafe(name)


def module_names(
    wanted: Mapping[str, str],
    locked: Mapping[str, str] | None = None,
    is_taken: Callable[[str, str], bool] = lambda identity, name: False,
) -> dict[str, str]:
    """A module for each identity in `wanted` (identity -> the module it would like), no module twice.

    What has a name in `locked` keeps it, also where it is not wanted (it may come back). Then what is called
    exactly as its module comes first, then order of identity; what comes late, or finds its name taken by
    another file (`is_taken`), gets a hash of its identity.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for identity, name in sorted((locked or {}).items()):
        if _MODULE.match(name) and not _reserved_module(name) and name not in taken:
            names[identity] = name
            taken.add(name)
    late = wanted.keys() - names.keys()
    for identity in sorted(late, key=lambda it: (it.partition(":")[2] != wanted[it], it)):
        hashed = (f"{wanted[identity]}_{digest(identity, length)}" for length in range(6, 65))
        names[identity] = next(
            n for n in (wanted[identity], *hashed) if n not in taken and not is_taken(identity, n)
        )
        taken.add(names[identity])
    return names


def class_name(short: str) -> str:
    """The class of an Avro type: its own name, with a first capital where it has none (`order_line` ->
    `OrderLine`).
    """
    name = identifier(short, "T")
    if not name[0].isupper():
        name = identifier(pascal(name), "T")
    taken = name in MODULE_NAMES or name in BUILTINS or name in _AMBIGUOUS or keyword.iskeyword(name)
    return f"{name}_" if taken else name


def pascal(name: str) -> str:
    """`order_line` -> `OrderLine`; `orderLine` -> `OrderLine`."""
    return "".join(_capital(part[0]) + part[1:] for part in name.split("_") if part)


def _capital(letter: str) -> str:
    """The capital of a letter, where Unicode 3.2 has one."""
    capital = letter.upper()
    return capital if letter.isascii() or _is_stable(capital) else letter


def class_candidates(fullname: str) -> Iterable[str]:
    """Names for a class, best first: the short name, then with ever more of the namespace before it, then
    numbers.
    """
    *spaces, short = fullname.split(".")
    name = class_name(short)
    yield name
    prefix = ""
    for space in reversed(spaces):
        prefix = pascal(identifier(space, "N")) + prefix
        yield class_name(prefix + pascal(name))
    yield from numbered(class_name(prefix + pascal(name)))


def numbered(name: str) -> Iterable[str]:
    """`name`, `name2`, `name3`, …"""
    yield name
    number = 2
    while True:
        yield f"{name}{number}"
        number += 1


@lru_cache(maxsize=_FIELDS)
def field_name(wire: str) -> str:
    """The attribute of a field. Names that Python or the dataclass machinery wants for itself get an
    underscore.
    """
    name = identifier(wire, "field")
    if name.startswith(("__", "_dflt_", "_HAS_DEFAULT_FACTORY")):
        name = identifier(name.strip("_"), "field")
    return f"{name}_" if keyword.iskeyword(name) or name == "self" or name in _AMBIGUOUS else name


def symbol_name(wire: str) -> str:
    """The member of an enum symbol. Names that `enum.Enum` wants for itself change."""
    name = identifier(wire, "symbol")
    if name.startswith("_") and (name.endswith("_") or "__" in name):
        name = identifier(name.strip("_"), "symbol")
    reserved = keyword.iskeyword(name) or name in {"name", "value", "mro"} or name in _AMBIGUOUS
    return f"{name}_" if reserved else name


def member_names(
    versions: Iterable[Mapping[str, Collection[str]]],
    natural: Callable[[str], str],
    locked: Mapping[str, str] | None = None,
    known: Collection[str] = (),
) -> dict[str, str]:
    """Wire name -> Python name for the fields of a record or the symbols of an enum, none twice in a version.

    A version gives for each wire name its aliases; `natural` what a name would be, taken alone. What has a
    name in `locked` keeps it; what was `known` without one is called as on the wire. Newcomers take what was
    never another's (unless that is their alias): those that keep their wire name come first.
    """
    found = {wire: name for wire, name in sorted((locked or {}).items()) if name and natural(name) == name}
    given = set(found.values())
    found |= {w: w for w in known if natural(w) == w and w not in found and w not in given}
    users: dict[str, set[str]] = {}  # of each name; there may be very many
    for wire, name in found.items():
        users.setdefault(name, set()).add(wire)
    for version in versions:
        names: set[str] = set()
        for wire in sorted(version, key=lambda it: (it not in found, natural(it) != it)):
            name = found.get(wire, "")
            if not name or name in names:
                users.get(name, set()).discard(wire)
                name = natural(wire)
                if name in names or name in users:
                    name = _free_member(name, _taken(names, users, {wire, *version[wire]}), natural)
                found[wire] = name
                users.setdefault(name, set()).add(wire)
            names.add(name)
    return found


def _taken(
    names: Collection[str], users: Mapping[str, Collection[str]], own: Collection[str]
) -> Callable[[str], bool]:
    """Whether a name is among `names`, or another's than `own`."""
    return lambda name: name in names or any(user not in own for user in users.get(name, ()))


def _free_member(name: str, is_taken: Callable[[str], bool], natural: Callable[[str], str]) -> str:
    """`name`, or with as many underscores after it as make it new; without those before it, if the two
    together mean something.
    """
    if is_taken(name) and natural(f"{name}_") != f"{name}_":
        name = natural(name.strip("_") or "member")
    while is_taken(name):
        name += "_"
    return name


def free(name: str, taken: Iterable[str]) -> str:
    """`name`, or with as many underscores after it as make it new."""
    if not isinstance(taken, set | frozenset | dict):  # which a call for each of many names copies each time
        taken = set(taken)
    while name in taken:
        name += "_"
    return name


def parameter(cls: str, module: str) -> str:
    """What a function calls one value of a class: `OrderLine` -> `order_line`, or `value` if that means
    something else.
    """
    name = identifier(_snake(cls).strip("_"), "value")
    return "value" if name == module or _reserved_module(name) else name


def sort_key(name: str) -> tuple[int, list[tuple[int, str]], str]:
    """The order in which isort and ruff want names: constants, classes, others; numbers by their value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return kind, [(int(part), "") if part.isdigit() else (-1, part) for part in parts], name


def import_key(name: str) -> tuple[int, list[tuple[int, str]], str]:
    """The order in which they want the names of an import: capitals count for the kind alone."""
    return sort_key(name)[0], sort_key(name.lower())[1], name


Owner: TypeAlias = "tuple[str, str]"
"""What a name in a module stands for: a subject, and the full name of a type or the path of a union."""


class NameScope:
    """The names of one module. Those given before stay with their owners, newcomers give way."""

    def __init__(
        self, given: Mapping[Owner, str] | None = None, reserved: Iterable[str] = MODULE_NAMES
    ) -> None:
        self._taken = set(reserved)
        self._given = {owner: name for owner, name in (given or {}).items() if _is_class(name)}
        self._owners: dict[str, set[Owner]] = {}
        for owner, name in self._given.items():
            self._owners.setdefault(name, set()).add(owner)

    @property
    def given(self) -> Mapping[Owner, str]:
        """The valid ones of those given before."""
        return self._given

    def keep(self, owner: Owner) -> str | None:
        """The name that was given to the owner before, if it is still free."""
        name = self._given.get(owner)
        if name is None or name in self._taken:
            return None
        self._taken.add(name)
        return name

    def hand_over(self, owner: Owner) -> str | None:
        """As `keep`, for another owner: this one has had the name."""
        name = self.keep(owner)
        if name is not None:
            del self._given[owner]
        return name

    def take(self, candidates: Iterable[str], owners: Collection[Owner] = ()) -> str:
        """The first of the candidates that is free, and was never given to another than `owners` (the last of
        them with a number where none is).
        """
        name = ""
        for name in candidates:
            if self._is_free(name, owners):
                break
        name = next(option for option in numbered(name) if self._is_free(option, owners))
        self._taken.add(name)
        return name

    def _is_free(self, name: str, owners: Collection[Owner]) -> bool:
        return name not in self._taken and self._owners.get(name, set()) <= set(owners)


def _is_class(name: str) -> bool:
    valid = name == identifier(name, "T") and not name.startswith("_") and not name[0].islower()
    return valid and not keyword.iskeyword(name)
