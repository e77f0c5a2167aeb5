"""Credentials of a registry: the header that carries them, and texts of others without them."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote

from ...errors import ConfigError

if TYPE_CHECKING:
    import requests

Auth: TypeAlias = "tuple[str, str] | str | None"
"""User and password (basic), a token (bearer), or none."""

_WORD: Final = 4  # characters: a shorter secret is hidden as a word of its own alone


class AuthHeader:
    """Sets the Authorization header.

    Given for every request, also without credentials, so that requests looks into no .netrc.
    """

    def __init__(self, auth: Auth) -> None:
        self._value = None if auth is None else _authorization(auth)
        self._secrets = _secrets(auth, self._value)

    @property
    def given(self) -> bool:
        """Whether there are credentials. (As the truth value, requests would turn to .netrc.)"""
        return self._value is not None

    def hidden(self, text: str) -> str:
        """`text` without the password or token, in any spelling that a server may echo."""
        for secret in self._secrets:
            pattern = re.escape(secret)
            text = re.sub(pattern if len(secret) >= _WORD else rf"(?<!\w){pattern}(?!\w)", "***", text)
        return text

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """As requests asks it of any `auth`."""
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


def _authorization(auth: tuple[str, str] | str) -> str:
    if not isinstance(auth, str):
        return "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    # requests would put the whole header into its error.
    if not (auth.isascii() and auth.isprintable()):
        raise ConfigError("the registry's token holds characters that no HTTP header can carry")
    return f"Bearer {auth}"


def _secrets(auth: Auth, header: str | None) -> list[str]:
    """The longest first, for one may be a part of another."""
    secret = auth if isinstance(auth, str) else auth[1] if auth else ""
    encoded = (header or "").partition(" ")[2]
    return sorted({secret, quote(secret), quote(secret, safe=""), encoded} - {""}, key=len, reverse=True)
