"""The tables of kgen.toml: which settings one has, and of which kind they are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Final

from ..errors import ConfigError
from . import root

NAME: Final = root.NAME
_KINDS: Final = {str: "text", list: "a list", dict: "a table", bool: "true or false"}


def known(table: Mapping[str, Any], keys: set[str], prefix: str) -> None:
    """Raises `ConfigError` if the table has a setting that is not one of `keys`."""
    for key in table:
        if key not in keys:
            close = difflib.get_close_matches(key, keys, 1)
            hint = f"did you mean {prefix}{close[0]}?" if close else "known: " + ", ".join(sorted(keys))
            raise ConfigError(f"unknown setting {prefix}{key}", where=NAME, hint=hint)


def setting(table: Mapping[str, Any], key: str, kind: type[Any], default: Any, prefix: str = "") -> Any:
    """The value of `key`, or `default`. Raises `ConfigError` if it is of another kind."""
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise ConfigError(f"{prefix}{key} must be {_KINDS[kind]}", where=NAME)
    return value
