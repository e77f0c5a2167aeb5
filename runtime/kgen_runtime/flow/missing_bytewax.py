"""The error that users see in place of a `ModuleNotFoundError` if Bytewax is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..errors import ConfigError

NEWEST_FOR_BYTEWAX: Final = (3, 12)

_OTHER_PYTHON: Final = "Run flows on CPython 3.10, 3.11 or 3.12: Bytewax has no build for newer versions."
_INSTALL: Final = "pip install kgen-streams installs it on CPython 3.10 to 3.12."


@contextmanager
def explain_missing(where: str) -> Iterator[None]:
    """Around imports: raises `ConfigError` if one of them fails for want of Bytewax. `where` needs it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "bytewax":
            raise
        raise bytewax_missing(where) from None


def bytewax_missing(where: str) -> ConfigError:
    """Why Bytewax is not here, and what to do."""
    major, minor = version = sys.version_info[:2]
    hint = _OTHER_PYTHON if version > NEWEST_FOR_BYTEWAX else _INSTALL
    return ConfigError(
        "dataflows need Bytewax, which is not installed", where=f"{where}, Python {major}.{minor}", hint=hint
    )
