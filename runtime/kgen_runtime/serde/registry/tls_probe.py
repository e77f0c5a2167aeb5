"""A second look at a server that hung up without saying why: what TLS has to say of it.

A server that speaks TLS may hang up on a plain request; one that wants another client certificate says so in
an alert, which is lost where the request was already on its way.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import requests
from requests.exceptions import ProxyError

from ...errors import causes
from .certificates import Certificate, verifying
from .proxies import proxy_of
from .url import Url

_SECONDS: Final = 2.0
_NESTED: Final = 4


class PlainToTlsError(Exception):
    """A plain request went to a port that speaks TLS."""


def parts(error: BaseException, depth: int = _NESTED) -> Iterator[BaseException]:
    """An error and all in it: the HTTP client's carry the cause as one of their arguments."""
    for cause in causes(error):
        yield cause
        for part in cause.args if depth else ():
            if isinstance(part, BaseException):
                yield from parts(part, depth - 1)


def look_again(
    url: Url,
    error: requests.ConnectionError,
    verify: bool | str,
    cert: Certificate,
    note: Callable[[socket.socket], None],
) -> None:
    """Raises `PlainToTlsError`, or the `ssl.SSLError` of an alert, if that is why `error` came.

    `verify` and `cert` are those of the request: who is not trusted is not shown the certificate here either.
    `note` gets the socket, so that it can be cut.
    """
    found = list(parts(error))
    if isinstance(error, requests.Timeout) or any(isinstance(part, ConnectionRefusedError) for part in found):
        return
    if isinstance(error, ProxyError) or any(_says_why(part) for part in found) or proxy_of(url):
        return
    failure = _handshake(url, _context(url, verify, cert), note)
    if url.scheme == "https" and failure is not None and _is_alert(failure):
        raise failure
    if url.scheme == "http" and (failure is None or _is_alert(failure)):
        raise PlainToTlsError


def _says_why(error: BaseException) -> bool:
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
    return isinstance(error, ssl.SSLError) and not isinstance(error, ended)


def _is_alert(error: OSError) -> bool:
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


def _context(url: Url, verify: bool | str, cert: Certificate) -> ssl.SSLContext:
    if url.scheme == "https" and cert is not None:
        return verifying(verify, cert)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _handshake(url: Url, context: ssl.SSLContext, note: Callable[[socket.socket], None]) -> OSError | None:
    """Why it failed, or None. Nothing is sent or believed after it."""
    host = url.host.strip("[]")
    try:
        with socket.create_connection((host, url.origin[2]), _SECONDS) as sock:
            note(sock)
            with context.wrap_socket(sock, server_hostname=host) as tls:
                return _alert(tls) if url.scheme == "https" else None
    except OSError as error:
        return error


def _alert(tls: ssl.SSLSocket) -> OSError | None:
    """One that TLS 1.3 has after the client's part of the handshake; a server that is content is silent."""
    try:
        tls.recv(1)
    except TimeoutError:
        return None
    except OSError as error:
        return error if _is_alert(error) else None
    return None
