"""UUIDs from their text."""

from __future__ import annotations

import re
from uuid import UUID

# RFC 4122's form, alone, as a URN or in braces; or the digits alone. `UUID` itself takes signs, spaces,
# underscores and the digits of other scripts, so that damaged text would become another UUID.
_FORM = re.compile(
    rb"(?:urn:uuid:|(\{))?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?(1)\})|[0-9a-f]{32}",
    re.IGNORECASE,
)


def uuid_of_text(text: bytes) -> UUID:
    """The UUID that stands in this ASCII text. Raises ValueError where none does."""
    if not _FORM.fullmatch(text):
        raise ValueError("not a UUID")
    return UUID(text.decode("ascii"))
