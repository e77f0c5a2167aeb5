"""What .proto files declare: the tree that the codec reads, and what that has not: docs, tags, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoSchema


@dataclass(frozen=True)
class ProtoExtension:
    """A field that a file adds to a message of another: kgen gives it no attribute."""

    message: str
    number: int
    name: str


@dataclass(frozen=True)
class DeclaredFiles:
    """A file and what it imports. `schema` has every message and enum of the file, then those that they
    refer to.

    `messages` are the file's own messages outside of others, in order: what message indexes count.
    `nested` are the parts of a full name behind the package (`shop.Order.Line` is `Order`, `Line`); `files`
    says which file declares a full name. Keys of `docs`, `tags` and `deprecated` are full names of messages,
    enums and oneofs (`shop.Order.payment`), and `shop.Order:id` for a field, `shop.Status:NEW` for a value.
    """

    file: str
    schema: ProtoSchema
    messages: tuple[str, ...] = ()
    nested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    docs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deprecated: frozenset[str] = frozenset()
    extensions: tuple[ProtoExtension, ...] = ()
