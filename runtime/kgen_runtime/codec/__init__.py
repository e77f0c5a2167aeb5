"""The codec: schemas and classes become readers and writers, of Avro binary, JSON and Protobuf.

Two engines stand behind one interface: the native one (Cython) and, if that is not compiled, one in plain
Python with the same results. `ENGINE` says which is in use, and so does a line in the log when the first
reader or writer is made; `KGEN_CODEC=python` asks for the second.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, TypeVar, cast, get_args

from ..errors import ConfigError, DecodeError
from .avro.build import ReaderBuilder, WriterBuilder
from .avro.resolution.resolve import resolve
from .avro.schema.tree import Schema
from .decoded import Decoded
from .limits import MAX_DEPTH, MOST_DEPTH, MOST_PROTO_DEPTH
from .ranges import OutOfRangeChoice, keeps_raw
from .slotted_classes import is_plain

if TYPE_CHECKING:
    from .avro.column_build import RecordText
    from .avro.column_layout import Layout
    from .json.number_forms import NumberForm
    from .json.schema.json_tree import JsonSchema
    from .protobuf.schema.proto_tree import ProtoSchema

_PARTS: Final = ("reader", "writer", "rows", "payloads", "arrivals", "batches")
"""Of the native engine, those that all programs need."""
_OTHER_PARTS: Final = (
    "message_queue",
    "json_reader",
    "json_writer",
    "avro_texts",
    "proto_reader",
    "proto_writer",
)
"""Loaded when they are asked for: compiled with the others, or not at all."""

# What builds the nodes of another format is loaded with its first reader or writer: most programs have one.

T = TypeVar("T")

EngineName: TypeAlias = Literal["native", "python"]
Trailing: TypeAlias = Literal["refuse", "ignore"]
"""What becomes of a payload with bytes left over after the value: a `DecodeError`, or the value all the same,
as Confluent's deserializers have it.
"""


class Reader(Protocol):
    """Turns messages into values of the reader schema."""

    def decode(self, data: bytes, offset: int = 0) -> Any:
        """One value from `data[offset:]`. Raises `DecodeError`."""

    def decode_many(self, batch: Sequence[bytes], offset: int = 0) -> Decoded:
        """One value for each payload, in order, and the `DecodeError` of each that does not decode (not
        raised), which refers to no frame.
        """


class ColumnBuffers(Protocol):
    """A column that rows are appended to, with the columns inside of it: buffers as Arrow lays them out."""

    @property
    def length(self) -> int:
        """How many rows there are."""

    def take(self) -> tuple[int, int, list[Any], list[Any]]:
        """The length, how many are null, the buffers (the first is of validity bits, or None if none is
        null) and the same of the columns inside. The column begins again, with no rows.
        """


class Appender(Protocol):
    """Appends what one writer schema wrote to the columns of the reader's."""

    def append(
        self, payloads: list[bytes | None], begin: int, end: int, offset: int, room: int
    ) -> tuple[int, int, dict[int, DecodeError]]:
        """A row for each payload from `begin` to before `end`, whose value begins at `offset`; None is a row
        that is null. Stops early after the row with which they have taken `room` bytes, about.

        Gives the index of the first payload that was not looked at, the bytes, and the error of each that
        does not decode, by index: that has no row.
        """


class ValueWriter(Protocol):
    """Turns values into messages: Avro binary, JSON, or Protobuf."""

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """`prefix` and then the value. Raises `EncodeError`."""

    def pack(self, value: Any) -> bytes | None:
        """The Avro binary of a record that a reader makes the very same object of: the same types, every
        digit, no list or record in it that something else refers to as well. None for any other, for JSON,
        and always in plain Python, which cannot know.
        """


class Rows(Protocol):
    """Makes objects of a dataclass from columns."""

    def make(self, count: int, columns: tuple[Any, ...]) -> list[Any]:
        """`count` objects. `columns` has one entry for each field, in order: a list with a value for each
        object, or, if it is not a list, the value of all.

        Native, an object that holds only what garbage collection does not visit is not visited either: for
        classes whose objects nobody changes.
        """


class PayloadFunctions(Protocol):
    """What is done to the payloads of a batch at once. None among them is a missing key or a tombstone."""

    def common_prefix(self, payloads: Sequence[bytes | None], size: int) -> bytes | None:
        """The first `size` bytes, if these are there in each payload and the same; else None."""

    def texts(self, payloads: Sequence[bytes | None]) -> list[str | None]:
        """Each from UTF-8; None stays None. Raises `UnicodeDecodeError`."""

    def total_size(self, payloads: Sequence[bytes | None]) -> int:
        """Bytes of all together."""

    def sizes_by_id(
        self, ids: Sequence[int | None], payloads: Sequence[bytes | None], others: Sequence[bytes | None]
    ) -> list[list[Any]]:
        """For each id, in the order in which they come: the id, how many payloads have it, and the bytes of
        these and of the `others` at their places.
        """


class BatchFunctions(Protocol):
    """How batches are taken apart and put together again. None among payloads is a missing key or a
    tombstone.
    """

    def groups(self, payloads: Sequence[bytes | None], size: int) -> list[tuple[bytes, list[int]]]:
        """The first `size` bytes (all, of a payload that has fewer), and the indices of the payloads that
        begin with them.
        """

    def by_prefix(self, payloads: Sequence[bytes | None], prefixes: list[bytes]) -> list[list[int]]:
        """For each prefix the indices of the payloads that begin with it, and last those of the others.

        At most 64 prefixes of at most 8 bytes, none of which begins with another.
        """

    def picked(self, items: Sequence[T], where: list[int]) -> list[T]:
        """The items at these indices."""

    def spread(self, items: list[T], where: list[int], into: list[T]) -> None:
        """Put each item where its index says."""


class ArrivalFunctions(Protocol):
    """What is done to messages of a client, as they arrive: objects whose parts are given by methods."""

    def runs(self, messages: list[Any]) -> list[tuple[int, list[Any]]]:
        """Those that follow each other and are of one partition, with that; of events it is -1."""

    def columns(
        self, messages: list[Any]
    ) -> tuple[
        list[bytes | None],
        list[bytes | None],
        list[tuple[tuple[str, bytes | None], ...]],
        list[int | None],
        list[int | None],
        list[tuple[Any, ...]],
        int,
        list[int],
    ]:
        """Keys, values, headers, timestamps (ms; None if it has none) and offsets; keys, values, headers and
        timestamps once more as a tuple for each message; the bytes of all keys and values; and the indices
        of those that cannot give their headers: Kafka takes any bytes for the name of a header,
        confluent-kafka takes names for UTF-8. `messages` is empty afterwards: each is let go of as soon as
        its parts are taken. No message may be given a second time: the next answer of such a one has holes
        where objects should be.
        """


class MessageQueue(Protocol):
    """A queue that a consumer's client puts what it fetches of some partitions into, and that gives it as
    columns, without a message object for each.

    Used by one thread at a time, and closed before the consumer is.
    """

    def forward(self, topic: str, partition: int) -> None:
        """What is fetched of a partition goes here. To be called just before each time it is assigned."""

    def fetch(self, most: int, together: int, seconds: float = 0) -> list[tuple[int, Any]]:
        """What has arrived, at most so many: those that follow each other and are of one partition with
        that, `together` of them at most, as the columns of `ArrivalFunctions`; an event with -1, as its error
        code, text, partition and offset. Where there is nothing it waits so long, at most a minute, for
        the first of them. Raises ValueError if it is closed.
        """

    def close(self) -> None:
        """Drop what is here. A `fetch` of another thread that waits ends first."""


def make_reader(
    writer: Schema,
    reader: Schema | None = None,
    classes: Mapping[str, type[Any]] | None = None,
    *,
    max_depth: int = MAX_DEPTH,
    trailing: Trailing = "refuse",
    out_of_range: OutOfRangeChoice = "error",
    engine: EngineName | None = None,
) -> Reader:
    """A reader of what `writer` wrote, as `reader` sees it.

    `classes` maps full names of records and enums *of the reader schema* to dataclasses and Enum classes; a
    dataclass field whose name is not the wire name has `metadata={"avro": "<wire name>"}`; an Enum's values
    are the wire symbols. Names without a class become dicts and strings. What a union's branch has in common
    with one before it (two fixed of one size, int and long, float and double) remembers its branch, so that
    it is written back as that: it is of a subclass of bytes, int or float. `out_of_range`: what becomes of a
    date, a time, a timestamp or a decimal that Python has no value for: a `DecodeError` (`error`), or an
    `OutOfRange` (`raw`).
    Raises `ResolutionError` if the schemas can never be resolved or are too much work to (see
    `limits.RESOLUTION_WORK`), `SchemaError` where no object of a class can be made from its record,
    `ConfigError` where `max_depth` is more than `limits.MOST_DEPTH`, or `trailing` or `out_of_range` is not
    known.
    """
    _check_depth(max_depth)
    if trailing not in get_args(Trailing):
        raise ConfigError(f"invalid trailing={trailing!r}", hint="Use 'refuse' or 'ignore'.")
    keeps = keeps_raw(out_of_range)
    _announce()
    nodes = _nodes(engine, "reader")
    resolution = resolve(writer, writer if reader is None else reader)
    root = ReaderBuilder(nodes, resolution, classes or {}, keeps=keeps).root()
    made: Reader = nodes.NodeReader(root, max_depth, trailing == "refuse")
    return made


def make_writer(
    schema: Schema, classes: Mapping[str, type[Any]] | None = None, *, engine: EngineName | None = None
) -> ValueWriter:
    """A writer of values of `schema`: objects of `classes` (as in `make_reader`), or dicts and strings.

    A union takes the branch that the value was read from (`branches.of_branch`), else the first one that
    holds the value exactly, else the first that accepts it, last of all one that rounds a whole number. Dicts
    and strings, if there are no classes, do not remember their branch. Scalars of other libraries (numpy)
    are the numbers that `__index__` and `__float__` give. An `OutOfRange` is written as it came, where the
    schema has its logical type.
    Raises `SchemaError` if a class does not fit.
    """
    _announce()
    nodes = _nodes(engine, "writer")
    made: ValueWriter = nodes.NodeWriter(WriterBuilder(nodes, schema, classes or {}).root())
    return made


def make_columns(layout: Layout, *, engine: EngineName | None = None) -> ColumnBuffers:
    """The columns of a layout, without rows."""
    from .avro.column_build import make_column

    made: ColumnBuffers = make_column(_column_nodes(engine), layout)
    return made


def make_appender(
    writer: Schema,
    reader: Schema,
    layout: Layout,
    columns: ColumnBuffers,
    record_text: RecordText,
    *,
    max_depth: int = MAX_DEPTH,
    trailing: Trailing = "refuse",
    null_error: Callable[[], DecodeError] | None = None,
    engine: EngineName | None = None,
) -> Appender:
    """What appends values that `writer` wrote, as `reader` sees them, to `columns`, which are of the layout
    of `reader` (`avro.column_layout.layout_of`) and of the same engine.

    `record_text` makes JSON text of the binary of records that are text in their column. `null_error`: the
    error of a value that is null; without it that is a row as a missing payload is. Raises as `make_reader`.
    """
    _check_depth(max_depth)
    _announce()
    nodes = _column_nodes(engine)
    resolution = resolve(writer, reader)
    from .avro.column_build import ColumnReaderBuilder

    builder = ColumnReaderBuilder(
        nodes, _nodes(engine, "reader"), _nodes(engine, "writer"), resolution, reader, record_text
    )
    root = builder.root(layout, columns)
    made: Appender = nodes.RowAppender(root, columns, max_depth, trailing == "refuse", null_error)
    return made


def _column_nodes(engine: EngineName | None) -> ModuleType:
    return _nodes(engine, "reader" if (engine or ENGINE) == "native" else "column_nodes")


def make_json_reader(
    schema: JsonSchema,
    classes: Mapping[str, type[Any]] | None = None,
    *,
    max_depth: int = MAX_DEPTH,
    out_of_range: OutOfRangeChoice = "error",
    engine: EngineName | None = None,
) -> Reader:
    """A reader of JSON messages of `schema`: see docs/reference/json.md.

    `classes` maps places of definition (as in `JsonSchema.names`) to dataclasses and Enum classes; a
    dataclass field whose name is not the property's has `metadata={"json": "<name>"}`, the one that takes
    properties without a name in the schema `metadata={"json_extra": True}`; an Enum's values are the strings.
    Without a class an object becomes a dict, a symbol a string. `out_of_range`: as in `make_reader`, for
    dates, times and date-times.
    Raises `SchemaError` if no object of a class can be made from its properties, `ConfigError` if
    `max_depth` is more than `limits.MOST_DEPTH` or `out_of_range` is not known.
    """
    _check_depth(max_depth)
    keeps = keeps_raw(out_of_range)
    _announce()
    nodes = _nodes(engine, "json_reader")
    from .json.json_build import JsonReaderBuilder

    root = JsonReaderBuilder(nodes, schema, classes or {}, keeps=keeps).root()
    made: Reader = nodes.JsonNodeReader(root, max_depth)
    return made


def make_json_writer(
    schema: JsonSchema, classes: Mapping[str, type[Any]] | None = None, *, engine: EngineName | None = None
) -> ValueWriter:
    """A writer of JSON messages of `schema`: of objects of `classes` (as in `make_json_reader`), or dicts.

    Raises `SchemaError` if a class does not fit.
    """
    _announce()
    nodes = _nodes(engine, "json_writer")
    from .json.json_build import JsonWriterBuilder

    made: ValueWriter = nodes.JsonNodeWriter(JsonWriterBuilder(nodes, schema, classes or {}).root())
    return made


def make_proto_reader(
    schema: ProtoSchema,
    root: str,
    classes: Mapping[str, type[Any]] | None = None,
    *,
    max_depth: int = MAX_DEPTH,
    out_of_range: OutOfRangeChoice = "error",
    engine: EngineName | None = None,
) -> Reader:
    """A reader of Protobuf messages of the type with the full name `root`: see docs/reference/protobuf.md.

    `classes` maps full names of messages and enums to dataclasses and IntEnum classes (`OpenEnum` if the enum
    is open), and `<message>.<oneof>.<member>` to the class with one field `value` that holds a member of a
    oneof; a dataclass field whose name is not that of the field or oneof has `metadata={"proto": "<name>"}`,
    the one of unknown fields `metadata={"proto_unknown": True}`. Without a class a message becomes a dict, in
    which absent fields with explicit presence are left out, and an enum's value its name, or the number if it
    has none. `out_of_range`: as in `make_reader`, for `Timestamp`, `Duration`, `Date` and `Decimal`.
    Raises `SchemaError` if there is no such message, or no object of a class can be made from its message,
    `ConfigError` if `max_depth` is more than `limits.MOST_PROTO_DEPTH` or `out_of_range` is not known.
    """
    _check_depth(max_depth, MOST_PROTO_DEPTH)
    keeps = keeps_raw(out_of_range)
    _announce()
    nodes = _nodes(engine, "proto_reader")
    from .protobuf.proto_build import ProtoReaderBuilder

    node = ProtoReaderBuilder(nodes, schema, classes or {}, keeps=keeps).root(root)
    made: Reader = nodes.ProtoNodeReader(node, max_depth)
    return made


def make_proto_writer(
    schema: ProtoSchema,
    root: str,
    classes: Mapping[str, type[Any]] | None = None,
    *,
    engine: EngineName | None = None,
) -> ValueWriter:
    """A writer of Protobuf messages of the type with the full name `root`: of objects of `classes` (as in
    `make_proto_reader`), or dicts. The same value gives the same bytes: fields in order of number, entries of
    maps in order of key.

    Raises `SchemaError` if there is no such message, or a class does not fit.
    """
    _announce()
    nodes = _nodes(engine, "proto_writer")
    from .protobuf.proto_build import ProtoWriterBuilder

    made: ValueWriter = nodes.ProtoNodeWriter(ProtoWriterBuilder(nodes, schema, classes or {}).root(root))
    return made


def json_value_reader(numbers: NumberForm) -> Callable[[bytes], Any] | None:
    """What gives the value of a JSON message, for a validator, or raises `DecodeError`; None in plain Python.

    A message in which a name stands twice is refused.
    """
    if ENGINE != "native":
        return None
    made: Callable[[bytes], Any] = _nodes("native", "json_reader").json_value_reader(numbers)
    return made


def make_rows(cls: type[Any], *, engine: EngineName | None = None) -> Rows:
    """Many objects of a slotted dataclass at once, for one whose `__init__` only stores its arguments.

    Raises TypeError if it is not such a class.
    """
    if not is_plain(cls):
        raise TypeError(f"{cls.__qualname__} is not a slotted dataclass that only stores its arguments")
    made: Rows = _nodes(engine, "rows").RowMaker(cls)
    return made


def _check_depth(max_depth: int, most: int = MOST_DEPTH) -> None:
    if not 0 <= max_depth <= most:
        raise ConfigError(f"max_depth must be from 0 to {most}, not {max_depth}")


def payload_functions(*, engine: EngineName | None = None) -> PayloadFunctions:
    """The functions of an engine."""
    made: Any = _nodes(engine, "payloads")
    return cast(PayloadFunctions, made)


def batch_functions(*, engine: EngineName | None = None) -> BatchFunctions:
    """The functions of an engine."""
    made: Any = _nodes(engine, "batches")
    return cast(BatchFunctions, made)


def arrival_functions(*, engine: EngineName | None = None) -> ArrivalFunctions:
    """The functions of an engine."""
    made: Any = _nodes(engine, "arrivals")
    return cast(ArrivalFunctions, made)


def open_message_queue(consumer: object, client: int, functions: Mapping[str, int]) -> MessageQueue | None:
    """A queue of a consumer of confluent-kafka, whose client of librdkafka is at the address `client`;
    `functions` has the addresses of librdkafka's functions (`_librdkafka.QUEUE_FUNCTIONS`). None in plain
    Python.
    """
    if ENGINE != "native":
        return None
    made: MessageQueue = _nodes("native", "message_queue").MessageQueue(consumer, client, dict(functions))
    return made


def has_native() -> bool:
    """Whether the native engine was compiled."""
    try:
        for part in _PARTS:
            importlib.import_module(f".native._{part}", __name__)
    except ImportError:
        return False
    return all(importlib.util.find_spec(f".native._{part}", __name__) for part in _OTHER_PARTS)


def _choose() -> EngineName:
    return "native" if os.environ.get("KGEN_CODEC") != "python" and has_native() else "python"


@functools.cache
def _announce() -> None:
    """Log which engine is in use: once, when the first reader or writer is made."""
    log = logging.getLogger("kgen.codec")
    if ENGINE == "native":
        log.info("the codec is the native one")
    elif os.environ.get("KGEN_CODEC") == "python":
        log.info("the codec runs in plain Python, as KGEN_CODEC asks")
    else:
        log.warning("the native codec was not compiled: running in plain Python, many times slower")


def _nodes(engine: EngineName | None, part: str) -> ModuleType:
    return importlib.import_module(
        f".native._{part}" if (engine or ENGINE) == "native" else f".python.{part}", __name__
    )


ENGINE: Final[EngineName] = _choose()
"""The engine in use."""
