"""The difference between two sets of files as text, in the unified form that `patch` and `git apply` read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

from ..merge.parsed_source import split_lines

_NO_END = "\\ No newline at end of file\n"


def text_diff(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> str:
    """The unified diff of `{path: text}` (None or absent: there is no such file), by path; empty where
    nothing differs.
    """
    return "".join(_file(path, before.get(path), after.get(path)) for path in sorted({*before, *after}))


def _file(path: str, old: str | None, new: str | None) -> str:
    if old == new:
        return ""
    names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    lines = unified_diff(split_lines(old or ""), split_lines(new or ""), *names)
    return "".join(_ended(lines))


def _ended(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n{_NO_END}"
