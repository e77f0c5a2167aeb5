"""Names of subjects and the contexts they lie in: `:.staging:orders-value` is `orders-value` in `.staging`.

One place for the generator, the runtime and the local registry.
"""

from __future__ import annotations

from typing import Final

DEFAULT: Final = ":.:"
"""The default context, written out."""


def context_of(subject: str) -> str:
    """`:.ctx:` of `:.ctx:orders-value`; empty for the default context."""
    subject = qualified(subject)
    return subject[: subject.find(":", 2) + 1] if subject.startswith(":.") else ""


def qualified(subject: str) -> str:
    """A subject's one name: the default context may be written (`:.:orders`) or left out."""
    return subject.removeprefix(DEFAULT)


def plain(subject: str) -> str:
    """The name without its context."""
    return qualified(subject)[len(context_of(subject)) :]


def sibling(subject: str, other: str) -> str:
    """What `subject` means where it refers to `other`: a name without a context lies in its own."""
    return qualified(other) if other.startswith(":.") else context_of(subject) + other


def same(asked: str, answered: object) -> bool:
    """Whether an answer is about the subject that was asked for. Some registries leave its context out."""
    if answered is None:
        return True  # and some the name
    return isinstance(answered, str) and qualified(answered) in (qualified(asked), plain(asked))
