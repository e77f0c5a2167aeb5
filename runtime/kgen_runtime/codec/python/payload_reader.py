"""What the readers in plain Python share: payloads in, values and errors out."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ...errors import DecodeError, KgenError
from .. import reasons
from ..decoded import NO_ERRORS, Decoded


class PayloadReader(ABC):
    """Its methods are those of `codec.Reader`."""

    @abstractmethod
    def read(self, payload: bytes, offset: int) -> tuple[Any, DecodeError | None]:
        """The value of `payload[offset:]`, or None and why it does not decode."""

    def decode(self, data: bytes, offset: int = 0) -> Any:
        """One value from `data[offset:]`. Raises `DecodeError`."""
        value, error = self._attempt(data, offset)
        if error is not None:
            raise error
        return value

    def decode_many(self, batch: Sequence[bytes], offset: int = 0) -> Decoded:
        """See `codec.Reader.decode_many`."""
        values: list[Any] = []
        errors: dict[int, KgenError] = {}
        for index, data in enumerate(batch):
            value, error = self._attempt(data, offset)
            values.append(value)
            if error is not None:
                errors[index] = error
        return Decoded(values, errors or NO_ERRORS)

    def _attempt(self, data: bytes, offset: int) -> tuple[Any, DecodeError | None]:
        if not isinstance(data, bytes):
            raise TypeError(f"a payload must be bytes, not {type(data).__name__}")
        payload = data if type(data) is bytes else memoryview(data).tobytes()
        if not 0 <= operator.index(offset) <= len(payload):
            return None, DecodeError(reasons.ENDS, position=len(payload))
        return self.read(payload, offset)
