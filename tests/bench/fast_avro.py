"""fastavro as its users call it: what the benches hold the codec against, and make their messages with."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro


def fast_encoder(schema: Any) -> Callable[[Any], bytes]:
    """From dicts; without framing."""
    parsed, write = fastavro.parse_schema(schema), fastavro.schemaless_writer

    def encode(value: Any) -> bytes:
        out = io.BytesIO()
        write(out, parsed, value)
        return out.getvalue()

    return encode


def fast_decoder(schema: Any, later: Any = None) -> Callable[[bytes], Any]:
    """To dicts, of the later schema if there is one."""
    parsed, read = fastavro.parse_schema(schema), fastavro.schemaless_reader
    reader = None if later is None else fastavro.parse_schema(later)
    return lambda data: read(io.BytesIO(data), parsed, reader)
