"""What becomes of a batch of payloads: values, and beside them the errors."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from ..errors import KgenError

NO_ERRORS: Final[Mapping[int, KgenError]] = MappingProxyType({})
"""If all payloads decode; shared, since most batches do."""


class Decoded(NamedTuple):
    """A value for each payload, in order, and the errors of those that do not decode, by index: there the
    value is None.
    """

    values: list[Any]
    errors: Mapping[int, KgenError] = NO_ERRORS
