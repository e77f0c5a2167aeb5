"""The Avro codec: a writer schema (and a reader schema and classes) become a reader; a schema and classes become a writer.

Two engines stand behind one interface: the native one (Cython) and, where that is not compiled, fastavro. `ENGINE` says which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from .schema import Schema


class Reader(Protocol):
    """Turns Avro binary into values of the reader schema."""

    def decode(self, data: bytes, offset: int = 0) -> Any:
        """One value from `data[offset:]`, all of it. Raises `DecodeError`."""

    def decode_many(self, batch: Sequence[bytes], offset: int = 0) -> list[Any]:
        """One value for each payload, in order; where one does not decode, its `DecodeError` stands in its place (not raised)."""


class Writer(Protocol):
    """Turns values into Avro binary."""

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """`prefix` and then the value in Avro binary. Raises `EncodeError`."""


def make_reader(
    writer: Schema,
    reader: Schema | None = None,
    classes: Mapping[str, type[Any]] | None = None,
    *,
    max_depth: int = 128,
    engine: Literal["native", "fastavro"] | None = None,
) -> Reader:
    """A reader of what `writer` wrote, as `reader` sees it.

    `classes` maps full names of records and enums *of the reader schema* to dataclasses and Enum classes; a dataclass field whose name is not the wire
    name has `metadata={"avro": "<wire name>"}`; an Enum's values are the wire symbols. Names without a class become dicts and strings.
    Raises `ResolutionError` where the two schemas can never be resolved.
    """
    raise NotImplementedError


def make_writer(
    schema: Schema, classes: Mapping[str, type[Any]] | None = None, *, engine: Literal["native", "fastavro"] | None = None
) -> Writer:
    """A writer of values of `schema` (dataclasses as in `make_reader`; dicts and strings are accepted too)."""
    raise NotImplementedError
