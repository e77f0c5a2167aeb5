"""Text from a schema on its way into Python code: the one place where that happens.

What is written is plain printable text of Unicode 3.2 (frozen, so the same on every Python version) and
common emoji; everything else (control characters, bidirectional overrides, zero-width characters, lone
surrogates) is escaped.
"""

from __future__ import annotations

import inspect
import textwrap
from unicodedata import ucd_3_2_0

_EMOJI = range(0x1F300, 0x1FB00)
_SINCE_HIDDEN = "\xad\u06dd"  # format characters that Unicode 3.2 took for punctuation
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}


def string(text: str) -> str:
    """A string literal on one line, in the quotes that need fewer escapes."""
    if _is_plain(text):
        return f'"{text}"'
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join("\\" + c if c == quote else _escaped(c) for c in text) + quote


def bytes_literal(data: bytes) -> str:
    """A bytes literal."""
    quote = "'" if data.count(b'"') > data.count(b"'") else '"'
    return f"b{quote}" + "".join(_byte(b, quote) for b in data) + quote


def comment(text: str) -> str:
    """Text that cannot leave a comment or the line it stands on."""
    return text if _is_plain(text) else "".join(map(_escaped, text))


def inline(text: str) -> str:
    """Text for the middle of a docstring's line."""
    return " ".join(text.split())


def docstring(text: str, indent: int, width: int = 88) -> str:
    """A docstring literal, its later lines indented; paragraphs that are too long are wrapped."""
    pad = " " * indent
    lines = [_escaped_line(line) for raw in clean(text).split("\n") for line in _wrap(raw, width - indent)]
    body = "\n".join((pad + line if at and line else line) for at, line in enumerate(lines))
    return f'"""{body}"""' if len(lines) == 1 else f'"""{body}\n{pad}"""'


def clean(text: str) -> str:
    """The text of a docstring without indentation and outer blank lines; empty where nothing is left."""
    if "\n" not in text and "\r" not in text:
        return text.expandtabs().strip()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return inspect.cleandoc(text).strip()


def _wrap(line: str, width: int) -> list[str]:
    if len(line) + 6 <= width or line.startswith((" ", "*", "|", "-")):
        return [line]
    return textwrap.wrap(line, width - 6, break_long_words=False, break_on_hyphens=False) or [""]


def _escaped_line(line: str) -> str:
    if _is_plain(line):
        return line.rstrip()
    # A quote that touches another one, or a delimiter, is escaped.
    line = f'"{line.rstrip()}"'
    return "".join(
        '\\"' if line[at] == '"' and '"' in (line[at - 1], line[at + 1]) else _escaped(line[at])
        for at in range(1, len(line) - 1)
    )


def _is_plain(text: str) -> bool:
    """Whether nothing in it is escaped, as in most texts: to go over them by character takes its time."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if " " <= char <= "~" or _printable(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _printable(char: str) -> bool:
    known = ucd_3_2_0.category(char)[0] in "LMNPS" and char not in _SINCE_HIDDEN
    return known or ord(char) in _EMOJI


def _byte(byte: int, quote: str) -> str:
    char = chr(byte)
    if char in _SHORT:
        return _SHORT[char]
    if char == quote:
        return "\\" + char
    return char if " " <= char <= "~" else f"\\x{byte:02x}"
