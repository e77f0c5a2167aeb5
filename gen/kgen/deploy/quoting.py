"""Any text as a value in YAML, in Compose's YAML and in units of systemd."""

from __future__ import annotations

import re
from typing import Final

import yaml

_UNIT: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "%": "%%"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:-]+")
_WIDE: Final = 10**9


def yaml_text(text: str) -> str:
    """A string in double quotes, on one line, which is a string to every reader of YAML 1.1 and 1.2: `on`,
    `1.10` and `a: b` too.
    """
    made: str = yaml.dump(text, default_style='"', width=_WIDE, allow_unicode=True)
    return made.rstrip("\n")


def compose_text(text: str) -> str:
    """The same for Compose, which else would put variables of its environment in place of `${NAME}`."""
    return yaml_text(text.replace("$", "$$"))


def unit_text(text: str) -> str:
    """A value of systemd's `Environment=`, in double quotes: neither a specifier (`%h`) nor an escape."""
    return f'"{text.translate(_UNIT)}"'


def unit_argument(text: str) -> str:
    """An argument of systemd's `ExecStart=`, where `$NAME` would be a variable too."""
    if _PLAIN.fullmatch(text):
        return text
    return unit_text(text.replace("$", "$$"))
