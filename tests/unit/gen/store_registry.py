"""The development registry behind a server that a test can have misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.scripted import Answer, Request, Server

from kgen.dev.registry_api import answer
from kgen.dev.registry_store import Store

Change = Callable[[Request, Answer], Answer]


class StoreRegistry:
    """`refuse` answers a method and the end of a path otherwise; `change` alters each answer."""

    def __init__(self) -> None:
        self.store = Store()
        self.change: Change = lambda request, found: found
        self._refusals: dict[tuple[str, str], list[Answer]] = {}
        self.server = Server(self._handle)
        self.url = self.server.url

    def add(self, subject: str, schema: Any, *references: tuple[str, str, int], kind: str = "AVRO") -> int:
        """Register directly; the version."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        listed = [dict(zip(("name", "subject", "version"), each)) for each in references]
        body = {"schema": text, "schemaType": kind, "references": listed}
        status, got = answer(self.store, "POST", f"/subjects/{subject}/versions", json.dumps(body).encode())
        assert status == 200, got
        return int(json.loads(got)["version"])

    def level(self, subject: str, level: str) -> None:
        body = json.dumps({"compatibility": level}).encode()
        assert answer(self.store, "PUT", f"/config/{subject}", body)[0] == 200

    def refuse(self, method: str, path: str, status: int, body: Any = None, times: int = 1000) -> None:
        self._refusals[method, path] = [
            Answer(status, body or {"error_code": status, "message": "no"})
        ] * times

    def forgive(self) -> None:
        self._refusals.clear()

    def writes(self) -> list[str]:
        """What was asked that changes a registry."""
        return [
            f"{it.method} {it.path}"
            for it in self.server.requests
            if it.method == "PUT"
            or (it.method == "POST" and it.path.endswith("/versions") and "compat" not in it.path)
        ]

    def versions(self, subject: str) -> list[dict[str, Any]]:
        found = json.loads(answer(self.store, "GET", f"/subjects/{subject}/versions")[1])
        numbers = found if isinstance(found, list) else []
        path = f"/subjects/{subject}/versions"
        return [json.loads(answer(self.store, "GET", f"{path}/{number}")[1]) for number in numbers]

    def _handle(self, request: Request) -> Answer:
        for (method, path), answers in self._refusals.items():
            if request.method == method and request.path.endswith(path) and answers:
                return answers.pop(0)
        target = request.path + (f"?{request.query}" if request.query else "")
        body = b"" if request.body is None else json.dumps(request.body).encode()
        status, text = answer(self.store, request.method, target, body)
        return self.change(request, Answer(status, json.loads(text) if text else b""))
