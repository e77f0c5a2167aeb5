"""How samples of several schemas can fit together: the caller may choose single values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

SampleChoice: TypeAlias = "Callable[[str, str, str], Any]"
"""Given the kind of a value (a type of Avro or JSON, or its logical type or format), the name of the record
or object that it is in, and that of the field: the value, as Python has it, or None to have one made up. A
value that is a message by itself is in no record, and its name is `value`.
"""


def free(kind: str, owner: str, name: str) -> None:
    """No choice: all is made up."""
