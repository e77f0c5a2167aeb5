"""Values of topics of several types in JSON: an object with the one name of the value's type."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from kgen_runtime.errors import EncodeError


def typed_value(value: Any, known: Collection[str], shown: Iterable[str]) -> tuple[str, Any]:
    """The name of the type, one of `known`, and the value. Raises `EncodeError`, whose hint has `shown`."""
    if isinstance(value, dict) and len(value) == 1:
        ((name, inner),) = value.items()
        if name in known and inner is not None:
            return name, inner
    hint = f"Its type is the one name of an object around it: {', '.join(shown)}."
    raise EncodeError("the type of the value is not given", hint=hint)
