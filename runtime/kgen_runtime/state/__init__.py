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

from .homes import ready
from .hooks import blank
from .restorers import current_load, restorer, unpacker


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


def message(*values: Any) -> Any:
    """A `Message`. Fields are only ever added, at the end: missing ones have their defaults, and those of a
    newer kgen are left out.
    """
    try:
        return messages.Message(*values)
    except TypeError:
        return messages.Message(*values[: len(messages.Message.__slots__)])


def raw_message(*values: Any) -> Any:
    """A `RawMessage`, as `message`."""
    return messages.RawMessage(**dict(zip(messages.RawMessage.__slots__, values)))


def failure(*values: Any) -> Any:
    """A `Failure`, as `message`. A stage that this kgen does not know is `process`."""
    known = dict(zip(messages.Failure.__slots__, values))
    stages = {stage.value: stage for stage in messages.Stage}
    return messages.Failure(**{**known, "stage": stages.get(known["stage"], messages.Stage.PROCESS)})


from .. import messages  # noqa: E402 - which begins with an import of this module
