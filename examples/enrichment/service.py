"""The service that the flow asks: slow, flaky, and for a region down until it is healed."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

SLOW = 0.01  # seconds for an answer
REGIONS = ("North", "East", "South", "West")


class DepotService:
    """On loopback for as long as the block lasts. Every third first question gets a 503."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()  # by postcode
        self.refused = 0
        self.down = "West"  # a region about which it cannot answer; empty once healed
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = service._answer(self.path.rpartition("/")[2])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> DepotService:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, postcode: str) -> tuple[int, bytes]:
        time.sleep(SLOW)
        self.asked[postcode] += 1
        region = region_of(postcode)
        if region is None:
            return 404, b""
        if region == self.down or (self.asked[postcode] == 1 and int(postcode) % 3 == 0):
            self.refused += 1
            return 503, b""
        return 200, json.dumps({"name": depot_of(postcode), "days": days_of(postcode)}).encode()


def region_of(postcode: str) -> str | None:
    """None: nobody lives there."""
    return REGIONS[int(postcode[0]) - 1] if postcode[0] in "1234" else None


def depot_of(postcode: str) -> str:
    """The depot of a postcode."""
    return f"{region_of(postcode)} {postcode[:2]}"


def days_of(postcode: str) -> int:
    """How long it takes to a postcode."""
    return 1 + int(postcode[-1]) % 3
