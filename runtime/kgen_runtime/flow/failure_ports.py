"""Which output of kgen's steps carries the failures: each module with steps says so of its own, so that a
flow loads those alone that it has steps of.
"""

from __future__ import annotations

from typing import Any, Final

from .._bytewax import operator_class

FAILURE_PORTS: Final[dict[type[Any], str]] = {}
"""By the class of the step."""


def carry_failures(*steps: Any, port: str = "errs") -> None:
    """These operators give their failures in that output."""
    FAILURE_PORTS.update((operator_class(step), port) for step in steps)
