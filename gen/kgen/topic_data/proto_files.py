"""Protobuf messages with the file that the registry has, where no generated code reads them: by protoc."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from kgen_runtime.codec import Reader, make_proto_reader, make_proto_writer
from kgen_runtime.codec.protobuf.proto_json import ProtoJson
from kgen_runtime.errors import EncodeError, FramingError, ResolutionError
from kgen_runtime.messages import Headers
from kgen_runtime.serde import Role
from kgen_runtime.serde.framing import split_message
from kgen_runtime.serde.message_indexes import written_indexes
from kgen_runtime.serde.message_order import message_order
from kgen_runtime.serde.message_scopes import MessageOrder
from kgen_runtime.serde.schemas import WriterSchema
from kgen_runtime.serde.writer_kinds import WriterKind

from ..compat.proto_types import topic_messages
from ..protobuf.proto_model import ProtoModel
from ..protobuf.proto_parser import parse_proto
from .typed_value import typed_value


@dataclass
class ProtoFile:
    """A file. Of one with several messages that may be a topic's, values are known by their type: an object
    with its one name.
    """

    model: ProtoModel
    order: MessageOrder
    _readers: dict[str, Reader] = field(default_factory=dict)

    @cached_property
    def roots(self) -> Sequence[str]:
        """The messages that may be a topic's."""
        return topic_messages(self.model.files)

    def read(self, payload: bytes, headers: Headers, role: Role) -> tuple[str, Any]:
        """The full name of a message and its value, with dicts for messages. Raises `FramingError`,
        `DecodeError`.
        """
        _, indexes, offset = split_message(payload, headers, role)
        names = self.order.names(indexes)
        if not names:
            shown = ", ".join(map(str, indexes))
            raise FramingError(f"the file of the schema has no message at [{shown}]")
        reader = self._readers.get(names[0])
        if reader is None:
            made = make_proto_reader(self.model.schema, names[0], out_of_range="raw")
            reader = self._readers.setdefault(names[0], made)
        return names[0], reader.decode(payload, offset)

    def json(self, name: str, value: Any) -> Any:
        """What was read, in Protobuf's JSON mapping."""
        made = ProtoJson(self.model.schema, name).of_value(value)
        return made if [name] == list(self.roots) else {name: made}

    def write(self, value: Any, prefix: bytes) -> bytes:
        """The message that `json` makes that of, after a schema's id. Raises `EncodeError`."""
        if not self.roots:
            raise EncodeError("the file of the schema has no message")
        name = self.roots[0]
        if len(self.roots) > 1:
            name, value = typed_value(value, set(self.order.written.values()), self.roots)
        indexes = self.order.indexes(name)
        assert indexes is not None  # both have the file's messages
        made = ProtoJson(self.model.schema, name).to_value(value)
        return make_proto_writer(self.model.schema, name).encode(made, prefix + written_indexes(indexes))


def _of_text(text: str, references: Mapping[str, str]) -> ProtoFile:
    return ProtoFile(parse_proto(text, references), message_order(text))


def _of_version(version: WriterSchema) -> ProtoFile:
    if version.type != "PROTOBUF":
        raise ResolutionError(f"version {version.version} is of type {version.type}, not Protobuf")
    return _of_text(version.text, dict(zip(version.names, version.references)))


PROTO_FILE: Final[WriterKind[ProtoFile]] = WriterKind(
    "PROTOBUF", "Protobuf", _of_version, lambda text, references: _of_text(text, dict(references()))
)
"""Raises `ConfigError` if protoc is not installed."""
