"""What the types of a .proto file do not say: a line of each kind for a file, when it arrives."""

from __future__ import annotations

from collections.abc import Iterator

from kgen_runtime.codec.protobuf.schema.proto_tree import MessageRef

from ..listing import listed
from ..model.library import ParsedVersion
from ..protobuf.proto_model import ProtoModel
from ..pycode import quote

_SHOWN = 8


def proto_notes(unit: ParsedVersion) -> Iterator[str]:
    """The lines of a version; none if it is not a .proto file.

    Which of its messages is the one that values are, if it declares several; which extensions have no
    attribute.
    """
    schema = unit.schema
    if not isinstance(schema, ProtoModel):
        return
    others = [name for name in schema.files.messages if MessageRef(name) != schema.root]
    if others and isinstance(schema.root, MessageRef):
        yield f"values are {schema.root.name}, its first message; it has {_some(others)} as well"
    extensions = [
        f"{it.name} = {it.number} of {it.message}"
        for it in schema.files.extensions
        if it.message in schema.names
    ]
    if extensions:
        yield f"extensions have no attributes: {_some(extensions)}"


def _some(names: list[str]) -> str:
    shown = [quote.comment(name) for name in names[:_SHOWN]]
    more = len(names) - _SHOWN
    return listed(shown) if more <= 0 else f"{', '.join(shown)} and {more} more"
