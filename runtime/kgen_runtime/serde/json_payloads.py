"""Sample payloads of JSON subjects, as producers of every known version would write them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any, Final

from ..codec import make_json_writer
from ..codec.json.json_samples import sample_json
from ..errors import DecodeError, EncodeError, SchemaError, ValidationError
from .framing import id_prefix
from .json_serde import JsonSerde
from .json_validation import JsonValidator, json_validator

_TRIES: Final = 100  # samples of a version that today's cannot read, one after the other


def json_payloads(serde: JsonSerde[Any], rng: random.Random) -> Iterator[bytes]:
    """Payloads of the versions in turn, the same for the same `rng`.

    What the serde cannot read is left out, and what is not valid if it validates. Raises `SchemaError` if
    nothing of the latest version is left: it has no value, or none is found that is valid, or that keeps what
    a pydantic model enforces.
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
            if serde.validate:
                _check(json_validator(version, serde.schemas.subject), payload, len(prefix))
        except (SchemaError, EncodeError, DecodeError, ValidationError) as error:
            left -= version is serde.schemas.latest
            if not left:
                what = f"no samples can be generated: {error.what}"
                hint = "Samples know types, not patterns or ranges: give messages of your own."
                is_invalid = isinstance(error, ValidationError)
                raise SchemaError(what, where=error.where, hint=hint if is_invalid else None) from None
            continue
        left = _TRIES
        yield payload


def _check(validator: JsonValidator, payload: bytes, offset: int) -> None:
    error = validator.check(payload, offset)
    if error is not None:
        raise error
