"""Why a request came to nothing: mistakes in the settings as what they are, the rest as worth another try.

No text of the HTTP client gets out of here: nobody has checked it for secrets.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from typing import Final

import requests
import urllib3.exceptions

from ...errors import RegistryError, RegistryUnavailable
from ...reporting.printable import printable
from .kafka_probe import KafkaThereError
from .proxies import proxy_of
from .tls_probe import PlainToTlsError, parts
from .transport import HttpCall
from .url import Url

_EXPIRED, _NOT_YET = 10, 9  # X509_V_ERR_* of OpenSSL
_OTHER_NAME: Final = (62, 64)  # host name, IP address
_NOT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "RECORD_LAYER_FAILURE",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
    }
)
_TUNNEL: Final = re.compile(r"Tunnel connection failed: (\d{3})")
_PLAIN: Final = re.compile(rb"HTTP request (was )?(sent )?to (an )?HTTPS", re.IGNORECASE)
"""What TLS servers (nginx, Go's) answer to a plain request."""


class RetryError(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, reason: str, after: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.after = after
        self.status = status


def why(call: HttpCall, url: Url, error: BaseException, timeout: float) -> Exception:
    """What to raise where sending `call` to `url` raised `error`."""
    found = list(parts(error))
    for part in found:
        if isinstance(part, urllib3.exceptions.ProxyError):
            return _of_proxy(call, url, found)
        if isinstance(part, ssl.SSLError):
            return _of_tls(call, url, part)
        if isinstance(part, PlainToTlsError):
            return plain_to_tls(call)
        if isinstance(part, KafkaThereError):
            return _kafka_there(call)
    reason, proxy = _of_network(found, timeout), proxy_of(url)
    if reason is None:
        return _unsendable(call, error, proxy)
    return RetryError(f"{reason}, through the proxy {proxy}" if proxy else reason)


def proxy_refuses(call: HttpCall, url: Url, status: str) -> RegistryError:
    """The error where the proxy does not let a request pass."""
    asks = status.startswith("407")
    return RegistryError(
        f"{call}: the proxy {proxy_of(url)} "
        + (f"asks for credentials ({status})" if asks else f"refuses to connect to {url.host} ({status})"),
        status=int(status[:3]),
        hint="Put user and password into the proxy's URL (HTTPS_PROXY, HTTP_PROXY)."
        if asks
        else "Name the host in NO_PROXY if it needs no proxy.",
    )


def plain_to_tls(call: HttpCall) -> RegistryError:
    """The error where an http URL leads to a port that speaks TLS."""
    return RegistryError(f"{call}: the registry expects TLS there", hint="Begin its URL with https://.")


def _kafka_there(call: HttpCall) -> RegistryError:
    return RegistryError(
        f"{call}: a Kafka broker answers there, not a schema registry",
        hint="Use the registry's own port, most often 8081; the broker's address goes into KGEN_BROKERS.",
    )


def says_that_it_speaks_tls(status: int, body: bytes) -> bool:
    """Whether an answer to a plain request says that the port is for TLS."""
    return status == 400 and _PLAIN.search(body[:2_000]) is not None


def _of_proxy(call: HttpCall, url: Url, found: list[BaseException]) -> Exception:
    for part in found:
        tunnel = _TUNNEL.search(str(part))
        if tunnel and tunnel[1].startswith("5"):
            return RetryError(f"the proxy {proxy_of(url)} answers {tunnel[1]}", status=int(tunnel[1]))
        if tunnel:
            return proxy_refuses(call, url, tunnel[1])
    reason = _of_network(found, 0)
    return RegistryUnavailable(
        f"{call}: the proxy {proxy_of(url)} cannot be reached" + (f": {reason}" if reason else ""),
        hint="It is set by HTTPS_PROXY, HTTP_PROXY or ALL_PROXY; NO_PROXY names hosts that need none.",
    )


def _of_tls(call: HttpCall, url: Url, error: ssl.SSLError) -> Exception:
    if isinstance(error, ssl.SSLCertVerificationError):
        what, hint = _of_certificate(url, error)
        return RegistryError(f"{call}: the registry's certificate {what}", hint=hint)
    reason = error.reason or ""
    if reason in _NOT_TLS:
        return RegistryError(
            f"{call}: the registry does not use TLS there", hint="Begin its URL with http://."
        )
    if "CERTIFICATE_REQUIRED" in reason or ("HANDSHAKE_FAILURE" in reason and "ALERT" in reason):
        return RegistryError(
            f"{call}: the registry asks for a client certificate, or for other TLS than this",
            hint="Set KGEN_REGISTRY_CERT and KGEN_REGISTRY_KEY.",
        )
    if "ALERT" in reason:
        return RegistryError(
            f"{call}: the registry refuses the client certificate ({_words(reason)})",
            hint="Is it of the right authority, and has it not expired? KGEN_REGISTRY_CERT names it.",
        )
    return RetryError(f"TLS failed ({_words(reason) or 'the connection ended'})")


def _of_certificate(url: Url, error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    if error.verify_code == _EXPIRED:
        return "has expired", "It has to be renewed there. Or is the clock of this machine wrong?"
    if error.verify_code == _NOT_YET:
        return "is not valid yet", "Is the clock of this machine wrong?"
    if error.verify_code in _OTHER_NAME:
        return f"is not for {url.host}", "Use a name that the certificate has."
    return (
        f"is not trusted ({printable(error.verify_message, 100)})",
        "Set KGEN_REGISTRY_CA, or SSL_CERT_FILE, to the CA's certificate.",
    )


def _words(reason: str) -> str:
    return re.sub(r"^(SSLV3|TLSV\d+)_ALERT_", "", reason).replace("_", " ").lower()


def _of_network(found: list[BaseException], timeout: float) -> str | None:
    """What the network did; None where it was not the network."""
    if any(isinstance(part, socket.gaierror) for part in found):
        return "the host name is unknown"
    if any(isinstance(part, ConnectionRefusedError) for part in found):
        return "connection refused"
    if any(isinstance(part, (requests.Timeout, TimeoutError)) for part in found):
        return f"no answer within {timeout:.3g} s" if timeout else "no answer"
    if any(_is_no_http(part) for part in found):
        return "the answer is not valid HTTP"
    if any(isinstance(part, _BROKEN) for part in found):
        return "connection failed"
    return None


def _is_no_http(error: BaseException) -> bool:
    """Something else than HTTP is spoken there, or HTTP that is broken."""
    cut_off = (http.client.RemoteDisconnected, http.client.IncompleteRead)
    broken = (http.client.HTTPException, requests.exceptions.InvalidHeader)  # the latter: of an answer
    return isinstance(error, broken) and not isinstance(error, cut_off)


def _unsendable(call: HttpCall, error: BaseException, proxy: str) -> RegistryError:
    kind = type(error).__name__
    if proxy:
        return RegistryError(
            f"{call} could not be sent through the proxy {proxy} ({kind})",
            hint="Check HTTPS_PROXY, HTTP_PROXY or ALL_PROXY. A SOCKS proxy needs `pip install PySocks`.",
        )
    return RegistryError(f"{call} could not be sent ({kind})", hint="Check the registry's URL.")


_BROKEN: Final = (
    requests.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    http.client.HTTPException,
    ConnectionError,
)
