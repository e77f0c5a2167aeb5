"""Whether a Kafka broker listens where no HTTP is answered: its port is easily taken for the registry's."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Final

from .proxies import proxy_of
from .tls_probe import parts
from .url import Url

_SECONDS: Final = 1.0
_CORRELATION: Final = 0x6B67656E
_API_VERSIONS: Final = struct.pack(">hhih", 18, 0, _CORRELATION, -1)
"""ApiVersions, version 0: the request that a broker answers to any client, before any log-in."""
_HUNG_UP: Final = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)


class KafkaThereError(Exception):
    """A request went to the port of a Kafka broker."""


def hung_up(error: BaseException) -> bool:
    """Whether the server ended the connection without an answer."""
    return any(isinstance(part, _HUNG_UP) for part in parts(error))


def refuse_kafka(url: Url, note: Callable[[socket.socket], None]) -> None:
    """Raises `KafkaThereError` if a broker listens there without TLS. Looks for a second per address at most.

    `note` gets the socket, so that it can be cut.
    """
    if not proxy_of(url) and _answers(url, note):
        raise KafkaThereError


def _answers(url: Url, note: Callable[[socket.socket], None]) -> bool:
    try:
        with socket.create_connection((url.host.strip("[]"), url.origin[2]), _SECONDS) as sock:
            note(sock)
            sock.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            with sock.makefile("rb") as answer:
                return answer.read(8)[4:] == struct.pack(">i", _CORRELATION)
    except OSError:
        return False
