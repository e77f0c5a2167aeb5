"""URLs of registries in one parsed form: what is decided by is what is connected to.

Parsers of URLs differ: `http://a:1\\@b:2/` is at `b` for one of the standard library and at `a` for the HTTP
client. So text is taken here once, strictly, and the URL that is sent to is built of the parts.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import quote, unquote, urljoin

from ...errors import ConfigError
from ...reporting.printable import printable
from .credentials import Auth

Origin: TypeAlias = "tuple[str, str, int]"

_URL: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?")
_PATH: Final = "/%:@!$&'()*+,;=~"  # what may stand in a path as it is, beside letters and digits
_PORTS: Final = {"http": 80, "https": 443}
_HINT: Final = "It looks like http://localhost:8081 or https://registry.example.com/path."


@dataclass(frozen=True)
class Url:
    """An http or https URL, without userinfo and fragment; every part is ASCII.

    `host` is a name or an address in lower case, IPv6 in brackets. `path` is quoted; empty, or it begins with
    a slash. `query` is empty, or begins with a question mark.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""

    @property
    def origin(self) -> Origin:
        """Scheme, host and port: to whom credentials belong."""
        return self.scheme, self.host, self.port or _PORTS[self.scheme]

    def __truediv__(self, path: str) -> Url:
        """What lies below; `path` is quoted and begins with a slash."""
        return replace(self, path=self.path + path)

    def joined(self, reference: str) -> Url:
        """What an absolute or relative reference in an answer of this URL stands for.

        Raises `ValueError` if that is not an http(s) URL, or has userinfo or characters that parsers disagree
        on.
        """
        if not all("!" <= c <= "~" for c in reference):
            raise ValueError("characters that do not stand in a URL")
        url, userinfo = _parsed(urljoin(str(self), _plain(reference)))
        if userinfo is not None:
            raise ValueError("credentials")
        return url

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}{self.path}{self.query}"


def registry_url(text: str) -> tuple[Url, Auth]:
    """The URL of a registry as users write it, and the credentials it holds.

    Without query and trailing slash: what may be stored and shown. Raises `ConfigError`.
    """
    if re.search("[/?#].*@", text.partition("://")[2], re.DOTALL):
        raise ConfigError(
            f"not a registry URL, as it has an '@' behind its host: {shown(text)}",
            hint="A '/', '?' or '#' in a user or password is written %2F, %3F or %23.",
        )
    try:
        url, userinfo = _parsed(_plain(text.strip()))
    except ValueError:
        raise ConfigError(f"not a registry URL: {shown(text)}", hint=_HINT) from None
    user, _, password = (userinfo or "").partition(":")
    auth = (unquote(user), unquote(password)) if userinfo else None
    return replace(url, path=url.path.rstrip("/"), query=""), auth


def shown(url: str) -> str:
    """A URL as it may be shown: all that stands before an @ or after a ? may be secret, also where it does
    not parse.
    """
    scheme, separator, rest = url.partition("://")
    if not _SCHEME.fullmatch(scheme):  # of a password, perhaps
        scheme, separator, rest = "", "", url
    return printable(scheme + separator + rest.rpartition("@")[2].partition("?")[0].partition("#")[0])


def _plain(text: str) -> str:
    if "\\" in text or any(c.isspace() or not c.isprintable() for c in text):
        raise ValueError("parsers disagree on these")
    return text


def _parsed(text: str) -> tuple[Url, str | None]:
    """The URL and its userinfo, None where there is none. Raises `ValueError`."""
    match = _URL.fullmatch(text)
    if match is None:
        raise ValueError("not an http(s) URL")
    scheme, authority, path, query = match.groups("")
    userinfo, at, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    query = quote(query, safe=_PATH + "?")
    return Url(scheme.lower(), host, port, quote(path, safe=_PATH), query), userinfo if at else None


def _host_and_port(place: str) -> tuple[str, int | None]:
    host, port = place, ""
    if ":" in place and not place.endswith("]"):
        host, _, port = place.rpartition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError("not a port")
    return _host(host), int(port) if port else None


def _host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    name = host.encode("idna").decode().lower()
    if not _NAME.fullmatch(name):
        raise ValueError("not a host")
    return name
