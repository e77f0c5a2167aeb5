"""`/healthz` and `/readyz` over HTTP, for Kubernetes, Docker and load balancers.

    GET /healthz    200 while the process is alive, 503 when a step hangs
    GET /readyz     200 while it reads, 503 before, while it waits for something, and once it is asked to stop

Both answer with the same JSON object. Nothing of a message, a setting or a secret is in it.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from ..errors import ConfigError
from .health import Health, RunHealth

_MOST_CLIENTS: Final = 8
_DEADLINE: Final = 5.0
"""Seconds in which a client has to say something."""
_PATHS: Final = {"/healthz": "alive", "/readyz": "ready"}


@contextmanager
def served(health: RunHealth, address: str) -> Iterator[None]:
    """While entered, `health` can be asked for at `address`, which is HOST:PORT, in threads of its own.

    Raises `ConfigError` if nothing can listen there.
    """
    host, _, port = address.rpartition(":")
    try:
        server = _HealthServer(host.strip("[]"), int(port), health)
    except OSError as error:
        raise ConfigError(
            f"the health endpoint cannot listen on {address}: {error.strerror or error}",
            where="--health (KGEN_HEALTH)",
            hint="Is the port taken, perhaps by another run? Choose another one, or leave it out.",
        ) from error
    threading.Thread(target=server.serve_forever, name="kgen-health", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _HealthServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 16

    def __init__(self, host: str, port: int, health: RunHealth) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.health = health
        self._served: dict[Any, None] = {}
        self._lock = threading.Lock()
        super().__init__((host, port), _Probe)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread. For want of room the oldest client is cut off: a probe takes milliseconds, and those
        that say nothing may not keep it out.
        """
        with self._lock:
            if len(self._served) >= _MOST_CLIENTS:
                oldest = next(iter(self._served))
                del self._served[oldest]
                _cut_off(oldest)
            self._served[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """It has its answer."""
        with self._lock:
            self._served.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's concern."""


def _cut_off(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has just ended


class _Probe(BaseHTTPRequestHandler):
    server: _HealthServer
    server_version = "kgen"
    sys_version = ""
    timeout = _DEADLINE

    def do_GET(self) -> None:
        """The state, or what there is to ask for."""
        path = self.path.partition("?")[0]
        if path not in _PATHS:
            self._answer(404, {"paths": list(_PATHS)})
            return
        health: Health = self.server.health.now()
        self._answer(200 if getattr(health, _PATHS[path]) else 503, health.as_json())

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Probes come every few seconds: not in the log."""
