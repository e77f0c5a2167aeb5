"""A registry to pull from, small, in memory, as ill-behaved as a test asks; and a command to pull with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from kgen.cli import app

Answer = tuple[int, Any]  # status, JSON value (or bytes, sent as HTML)


class FakeRegistry:
    """Subjects with versions; `override` answers a path instead of it, `requests` counts."""

    def __init__(self) -> None:
        self.subjects: dict[str, dict[int, dict[str, Any]]] = {}
        self.deleted: set[tuple[str, int]] = set()
        self.levels: dict[str, str] = {}
        self.level = "BACKWARD"
        self.overrides: dict[str, Callable[[], Answer] | Answer] = {}
        self.requests: list[str] = []
        self.auth: list[str | None] = []
        self.ids = 0
        self.url = ""

    def add(
        self, subject: str, schema: Any, *, references: Any = (), kind: str | None = None, **more: Any
    ) -> int:
        versions = self.subjects.setdefault(subject, {})
        number = max(versions, default=0) + 1
        self.ids += 1
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body = {"subject": subject, "version": number, "id": self.ids, "schema": text, **more}
        if references:
            body["references"] = [dict(zip(("name", "subject", "version"), r)) for r in references]
        if kind:
            body["schemaType"] = kind
        versions[number] = body
        return number

    def rename(self, subject: str, to: str) -> None:
        """What a registry has of a topic that was renamed: the same versions under another name."""
        self.subjects[to] = self.subjects.pop(subject)
        for body in self.subjects[to].values():
            body["subject"] = to

    def override(self, path: str, answer: Callable[[], Answer] | Answer) -> None:
        self.overrides[path] = answer

    def answer(self, raw: str) -> Answer:
        self.requests.append(raw)
        parts = urlsplit(raw)
        override = self.overrides.get(parts.path) or self.overrides.get("*")
        if override is not None:
            return override() if callable(override) else override
        return self._route([unquote(p) for p in parts.path.strip("/").split("/")], parse_qs(parts.query))

    def _route(self, path: list[str], query: dict[str, list[str]]) -> Answer:
        match path:
            case ["subjects"]:
                return 200, sorted(s for s in self.subjects if self._live(s))
            case ["subjects", subject, "versions"]:
                live = self._live(subject)
                return (200, live) if live else _missing(40401)
            case ["subjects", subject, "versions", version]:
                return self._version(subject, version, "deleted" in query)
            case ["config"]:
                return 200, {"compatibilityLevel": self.level}
            case ["config", subject]:
                level = self.levels.get(subject)
                return (200, {"compatibilityLevel": level}) if level else _missing(40408)
        return 404, "Not Found"

    def _live(self, subject: str) -> list[int]:
        return [n for n in self.subjects.get(subject, {}) if (subject, n) not in self.deleted]

    def _version(self, subject: str, version: str, deleted: bool) -> Answer:
        live = list(self.subjects.get(subject, {})) if deleted else self._live(subject)
        if not live:
            return _missing(40401)
        number = live[-1] if version == "latest" else int(version)
        return (200, self.subjects[subject][number]) if number in live else _missing(40402)


def _missing(code: int) -> Answer:
    return 404, {"error_code": code, "message": "not found"}


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            fake.auth.append(self.headers.get("Authorization"))
            status, value = fake.answer(self.path)
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(value, bytes) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Clients that were killed are part of the tests."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "USER", "PASSWORD", "TOKEN", "CA", "CERT", "KEY"):
        monkeypatch.delenv(f"KGEN_REGISTRY_{name}", raising=False)
    monkeypatch.delenv("KGEN_BROKERS", raising=False)
    monkeypatch.delenv("KGEN_DEBUG", raising=False)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root`, without what a run leaves for itself."""
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    return {p: c for p, c in files.items() if not p.startswith(".kgen/tmp/") and "__pycache__" not in p}


@pytest.fixture(name="tree")
def tree_fixture() -> Callable[[Path], dict[str, bytes]]:
    return tree


@pytest.fixture
def kgen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on the project in `p`: its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run([*arguments, "--out", str(tmp_path / "p")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
