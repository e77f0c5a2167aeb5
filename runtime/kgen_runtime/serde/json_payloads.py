"""Sample payloads of JSON subjects, as producers of every known version would write them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any, Final

from ..codec import make_json_writer
from ..codec.json.json_samples import sample_json
from ..errors import DecodeError, SchemaError
from .framing import id_prefix
from .json_serde import JsonSerde

_TRIES: Final = 100  # samples of a version that today's cannot read, one after the other


def json_payloads(serde: JsonSerde[Any], rng: random.Random) -> Iterator[bytes]:
    """Payloads of the versions in turn, the same for the same `rng`.

    What the serde cannot read is left out. Raises `SchemaError` if nothing of the latest version is left:
    it has no value, or none is found that keeps what a pydantic model enforces.
    """
    reader = serde.make_reader()
    known = [version for version in serde.schemas.versions if version.type == "JSON"]
    writers = {each: (each.parse_json(), make_json_writer(each.parse_json())) for each in known}
    left = _TRIES
    for version in itertools.cycle(known):
        schema, writer = writers[version]
        prefix = b"" if serde.framing == "none" else id_prefix(version.id)
        try:
            payload = writer.encode(sample_json(schema, rng), prefix)
            reader.decode(payload, len(prefix))
        except (SchemaError, DecodeError) as error:
            left -= version is serde.schemas.latest
            if not left:
                raise SchemaError(f"no samples can be generated: {error.what}", where=error.where) from None
            continue
        left = _TRIES
        yield payload
