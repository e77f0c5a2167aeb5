"""Every request has an end, and ends early where nobody wants it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.scripted import Answer, Server, Trickle

from kgen_runtime.errors import RegistryUnavailable
from kgen_runtime.serde import RegistryClient, Schemas, SchemaStore, WriterSchema
from kgen_runtime.stop import STOP

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# A TLS record of 16,000 bytes, whose end does not come.
HANDSHAKE = b"\x16\x03\x03\x3e\x80\x02\x00\x3e\x7c"
STAGES: dict[str, dict[str, Any]] = {
    "status line": {"begin": b"HTTP/1.1 200 "},
    "headers": {"begin": HEAD + b"X: "},
    "body": {"begin": HEAD + b"Content-Length: 1000000\r\n\r\n"},
    "endless body": {"begin": HEAD + b"\r\n"},
    "chunks": {"begin": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffff\r\n"},
    "body of an error": {"begin": HEAD.replace(b"200 OK", b"404 Not Found") + b"\r\n"},
}
SCHEMAS = Schemas("a-value", (WriterSchema(1, 1, '"string"'),))


@pytest.fixture
def trickle() -> Iterator[Callable[..., Trickle]]:
    made: list[Trickle] = []

    def make(**options: Any) -> Trickle:
        made.append(Trickle(**options))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(autouse=True)
def fresh_stop() -> Iterator[None]:
    STOP.reset()
    yield
    STOP.reset()


@pytest.mark.parametrize("stage", STAGES)
def test_a_byte_now_and_then_does_not_keep_a_request_alive(trickle, client, stage):
    server = trickle(**STAGES[stage])
    with pytest.raises(RegistryUnavailable, match=r"no complete answer within 0\.5 s \(tried once\)"):
        client(server.url, deadline=0.5).get("/subjects")
    assert server.hung_up.wait(20)  # the connection does not stay behind


def test_a_handshake_byte_by_byte_does_not_either(trickle, client):
    server = trickle(begin=HANDSHAKE, at_once=True, byte=b"\x00")
    url = server.url.replace("http:", "https:")
    with pytest.raises(RegistryUnavailable, match=r"within 0\.5 s"):
        client(url, deadline=0.5).get("/subjects")
    assert server.hung_up.wait(20)


def test_redirects_and_retries_share_the_deadline(server):
    """Each answer is quick; together they would take five tries of twenty seconds."""
    server.handler = lambda request: (
        Answer(302, headers={"Location": "/y"})
        if request.path == "/x"
        else Answer(503, headers={"Retry-After": "20"})
    )
    asked = RegistryClient(server.url, deadline=5)
    with pytest.raises(RegistryUnavailable, match=r"503 Service Unavailable; not answered within 5 s"):
        asked.get("/x")
    assert server.paths() == ["GET /x", "GET /y"]


def test_several_requests_may_share_one(trickle, server, client):
    slow = trickle(begin=HEAD)
    shared = client(slow.url).lasting(0.5)
    for _ in range(3):
        with pytest.raises(RegistryUnavailable, match=r"within 0\.5 s"):
            shared.get("/subjects")
    server.script(Answer(body=[]))
    assert client(server.url).lasting(60).get("/subjects") == []


def in_a_thread(call: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_closing_the_client_ends_what_is_under_way(trickle):
    server = trickle(begin=HEAD)
    client = RegistryClient(server.url)
    waiting = [in_a_thread(lambda: client.get("/subjects")) for _ in range(4)]
    assert server.asked.wait(20)
    client.close()
    for thread, (*results,) in waiting:
        thread.join(20)
        assert not thread.is_alive()
        assert not results or "the client was closed" in str(results[0])
    assert all("the client was closed" in str(results[0]) for _, results in waiting)


def test_a_stop_ends_a_request_under_way(trickle):
    server = trickle(begin=HEAD)
    thread, results = in_a_thread(lambda: RegistryClient(server.url).get("/subjects"))
    assert server.asked.wait(20)
    STOP.request()
    thread.join(20)
    assert "the flow is asked to stop" in str(results[0])


def test_a_stop_ends_a_pause_that_the_registry_asked_for(server):
    server.script(Answer(429, headers={"Retry-After": "40"}))
    said = threading.Event()
    client = RegistryClient(server.url, max_wait=40, say=lambda _: said.set())
    thread, results = in_a_thread(lambda: client.get("/subjects"))
    assert said.wait(20)
    STOP.request()
    thread.join(20)
    assert "429 Too Many Requests; the flow is asked to stop" in str(results[0])


def test_a_request_of_a_flow_that_stops_is_still_answered_where_that_is_quick(server, client):
    server.script(Answer(body=[1]))
    STOP.request()
    assert client(server.url).get("/subjects") == [1]


def test_a_long_wait_is_said_and_names_who_is_waited_for(trickle):
    server, said = trickle(begin=HEAD), []
    with pytest.raises(RegistryUnavailable):
        RegistryClient(server.url, deadline=2.5, say=said.append).get("/subjects")
    (line,) = said
    assert line.startswith("waiting for the schema registry (2 s): GET http://127.0.0.1:")


def test_a_pause_is_said_with_its_reason(server):
    said: list[str] = []
    asked = threading.Event()

    def say(line: str) -> None:
        said.append(line)
        asked.set()

    server.script(Answer(503, headers={"Retry-After": "15"}))
    client = RegistryClient(server.url, say=say)
    thread, _ = in_a_thread(lambda: client.get("/x"))
    assert asked.wait(20)
    client.close()
    thread.join(20)
    assert "GET " in said[0]
    assert "503 Service Unavailable, next try in 15 s" in said[0]


def test_threads_that_want_one_schema_share_the_question_and_its_failure(trickle):
    server = trickle(begin=HEAD)
    store = SchemaStore(RegistryClient(server.url, deadline=1, retries=0))
    waiting = [in_a_thread(lambda: store.get(SCHEMAS, 9)) for _ in range(8)]
    for thread, _ in waiting:
        thread.join(20)
    errors = [results[0] for _, results in waiting]
    assert all(isinstance(error, RegistryUnavailable) for error in errors)
    assert len(set(map(id, errors))) == len(errors)


def test_a_vendored_schema_is_used_though_the_registry_answers_byte_by_byte(trickle):
    server = trickle(begin=HEAD)
    store = SchemaStore(RegistryClient(server.url, deadline=0.5))
    assert store.get(SCHEMAS, 1) == SCHEMAS.latest.parse()
    assert store.id_to_write(SCHEMAS)[0] == 1


def test_the_client_answers_after_a_request_was_given_up(client):
    """Cut connections are not used again."""
    server = Server(lambda request: Answer(body=[request.path]))
    try:
        asked = client(server.url)
        for n in range(20):
            assert asked.get(f"/{n}") == [f"/{n}"]
            with pytest.raises(RegistryUnavailable):
                asked.lasting(0).get("/given-up")
    finally:
        server.close()
