"""Avro with Confluent framing as columns: bytes to buffers, without an object for a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from ..codec import Appender, make_appender, make_columns
from ..codec.avro.column_layout import layout_of, of_fields
from ..codec.avro.json_encoding import dumps, to_json
from ..codec.avro.schema.tree import Schema
from ..errors import KgenError
from ..messages import Headers
from .avro_serde import AvroSerde, takes_null
from .base import Role
from .encoded_null import null_refused
from .frames import by_schema, only_id, tagged
from .framing import HEADERS, ID_SIZE, SchemaKey
from .schema_store import SchemaStore, Written
from .writer_cache import WriterCache
from .writer_kinds import AVRO


class AvroColumns:
    """The columns that the values of one serde become; of a record only those of `fields`, where these are
    given.

    Raises `SchemaError` if the generated schema is not valid, or becomes too many columns.
    """

    def __init__(
        self, serde: AvroSerde[Any], store: SchemaStore, role: Role, fields: Sequence[str] | None = None
    ) -> None:
        latest = serde.schemas.latest.parse()
        self._reader = of_fields(latest, fields)
        self.layout = layout_of(self._reader)
        self._columns = make_columns(self.layout)
        self._trailing = serde.trailing
        refuses = serde.null == "refuse" and takes_null(latest)
        self._null_error = partial(null_refused, "AvroSerde") if refuses else None
        self._role = role
        self._header = HEADERS[role]
        self._nulls = self._made(self._reader)
        self._appenders: WriterCache[Schema, Appender] = WriterCache(
            serde.schemas, store, AVRO, self._appender
        )

    def append(
        self,
        payloads: list[bytes | None],
        headers: Sequence[Headers],
        begin: int,
        end: int,
        room: int,
    ) -> tuple[int, int, dict[int, KgenError]]:
        """A row for each payload from `begin` to before `end`, until they have taken `room` bytes, about;
        None becomes a null.

        Gives the index of the first one that was not looked at, the bytes, and by index why some have no row.
        Raises `RegistryUnavailable` before anything is appended of what is behind the schema that is missing:
        the first ones may have their rows.
        """
        self._appenders.forget_old()
        errors: dict[int, KgenError] = {}
        used = 0
        for first, last, written in self._runs(payloads, headers, begin, end, errors):
            key, offset = written or (None, 0)
            appender = self._nulls if key is None else self._appenders.find(key)[0]
            if isinstance(appender, KgenError):
                errors.update(dict.fromkeys(range(first, last), appender))
                continue
            stopped, taken, found = appender.append(payloads, first, last, offset, room - used)
            errors.update(found)
            used += taken
            if stopped < last or used >= room:
                return stopped, used, {index: error for index, error in errors.items() if index < stopped}
        return end, used, errors

    def _runs(
        self,
        payloads: list[bytes | None],
        headers: Sequence[Headers],
        begin: int,
        end: int,
        errors: dict[int, KgenError],
    ) -> Iterator[tuple[int, int, tuple[SchemaKey, int] | None]]:
        """The payloads that follow each other and are of one schema, and where in them the value begins; of
        those that are missing it is None. What has no schema is among the errors, and in no run.
        """
        part = payloads[begin:end]
        carried = tagged(headers[begin:end], self._header)
        only = None if carried else only_id(part)
        if only is not None:
            yield begin, end, (only, ID_SIZE)
            return
        written: list[tuple[SchemaKey, int] | None] = [None] * len(part)
        bad: dict[int, KgenError] = {}
        for found, where in by_schema(part, carried, self._role, bad):
            for index in where:
                written[index] = found
        errors.update((begin + index, error) for index, error in bad.items())
        first = 0
        for index in range(1, len(part) + 1):
            if index == len(part) or written[index] != written[first] or index in bad or first in bad:
                if first not in bad:
                    yield begin + first, begin + index, written[first]
                first = index

    def _appender(self, written: Written[Schema]) -> Appender:
        return self._made(written.schema)

    def _made(self, schema: Schema) -> Appender:
        return make_appender(
            schema,
            self._reader,
            self.layout,
            self._columns,
            lambda record, data: dumps(to_json(record, data)),
            trailing=self._trailing,
            null_error=self._null_error,
        )

    def take(self) -> tuple[int, int, list[Any], list[Any]]:
        """The rows so far (`codec.ColumnBuffers.take`)."""
        return self._columns.take()
