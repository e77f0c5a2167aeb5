"""Why a value is not written as JSON, and where in it, for both engines."""

from __future__ import annotations

from typing import Any

from ..error_texts import refusal_text, shown
from ..limits import MAX_DEPTH
from ..ranges import type_title

TOO_DEEP = f"the value is nested more than {MAX_DEPTH} deep, or holds itself"
TOO_LONG = "the branches of its unions take too long to find"
MISSING = "the property is missing"
NOT_SET = "the property is not set"


class JsonRefusedError(Exception):
    """Why a value was not written, and the parts of its JSON pointer, innermost first.

    `cause`: an error of the value's own code. `misfit`: another branch of a union may take the value.
    """

    def __init__(self, why: str, cause: Exception | None = None, misfit: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.parts: list[str | int] = []
        self.cause = cause
        self.misfit = misfit


def place_refusal(error: Exception, *parts: Any) -> None:
    """Add parts to the pointer of a refusal; what a value's own code raised is made one, and raised."""
    names = [part if isinstance(part, str) else shown(part) for part in parts]
    if isinstance(error, JsonRefusedError):
        error.parts += names
    elif not isinstance(error, MemoryError):
        refused = JsonRefusedError(refusal_text(error), error)
        refused.parts += names
        raise refused from error


def unwanted(wanted: str, value: Any) -> JsonRefusedError:
    """A value is of another type."""
    return JsonRefusedError(f"expected {wanted}, not {type_title(value)}")


def no_branch(title: str) -> JsonRefusedError:
    """A value is of the types of several branches of a union, and fits none."""
    return JsonRefusedError(f"the value fits no branch of {title}")


def no_symbol(title: str, value: object) -> JsonRefusedError:
    """A value is not one of an enum's."""
    return JsonRefusedError(f"expected a symbol of {title}, not {repr(value)[:200]}")


def no_constant(value: object) -> JsonRefusedError:
    """A value is not one of a schema's constants."""
    return JsonRefusedError(f"the schema has no such value: {repr(value)[:200]}")


def no_name(name: object) -> JsonRefusedError:
    """A key of a dict is not a property's name."""
    return JsonRefusedError(f"the name of a property must be str, not {type(name).__name__}")


def no_extras(attribute: str, value: object) -> JsonRefusedError:
    """The attribute of further properties holds something else than a dict."""
    return JsonRefusedError(f"expected dict in {attribute}, not {type(value).__name__}")


def named_twice(attribute: str) -> JsonRefusedError:
    """A further property has the name of one that the schema names."""
    return JsonRefusedError(f"the property has an attribute of its own, besides {attribute}")
