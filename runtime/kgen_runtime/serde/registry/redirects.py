"""Redirects of a registry: which are followed, how many, and who gets the credentials on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...errors import RegistryError
from .transport import Answer, HttpCall
from .url import Url, shown

MAX_REDIRECTS: Final = 5


def gets_credentials(url: Url, home: Url) -> bool:
    """Whether password, token and client certificate go to `url`: to the registry's own origin alone."""
    return url.origin == home.origin


def follow(call: HttpCall, send: Callable[[Url], Answer]) -> Answer:
    """The answer at the end of the redirects; `send` asks one URL.

    By hand, not by the HTTP client, so that each URL is looked at before it is connected to. Raises
    `RegistryError` for a redirect that is not followed, and what `send` raises.
    """
    url = call.url
    for _ in range(MAX_REDIRECTS + 1):
        answer = send(url)
        if answer.location is None:
            return answer
        url = redirected(url, answer.location)
        if call.method != "GET" and answer.status not in (307, 308):  # the others make a GET of it
            raise RegistryError(
                f"{call} was redirected to {shown(str(url))} by {answer.status}", status=answer.status
            )
    raise RegistryError(f"{call} was redirected more than {MAX_REDIRECTS} times", status=answer.status)


def redirected(url: Url, location: str) -> Url:
    """Where the `Location` in an answer of `url` leads.

    Raises `RegistryError` if it is not the URL of a plain request, or leads from https to http.
    """
    try:
        found = url.joined(location)
    except ValueError:
        raise RegistryError(
            f"the registry redirects to what is not an http(s) URL: {shown(location)}",
            hint="Credentials and backslashes are refused in it too. Use the URL it should lead to.",
        ) from None
    if (url.scheme, found.scheme) == ("https", "http"):
        raise RegistryError(
            f"the registry redirects from https to {shown(location)}, which is not encrypted",
            hint="Use the https URL of the host that answers.",
        )
    return found
