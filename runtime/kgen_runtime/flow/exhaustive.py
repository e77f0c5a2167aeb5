"""The last branch of a `match` over the types that values have."""

from __future__ import annotations

from typing import NoReturn

from ..reporting.shown_argument import shown


def assert_never(value: NoReturn) -> NoReturn:
    """For type checkers: an error if `value` may be anything here, as where a `match` has no branch for a
    type that was added. `typing.assert_never` does the same from Python 3.11 on. mypy and pyright
    know it for an end; ruff's RET503, which is off by default, does not: `raise` or `return` before the call
    would satisfy that, and pyright would report code that is not reachable.

    Raises `AssertionError` if it is called after all: in a step the message goes to `errs` then.
    """
    raise AssertionError(f"no branch for {type(value).__name__} {shown(value)}")
