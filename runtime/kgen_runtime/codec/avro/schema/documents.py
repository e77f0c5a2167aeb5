"""Schema texts that were parsed before: a reference that many schemas share is parsed once per process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .tree import Limits, Named, Node

_TEXTS = 4096
_CONTEXTS = 8  # in which one text is remembered


@dataclass(frozen=True)
class Document:
    """One text, parsed: its root, and the names it defines.

    `asked` is what it looked up among the names before it (None: not there): it means the same again where
    those are the same. `steps` and `size` are the work that its defaults took.
    """

    root: Node
    defined: Mapping[str, Named]
    asked: Mapping[str, Named | None]
    steps: int
    size: int

    def fits(self, names: Mapping[str, Named]) -> bool:
        """Whether the text means the same after these names."""
        return all(_same(names.get(name), named) for name, named in self.asked.items())


def _same(a: Named | None, b: Named | None) -> bool:
    return a is b or a == b


class DocumentNames(dict[str, Named]):
    """The names known while a text is parsed; notes which of those before it are looked up."""

    def __init__(self, before: Mapping[str, Named]) -> None:
        super().__init__(before)
        self._before = before
        self.asked: dict[str, Named | None] = {}
        self.defined: dict[str, Named] = {}

    def __contains__(self, name: object) -> bool:
        self._note(str(name))
        return super().__contains__(name)

    def __getitem__(self, name: str) -> Named:
        self._note(name)
        return super().__getitem__(name)

    def __setitem__(self, name: str, named: Named) -> None:
        self.defined[name] = named
        super().__setitem__(name, named)

    def get(self, name: str, default: Any = None) -> Any:
        """See `dict.get`."""
        self._note(name)
        return super().get(name, default)

    def _note(self, name: str) -> None:
        if name not in self.defined:
            self.asked.setdefault(name, self._before.get(name))


def remembered(text: str, limits: Limits, names: Mapping[str, Named]) -> Document | None:
    """The text as it was parsed before, if it means the same after these names."""
    return next((document for document in _documents(text, limits) if document.fits(names)), None)


def remember(text: str, limits: Limits, document: Document) -> None:
    """Keep the document for `remembered`."""
    documents = _documents(text, limits)
    documents.append(document)
    del documents[:-_CONTEXTS]


@lru_cache(maxsize=_TEXTS)
def _documents(text: str, limits: Limits) -> list[Document]:
    return []
