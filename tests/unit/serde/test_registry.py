"""The HTTP client against a real server: every kind of answer, credentials, retries, redirects."""

from __future__ import annotations

import base64
import socket
import threading
from email.utils import formatdate

import pytest

from kgen_runtime.errors import ConfigError, RegistryError, RegistryUnavailable, UnknownSchema
from kgen_runtime.serde import RegistryClient


def test_json_and_the_headers_it_asks_with(server, answer, client):
    server.script(answer(body=["a"]))
    assert client(server.url + "/").get("/subjects", {"subjectPrefix": "a b"}) == ["a"]
    (request,) = server.requests
    assert request.headers["Accept"] == "application/vnd.schemaregistry.v1+json, application/json"
    assert (request.path, request.query) == ("/subjects", "subjectPrefix=a+b")
    assert "Authorization" not in request.headers


def test_post_sends_json(server, answer, client):
    server.script(answer(body={"id": 3}))
    assert client(server.url).post("/subjects/s", {"schema": '"string"'}) == {"id": 3}
    assert server.requests[0].body == {"schema": '"string"'}
    assert server.requests[0].headers["Content-Type"] == "application/vnd.schemaregistry.v1+json"


def test_a_path_in_the_url_is_kept(server, answer, client):
    server.script(answer(body=[]))
    client(server.url + "/apis/ccompat/v7/").get("/subjects")
    assert server.paths() == ["GET /apis/ccompat/v7/subjects"]


@pytest.mark.parametrize("code", [40401, 40402, 40403])
def test_what_the_registry_does_not_know(server, answer, client, code):
    server.script(answer(404, {"error_code": code, "message": "Subject 'x' not found."}))
    with pytest.raises(UnknownSchema, match=r"404 Not Found: Subject 'x' not found") as caught:
        client(server.url).get("/subjects/x/versions")
    assert (caught.value.status, caught.value.error_code) == (404, code)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}, r"answered 404 Not Found\n"),
        (404, "Not Found", "404 Not Found"),
        (404, {"error_code": 40408, "message": "no config"}, "no config"),
        (409, {"error_code": 409, "message": "incompatible"}, "409 Conflict: incompatible"),
        (422, {"error_code": 42201, "message": "bad\n\x1b[31mschema"}, r"bad\\n\\x1b\[31mschema \(42201\)"),
        (422, {"message": f"Invalid {'x' * 900} details: line 3"}, r"Invalid x+ \.\.\. x+ details: line 3"),
        (418, {"error_code": "x", "message": 3}, "418"),
        (501, {}, "501 Not Implemented"),
    ],
)
def test_other_refusals_are_plain_registry_errors(server, answer, client, status, body, expected):
    server.script(answer(status, body))
    with pytest.raises(RegistryError, match=expected) as caught:
        client(server.url).get("/x")
    assert type(caught.value) is RegistryError
    assert caught.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 404])
def test_html_is_not_a_schema_registry(server, answer, client, status):
    server.script(answer(status, b"<html>login</html>", content_type="text/html; charset=utf-8"))
    with pytest.raises(RegistryError, match=r"text/html.*is this a schema registry") as caught:
        client(server.url).get("/subjects")
    assert type(caught.value) is RegistryError
    assert "URL" in (caught.value.hint or "")


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_json_that_does_not_parse(server, answer, client, body):
    server.script(answer(200, body))
    with pytest.raises(RegistryError, match="not JSON"):
        client(server.url).get("/subjects")


def test_an_answer_without_bound_is_cut(server, answer, client):
    server.script(answer(200, b'"' + b"x" * 5_000 + b'"'))
    with pytest.raises(RegistryError, match="longer than 1000 bytes"):
        client(server.url, max_bytes=1000).get("/subjects")


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("value", [b"{}", b"[]", b'""', b"1"])
def test_an_answer_of_countless_values_is_not_parsed(server, client, answer, status, value):
    server.script(answer(status, b"[" + value + (b"," + value) * 2_000_000 + b"]"))
    with pytest.raises(RegistryError, match="more than 2000000 values"):
        client(server.url).get("/subjects")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_retried_until_it_works(server, answer, client, status):
    server.script(answer(status), answer(status), answer(body=[1]))
    asked = client(server.url)
    assert asked.get("/x") == [1]
    assert asked.slept == [0.4, 0.8]


def test_gives_up_after_the_retries(server, answer, client):
    server.script(answer(503, {"error_code": 50301}))
    with pytest.raises(RegistryUnavailable, match=r"503 Service Unavailable \(tried 3 times\)") as caught:
        client(server.url, retries=2).get("/x")
    assert caught.value.status == 503
    assert len(server.requests) == 3


def test_hurried_tries_once(server, answer, client):
    server.script(answer(503))
    with pytest.raises(RegistryUnavailable):
        client(server.url).hurried().get("/x")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("value", "slept"),
    [("7", 7.0), ("3600", 20.0), ("-1", 0.4), ("soon", 0.4), (formatdate(0, usegmt=True), 0.0)],
)
def test_retry_after_is_honoured_within_bounds(server, answer, client, value, slept):
    server.script(answer(429, headers={"Retry-After": value}), answer(body=1))
    asked = client(server.url)
    assert asked.get("/x") == 1
    assert asked.slept == [slept]


def test_unreachable(client):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(RegistryUnavailable, match=r"connection refused .tried 3 times"):
        client(url, retries=2).get("/subjects")


def test_no_answer_in_time(client):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match=r"no answer within 0\.05 s"):
            client(url, timeout=0.05, retries=0).get("/subjects")


def test_unavailable_then_back(server, answer, client):
    server.script(answer(503))
    asked = client(server.url, retries=0)
    with pytest.raises(RegistryUnavailable):
        asked.get("/x")
    server.script(answer(body=[]))
    assert asked.get("/x") == []


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("auth", "header"),
    [(("key", "s3cret:ü"), _basic("key", "s3cret:ü")), ("t0ken", "Bearer t0ken"), (None, None)],
)
def test_credentials(server, answer, client, auth, header):
    server.script(answer(body=[]))
    client(server.url, auth=auth).get("/x")
    assert server.requests[0].headers.get("Authorization") == header


def test_credentials_in_the_url_are_used_and_never_shown(server, answer, client):
    server.script(answer(401, {"error_code": 40101, "message": "no"}))
    asked = client(f"http://us%40er:s3cret@127.0.0.1:{server.port}/?token=s3cret")
    with pytest.raises(RegistryError, match="401 Unauthorized") as caught:
        asked.get("/x")
    assert server.requests[0].headers["Authorization"] == _basic("us@er", "s3cret")
    assert asked.url == server.url
    assert "s3cret" not in f"{asked!r} {caught.value} {caught.value!r} {vars(caught.value)}"
    assert caught.value.hint == "The registry refused the credentials."


def test_401_without_credentials_says_which_to_set(server, answer, client):
    server.script(answer(401, b"<html>", content_type="text/html"))
    with pytest.raises(RegistryError, match="KGEN_REGISTRY_TOKEN"):
        client(server.url).get("/x")


def test_no_netrc(server, answer, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.script(answer(body=[]))
    client(server.url).get("/x")
    assert "Authorization" not in server.requests[0].headers


def test_a_redirect_to_another_host_gets_no_credentials(server, other_server, answer, client):
    server.script(answer(302, headers={"Location": other_server.url + "/there"}))
    other_server.script(answer(body=["here"]))
    assert client(server.url, auth=("a", "b")).get("/x") == ["here"]
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in other_server.requests[0].headers
    other_server.script(answer(401))
    with pytest.raises(RegistryError, match="redirects to another host"):
        client(server.url, auth=("a", "b")).get("/x")


def test_a_redirect_on_the_same_host_keeps_them(server, answer, client):
    server.script(answer(301, headers={"Location": "/v2/x"}), answer(body=[]))
    client(server.url, auth="t").get("/x", {"a": "b"})
    assert [r.headers["Authorization"] for r in server.requests] == ["Bearer t", "Bearer t"]
    assert server.paths() == ["GET /x", "GET /v2/x"]


def test_redirects_of_posts_and_loops_and_other_schemes(server, answer, client):
    server.script(answer(307, headers={"Location": "/y"}), answer(body=1))
    assert client(server.url).post("/x", {"a": 1}) == 1
    assert server.requests[-1].body == {"a": 1}
    server.script(answer(302, headers={"Location": "/x?secret"}))
    with pytest.raises(RegistryError, match=r"redirected to http://127.0.0.1:\d+/x by 302"):
        client(server.url).post("/x", {})
    with pytest.raises(RegistryError, match="more than 5 times"):
        client(server.url).get("/x")
    server.script(answer(302, headers={"Location": "file:///etc/passwd"}))
    with pytest.raises(RegistryError, match=r"not an http\(s\) URL: file:"):
        client(server.url).get("/x")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8081",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "",
        "us:s3cret@h:1",
        "http://u:s3/cret?@h:x",
    ],
)
def test_urls_that_are_none(url):
    with pytest.raises(ConfigError, match="not a registry URL") as caught:
        RegistryClient(url)
    assert "s3" not in str(caught.value)


def test_a_token_no_header_can_carry_is_not_shown():
    with pytest.raises(ConfigError) as caught:
        RegistryClient("http://h", auth="s3cret\n")
    assert "s3cret" not in str(caught.value)


def test_from_env(server, answer, monkeypatch):
    server.script(answer(body=[]))
    with pytest.raises(ConfigError, match="KGEN_REGISTRY_URL"):
        RegistryClient.from_env()
    monkeypatch.setenv("KGEN_REGISTRY_URL", server.url)
    monkeypatch.setenv("KGEN_REGISTRY_USER", "me")
    with pytest.raises(ConfigError, match="KGEN_REGISTRY_PASSWORD is not set"):
        RegistryClient.from_env()
    monkeypatch.setenv("KGEN_REGISTRY_PASSWORD", "s3cret")
    client = RegistryClient.from_env()
    client.get("/x")
    client.close()
    assert server.requests[0].headers["Authorization"] == _basic("me", "s3cret")
    monkeypatch.setenv("KGEN_REGISTRY_TOKEN", "s3cret")
    with pytest.raises(ConfigError, match="both KGEN_REGISTRY_TOKEN") as caught:
        RegistryClient.from_env()
    assert "s3cret" not in str(caught.value)


def test_paths_from_env(monkeypatch, tmp_path):
    monkeypatch.setenv("KGEN_REGISTRY_CA", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="KGEN_REGISTRY_CA: there is no file"):
        RegistryClient.from_env("https://h")
    monkeypatch.delenv("KGEN_REGISTRY_CA")
    (tmp_path / "key.pem").write_text("")
    monkeypatch.setenv("KGEN_REGISTRY_KEY", str(tmp_path / "key.pem"))
    with pytest.raises(ConfigError, match="KGEN_REGISTRY_CERT is not"):
        RegistryClient.from_env("https://h")


@pytest.mark.parametrize("variable", ["KGEN_REGISTRY_CA", "KGEN_REGISTRY_CERT"])
def test_a_file_without_a_certificate_names_its_variable(monkeypatch, tmp_path, variable):
    (tmp_path / "notes.txt").write_text("not PEM")
    monkeypatch.setenv(variable, str(tmp_path / "notes.txt"))
    with pytest.raises(ConfigError, match="there is no certificate in") as caught:
        RegistryClient.from_env("https://h")
    assert caught.value.where == variable


def test_many_threads_share_one_client(server, answer, client):
    server.script(answer(body=[1]))
    shared, answers = client(server.url), []
    threads = [threading.Thread(target=lambda: answers.append(shared.get("/x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[1]] * 16
