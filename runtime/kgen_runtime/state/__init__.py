"""How generated objects, messages and failures are pickled: into recovery stores, and between workers.

A pickle holds a reference to one of the functions here, a mark that says what wrote the values (see `marks`),
and the values without names. The functions, their arguments and this module's name are a contract: stores
that are years old call them. An object of a schema that has changed since is read by the rules for old
messages: fields by name or alias, defaults, promotions, an enum's default for a symbol that is gone.

Two forms of a record: Avro binary of the whole object where reading it gives the very same object
(`restore`), else its values as they are (`new`), so that what is shared, holds itself, or does not fit the
schema for the moment stays as it is.
"""

from __future__ import annotations

from typing import Any

from ..messages import _restored_failure as failure
from ..messages import _restored_message as message
from ..messages import _restored_raw_message as raw_message
from .homes import ready
from .hooks import blank
from .restorers import current_load, restorer, unpacker

__all__ = ["failure", "member", "message", "new", "new_of", "raw_message", "restore"]


def restore(mark: str, data: bytes) -> Any:
    """The record that `data` is Avro binary of. Raises `RecoveryError`."""
    read = ready.get(mark)
    if read is not None:
        return read(data)
    load = current_load()
    return unpacker(mark)(data) if load is None else load.unpack(mark, data)


def new(mark: str) -> Any:
    """An object whose values come with its `__setstate__`. Raises `RecoveryError`."""
    load = current_load()
    return restorer(mark).blank() if load is None else load.blank(mark)


def new_of(cls: type[Any], mark: str) -> Any:
    """As `new`, of a class that a user derived from a generated one."""
    return blank(cls)


def member(mark: str, symbol: str) -> Any:
    """The member of an enum. Raises `RecoveryError`."""
    load = current_load()
    return restorer(mark).member(symbol) if load is None else load.member(mark, symbol)
