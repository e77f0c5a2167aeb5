"""What lies outside of the project: which of its functions and classes can give or hold an object of the
model.
"""

from __future__ import annotations

import builtins
import sys

BUILTINS = frozenset(dir(builtins))
_SCALARS = {
    "abs", "all", "any", "ascii", "bin", "bool", "breakpoint", "bytearray", "bytes", "callable", "chr",
    "complex", "delattr", "dir", "divmod", "float", "format", "hasattr", "hash", "help", "hex", "id", "input",
    "int", "isinstance", "issubclass", "len", "memoryview", "oct", "open", "ord", "pow", "print", "range",
    "repr", "round", "setattr", "slice", "str",
}  # fmt: skip
_HOLDERS = {
    "asyncio", "bisect", "builtins", "collections", "concurrent", "contextlib", "contextvars", "copy",
    "dataclasses", "functools", "heapq", "importlib", "inspect", "itertools", "marshal", "multiprocessing",
    "operator", "pickle", "pprint", "queue", "random", "runpy", "sched", "shelve", "statistics", "sys",
    "threading", "types", "typing", "typing_extensions", "unittest", "weakref",
}  # fmt: skip
_DUMPS = {"json", "csv", "string", "pprint", "reprlib", "xml", "configparser", "tomllib", "sqlite3"}


def is_opaque(name: str) -> bool:
    """Whether what it gives for arguments that are not known is not an object of the model."""
    root, _, last = name.partition(".")
    if root == "builtins":
        return last.partition(".")[0] in _SCALARS
    return root not in _HOLDERS


def forgets(name: str) -> bool:
    """Whether what it gives for objects of the model has nothing of their attributes and keys."""
    root = name.partition(".")[0]
    if root in _DUMPS:
        return False
    return is_opaque(name) and (root == "builtins" or root in sys.stdlib_module_names)


def is_class(name: str) -> bool:
    """Whether it is a class or a function, and not an object: by its name."""
    last = name.rpartition(".")[2]
    return name.startswith("builtins.") or (last[:1].isupper() and "(" not in name)


def lacks(name: str, attribute: str) -> bool:
    """Whether it is an object of a builtin class that has no such attribute."""
    root, _, last = name.partition(".")
    class_ = getattr(builtins, last, None) if root == "builtins" else None
    return isinstance(class_, type) and not hasattr(class_, attribute)
