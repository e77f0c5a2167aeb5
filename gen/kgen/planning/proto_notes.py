"""What the types of a .proto file do not say: a line of each kind for a file, when it arrives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from kgen_runtime.codec.protobuf.schema.proto_tree import WELL_KNOWN, MessageRef

from ..compat.proto_types import topic_messages
from ..listing import listed
from ..model.library import ParsedVersion
from ..protobuf.proto_model import ProtoModel
from ..pycode import quote

_SHOWN = 8


def proto_notes(unit: ParsedVersion, before: Iterable[str] = (), table: str | None = None) -> Iterator[str]:
    """The lines of a version; none if it is not a .proto file. `before`: the messages that an earlier version
    has, `table`: the topic of kgen.toml whose values are of the file's first message, if one's are.

    Which further messages could be values, and what to write for that; which extensions have no attribute.
    """
    schema = unit.schema
    if not isinstance(schema, ProtoModel):
        return
    others = _further(schema, set(before)) if table is not None else []
    if others and isinstance(schema.root, MessageRef):
        words = [schema.root.name, *others]
        shown = [*words[:_SHOWN], *(["…"] if len(words) > _SHOWN else [])]
        value = json.dumps([quote.comment(word) for word in shown], ensure_ascii=False)
        yield (
            f"values are {quote.comment(schema.root.name)}, its first message; to read {_some(others)} as "
            f"well, in kgen.toml, [topics.{json.dumps(table, ensure_ascii=False)}] value = {value}"
        )
    extensions = [
        f"{it.name} = {it.number} of {it.message}"
        for it in schema.files.extensions
        if it.message in schema.names
    ]
    if extensions:
        yield f"extensions have no attributes: {_some(extensions)}"


def _further(schema: ProtoModel, before: set[str]) -> list[str]:
    """The messages beside the first that may be a topic's; none if an earlier version had them all."""
    others = [
        it for it in topic_messages(schema.files) if MessageRef(it) != schema.root and it not in WELL_KNOWN
    ]
    return others if set(others) - before else []


def _some(names: list[str]) -> str:
    shown = [quote.comment(name) for name in names[:_SHOWN]]
    more = len(names) - _SHOWN
    return listed(shown) if more <= 0 else f"{', '.join(shown)} and {more} more"
