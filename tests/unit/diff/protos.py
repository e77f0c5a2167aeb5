"""Protobuf files for tests: what protoc says of them, and messages of them by google.protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from kgen.protobuf.declared_files import DeclaredFiles
from kgen.protobuf.descriptor_walk import declared_files
from kgen.protobuf.proto_model import ProtoModel, proto_model
from kgen.protobuf.protoc import descriptor_set


def model(body: str, /, *, syntax: str = "proto3") -> ProtoModel:
    """The same as `declared`, with what becomes a class."""
    return proto_model(declared(body, syntax=syntax))


def declared(
    body: str, /, *, syntax: str = "proto3", imports: Mapping[str, str] | None = None
) -> DeclaredFiles:
    """What a file of the package `shop` declares. `imports` are texts by their names."""
    return declared_files(compiled(file_text(body, syntax, imports or {}), tuple((imports or {}).items())))


def file_text(body: str, syntax: str = "proto3", imports: Mapping[str, str] | None = None) -> str:
    """The file whole."""
    named = "".join(f'import "{name}";\n' for name in imports or {})
    package = "" if "package " in body else "package shop;\n"
    return f'syntax = "{syntax}";\n{package}{named}{body}'


@lru_cache(maxsize=1_000)
def compiled(text: str, references: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A serialized descriptor set."""
    return descriptor_set(text, dict(references))


def message_class(text: str, name: str) -> Any:
    """The class of google.protobuf."""
    return class_of(descriptor_pb2.FileDescriptorSet.FromString(compiled(text)), name)


def class_of(files: descriptor_pb2.FileDescriptorSet, name: str) -> Any:
    """The class of google.protobuf for a message of the files."""
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
