"""Which subjects are wanted: shell patterns, and patterns after `!` for those to leave out."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import escape

from kgen_runtime.serde.subject_names import DEFAULT, context_of, qualified


def wanted(name: str, globs: Sequence[str]) -> bool:
    """Whether a pattern takes the name and none leaves it out. With `!` patterns alone, all others are."""
    takes = [glob for glob in globs if not glob.startswith("!")] or (["*"] if globs else [])
    leaves = [glob[1:] for glob in globs if glob.startswith("!")]
    return any(fits(name, glob) for glob in takes) and not any(fits(name, glob) for glob in leaves)


def fits(name: str, glob: str) -> bool:
    """Whether one pattern, taken literally, fits the name. `:.:` before it asks for the default context."""
    if glob.startswith(DEFAULT) and context_of(name):
        return False
    return fnmatchcase(qualified(name), qualified(glob))


def exactly(name: str) -> str:
    """The pattern that fits this name alone."""
    return escape(name)


def excluding(name: str) -> str:
    """The pattern that leaves out this name alone, quoted for a shell."""
    return "'!" + escape(name).replace("'", "'\\''") + "'"


def is_pattern(glob: str) -> bool:
    """Whether it may fit other names than itself."""
    return any(c in glob for c in "*?[")


def unmatched(globs: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The patterns that fit no name at all, for taking or for leaving out."""
    return tuple(glob for glob in globs if not any(fits(name, glob.removeprefix("!")) for name in names))
