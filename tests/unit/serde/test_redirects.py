"""Where a redirect leads is decided by what is connected to, and no secret goes to another origin."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from tests.certificates import Authority, Pair
from tests.scripted import Answer, Server
from urllib3.util import parse_url

from kgen_runtime.errors import ConfigError, RegistryError
from kgen_runtime.serde import RegistryClient
from kgen_runtime.serde.registry.redirects import redirected
from kgen_runtime.serde.registry.url import Url, registry_url

Make = Callable[..., RegistryClient]
SECRETS = [("me", "s3cret"), "t0ken-s3cret"]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certified(authority: Authority) -> Pair:
    return authority.issue("registry", names="IP:127.0.0.1,DNS:localhost")


@pytest.fixture
def tls(authority: Authority, certified: Pair) -> Iterator[Callable[[], Server]]:
    """Makes servers that ask for a certificate, and remember it."""
    servers: list[Server] = []

    def make() -> Server:
        servers.append(Server(tls=authority.server(certified, clients=True)))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def _location(template: str, home: Server, other: Server) -> str:
    return template.format(home=f"127.0.0.1:{home.port}", other=f"127.0.0.1:{other.port}")


@pytest.mark.parametrize("auth", SECRETS)
@pytest.mark.parametrize(
    "template",
    [
        r"http://{other}\@{home}/x",
        r"http://{other}\\@{home}/x",
        r"//{other}\@{home}/x",
        r"\\{other}/x",
        r"/\{other}/x",
        "http://{home}@{other}/x",
        "http://@{other}/x",
        "//u:p@{other}/x",
        "http://{other}\t@{home}/x",
        "http://{other}\x00@{home}/x",
        "http://{other}\x7f/x",
        "http://{other}\x85/x",
        "http://{other}%20/x",
        "http://{home}%40{other}/x",
        "ht\ttp://{other}/x",
        "http://[{other}]/x",
        "http://127.0.0.1:0{other}/x",
        "http://127.0.0.1:+80/x",
        "ftp://{other}/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http+unix://{other}/x",
    ],
)
def test_locations_that_parsers_disagree_on_are_refused(
    server: Server, other_server: Server, client: Make, template: str, auth: Any
) -> None:
    server.script(Answer(302, headers={"Location": _location(template, server, other_server)}))
    other_server.script(Answer(body=["from another host"]))
    with pytest.raises(RegistryError, match="redirects to what is not an http") as caught:
        client(server.url, auth=auth).get("/x")
    assert other_server.requests == []
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)


@pytest.mark.parametrize("auth", SECRETS)
@pytest.mark.parametrize("template", ["http://{other}/x", "//{other}/x", "http://localhost:{port}/x"])
def test_another_host_or_port_gets_no_credentials(
    server: Server, other_server: Server, client: Make, template: str, auth: Any
) -> None:
    target = template.format(other=f"127.0.0.1:{other_server.port}", port=server.port)
    answers = {"/first": Answer(302, headers={"Location": target})}
    server.handler = lambda request: answers.get(request.path, Answer(body=["there"]))
    other_server.script(Answer(body=["there"]))
    assert client(server.url, auth=auth).get("/first") == ["there"]
    first, *rest = [*server.requests, *other_server.requests]
    assert "Authorization" in first.headers
    assert [r.headers.get("Authorization") for r in rest] == [None]


def test_the_body_of_a_redirect_is_not_read(server: Server, other_server: Server, client: Make) -> None:
    server.script(Answer(302, b"x" * (20 << 20), headers={"Location": other_server.url + "/x"}))
    other_server.script(Answer(body=["there"]))
    tracemalloc.start()
    try:
        assert client(server.url, max_bytes=1000).get("/x") == ["there"]
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_cookies_are_kept_for_nobody(server: Server, other_server: Server, client: Make) -> None:
    """They know no ports: another service on the host would get the session of this one."""
    cookie = {"Set-Cookie": "session=s3cret; Path=/"}
    server.script(Answer(302, headers={**cookie, "Location": other_server.url + "/x"}))
    other_server.script(Answer(body=[], headers=cookie))
    asked = client(server.url)
    for _ in range(2):
        asked.get("/x")
    assert not [r for r in (*server.requests, *other_server.requests) if "Cookie" in r.headers]


def test_a_client_certificate_is_shown_to_the_registry_alone(
    tls: Callable[[], Server], client: Make, authority: Authority
) -> None:
    home, other, mine = tls(), tls(), authority.issue("client")
    home.script(Answer(302, headers={"Location": other.url + "/x"}))
    other.script(Answer(body=["there"]))
    asked = client(home.url, auth="t0ken", verify=str(authority.cert), cert=(str(mine.cert), str(mine.key)))
    for _ in range(2):
        assert asked.get("/x") == ["there"]
    assert all(r.certificate and "Authorization" in r.headers for r in home.requests)
    assert not any(r.certificate or "Authorization" in r.headers for r in other.requests)
    assert (len(home.requests), len(other.requests)) == (2, 2)


def test_no_redirect_leads_from_https_to_http(
    tls: Callable[[], Server], server: Server, client: Make, authority: Authority
) -> None:
    home = tls()
    home.script(Answer(302, headers={"Location": server.url + "/x?token=s3cret"}))
    with pytest.raises(RegistryError, match=r"from https to http://127\.0\.0\.1") as caught:
        client(home.url, auth="t0ken", verify=str(authority.cert)).get("/x")
    assert server.requests == []
    assert "s3cret" not in str(caught.value)


def test_from_http_to_https_there_are_no_credentials(
    tls: Callable[[], Server], server: Server, client: Make, authority: Authority
) -> None:
    secure = tls()
    server.script(Answer(301, headers={"Location": secure.url + "/x"}))
    secure.script(Answer(body=["there"]))
    assert client(server.url, auth="t0ken", verify=str(authority.cert)).get("/x") == ["there"]
    assert "Authorization" not in secure.requests[0].headers


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h:1/", "http://h:1"),
        ("HTTP://Host.Example/a b%20".replace(" ", "%20"), "http://host.example/a%20b%20"),
        ("https://u:p%40@h:0443/x?y#z", "https://h:443/x"),
        ("http://[0:0::1]:8081/", "http://[::1]:8081"),
        ("http://my_registry:8081", "http://my_registry:8081"),
        ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
        (" http://h \n", "http://h"),
        ("http://h.:80", "http://h.:80"),
    ],
)
def test_a_registrys_url_in_its_one_form(text: str, url: str) -> None:
    found, _ = registry_url(text)
    assert str(found) == url
    assert RegistryClient(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        r"http://h:1\@g:2/",
        "http://h\t:1",
        "http://h\x00",
        "http://h:0",
        "http://h:65536",
        "http://h:١",
        "http://a..b",
        "http://-h",
        "http://h,g",
        "http://h／g",
        "http://[::1]x",
        "http://[::g]",
        "http://[",
        "http://" + "x" * 64,
        "http://h%2fg",
        "http://u@",
        "https//h",
    ],
)
def test_what_is_not_a_registrys_url(text: str) -> None:
    with pytest.raises(ConfigError, match="not a registry URL"):
        registry_url(text)


def test_every_parser_agrees_on_what_is_accepted() -> None:
    rng = random.Random(5)
    pieces = [
        *r"/\@:?#[]%.;&=~-_ ",
        "http:",
        "https:",
        "//",
        "a.example",
        "b.example:8",
        "\t",
        "\x00",
        "ü",
        "%40",
    ]
    base, accepted = Url("http", "home.example", 81, "/x"), 0
    for _ in range(20_000):
        location = "".join(rng.choices(pieces, k=rng.randint(1, 9)))
        try:
            url = redirected(base, location)
        except RegistryError:
            continue
        accepted += 1
        sent = requests.Request("GET", str(url)).prepare().url or ""
        for text in (str(url), sent):
            ours, theirs = urlsplit(text), parse_url(text)
            assert (ours.hostname, theirs.host) == (url.host, url.host), location
            assert ours.port == theirs.port == url.port, location
            assert ours.username is None, location
            assert theirs.auth is None, location
    assert accepted > 1_000


@pytest.mark.parametrize(
    "text",
    [
        "http://me:s3://cret@registry.example",
        "http://me:12/s3cret@registry.example",
        "http://me:12?s3cret@registry.example",
        "http://me:12#s3cret@registry.example",
        "http://me:s3/cret@registry.example:8081/path",
        "me:s3://cret@registry.example",
    ],
)
def test_a_password_that_is_not_quoted_is_neither_sent_nor_shown(text: str) -> None:
    with pytest.raises(ConfigError, match="not a registry URL") as caught:
        registry_url(text)
    assert "registry.example" in str(caught.value)
    assert not any(part in str(caught.value) for part in ("s3", "cret", "12"))
