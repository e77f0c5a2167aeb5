"""Sample payloads of JSON subjects, as producers of every known version would write them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any, Final
from unittest import SkipTest

from ..codec import Reader, ValueWriter, make_json_reader, make_json_writer
from ..codec.json.json_samples import sample_json
from ..codec.json.schema.json_tree import JsonSchema
from ..errors import ConfigError, DecodeError, EncodeError, KgenError, SchemaError, ValidationError
from .framing import id_prefix
from .json_serde import JsonSerde
from .json_validation import JsonValidator, json_validator, require_validation
from .pydantic_serde import PydanticSerde
from .sample_fitter import SampleFitter
from .schemas import WriterSchema

_TRIES: Final = 100  # samples of a version that today's cannot read, one after the other


class NoSamplesError(SchemaError, SkipTest):
    """None is found that is valid: a test that is to run on samples is skipped, not failed."""


def json_payloads(serde: JsonSerde[Any], rng: random.Random) -> Iterator[bytes]:
    """Payloads of the versions in turn, the same for the same `rng`.

    What the serde cannot read is left out. If it validates, or has a pydantic model, they are made valid as
    far as jsonschema-rs is installed and a way is found, and left out if not. Raises `SchemaError` if nothing
    of the latest version is left because it has no value, `NoSamplesError` if none is found that is valid.
    """
    reader = serde.make_reader()
    makers = {
        version: _PayloadMaker(version, serde, rng)
        for version in serde.schemas.versions
        if version.type == "JSON"
    }
    left = _TRIES
    for version in itertools.cycle(makers):
        prefix = b"" if serde.framing == "none" else id_prefix(version.id)
        try:
            payload = prefix + makers[version].payload()
            reader.decode(payload, len(prefix))
        except (SchemaError, EncodeError, DecodeError, ValidationError) as error:
            left -= version is serde.schemas.latest
            if not left:
                raise _no_samples(error, serde) from None
            continue
        left = _TRIES
        yield payload


def _no_samples(error: KgenError, serde: JsonSerde[Any]) -> SchemaError:
    what = f"no samples can be generated: {error.what}"
    is_pydantic = isinstance(serde, PydanticSerde)
    if not isinstance(error, ValidationError) and not (is_pydantic and isinstance(error, DecodeError)):
        return SchemaError(what, where=error.where)
    hint = "Samples are made of types, patterns, ranges and lengths: give messages of your own."
    if is_pydantic and not _can_validate():
        hint = "With pip install 'kgen-streams[json]' samples keep patterns, ranges and lengths."
    return NoSamplesError(what, where=error.where, hint=hint)


class _PayloadMaker:
    """Makes payloads of one version, without their frame."""

    def __init__(self, version: WriterSchema, serde: JsonSerde[Any], rng: random.Random) -> None:
        self._schema: JsonSchema = version.parse_json()
        self._rng = rng
        self._writer: ValueWriter = make_json_writer(self._schema)
        self._reader: Reader = make_json_reader(self._schema)
        self._validator = _validator(version, serde)

    def payload(self) -> bytes:
        """One that is valid if it has to be. Raises `SchemaError`, or one of the `SerdeError`s."""
        payload = self._writer.encode(sample_json(self._schema, self._rng))
        error = None if self._validator is None else self._validator.check(payload)
        if error is None or self._validator is None:
            return payload
        fitted = SampleFitter(self._validator, self._rng).fit(payload)
        if fitted is None:
            raise error
        written = self._writer.encode(self._reader.decode(fitted))
        error = self._validator.check(written)
        if error is not None:
            raise error
        return written


def _validator(version: WriterSchema, serde: JsonSerde[Any]) -> JsonValidator | None:
    """What samples are made valid by; None if they need not be, or cannot be. Raises `SchemaError`."""
    if not serde.validate and not (isinstance(serde, PydanticSerde) and _can_validate()):
        return None
    try:
        return json_validator(version, serde.schemas.subject)
    except SchemaError:
        if serde.validate:
            raise
        return None  # pydantic may do with it: with a draft 3, say


def _can_validate() -> bool:
    try:
        require_validation()
    except ConfigError:
        return False
    return True
