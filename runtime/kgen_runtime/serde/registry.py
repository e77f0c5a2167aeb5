"""The HTTP client of a schema registry (Confluent's API, as others speak it too).

Everything that asks a registry goes through here: the runtime's schema store and the generator. The answers
are untrusted: bounded in size, parsed as JSON and nothing else. Credentials are in no repr, error or log, and
go to the registry's own origin only.
"""

from __future__ import annotations

import copy
import json as jsonlib
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Final, TypeAlias

import requests
from requests.adapters import HTTPAdapter

from ..errors import ConfigError, RegistryError, RegistryUnavailable, UnknownSchema
from ._http import Auth, AuthHeader, printable, seconds, status_text
from ._url import Url, registry_url

Params: TypeAlias = Mapping[str, "str | int"]

ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json"
CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
UNKNOWN: Final = frozenset(
    {40401, 40402, 40403, 40404, 40406}
)  # subject, version, schema; soft-deleted subject, version
MAX_REDIRECTS: Final = 5
MAX_BYTES: Final = 64 << 20


class RegistryClient:
    """Asks a registry; may be shared by threads.

    A request is tried `1 + retries` times on connection errors, 408, 429 and 5xx, with full jitter between;
    `Retry-After` is honoured up to `max_wait` seconds. `timeout` (seconds) bounds the connecting and each
    wait for bytes. `verify` is False or the path of a CA bundle; `cert` the paths of a client certificate and
    its key. `session`, `sleep` and `jitter` are there for tests.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: Auth = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout: float = 10.0,
        retries: int = 4,
        max_wait: float = 20.0,
        max_bytes: int = MAX_BYTES,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._home, in_url = registry_url(url)
        self.url = str(self._home)
        self._auth = AuthHeader(auth if auth is not None else in_url)
        self._verify = verify
        self._cert = cert
        self._timeout = timeout
        self._retries = retries
        self._max_wait = max_wait
        self._max_bytes = max_bytes
        self._session = session or _session()
        self._sleep = sleep
        self._jitter = jitter

    @classmethod
    def from_env(cls, url: str | None = None, **options: Any) -> RegistryClient:
        """A client with the settings of the environment; `url` overrides `KGEN_REGISTRY_URL`.

        Reads `KGEN_REGISTRY_USER` and `_PASSWORD` (basic) or `_TOKEN` (bearer), `_CA`, `_CERT` and `_KEY`
        (paths). Raises `ConfigError`.
        """
        url = url or os.environ.get("KGEN_REGISTRY_URL")
        if not url:
            raise ConfigError(
                "no schema registry is set",
                hint="Set KGEN_REGISTRY_URL to its address, such as http://localhost:8081.",
            )
        ca, cert, key = (_path(f"KGEN_REGISTRY_{name}") for name in ("CA", "CERT", "KEY"))
        if key and not cert:
            raise ConfigError("KGEN_REGISTRY_KEY is set and KGEN_REGISTRY_CERT is not")
        certificate = (cert, key) if cert and key else cert
        return cls(url, auth=_auth_of_env(), verify=ca or True, cert=certificate, **options)

    def get(self, path: str, params: Params | None = None) -> Any:
        """The JSON at `path` (quoted, beginning with a slash).

        Raises `UnknownSchema`, `RegistryUnavailable`, or `RegistryError` with `status` and `error_code` as
        the registry gave them.
        """
        return self.request("GET", path, params=params)

    def post(self, path: str, json: Any, params: Params | None = None) -> Any:
        """The JSON answered to `json` at `path`. Raises as `get` does.

        Registries' POSTs are idempotent, so they are retried like GETs.
        """
        return self.request("POST", path, json=json, params=params)

    def request(self, method: str, path: str, *, json: Any = None, params: Params | None = None) -> Any:
        """The JSON answered to any request. Raises as `get` does."""
        body = None if json is None else jsonlib.dumps(json).encode()
        call = _Call(method, self._home / path, dict(params or {}), body, self._timeout)
        for attempt in range(self._retries + 1):
            try:
                return self._once(call)
            except _RetryError as error:
                if attempt == self._retries:
                    raise _unavailable(call, error, attempt + 1) from None
                self._sleep(self._delay(attempt, error.after))
        raise AssertionError("unreachable: the last attempt raises")

    def hurried(self, timeout: float = 2.0) -> RegistryClient:
        """The same client (and connections) for questions that must not hold anything up: one short try."""
        client = copy.copy(self)
        client._retries, client._timeout = 0, timeout
        return client

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def __repr__(self) -> str:
        return f"RegistryClient({self.url!r})"

    def _delay(self, attempt: int, after: float | None) -> float:
        if after is not None:
            return min(after, self._max_wait)
        return self._jitter() * min(0.4 * 2.0**attempt, self._max_wait)

    def _once(self, call: _Call) -> Any:
        answer = self._send(call)
        if answer.status in (408, 429) or (answer.status >= 500 and answer.status != 501):
            raise _RetryError(status_text(answer.status), answer.retry_after, answer.status)
        if not 200 <= answer.status < 300:
            raise _refusal(call, answer, self._auth.given)
        return _json(call, answer)

    def _send(self, call: _Call) -> _Answer:
        """Follow redirects by hand: neither password nor client certificate may go to another origin."""
        url = call.url
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._transfer(call, url, home=url.origin == self._home.origin)
            if answer.location is None:
                return answer
            url = url.redirected(answer.location)
            if call.method != "GET" and answer.status not in (307, 308):
                raise RegistryError(
                    f"{call} was redirected to {replace(url, query='')} by {answer.status}",
                    status=answer.status,
                )
        raise RegistryError(f"{call} was redirected more than {MAX_REDIRECTS} times", status=answer.status)

    def _transfer(self, call: _Call, url: Url, *, home: bool) -> _Answer:
        try:
            with self._session.request(
                call.method,
                str(url),
                params=call.params if url == call.url else None,
                data=call.body,
                headers={"Accept": ACCEPT, **({"Content-Type": CONTENT_TYPE} if call.body else {})},
                auth=self._auth if home else AuthHeader(None),
                verify=self._verify,
                cert=self._cert if home else None,
                timeout=call.timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                return _Answer.read(response, self._max_bytes, home)
        except _TRANSIENT as error:
            raise _reason(call, error) from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise RegistryError(
                f"{call} could not be sent ({type(error).__name__})", hint="Check the registry's URL."
            ) from None


@dataclass(frozen=True)
class _Call:
    method: str
    url: Url
    params: dict[str, str | int]
    body: bytes | None
    timeout: float

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True)
class _Answer:
    status: int
    content_type: str
    body: bytes
    location: str | None
    retry_after: float | None
    home: bool  # False where a redirect led to another origin

    @classmethod
    def read(cls, response: requests.Response, max_bytes: int, home: bool) -> _Answer:
        location = response.headers.get("Location") if response.is_redirect else None
        return cls(
            response.status_code,
            response.headers.get("Content-Type", "").partition(";")[0].strip(),
            b"" if location else _body(response, max_bytes),
            location,
            seconds(response.headers.get("Retry-After")),
            home,
        )

    def error(self) -> tuple[int | None, str]:
        """The registry's own error code and message, where the body has them."""
        try:
            body = jsonlib.loads(self.body)
        except (ValueError, RecursionError):
            return None, ""
        if not isinstance(body, dict):
            return None, ""
        code, message = body.get("error_code"), body.get("message")
        return (code if isinstance(code, int) else None), printable(message) if isinstance(
            message, str
        ) else ""


class _RetryError(Exception):
    """One attempt failed in a way that another may not."""

    def __init__(self, reason: str, after: float | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.after = after
        self.status = status


_TRANSIENT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class _Session(requests.Session):
    """Follows no redirect, nor looks at it: requests would, parsing it and reading all of the answer's body
    first, also where it is not to follow.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, whatever the answer."""


def _session() -> requests.Session:
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # they know no ports
    adapter = HTTPAdapter(pool_connections=8, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers["User-Agent"] = "kgen"
    return session


def _auth_of_env() -> Auth:
    user, password, token = (
        os.environ.get(f"KGEN_REGISTRY_{name}") for name in ("USER", "PASSWORD", "TOKEN")
    )
    if token and (user or password):
        raise ConfigError(
            "both KGEN_REGISTRY_TOKEN and KGEN_REGISTRY_USER/KGEN_REGISTRY_PASSWORD are set",
            hint="Unset one of them.",
        )
    if bool(user) != bool(password):
        missing = "KGEN_REGISTRY_PASSWORD" if user else "KGEN_REGISTRY_USER"
        raise ConfigError(
            f"{missing} is not set", hint="KGEN_REGISTRY_USER and KGEN_REGISTRY_PASSWORD go together."
        )
    return token.strip() if token else (user, password) if user and password else None


def _path(variable: str) -> str | None:
    value = os.environ.get(variable)
    if value and not Path(value).exists():
        raise ConfigError(f"{variable}: there is no file {value}")
    return value or None


def _body(response: requests.Response, max_bytes: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_content(1 << 16):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise RegistryError(
                f"the registry's answer is longer than {max_bytes} bytes", status=response.status_code
            )
    return b"".join(parts)


def _json(call: _Call, answer: _Answer) -> Any:
    try:
        return jsonlib.loads(answer.body)
    except (ValueError, RecursionError):
        raise RegistryError(
            f"{call} answered with {answer.content_type or 'something'} that is not JSON:"
            " is this a schema registry?",
            status=answer.status,
            hint="Check the URL; some registries live below a path, such as /apis/ccompat/v7.",
        ) from None


def _refusal(call: _Call, answer: _Answer, sent_auth: bool) -> RegistryError:
    code, message = answer.error()
    kind = UnknownSchema if answer.status == 404 and code in UNKNOWN else RegistryError
    what = f"{call} answered {status_text(answer.status)}"
    if message:
        what += f": {message}" + (f" ({code})" if code and code != answer.status else "")
    elif answer.content_type and "json" not in answer.content_type:
        what += f" with {answer.content_type}: is this a schema registry?"
    return kind(what, status=answer.status, error_code=code, hint=_refusal_hint(kind, answer, sent_auth))


def _refusal_hint(kind: type[RegistryError], answer: _Answer, sent_auth: bool) -> str | None:
    if answer.status in (401, 403):
        if not answer.home:
            return "It redirects to another host, which gets no credentials: use that host's URL."
        if sent_auth:
            return "The registry refused the credentials."
        return "Set KGEN_REGISTRY_USER and KGEN_REGISTRY_PASSWORD, or KGEN_REGISTRY_TOKEN."
    if answer.status == 404 and kind is RegistryError:
        return "Check the URL; some registries live below a path, such as /apis/ccompat/v7."
    return None


def _reason(call: _Call, error: requests.RequestException) -> Exception:
    """Why nothing came back, without the text of `error`, which nobody has checked for secrets."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return RegistryError(
            f"{call}: the registry's certificate is not trusted",
            hint="Set KGEN_REGISTRY_CA to the CA's certificate.",
        )
    if isinstance(error, requests.Timeout):
        return _RetryError(f"no answer within {call.timeout:g} s")
    if "Name or service not known" in text or "NameResolutionError" in text:
        return _RetryError("the host's name is not known")
    return _RetryError("connection refused" if "Connection refused" in text else "connection failed")


def _unavailable(call: _Call, retry: _RetryError, tries: int) -> RegistryUnavailable:
    times = "once" if tries == 1 else f"{tries} times"
    return RegistryUnavailable(
        f"the schema registry is not available: {call}: {retry} (tried {times})",
        status=retry.status,
        hint="Is the registry running, and is its URL right?" if retry.status is None else None,
    )
