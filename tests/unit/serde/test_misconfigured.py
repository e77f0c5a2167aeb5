"""Mistakes in TLS and proxies are reported as what they are, at once and without another try."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import Authority, Pair, encrypted
from tests.scripted import Answer, Server, Trickle

from kgen_runtime.errors import ConfigError, RegistryError, RegistryUnavailable
from kgen_runtime.serde import RegistryClient

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other-authority"))


@pytest.fixture(scope="session")
def certified(authority: Authority) -> Pair:
    return authority.issue("registry")


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext], Server]]:
    servers: list[Server] = []

    def make(tls: ssl.SSLContext) -> Server:
        servers.append(Server(lambda request: Answer(body=["a"]), tls=tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def refused(
    client: RegistryClient, expected: str, kind: type[RegistryError] = RegistryError
) -> RegistryError:
    with pytest.raises(RegistryError, match=expected) as caught:
        client.get("/subjects")
    assert type(caught.value) is kind
    assert client.slept == []  # type: ignore[attr-defined]
    assert caught.value.hint
    return caught.value


# ------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "content", [b"", b"\x30\x82\x01\x0a", b"-----BEGIN CERTIFICATE-----\nx\n", b"\xff" * 9]
)
def test_a_ca_that_is_not_pem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"the registry's CA: there is no certificate in .*ca\.pem"
    ) as caught:
        RegistryClient("https://h", verify=str(tmp_path / "ca.pem"))
    assert "PEM" in (caught.value.hint or "")


def test_a_client_certificate_that_is_not_pem(tmp_path: Path, certified: Pair) -> None:
    der = tmp_path / "client.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(certified.cert.read_text()))
    with pytest.raises(ConfigError, match=r"there is no certificate in .*client\.der"):
        RegistryClient("https://h", cert=(str(der), str(certified.key)))
    for key in (str(certified.cert), str(der)):
        with pytest.raises(ConfigError, match="there is no private key in"):
            RegistryClient("https://h", cert=(str(certified.cert), key))
    with pytest.raises(ConfigError, match="there is no private key in"):
        RegistryClient("https://h", cert=str(certified.cert))


def test_the_key_of_another_certificate(authority: Authority, certified: Pair) -> None:
    other = authority.issue("another")
    with pytest.raises(ConfigError, match=r"another\.key is not that of the client certificate"):
        RegistryClient("https://h", cert=(str(certified.cert), str(other.key)))


def test_a_key_behind_a_password(tmp_path: Path, certified: Pair) -> None:
    pair = encrypted(certified, tmp_path)
    with pytest.raises(
        ConfigError, match="the key of the registry's client certificate is encrypted"
    ) as caught:
        RegistryClient("https://h", cert=(str(pair.cert), str(pair.key)))
    assert "openssl pkey" in (caught.value.hint or "")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for options in ({"verify": str(tmp_path / "x")}, {"cert": str(tmp_path / "x")}):
        with pytest.raises(ConfigError, match=r"x cannot be read: No such file"):
            RegistryClient("https://h", **options)  # type: ignore[arg-type]


def test_a_certificate_and_its_key_in_one_file(
    serve: Any, client: Any, tmp_path: Path, authority: Authority, certified: Pair
) -> None:
    mine = authority.issue("client")
    (tmp_path / "both.pem").write_bytes(mine.cert.read_bytes() + mine.key.read_bytes())
    server = serve(authority.server(certified, clients=True))
    asked = client(server.url, verify=str(authority.cert), cert=str(tmp_path / "both.pem"))
    assert asked.get("/x") == ["a"]
    assert server.requests[0].certificate


# --------------------------------------------------------------------------------------- the other side


def test_http_to_a_port_that_speaks_tls(
    serve: Any, client: Any, authority: Authority, certified: Pair
) -> None:
    server = serve(authority.server(certified))
    error = refused(client(server.url.replace("https", "http")), "the registry expects TLS there")
    assert "https://" in (error.hint or "")


@pytest.mark.parametrize(
    "body",
    [
        b"<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
        b"Client sent an HTTP request to an HTTPS server.\n",
    ],
)
def test_servers_that_say_so(server: Server, client: Any, body: bytes) -> None:
    server.script(Answer(400, body, content_type="text/html"))
    refused(client(server.url), "the registry expects TLS there")


def test_https_to_a_port_that_speaks_none(server: Server, client: Any) -> None:
    error = refused(client(server.url.replace("http", "https")), "the registry does not use TLS there")
    assert "http://" in (error.hint or "")


def test_a_certificate_of_an_unknown_authority(
    serve: Any, client: Any, authority: Authority, other_authority: Authority, certified: Pair
) -> None:
    server = serve(authority.server(certified))
    for verify in (True, str(other_authority.cert)):
        error = refused(client(server.url, verify=verify), "the registry's certificate is not trusted")
        assert "KGEN_REGISTRY_CA" in (error.hint or "")


def test_a_certificate_for_another_host(serve: Any, client: Any, authority: Authority) -> None:
    server = serve(authority.server(authority.issue("elsewhere", names="DNS:elsewhere.example")))
    refused(client(server.url, verify=str(authority.cert)), r"certificate is not for 127\.0\.0\.1")
    by_name = server.url.replace("127.0.0.1", "localhost")
    refused(client(by_name, verify=str(authority.cert)), "certificate is not for localhost")


def test_a_certificate_that_has_expired(serve: Any, client: Any, authority: Authority) -> None:
    server = serve(authority.server(authority.issue("expired", days=-1)))
    error = refused(client(server.url, verify=str(authority.cert)), "certificate has expired")
    assert "clock" in (error.hint or "")


def test_a_server_that_asks_for_a_certificate(
    serve: Any, client: Any, authority: Authority, other_authority: Authority, certified: Pair
) -> None:
    tls = authority.server(certified, clients=True)
    tls.verify_mode = ssl.CERT_REQUIRED
    server = serve(tls)
    error = refused(client(server.url, verify=str(authority.cert)), "asks for a client certificate")
    assert "KGEN_REGISTRY_CERT" in (error.hint or "")
    foreign = other_authority.issue("foreign")
    pair = (str(foreign.cert), str(foreign.key))
    refused(client(server.url, verify=str(authority.cert), cert=pair), "refuses the client certificate")


def test_ssl_cert_file_is_trusted(
    serve: Any, client: Any, monkeypatch: pytest.MonkeyPatch, authority: Authority, certified: Pair
) -> None:
    server = serve(authority.server(certified))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.cert))
    assert client(server.url).get("/x") == ["a"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.key))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE: there is no certificate in"):
        client(server.url)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_variable_that_names_wrong_cas_is_named(
    server: Server, client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    monkeypatch.setenv(name, str(tmp_path / "junk.pem"))
    with pytest.raises(ConfigError, match=f"{name}: there is no certificate in"):
        client("https://registry.example")
    monkeypatch.setenv(name, str(tmp_path / "absent.pem"))
    with pytest.raises(ConfigError, match=f"{name}: .*absent.pem cannot be read"):
        client("https://registry.example")
    server.script(Answer(body=["a"]))
    assert client(server.url).get("/x") == ["a"]  # nobody needs them there


class HangsUpOnce:
    """Hangs up on the first client, speaks TLS with the second; remembers the certificate it was shown."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.shown: list[Any] = []
        self.done = threading.Event()
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with self._socket.accept()[0] as first:
            first.recv(65_536)
        with self._socket.accept()[0] as second:
            try:
                with self._tls.wrap_socket(second, server_side=True) as tls:
                    self.shown.append(tls.getpeercert())
            except OSError:
                self.shown.append(None)
            self.done.set()


def test_a_second_look_shows_the_certificate_to_no_stranger(
    client: Any, authority: Authority, other_authority: Authority
) -> None:
    mine = authority.issue("mine")
    strangers = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    stranger = other_authority.issue("stranger")
    strangers.load_cert_chain(stranger.cert, stranger.key)
    strangers.load_verify_locations(authority.cert)
    strangers.verify_mode = ssl.CERT_OPTIONAL
    server = HangsUpOnce(strangers)
    try:
        asked = client(
            server.url, verify=str(authority.cert), cert=(str(mine.cert), str(mine.key)), retries=0
        )
        with pytest.raises(RegistryUnavailable):
            asked.get("/x")
        assert server.done.wait(5)
        assert server.shown == [None]
    finally:
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]x",
    ],
)
def test_what_does_not_speak_http(client: Any, answer: bytes) -> None:
    server = Trickle(answer)
    try:
        with pytest.raises(RegistryUnavailable, match=r"the answer is not valid HTTP"):
            client(server.url, retries=0).get("/x")
    finally:
        server.close()


# -------------------------------------------------------------------------------------------- proxies


class Proxy(Server):
    """Answers every CONNECT, and every other request, with one status."""

    def __init__(self, status: int) -> None:
        super().__init__(lambda request: Answer(status, {}))
        self._http.RequestHandlerClass.do_CONNECT = (  # type: ignore[attr-defined]
            lambda handler: handler.send_error(status)
        )


@pytest.fixture
def dead() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_dead_is_named(
    client: Any, monkeypatch: pytest.MonkeyPatch, dead: str, scheme: str
) -> None:
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:s3cret@{dead}")
    error = refused(
        client(f"{scheme}://registry.example:8081"),
        f"the proxy http://{re.escape(dead)} cannot be reached: connection refused",
        RegistryUnavailable,
    )
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_credentials_is_named(
    client: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    proxy = Proxy(407)
    try:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", proxy.url)
        refused(client(f"{scheme}://registry.example:8081"), f"the proxy {proxy.url} asks for credentials")
    finally:
        proxy.close()


def test_a_proxy_that_refuses_is_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(403)
    try:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        refused(
            client("https://registry.example"),
            f"the proxy {proxy.url} refuses to connect to registry.example",
        )
    finally:
        proxy.close()


def test_a_proxy_that_cannot_reach_the_registry_is_asked_again(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(502)
    try:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        asked = client("https://registry.example", retries=2)
        with pytest.raises(RegistryUnavailable, match=f"the proxy {proxy.url} answers 502 .tried 3 times"):
            asked.get("/x")
    finally:
        proxy.close()


def test_a_proxy_that_is_not_an_url(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://")
    error = refused(client("https://registry.example"), "could not be sent")
    assert "HTTPS_PROXY" in (error.hint or "")


@pytest.mark.parametrize("proxy", ["me:s3cret@127.0.0.1:9", "foo://me:s3cret@h:1", "http://me:s3://cret@h:1"])
def test_a_proxy_that_cannot_be_used_is_named(
    client: Any, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    error = refused(client("http://registry.example"), "could not be sent through the proxy")
    assert proxy.rpartition("@")[2] in error.what
    assert "s3" not in str(error)
    assert "cret" not in str(error)


def test_a_request_that_fails_behind_a_proxy_names_it(
    client: Any, monkeypatch: pytest.MonkeyPatch, authority: Authority, certified: Pair, serve: Any
) -> None:
    proxy = serve(authority.server(certified))  # speaks TLS, and is given as an http URL
    place = proxy.url.replace("https", "http")
    monkeypatch.setenv("HTTPS_PROXY", place)
    with pytest.raises(RegistryUnavailable, match=f"through the proxy {place}"):
        client("https://registry.example", retries=0).get("/x")


def test_a_403_may_be_that_of_the_proxy(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(403)
    try:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        error = refused(client("http://registry.example"), "answered 403")
        assert f"the proxy {proxy.url}" in (error.hint or "")
    finally:
        proxy.close()


# ---------------------------------------------------------------------------------------- credentials


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_line_ends_after_secrets_are_of_the_file_they_came_from(
    server: Server, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    server.script(Answer(body=[]))
    monkeypatch.setenv("KGEN_REGISTRY_USER", f"me{end}")
    monkeypatch.setenv("KGEN_REGISTRY_PASSWORD", f" s3cret {end}")
    RegistryClient.from_env(server.url).get("/x")
    monkeypatch.delenv("KGEN_REGISTRY_USER")
    monkeypatch.delenv("KGEN_REGISTRY_PASSWORD")
    monkeypatch.setenv("KGEN_REGISTRY_TOKEN", f"t0ken{end}")
    RegistryClient.from_env(server.url).get("/x")
    assert [r.headers["Authorization"] for r in server.requests] == ["Basic bWU6IHMzY3JldCA=", "Bearer t0ken"]


def test_threads_leave_nothing_behind(serve: Any, client: Any, authority: Authority, certified: Pair) -> None:
    server = serve(authority.server(certified))
    before = threading.active_count()
    for _ in range(5):
        refused(client(server.url.replace("https", "http")), "expects TLS")
    names = [t.name for t in threading.enumerate() if t.name.startswith("kgen-registry")]
    assert names == [], (before, names)
