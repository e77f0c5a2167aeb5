"""`rt.read_table`: the messages of a topic as an Arrow table, for pandas, polars and parquet files."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..consumer.bounds import Start, check_batch_size
from ..consumer.columns import Columns
from ..consumer.decoding import Undecodable
from ..errors import ConfigError, FlowError, FramingError, KgenError
from ..flow.failures import failure
from ..flow.topic import Topic
from ..kafka.connection import Kafka
from ..messages import Failure, Message
from ..reporting.shown_argument import shown
from ..serde.base import Role
from ..serde.framing import split
from .call_checks import check_topic_and_kafka, errors_at_users_line
from .topic_reader import check_limit, located
from .topic_rows import TopicRows, Until
from .value_columns import value_columns

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped,import-not-found,unused-ignore]


_NAME: Final = "rt.read_table"
_META: Final = ("_key", "_partition", "_offset", "_timestamp", "_tombstone")
_VALUE: Final = "value"
"""The column of values that are not records."""
_ROWS: Final = 65_536
_BYTES: Final = 64 << 20
"""How large a record batch may get, about: far from the 2 GiB that a column of text may have."""
_NO_BOUND: Final = 1 << 62


@errors_at_users_line
def read_table(
    topic: Topic[Any, Any],
    kafka: Kafka,
    *,
    start: Start = "earliest",
    stop: Until = "end",
    limit: int | None = None,
    partitions: Iterable[int] | None = None,
    timeout: timedelta | None = None,
    columns: Sequence[str] | None = None,
    batch_size: int = 1000,
    on_failure: Callable[[Failure], None] | None = None,
) -> pa.Table:
    """Read a topic into a table of Arrow (extra `arrow`): a row for each message, without an object for it.

    A column for each field of the value, by its name in the schema, records inside as structs: the types are
    in docs/reference/arrow.md. A value that is not a record is the column `value`. Then come `_key`,
    `_partition` (int32), `_offset` (int64), `_timestamp` (ms, UTC) and `_tombstone`, which is true where the
    message has no value: then all fields are null. If a field has such a name, the column has one more
    underscore in front. All columns may have nulls. Rows of a partition are in the order of their offsets;
    partitions take turns.

    - `columns`: these alone, in this order; nothing is made of other fields, or of the key if it is not
    among them.
    - `start`, `stop`, `limit`, `partitions`, `timeout`: as in `rt.read`, but a table ends, so `stop` is not
    None.
    - `batch_size`: how many messages are fetched together, at most.
    - `on_failure`: is called with each message that cannot be decoded, or does not fit its columns; it has
    no row. Without it that message's error is raised; its `where` has topic, partition and offset.

    It is held in chunks of at most 65,536 rows and about 64 MiB. Nothing is committed. Raises as `rt.read`
    does, and `ConfigError` without pyarrow.
    """
    if stop is None:
        raise FlowError(f"{_NAME}: stop=None would never end", hint='Use "end", a time, or offsets.')
    with RecordBatches(
        topic,
        kafka,
        start=start,
        stop=stop,
        limit=limit,
        partitions=partitions,
        timeout=timeout,
        columns=columns,
        batch_size=batch_size,
        on_failure=on_failure,
    ) as batches:
        import pyarrow as pa

        return pa.Table.from_batches(list(batches), batches.schema)


class RecordBatches:
    """The same in record batches, one after another, in flat memory: what `rt.read_table` joins, and what
    writes a topic to a file piece by piece:

        with RecordBatches(topic, kafka) as batches, pq.ParquetWriter(path, batches.schema) as file:
            for batch in batches:
                file.write_batch(batch)

    `schema` is known before the first message. `stop=None` follows the topic: then a batch is given when it
    is full (`rows`, or `size` bytes, about), however long that takes. To be iterated once, by one thread;
    leaving the `with` closes the consumer. Arguments and errors as of `rt.read_table`, which is named in
    them unless `function` is another. `keep` gets the raw messages, some of one partition at a time, and
    gives those that are to have a row; `limit` counts these. When an error is raised, rows that were not
    given yet are lost.
    """

    schema: pa.Schema

    def __init__(
        self,
        topic: Topic[Any, Any],
        kafka: Kafka,
        *,
        start: Start = "earliest",
        stop: Until = "end",
        limit: int | None = None,
        partitions: Iterable[int] | None = None,
        timeout: timedelta | None = None,
        columns: Sequence[str] | None = None,
        batch_size: int = 1000,
        on_failure: Callable[[Failure], None] | None = None,
        rows: int = _ROWS,
        size: int = _BYTES,
        function: str = _NAME,
        keep: Callable[[Columns], Columns] | None = None,
    ) -> None:
        check_topic_and_kafka(function, topic, kafka)
        check_limit(limit)
        check_batch_size(batch_size)
        if on_failure is not None and not callable(on_failure):
            raise FlowError(f"{function}: on_failure is {shown(on_failure)}, not a function")
        _require_pyarrow(function)
        self._topic = topic
        self._function = function
        self._on_failure = on_failure
        self._keep = keep
        self._left = _NO_BOUND if limit is None else limit
        self._most_rows = rows
        self._most_bytes = size
        known = value_columns(topic.value, kafka.store, "value").names
        chosen = _chosen(columns, known, function)
        fields = [each.field for each in chosen if each.field is not None]
        self._chosen = chosen
        self._value = value_columns(topic.value, kafka.store, "value", fields if known is not None else None)
        with_key = any(each.meta == "_key" for each in chosen)
        self._key = value_columns(topic.key, kafka.store, "key") if with_key else None
        self.schema = self._schema()
        self._pending = _Pending()
        self._rows = TopicRows(
            topic.name,
            kafka,
            start=start,
            stop=stop,
            partitions=partitions,
            batch_size=min(batch_size, limit) if limit and keep is None else batch_size,
            timeout=timeout,
            function=function,
        )

    def __enter__(self) -> RecordBatches:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the consumer. May be called again."""
        self._rows.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches. Raises as `rt.read` does."""
        for read in self._rows.batches() if self._left else ():
            rows = read if self._keep is None else self._keep(read)
            begin = 0
            while begin < len(rows) and self._left:
                begin = self._append(rows, begin)
                if self._pending.full(self._most_rows, self._most_bytes):
                    yield self._batch()
            if not self._left:
                break
        self.close()
        if self._pending.partitions:
            yield self._batch()

    def _append(self, rows: Columns, begin: int) -> int:
        """Put some of the messages into the columns; gives the index of the next one."""
        pending = self._pending
        end = min(len(rows), begin + self._most_rows - len(pending.partitions), begin + self._left)
        room = self._most_bytes - pending.used
        stopped, used, value_errors = self._value.append(rows.values, rows.headers, begin, end, room)
        key_errors: dict[int, KgenError] = {}
        if self._key is not None:
            _, more, key_errors = self._key.append(rows.keys, rows.headers, begin, stopped, _NO_BOUND)
            used += more
        bad = {
            **{
                at: Undecodable(each.error, None)
                for at, each in rows.unreadable.items()
                if begin <= at < stopped
            },
            **{at: Undecodable(error, "value") for at, error in value_errors.items()},
            **{at: Undecodable(error, "key") for at, error in key_errors.items()},
        }
        if bad:
            self._refuse(rows, bad)
        pending.add(rows, begin, stopped, used, value_errors, key_errors, bad)
        self._left -= stopped - begin - len(bad)
        return stopped

    def _refuse(self, rows: Columns, bad: dict[int, Undecodable]) -> None:
        for at in sorted(bad):
            message: Message[Any, Any] = Message(
                topic=self._topic.name,
                partition=rows.partitions if isinstance(rows.partitions, int) else rows.partitions[at],
                offset=rows.offsets[at],
                timestamp=rows.timestamps[at],
                headers=rows.headers[at],
                origin=rows.origins[at],
            )
            if self._on_failure is None:
                raise located(bad[at], message)
            self._on_failure(self._failure(message, bad[at]))

    def _failure(self, message: Message[Any, Any], why: Undecodable) -> Failure:
        raw = message.raw()
        assert raw is not None
        ids = {
            "key": _schema_id(raw.key, raw.headers, "key"),
            "value": _schema_id(raw.value, raw.headers, "value"),
        }
        return failure(
            why.error,
            raw,
            step=self._function,
            part=why.part,
            schema_id=None if why.part is None else ids[why.part],
            key_schema_id=ids["key"],
            value_schema_id=ids["value"],
        )

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        metadata = {
            "_partition": pa.int32(),
            "_offset": pa.int64(),
            "_timestamp": pa.timestamp("ms", "UTC"),
            "_tombstone": pa.bool_(),
        }
        if self._key is not None:
            metadata["_key"] = self._key.type
        value = self._value.type
        fields = []
        for each in self._chosen:
            if each.meta is not None:
                fields.append(pa.field(each.name, metadata[each.meta]))
            elif self._value.names is None:
                fields.append(pa.field(each.name, value))
            else:
                fields.append(pa.field(each.name, value.field(each.name).type))
        return pa.schema(fields)

    def _batch(self) -> pa.RecordBatch:
        import pyarrow as pa

        pending, self._pending = self._pending, _Pending()
        value = pending.kept(self._value.take(), pending.value_lacks)
        arrays = {
            "_partition": pa.array(pending.partitions, pa.int32()),
            "_offset": pa.array(pending.offsets, pa.int64()),
            "_timestamp": pa.array(pending.timestamps, pa.timestamp("ms", "UTC")),
        }
        arrays = {name: pending.kept(array, set()) for name, array in arrays.items()}
        arrays["_tombstone"] = value.is_null()
        if self._key is not None:
            arrays["_key"] = pending.kept(self._key.take(), pending.key_lacks)
        made = []
        # Not its fields as they stand: below a null they may have empty values.
        fields = {} if self._value.names is None else dict(zip(self._value.names, value.flatten()))
        for each in self._chosen:
            if each.meta is not None:
                made.append(arrays[each.meta])
            else:
                made.append(value if self._value.names is None else fields[each.name])
        return pa.RecordBatch.from_arrays(made, schema=self.schema)


class _Pending:
    """What is known of the rows of the batch that is being filled, besides their keys and values."""

    def __init__(self) -> None:
        self.partitions: list[int | None] = []
        self.offsets: list[int | None] = []
        self.timestamps: list[int | None] = []
        self.bad: set[int] = set()
        self.value_lacks: set[int] = set()
        self.key_lacks: set[int] = set()
        self.used = 0

    def full(self, rows: int, size: int) -> bool:
        """Whether it has so many rows, or takes so many bytes."""
        return len(self.partitions) >= rows or self.used >= size

    def add(
        self,
        rows: Columns,
        begin: int,
        end: int,
        used: int,
        value_errors: Iterable[int],
        key_errors: Iterable[int],
        bad: Iterable[int],
    ) -> None:
        """Some more; by index those that have no row in the columns of one part, and those that have none in
        the table.
        """
        before = len(self.partitions) - begin
        self.value_lacks.update(before + at for at in value_errors)
        self.key_lacks.update(before + at for at in key_errors)
        self.bad.update(before + at for at in bad)
        part = rows.partitions
        self.partitions += [part] * (end - begin) if isinstance(part, int) else part[begin:end]
        self.offsets += rows.offsets[begin:end]
        self.timestamps += rows.timestamps[begin:end]
        self.used += used + 32 * (end - begin)

    def kept(self, array: pa.Array, lacks: set[int]) -> pa.Array:
        """The rows of an array that are in the table; it has none where it `lacks` one."""
        if not self.bad:
            return array
        import pyarrow as pa

        count = len(self.partitions)
        return array.filter(
            pa.array([at not in self.bad for at in range(count) if at not in lacks], pa.bool_())
        )


class _Chosen(NamedTuple):
    """A column of the table: a field of the value, the value itself (neither), or a part of the metadata."""

    name: str
    field: str | None = None
    meta: str | None = None


def _chosen(columns: object, fields: Sequence[str] | None, function: str) -> list[_Chosen]:
    """Raises `FlowError` for what is not there."""
    known = [_Chosen(name, field=name) for name in fields or ()] or [_Chosen(_VALUE)]
    if fields is not None and not fields:
        known = []
    taken = {each.name for each in known}
    for meta in _META:
        name = meta
        while name in taken:
            name = f"_{name}"
        known.append(_Chosen(name, meta=meta))
        taken.add(name)
    if columns is None:
        return known
    if isinstance(columns, (str, bytes)) or not isinstance(columns, Iterable):
        raise FlowError(
            f"{function}: columns={columns!r} is not a list of names", hint='columns=["id", "_key"]'
        )
    by_name = {each.name: each for each in known}
    wanted = list(columns)
    for name in wanted:
        if name not in by_name:
            near = difflib.get_close_matches(str(name), by_name, 3)
            raise FlowError(
                f"{function}: columns= has {name!r}, and there is no such column",
                hint=f"Did you mean {', '.join(near)}?"
                if near
                else f"There are {', '.join(list(by_name)[:20])}.",
            )
        if wanted.count(name) > 1:
            raise FlowError(f"{function}: columns= has {name!r} twice")
    return [by_name[name] for name in wanted]


def _schema_id(payload: bytes | None, headers: Any, role: Role) -> int | None:
    try:
        key = split(payload or b"", headers, role)[0]
    except FramingError:
        return None
    return key if isinstance(key, int) else None


def _require_pyarrow(function: str) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ConfigError(
            f"{function} needs pyarrow, which is not installed", hint="pip install 'kgen-streams[arrow]'"
        ) from None
