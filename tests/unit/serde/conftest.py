"""Servers that answer as scripted, and a small registry on top of one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from tests.scripted import Answer, Request, Server

from kgen_runtime.serde import RegistryClient

_OF_A_SCHEMA = ("schema", "schemaType", "references", "metadata", "ruleSet")


class Registry:
    """Just enough of a registry: ids, GUIDs, versions and look-ups. `down` makes it answer 503."""

    def __init__(self) -> None:
        self.ids: dict[int, dict[str, Any]] = {}
        self.guids: dict[str, dict[str, Any]] = {}
        self.subjects: dict[str, dict[int, dict[str, Any]]] = {}
        self.down = False
        self.server = Server(self.answer)

    def add(
        self, subject: str, version: int, id: int, schema: Any, guid: str | None = None, **more: Any
    ) -> None:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body = {"subject": subject, "version": version, "id": id, "schema": text, **more}
        self.subjects.setdefault(subject, {})[version] = body
        self.ids[id] = {name: body[name] for name in _OF_A_SCHEMA if name in body}
        if guid:
            self.guids[guid] = {**self.ids[id], "guid": guid}

    def answer(self, request: Request) -> Answer:
        if self.down:
            return Answer(503, {"error_code": 50301, "message": "down"})
        match [unquote(part) for part in request.path.strip("/").split("/")]:
            case ["schemas", "ids", id_]:
                return _found(self.ids.get(int(id_)), 40403)
            case ["schemas", "guids", guid]:
                return _found(self.guids.get(guid), 40403)
            case ["subjects", subject, "versions"]:
                versions = self.subjects.get(subject)
                return _found(versions and sorted(versions), 40401)
            case ["subjects", subject, "versions", version]:
                versions = self.subjects.get(subject, {})
                number = max(versions, default=0) if version == "latest" else int(version)
                return _found(versions.get(number), 40402)
            case ["subjects", subject] if request.method == "POST":
                wanted = json.loads(request.body["schema"])
                versions = self.subjects.get(subject, {}).values()  # type: ignore[assignment]
                return _found(next((v for v in versions if json.loads(v["schema"]) == wanted), None), 40403)  # type: ignore[index]
        return Answer(404, {"error_code": 404, "message": "HTTP 404 Not Found"})


def _found(body: Any, code: int) -> Answer:
    return Answer(body=body) if body else Answer(404, {"error_code": code, "message": "not found"})


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def other_server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.server.close()


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client() -> Iterator[Callable[..., RegistryClient]]:
    """Makes clients that do not sleep; the seconds they would have slept are in their `slept`."""
    made = []

    def make(url: str, **options: Any) -> RegistryClient:
        slept: list[float] = []
        made.append(RegistryClient(url, sleep=slept.append, jitter=lambda: 1.0, **options))
        made[-1].slept = slept  # type: ignore[attr-defined]
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "USER", "PASSWORD", "TOKEN", "CA", "CERT", "KEY"):
        monkeypatch.delenv(f"KGEN_REGISTRY_{name}", raising=False)
