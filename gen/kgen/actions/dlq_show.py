"""`kgen dlq show`: dead letters whole, decoded as far as their bytes allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from kgen_runtime.codec.avro.schema.tree import Schema
from kgen_runtime.codec.protobuf.schema.proto_tree import ProtoSchema
from kgen_runtime.errors import KgenError
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import RawMessage
from kgen_runtime.reporting.printable import bounded
from kgen_runtime.routing.letter_headers import Letter

from ..dlq.letter_filter import LetterFilter
from ..dlq.letter_schemas import LetterSchemas
from ..dlq.letters import read_letters
from ..dlq.partial_decode import PartialDecode, decode_avro, decode_json
from ..dlq.partial_proto import decode_proto
from ..progress_callback import ProgressCallback, silent
from ..project import lockfile

MOST_BYTES: Final = 65_536
"""Of a key, a value or a header in the answer."""
_TEXT: Final = 4_000


@dataclass(frozen=True)
class ShownLetter:
    """A letter as it stands on the broker, what its headers say, and the part that failed (the value, if that
    is not known) as far as it can be decoded: `schema` is what it was read with, `why` why it was not.
    """

    raw: RawMessage
    letter: Letter
    part: Literal["key", "value"]
    schema: str = ""
    decoded: PartialDecode | None = None
    why: str = ""


def shown(
    kafka: Kafka,
    topic: str,
    wanted: LetterFilter,
    root: Path,
    at: tuple[int, int] | None = None,
    limit: int = 1,
    progress: ProgressCallback = silent,
) -> Iterator[ShownLetter]:
    """The first letters that fit, `limit` at most; or the one `at` a partition and offset. Raises
    `SourceError`, and `LockError` for a damaged project.
    """
    schemas = schemas_in_force(kafka, root)
    for raw, letter in read_letters(kafka, topic, wanted, limit, progress, at):
        if at is not None and (raw.partition, raw.offset) != at:
            return
        yield shown_letter(raw, letter, schemas)


def schemas_in_force(kafka: Kafka, root: Path) -> LetterSchemas:
    """Those of the project's kgen.lock and of the registry behind `kafka`. Raises `LockError`."""
    locked = lockfile.load(root)
    return LetterSchemas(None if locked is None else locked.snapshot, kafka.store.registry)


def shown_letter(raw: RawMessage, letter: Letter, schemas: LetterSchemas) -> ShownLetter:
    """A letter, decoded as far as its bytes allow. Raises nothing."""
    part: Literal["key", "value"] = "key" if letter.part == "key" else "value"
    payload = raw.key if part == "key" else raw.value
    if payload is None:
        return ShownLetter(raw, letter, part, why=f"the {part} is null")
    try:
        found = schemas.find(payload, raw.headers, part, letter.topic)
    except KgenError as error:
        if payload[:1] in (b"{", b"["):
            return ShownLetter(raw, letter, part, "none: JSON text", decode_json(payload, 0))
        return ShownLetter(raw, letter, part, why=error.what + (f"; {error.hint}" if error.hint else ""))
    if isinstance(found.schema, Schema):
        decoded = decode_avro(found.schema, payload, found.begins)
    elif isinstance(found.schema, ProtoSchema):
        decoded = decode_proto(found.schema, found.message, payload, found.begins)
    else:
        decoded = decode_json(payload, found.begins)
    return ShownLetter(raw, letter, part, found.name, decoded)


def letter_json(shown: ShownLetter) -> dict[str, Any]:
    """A letter as `kgen dlq show --json` prints it; long bytes and texts are cut."""
    raw, decoded = shown.raw, shown.decoded
    return {
        "partition": raw.partition,
        "offset": raw.offset,
        "timestamp": raw.timestamp,
        "key": bytes_json(raw.key),
        "value": bytes_json(raw.value),
        "headers": [
            {"name": bounded(_text(name), _TEXT), "value": bytes_json(value)} for name, value in raw.headers
        ],
        "letter": {
            name: bounded(_text(value), _TEXT) if isinstance(value, str) else value
            for name, value in asdict(shown.letter).items()
        },
        "part": shown.part,
        "schema": shown.schema or None,
        "decoded": None
        if decoded is None
        else {
            "fields": [
                {"path": each.path, "text": each.text, "begin": each.begin, "end": each.end}
                for each in decoded.fields
            ],
            "more": decoded.more,
            "error": {"what": decoded.what, "path": decoded.path, "position": decoded.position}
            if decoded.what
            else None,
        },
        "not_decoded": shown.why or None,
    }


def bytes_json(data: bytes | None) -> dict[str, Any] | None:
    """Bytes: how many, the first of them in hexadecimal, and as text where they are UTF-8."""
    if data is None:
        return None
    some = data[:MOST_BYTES]
    try:
        text: str | None = some.decode()
    except UnicodeDecodeError:
        text = None
    return {"size": len(data), "hex": some.hex(), "text": text}


def _text(text: str) -> str:
    """Without lone surrogates."""
    return text.encode(errors="backslashreplace").decode()
