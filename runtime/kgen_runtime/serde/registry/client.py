"""The HTTP client of a schema registry (Confluent's API, as others speak it too).

Everything that asks a registry goes through here: the runtime's schema store and the generator. The answers
are untrusted: bounded in size, parsed as JSON and nothing else. Credentials are in no repr, error or log, and
go to the registry's own origin only (see `redirects`).
"""

from __future__ import annotations

import copy
import json as jsonlib
import logging
import os
import random
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TypeAlias

import requests

from ...errors import ConfigError, RegistryError, RegistryUnavailable, UnknownSchema
from ...reporting.printable import bounded, escaped, printable
from .certificates import check_certificate, check_files, trusted
from .credentials import Auth, AuthHeader
from .deadlines import GivenUpError, Limit, Patience, RequestWait
from .failure_reasons import RetryError, plain_to_tls, proxy_refuses, says_that_it_speaks_tls, why
from .kafka_probe import KafkaThereError
from .proxies import proxy_of
from .redirects import follow, gets_credentials
from .tls_probe import PlainToTlsError
from .transport import Answer, HttpCall, Transport, new_session
from .url import Url, registry_url

Params: TypeAlias = Mapping[str, "str | int"]

_SILENCE: Final = 1.0
"""Seconds without a first answer before it is asked whether a Kafka broker listens there."""
UNKNOWN: Final = frozenset(
    {40401, 40402, 40403, 40404, 40406}
)  # subject, version, schema; soft-deleted subject, version
MAX_BYTES: Final = 64 << 20
_LOOKED_AT: Final = 10_000  # characters of a message

log = logging.getLogger("kgen_runtime.serde")


class RegistryClient:
    """Asks a registry; may be shared by threads.

    A request is tried `1 + retries` times on connection errors, 408, 429 and 5xx, with full jitter between;
    `Retry-After` is honoured up to `max_wait` seconds. `timeout` (seconds) bounds the connecting and each
    wait for bytes, `deadline` the whole request with its redirects, retries and body. A request ends early
    if the client is closed or, after half a second, if the flow is asked to stop.

    `verify` is False or the path of a CA bundle; `cert` the paths of a client certificate and its key. `say`
    gets a line where a request takes longer than two seconds; without it, it is logged. `session`, `sleep`
    and `jitter` are there for tests. Raises `ConfigError` for a URL, token or certificate that is not one.
    """

    def __init__(
        self,
        url: str,
        *,
        auth: Auth = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        timeout: float = 10.0,
        deadline: float = 60.0,
        retries: int = 4,
        max_wait: float = 20.0,
        max_bytes: int = MAX_BYTES,
        say: Callable[[str], None] = log.warning,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._home, in_url = registry_url(url)
        self.url = str(self._home)
        self._auth = AuthHeader(auth if auth is not None else in_url)
        check_certificate(cert)
        self._transport = Transport(
            self._auth,
            trusted(verify, https=self._home.scheme == "https"),
            cert,
            max_bytes,
            session or new_session(),
        )
        self._patience = Patience(say)
        self._timeout = timeout
        self._deadline = deadline
        self._limit: Limit | None = None
        self._retries = retries
        self._max_wait = max_wait
        self._sleep = sleep
        self._answered = False
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
        names = ("KGEN_REGISTRY_CERT", "KGEN_REGISTRY_KEY" if key else "")
        check_files(
            ca, certificate, ca_setting="KGEN_REGISTRY_CA", cert_setting=names[0], key_setting=names[1]
        )
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
        call = HttpCall(method, self._home / path, dict(params or {}), body)
        wait = RequestWait(self._patience, str(call), self._limit_of_a_request())
        for attempt in range(self._retries + 1):
            try:
                return self._once(call, wait)
            except RetryError as error:
                if attempt == self._retries:
                    raise _unavailable(call, str(error), attempt + 1, error.status) from None
                self._pause(call, wait, attempt, error)
            except GivenUpError as error:
                raise _unavailable(call, str(error), attempt + 1) from None
            except RegistryError as error:
                error.what = self._auth.hidden(error.what)
                error.args = (error.what,)
                raise
        raise AssertionError("unreachable: the last attempt raises")

    def pause(self, seconds: float, why: str) -> None:
        """Wait before asking again what was answered oddly: bounded, said and ended like a request.

        Raises `RegistryUnavailable`.
        """
        if self._sleep is not None:
            return self._sleep(seconds)
        try:
            return RequestWait(self._patience, why, self._limit_of_a_request()).pause(seconds, why)
        except GivenUpError as error:
            raise RegistryUnavailable(f"the schema registry is not waited for: {error}") from None

    def hurried(self, timeout: float = 2.0) -> RegistryClient:
        """The same client (and connections) for questions that must not hold anything up: one short try."""
        client = copy.copy(self)
        client._retries, client._timeout, client._deadline = 0, timeout, timeout
        return client

    def lasting(self, seconds: float) -> RegistryClient:
        """The same client (and connections) for several requests that have to be done within `seconds`."""
        client = copy.copy(self)
        client._limit = Limit.of(seconds)
        return client

    def close(self) -> None:
        """End the requests under way, in any thread, and close the pooled connections."""
        self._patience.closed.set()
        self._transport.session.close()

    def __repr__(self) -> str:
        return f"RegistryClient({self.url!r})"

    def _limit_of_a_request(self) -> Limit:
        limits = [Limit.of(self._deadline), *([self._limit] if self._limit else [])]
        return min(limits, key=lambda limit: limit.until)

    def _pause(self, call: HttpCall, wait: RequestWait, attempt: int, error: RetryError) -> None:
        seconds = self._delay(attempt, error.after)
        if self._sleep is not None:
            return self._sleep(seconds)
        try:
            return wait.pause(seconds, str(error))
        except GivenUpError as given_up:
            raise _unavailable(call, str(given_up), attempt + 1, error.status) from None

    def _delay(self, attempt: int, after: float | None) -> float:
        if after is not None:
            return min(after, self._max_wait)
        return self._jitter() * min(0.4 * 2.0**attempt, self._max_wait)

    def _once(self, call: HttpCall, wait: RequestWait) -> Any:
        answer = follow(call, lambda url: self._transfer(call, url, wait))
        if answer.status in (408, 429) or (answer.status >= 500 and answer.status != 501):
            raise RetryError(_status_text(answer.status), answer.retry_after, answer.status)
        if not 200 <= answer.status < 300:
            raise _refusal(call, answer, self._auth)
        return _json(call, answer)

    def _transfer(self, call: HttpCall, url: Url, wait: RequestWait) -> Answer:
        wait.check()
        home, timeout = gets_credentials(url, self._home), max(min(self._timeout, wait.left), 0.001)

        def until_set(event: threading.Event) -> None:
            if not self._answered:
                wait.until_set(event, _SILENCE)
                if not event.is_set():
                    self._transport.refuse_kafka(url, wait.until_set)
            wait.until_set(event)

        try:
            answer = self._transport.send(call, url, home=home, timeout=timeout, wait=until_set)
        except (requests.RequestException, PlainToTlsError, KafkaThereError, OSError, ValueError) as error:
            raise why(call, url, error, timeout) from None
        self._answered = True
        return answer


def _auth_of_env() -> Auth:
    user, password, token = (
        os.environ.get(f"KGEN_REGISTRY_{name}", "").rstrip("\r\n")  # of a file
        for name in ("USER", "PASSWORD", "TOKEN")
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


def _json(call: HttpCall, answer: Answer) -> Any:
    try:
        return jsonlib.loads(answer.body)
    except (ValueError, RecursionError):
        kind = printable(answer.content_type, 100) or "something"
        raise RegistryError(
            f"{call} answered with {kind} that is not JSON: is this a schema registry?",
            status=answer.status,
            hint="Check the URL; some registries live below a path, such as /apis/ccompat/v7.",
        ) from None


def _refusal(call: HttpCall, answer: Answer, auth: AuthHeader) -> RegistryError:
    if answer.status == 407:
        return proxy_refuses(call, call.url, _status_text(407))
    if says_that_it_speaks_tls(answer.status, answer.body):
        return plain_to_tls(call)
    code, message = answer.error()
    kind = UnknownSchema if answer.status == 404 and code in UNKNOWN else RegistryError
    what = f"{call} answered {_status_text(answer.status)}"
    if message and message.removeprefix("HTTP ") != _status_text(answer.status):
        # Of an invalid schema the registry repeats the text before it gives the reason.
        shown = escaped(bounded(auth.hidden(bounded(message, _LOOKED_AT)), 400))
        what += f": {shown}" + (f" ({code})" if code and code != answer.status else "")
    elif answer.content_type and "json" not in answer.content_type:
        what += f" with {printable(auth.hidden(answer.content_type), 100)}: is this a schema registry?"
    hint = _refusal_hint(kind, answer, auth.given)
    if hint and answer.status == 403 and (proxy := proxy_of(call.url)):
        hint += f" Or was it the proxy {proxy}? NO_PROXY names hosts that need none."
    return kind(what, status=answer.status, error_code=code, hint=hint)


def _refusal_hint(kind: type[RegistryError], answer: Answer, sent_auth: bool) -> str | None:
    if answer.status in (401, 403):
        if not answer.home:
            return "It redirects to another host, which gets no credentials: use that host's URL."
        if sent_auth:
            return "The registry refused the credentials."
        return "Set KGEN_REGISTRY_USER and KGEN_REGISTRY_PASSWORD, or KGEN_REGISTRY_TOKEN."
    if answer.status == 404 and kind is RegistryError:
        return "Check the URL; some registries live below a path, such as /apis/ccompat/v7."
    return None


def _unavailable(call: HttpCall, reason: str, tries: int, status: int | None = None) -> RegistryUnavailable:
    times = "once" if tries == 1 else f"{tries} times"
    return RegistryUnavailable(
        f"the schema registry is not available: {call}: {reason} (tried {times})",
        status=status,
        hint="Is the registry running, and is its URL right?" if status is None else None,
    )


def _status_text(status: int) -> str:
    """`404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
