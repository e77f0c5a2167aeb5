"""A small schema registry with Confluent's API, in memory, on loopback: for development and tests.

It keeps nothing when it stops, trusts everybody on this machine and has no cluster: never for production.
"""

from __future__ import annotations

import base64
import errno
import socket
import socketserver
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from kgen_runtime.errors import ConfigError

from .registry_api import answer
from .registry_store import Store

HOST = "127.0.0.1"
MAX_BODY = 16 << 20
CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class RegistryServer:
    """A registry that answers from `start()` to `stop()`; also a context manager.

    `port` 0 takes a free one; `auth` asks every client for this user and password (basic).
    """

    def __init__(
        self, port: int = 0, *, store: Store | None = None, auth: tuple[str, str] | None = None
    ) -> None:
        self.store = store or Store()
        self._server = _listen(port, self.store, auth)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def start(self) -> RegistryServer:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and close every connection."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()

    def __enter__(self) -> RegistryServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False  # so that server_close() waits for them
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, store: Store, auth: tuple[str, str] | None) -> None:
        super().__init__((HOST, port), _Handler)
        self.store = store
        self.lock = threading.Lock()  # one request at a time: the store has no locks of its own
        self.authorization = f"Basic {base64.b64encode(':'.join(auth).encode()).decode()}" if auth else None
        self._open: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def close_connections(self) -> None:
        """Hang up, so that no thread waits for the next request of an idle client."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            return self._send(413, '{"error_code":413,"message":"The body is too large"}')
        body = self.rfile.read(int(length))
        if self.server.authorization not in (None, self.headers.get("Authorization")):
            return self._send(401, '{"error_code":401,"message":"Unauthorized"}')
        with self.server.lock:
            status, text = answer(self.server.store, self.command, self.path, body)
        return self._send(status, text)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815 - http.server's names

    def _send(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the registry is a part of somebody else's program."""


def _listen(port: int, store: Store, auth: tuple[str, str] | None) -> _Server:
    try:
        return _Server(port, store, auth)
    except OSError as e:
        if e.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ConfigError(
            f"the registry cannot listen on port {port}: {(e.strerror or str(e)).lower()}",
            hint="Choose another with --registry-port, or leave it out for a free one.",
        ) from None
