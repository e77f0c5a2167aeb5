"""The development registry over HTTP."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from kgen.dev import RegistryServer
from kgen_runtime.errors import ConfigError, RegistryError, UnknownSchema
from kgen_runtime.serde.registry.client import RegistryClient


def test_kgens_own_client_talks_to_it() -> None:
    with RegistryServer() as registry:
        client = RegistryClient(registry.url)
        assert client.post("/subjects/größe%2Fvalue/versions", {"schema": '"string"'})["id"] == 1
        assert client.get("/subjects") == ["größe/value"]
        with pytest.raises(UnknownSchema) as missing:
            client.get("/schemas/ids/9")
        assert missing.value.error_code == 40403
        client.close()


def test_many_clients_at_once_get_every_id_once() -> None:
    with RegistryServer() as registry, ThreadPoolExecutor(8) as pool:

        def register(number: int) -> int:
            body = {"schema": f'{{"type": "fixed", "name": "F", "size": {number % 20 + 1}}}'}
            url = f"{registry.url}/subjects/s{number}/versions"
            return requests.post(url, json=body, timeout=10).json()["id"]

        ids = list(pool.map(register, range(60)))
    assert sorted(set(ids)) == list(range(1, 21))
    assert ids[:20] == ids[20:40] == ids[40:]


def test_it_asks_for_a_password_where_it_is_asked_to() -> None:
    with RegistryServer(auth=("me", "secret")) as registry:
        assert requests.get(f"{registry.url}/subjects", timeout=10).status_code == 401
        assert requests.get(f"{registry.url}/subjects", auth=("me", "no"), timeout=10).status_code == 401
        assert requests.get(f"{registry.url}/subjects", auth=("me", "secret"), timeout=10).json() == []


def test_a_port_that_is_taken() -> None:
    with RegistryServer() as registry:
        port = int(registry.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"port {port}"):
            RegistryServer(port)


def test_a_stopped_registry_hangs_up_on_idle_clients() -> None:
    registry = RegistryServer().start()
    address = ("127.0.0.1", int(registry.url.rpartition(":")[2]))
    with socket.create_connection(address, timeout=10) as idle:
        idle.sendall(b"GET /subjects HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1 << 16).endswith(b"[]")
        registry.stop()
        assert idle.recv(1) == b""


def test_a_body_that_is_too_large_is_refused_unread() -> None:
    with (
        RegistryServer() as registry,
        socket.create_connection(("127.0.0.1", int(registry.url.rpartition(":")[2])), timeout=10) as client,
    ):
        client.sendall(b"POST /subjects/a/versions HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n")
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_a_html_page_is_not_what_it_answers() -> None:
    with RegistryServer() as registry:
        client = RegistryClient(registry.url + "/apis/ccompat/v7")
        with pytest.raises(RegistryError) as wrong:
            client.get("/subjects")
        assert wrong.value.status == 404
        client.close()


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS"])
def test_a_method_that_the_api_does_not_have_is_refused_in_its_format(method: str) -> None:
    with RegistryServer() as registry:
        answer = requests.request(method, f"{registry.url}/subjects", timeout=10)
    assert answer.status_code == 405
    assert answer.json()["error_code"] == 405
