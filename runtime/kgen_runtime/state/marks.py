"""Marks: which class of which schema wrote a value, in a few bytes.

`kgen:<module>:<full name>:<fingerprint>`: the module that had the class, its name in the schema, and eight
characters of the hash of the schema's text, normalised, with what it refers to.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import NamedTuple

from ..codec.avro.schema.parser import normalised

MARK = re.compile(rb"kgen:[^\x00-\x20:]+:[^\x00-\x20:]+:[A-Za-z0-9_-]{8}")


class Mark(NamedTuple):
    """A mark, taken apart."""

    module: str
    name: str
    fingerprint: str

    def __str__(self) -> str:
        return ":".join(("kgen", *self))

    @classmethod
    def parse(cls, text: str) -> Mark:
        """Raises ValueError where it is not a mark."""
        _, module, name, fingerprint = text.split(":")
        return cls(module, name, fingerprint)


def fingerprint(text: str, references: tuple[str, ...]) -> str:
    """Eight characters that stand for a schema. Raises `SchemaError` if it is not JSON."""
    parts = "\0".join(normalised(each) for each in (text, *references))
    return base64.urlsafe_b64encode(hashlib.sha256(parts.encode()).digest()[:6]).decode()
