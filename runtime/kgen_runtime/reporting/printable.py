"""Texts of others on their way to a terminal or log."""

from __future__ import annotations


def printable(text: str, limit: int = 300) -> str:
    """Text from outside on its way to a terminal or log: one line of at most `limit` characters, those that
    could drive a terminal as escapes.
    """
    flat = escaped(text[:limit])
    return flat + ("…" if len(text) > limit else "")


def escaped(text: str) -> str:
    """One line: control characters and others that cannot be printed as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def bounded(text: str, limit: int) -> str:
    """At most `limit` characters: the beginning and the end."""
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
