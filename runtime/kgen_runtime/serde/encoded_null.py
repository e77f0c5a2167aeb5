"""A payload whose value is null, which is not a tombstone: both are None in Python."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from ..codec.decoded import Decoded
from ..errors import ConfigError, DecodeError

Null: TypeAlias = Literal["refuse", "tombstone"]
"""What becomes of one: a `DecodeError`, or None, as Confluent's deserializers have it."""

_IS_NULL: Final = "an encoded null, which is not a tombstone: as None it would be written as one"


def check_null(null: str) -> None:
    """Raises `ConfigError` for what is not a `Null`."""
    if null not in get_args(Null):
        raise ConfigError(f"invalid null={null!r}", hint="Use 'refuse' or 'tombstone'.")


def without_null(decoded: Decoded, serde: str) -> Decoded:
    """Each None is an error, too; `serde` is the class that may be made to take it."""
    values, errors = decoded
    nulls = [i for i, value in enumerate(values) if value is None and i not in errors]
    if not nulls:
        return decoded
    return Decoded(values, {**errors, **{i: null_refused(serde) for i in nulls}})


def null_refused(serde: str) -> DecodeError:
    """The error of a payload whose value is null."""
    hint = f'{serde}(..., null="tombstone") in place of the serde of the topic takes it for one.'
    return DecodeError(_IS_NULL, hint=hint)
