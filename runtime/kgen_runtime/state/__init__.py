"""How generated objects, messages and failures are pickled: into recovery stores, and between workers.

A pickle holds a reference to one of the functions here, a mark that says what wrote the values (see `marks`),
and the values without names. The functions, their arguments and this module's name are a contract: stores
that are years old call them. An object of a schema that has changed since is read by the rules for old
messages: fields by name or alias, defaults, promotions, an enum's default for a symbol that is gone.

Two forms of a record: Avro binary of the whole object where reading it gives the very same object
(`restore`), else its values as they are (`new`), so that what is shared, holds itself, or does not fit the
schema for the moment stays as it is. Objects of JSON Schemas are kept by the names of their properties
(`json_object`), those of Protobuf by the numbers of their fields (`proto_object`): these need no earlier
schema to be read.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from ..messages import _restored_failure as failure
from ..messages import _restored_message as message
from ..messages import _restored_raw_message as raw_message
from .restoring import member, new, new_of, restore

if TYPE_CHECKING:
    from .json_records import json_member, json_object
    from .proto_records import proto_object

__all__ = [
    "failure",
    "json_member",
    "json_object",
    "member",
    "message",
    "new",
    "new_of",
    "proto_object",
    "raw_message",
    "restore",
]

_OF_FORMATS: Final = {
    "json_member": "json_records",
    "json_object": "json_records",
    "proto_object": "proto_records",
}


def __getattr__(name: str) -> Any:
    """What is of one format, imported when a pickle names it."""
    if name not in _OF_FORMATS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f".{_OF_FORMATS[name]}", __name__), name)
    return found
