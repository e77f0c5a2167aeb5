"""One HTTP request at a time, and nothing that it waits for holds the caller.

Timeouts of sockets bound each wait for bytes, not the whole: a byte a second keeps them content for ever, and
a look-up of a name knows none. So a request runs in a thread of its own; the caller waits for it as it likes,
and where it gives up, the connection is cut.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Generic, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from ...errors import RegistryError
from .certificates import Certificate
from .credentials import AuthHeader
from .kafka_probe import hung_up, refuse_kafka
from .tls_probe import look_again
from .url import Url, shown

T = TypeVar("T")

ACCEPT: Final = "application/vnd.schemaregistry.v1+json, application/json"
CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
MAX_VALUES: Final = 2_000_000
"""Values in the JSON of an answer: small ones take many times their text in memory, and the parser, which
takes half a minute for as many as the bytes allow, cannot be interrupted."""
_BEFORE_A_VALUE: Final = b"[{,"


@dataclass(frozen=True)
class HttpCall:
    """What is asked, before any redirect."""

    method: str
    url: Url
    params: dict[str, str | int]
    body: bytes | None

    def __str__(self) -> str:
        return f"{self.method} {shown(str(self.url))}"


@dataclass(frozen=True)
class Answer:
    """What came back. `location`: of a redirect, whose body is not read."""

    status: int
    content_type: str
    body: bytes
    location: str | None
    retry_after: float | None
    home: bool  # False where a redirect led to another origin

    def error(self) -> tuple[int | None, str]:
        """The registry's own error code and message, if the body has them."""
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            return None, ""
        if not isinstance(body, dict):
            return None, ""
        code, message = body.get("error_code"), body.get("message")
        return (
            code if isinstance(code, int) else None,
            message if isinstance(message, str) else "",
        )


@dataclass(frozen=True)
class Transport:
    """Sends requests with the settings of one registry; shared by threads. `home` gets the credentials."""

    auth: AuthHeader
    verify: bool | str
    cert: Certificate
    max_bytes: int
    session: requests.Session

    def send(
        self, call: HttpCall, url: Url, *, home: bool, timeout: float, wait: Callable[[threading.Event], None]
    ) -> Answer:
        """The answer. `wait` returns when the event is set, or raises, which gives up.

        Raises also what requests raises, `OSError`, `ValueError` and `RegistryError` (an endless answer).
        """
        return _waited_for(_Job(lambda: self._asked(call, url, home, timeout)), wait)

    def refuse_kafka(self, url: Url, wait: Callable[[threading.Event], None]) -> None:
        """Raises `KafkaThereError` if a Kafka broker listens at `url`; `wait` as for `send`."""
        _waited_for(_Job(lambda: refuse_kafka(url, _note)), wait)

    def _asked(self, call: HttpCall, url: Url, home: bool, timeout: float) -> Answer:
        try:
            return self._transfer(call, url, home, timeout)
        except requests.ConnectionError as error:
            look_again(url, error, self.verify, self.cert if home else None, _note)
            if hung_up(error):
                refuse_kafka(url, _note)
            raise

    def _transfer(self, call: HttpCall, url: Url, home: bool, timeout: float) -> Answer:
        with self.session.request(
            call.method,
            str(url),
            params=call.params if url == call.url else None,
            data=call.body,
            headers={"Accept": ACCEPT, **({"Content-Type": CONTENT_TYPE} if call.body else {})},
            auth=self.auth if home else AuthHeader(None),
            verify=self.verify,
            cert=self.cert if home else None,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            location = response.headers.get("Location") if response.is_redirect else None
            return Answer(
                response.status_code,
                response.headers.get("Content-Type", "").partition(";")[0].strip(),
                b"" if location else _body(response, self.max_bytes),
                location,
                _seconds(response.headers.get("Retry-After")),
                home,
            )


class _Job(threading.Thread, Generic[T]):
    """A call in a thread of its own."""

    def __init__(self, act: Callable[[], T]) -> None:
        super().__init__(name="kgen-registry-request", daemon=True)
        self.done = threading.Event()
        self.line = _Line()
        self._act = act
        self._error: BaseException | None = None

    def run(self) -> None:
        _CURRENT.line = self.line
        try:
            self._answer = self._act()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self.line.hang_up()
            self.done.set()

    def result(self) -> T:
        """What the call gave. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._answer


def _waited_for(job: _Job[T], wait: Callable[[threading.Event], None]) -> T:
    """The result of a job, which is cut where `wait` gives it up."""
    try:
        job.start()
        wait(job.done)
    except BaseException:
        job.line.cut()
        raise
    return job.result()


class _Line:
    """The connection that a job is on, so that it can be cut from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._dialled: socket.socket | None = None
        self._given_up = False

    def take(self, connection: HTTPConnection) -> None:
        """The job is on it now. Raises where it was given up."""
        with self._lock:
            # Not looked for in the connection later, which lets go of it before an answer of unknown length.
            self._sock = getattr(connection, "sock", None)
            self._close_dialled()
            self._check()

    def dialled(self, sock: socket.socket) -> None:
        """A socket while TLS is begun on it, which takes it away from its connection. Raises as `take`."""
        with self._lock:
            self._close_dialled()
            self._check()
            self._dialled = sock.dup()

    def _check(self) -> None:
        if self._given_up:
            raise ConnectionAbortedError("given up")

    def cut(self) -> None:
        """Have the job fail at once, or when it gets a connection."""
        with self._lock:
            self._given_up = True
            for sock in (self._dialled, self._sock):
                if isinstance(sock, socket.socket):
                    with suppress(OSError):  # not TLS's own shutdown, which is not for two threads
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """The job is done: the connection is another's."""
        with self._lock:
            self._sock = None
            self._close_dialled()

    def _close_dialled(self) -> None:
        if self._dialled is not None:
            self._dialled.close()
            self._dialled = None


class _Current(threading.local):
    line: _Line | None = None


_CURRENT: Final = _Current()


def _note(sock: socket.socket) -> None:
    """This thread is on this socket, which may be cut. Raises `OSError` if it has been given up."""
    if _CURRENT.line is not None:
        _CURRENT.line.dialled(sock)


class _Http(HTTPConnection):
    def connect(self) -> None:
        self._take()
        super().connect()
        self._take()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._take()
        super().request(*args, **kwargs)

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        try:
            _note(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _take(self) -> None:
        if _CURRENT.line is not None:
            _CURRENT.line.take(self)


class _Https(_Http, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}


class _Session(requests.Session):
    """Follows no redirect, nor looks at it: requests would, parsing it and reading all of the answer's body
    first, also where it is not to follow.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, whatever the answer."""


def new_session() -> requests.Session:
    """A session that keeps connections, and no cookies."""
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # they know no ports
    adapter = _Adapter(pool_connections=8, pool_maxsize=32)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers["User-Agent"] = "kgen"
    return session


def _body(response: requests.Response, max_bytes: int) -> bytes:
    parts, size, values = [], 0, 0
    for part in response.iter_content(1 << 16):
        parts.append(part)
        size += len(part)
        values += sum(map(part.count, _BEFORE_A_VALUE))
        if size > max_bytes:
            raise RegistryError(
                f"the registry's answer is longer than {max_bytes} bytes", status=response.status_code
            )
        if values > MAX_VALUES:
            raise RegistryError(
                f"the registry's answer has more than {MAX_VALUES} values", status=response.status_code
            )
    return b"".join(parts)


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After`: seconds, or a date."""
    if not retry_after:
        return None
    try:
        if retry_after.strip().isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
