"""An HTTP server that answers as a test scripts it, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/vnd.schemaregistry.v1+json"

    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any
    certificate: Any = None
    """What the client showed of itself, where the server asks for that."""


class Server:
    """Answers by `handler(request)`; what it was asked stands in `requests`. With `tls`, at an https URL."""

    def __init__(
        self, handler: Callable[[Request], Answer] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.handler = handler or (lambda request: Answer(404, {"error_code": 404, "message": "HTTP 404"}))
        self._http = _Http(("127.0.0.1", 0), self._class())
        if tls is not None:
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.port = self._http.server_port
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"

    def script(self, *answers: Answer) -> None:
        """Answer with these in turn, the last one for ever."""
        rest = list(answers)
        self.handler = lambda request: rest.pop(0) if len(rest) > 1 else rest[0]

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.requests]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _class(server: Server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def serve(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(
                    *(self.command, url.path, url.query, dict(self.headers)),
                    json.loads(body) if body else None,
                    getattr(self.connection, "getpeercert", lambda: None)(),
                )
                server.requests.append(request)
                answer = server.handler(request)
                payload = answer.payload()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(payload)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_DELETE = serve

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


class Trickle:
    """Begins every answer and never ends it: byte after byte, for as long as the client listens.

    `asked` is set at the first request, `hung_up` when a client has gone. With `at_once` it does not wait for
    a request, as the end of a TLS handshake would not come.
    """

    def __init__(self, begin: bytes, *, at_once: bool = False, byte: bytes = b" ") -> None:
        self.asked, self.hung_up = threading.Event(), threading.Event()
        self._begin, self._at_once, self._byte = begin, at_once, byte
        self._closed = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            if not self._at_once:
                connection.recv(65_536)
            self.asked.set()
            try:
                connection.sendall(self._begin)
                while not self._closed.wait(0.02):
                    connection.sendall(self._byte)
            except OSError:
                self.hung_up.set()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: Any) -> None:
        """Clients that hang up are part of the tests."""
