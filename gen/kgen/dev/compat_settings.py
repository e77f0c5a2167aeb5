"""Compatibility levels, policies and modes: set for a subject, for a context, or for all."""

from __future__ import annotations

from kgen_runtime.serde.subject_names import context_of

GLOBAL = ""

MODES = ("READWRITE", "READONLY", "READONLY_OVERRIDE", "IMPORT", "FORWARD")


class Scoped:
    """One setting: its own value for a subject, else its context's, else the global one."""

    def __init__(self, values: tuple[str, ...], default: str) -> None:
        self._allowed = values
        self.default = default
        self._values = {GLOBAL: default}

    def valid(self, value: object) -> str | None:
        """The value as it is stored, or None where it is none of the allowed ones."""
        upper = value.upper() if isinstance(value, str) else None
        return upper if upper in self._allowed else None

    def own(self, subject: str) -> str | None:
        """What is set for exactly this subject (or context, or `GLOBAL`)."""
        return self._values.get(subject)

    def in_scope(self, subject: str) -> str:
        """What holds for this subject."""
        return self.own(subject) or self.own(context_of(subject)) or self._values[GLOBAL]

    def set(self, subject: str, value: str) -> None:
        """Set it for a subject, a context, or for all."""
        self._values[subject] = value

    def reset(self, subject: str) -> str | None:
        """Take a subject's own setting away, and the global one back to its default. The old value."""
        old = self._values.pop(subject, None)
        self._values.setdefault(GLOBAL, self.default)
        return old
