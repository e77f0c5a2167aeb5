"""What patterns of names say in plain characters. No pattern is ever executed, which may take for ever."""

from __future__ import annotations

_OPERATORS = "\\^$.?*+()[]{}|"
_ANY = (".*", ".+")


def literal_start(pattern: str) -> str:
    """What each name that matches begins with, as far as the pattern says it: `x-` of `^x-[a-z]+$`."""
    if not pattern.startswith("^") or "|" in pattern:
        return ""
    found, end = _literal(pattern, 1)
    return found[:-1] if pattern[end : end + 1] in ("?", "*", "{") else found


def matches(pattern: str, name: str) -> bool:
    """Whether a name matches, of a pattern that is plain characters, with `^`, `$`, `.*` or `.+` at its ends.
    Of another pattern nothing is known, and no name matches.
    """
    starts, ends = pattern.startswith("^"), pattern.endswith("$")
    body = pattern[int(starts) : len(pattern) - int(ends)]
    least = [0, 0]  # characters before and after
    if body.startswith(_ANY):
        least[0], starts, body = int(body[1] == "+"), False, body[2:]
    if body.endswith(_ANY):
        least[1], ends, body = int(body[-1] == "+"), False, body[:-2]
    text, end = _literal(body, 0)
    if end < len(body):
        return False
    if starts and ends:
        return name == text
    inside = name[least[0] : max(least[0], len(name) - least[1])] if len(name) >= sum(least) else None
    if inside is None:
        return False
    return inside.startswith(text) if starts else inside.endswith(text) if ends else text in inside


def _literal(pattern: str, at: int) -> tuple[str, int]:
    """The plain characters from there on, and where they end."""
    found = ""
    while at < len(pattern):
        size = 1
        if pattern[at] == "\\" and pattern[at + 1 : at + 2] and not pattern[at + 1].isalnum():
            size = 2  # `\\.`; of a letter or digit it is a class or a code
        elif pattern[at] in _OPERATORS:
            break
        found += pattern[at + size - 1]
        at += size
    return found, at
