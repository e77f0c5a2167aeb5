"""What pickles call, and what gives records their values.

Pickles name these functions by `kgen_runtime.state`: that is a contract.
"""

from __future__ import annotations

from typing import Any

from .homes import Binding, ready
from .legacy import written_by
from .loading import current_load
from .record_values import UNSET, blank, put
from .restorers import restorer, unpacker


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


for _called in (restore, new, new_of, member):
    _called.__module__ = "kgen_runtime.state"


def fill(binding: Binding, record: Any, state: Any) -> None:
    """Give a new record the values that were kept of it. Raises `RecoveryError`."""
    load = current_load()
    mark = state[0] if type(state) is tuple and state else None
    if type(mark) is str:
        _, more, *values = state
        found = None if mark == binding.mark or restorer(mark).current else restorer(mark)
    else:  # an earlier kgen, and pickle's own form: by attribute
        found, values, more = written_by(binding, record, state)
    if found is not None:
        if load is not None:
            load.note(binding, record, found, values)
        values = found.conversion(binding).values(values, load)
    for attribute, value in zip(binding.attributes, values):
        if value is not UNSET:
            setattr(record, attribute, value)
    if more is not None:
        put(record, more)
