"""What syntax and editions say of presence, enums and encodings, for each place in a file."""

from __future__ import annotations

from typing import Final, TypeAlias

from google.protobuf import descriptor_pb2 as pb

Options: TypeAlias = "pb.FileOptions | pb.MessageOptions | pb.FieldOptions | pb.OneofOptions | pb.EnumOptions"

_SET: Final = pb.FeatureSet
_2023: Final = pb.FeatureSet(
    field_presence=_SET.EXPLICIT,
    enum_type=_SET.OPEN,
    repeated_field_encoding=_SET.PACKED,
    utf8_validation=_SET.VERIFY,
    message_encoding=_SET.LENGTH_PREFIXED,
)
_PROTO3: Final = pb.FeatureSet(
    field_presence=_SET.IMPLICIT,
    enum_type=_SET.OPEN,
    repeated_field_encoding=_SET.PACKED,
    utf8_validation=_SET.VERIFY,
    message_encoding=_SET.LENGTH_PREFIXED,
)
_PROTO2: Final = pb.FeatureSet(
    field_presence=_SET.EXPLICIT,
    enum_type=_SET.CLOSED,
    repeated_field_encoding=_SET.EXPANDED,
    utf8_validation=_SET.NONE,
    message_encoding=_SET.LENGTH_PREFIXED,
)
_BY_SYNTAX: Final = {"editions": _2023, "proto3": _PROTO3, "proto2": _PROTO2, "": _PROTO2}


def of_file(file: pb.FileDescriptorProto) -> pb.FeatureSet:
    """What holds in a file where nothing inside says otherwise."""
    return inside(_BY_SYNTAX[file.syntax], file.options)


def inside(outer: pb.FeatureSet, options: Options) -> pb.FeatureSet:
    """What holds where these options are, inside of what has the features `outer`."""
    if not options.HasField("features"):
        return outer
    found = pb.FeatureSet()
    found.CopyFrom(outer)
    found.MergeFrom(options.features)
    return found
