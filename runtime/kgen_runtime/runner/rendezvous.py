"""The processes of a cluster on several hosts meet before Bytewax begins.

Process 0 listens at its own address, which Bytewax takes afterwards: no other port is needed. The others
connect to it, and each says what it is (`peer_identity`).

    process 0                                another process
                  ◀────── identity ──────
    it differs    ─────── refused ──────▶    leaves, with the reason
    some miss     ─────── waits_for ────▶    reports it
    all are here  ─────── begin ────────▶    begins

The connections stay open for the run: see `peer_watch`. By itself Bytewax waits without end and in silence
for a process that does not come, and takes any connection for one of its own.
"""

from __future__ import annotations

import ipaddress
import logging
import selectors
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigError
from ..reporting.printable import printable
from ..reporting.progress import PROGRESS
from .peer_identity import PeerIdentity, Refusal, refusal
from .peer_link import PeerLink, PeerLinkError

PATIENCE: Final = 300.0
"""Seconds for all processes to come; then those that are there leave, for their supervisors to see."""
_LOOK_EVERY: Final = 0.2
_CONNECT_TIME: Final = 3.0
_HELLO_TIME: Final = 5.0
"""Seconds for a connection to say who it is; a port scanner says nothing."""
_SILENT: Final = 15.0
"""Seconds after which what process 0 should say is no longer waited for."""
_MOST_STRANGERS: Final = 64
_MOST_SAID: Final = 20
"""Strangers that a log has a line of."""
_STEADY: Final = 1.0
_MOST_TEXT: Final = 500
_LATE: Final = (
    "Is that process started, with that --process-id, and are its name and port reachable from here? All "
    "processes of a cluster are started together, and again together."
)

log = logging.getLogger("kgen_runtime.run")


def named(process: int, address: str) -> str:
    """How a process is called in what is logged."""
    return f"process {process} at {address}"


def meet(identity: PeerIdentity, folder: Path | None, patience: float = PATIENCE) -> dict[int, PeerLink]:
    """Wait for all, with those that are waited for in the report: in process 0 its links to all others, in
    these the one to process 0. `folder` is for recovery.

    Raises `ConfigError` if this process is refused, or not all come in time.
    """
    waiting = _Waiting(patience)
    addresses = identity.addresses.split(";")
    try:
        _wait_for_names(addresses, waiting)
        _warn_of_loopback(identity.process, addresses)
        if identity.process == 0:
            return _Host(identity, addresses, waiting).gather()
        return {0: _Guest(identity, addresses, folder, waiting).join()}
    finally:
        waiting.say([])


class _Waiting:
    """For whom, and for how long."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._deadline = time.monotonic() + patience
        self._said: set[str] = set()

    def say(self, whom: Sequence[str]) -> None:
        """To the report and to probes: these are waited for, no others."""
        for each in self._said.difference(whom):
            PROGRESS.go_on((self, each))
        for each in whom:
            PROGRESS.wait((self, each), each)
        self._said = set(whom)

    def check(self, whom: Sequence[str]) -> None:
        """Raises `ConfigError` when it has been too long."""
        if time.monotonic() > self._deadline:
            raise ConfigError(
                f"not all processes of the cluster have come in {self._patience:g} s: waited for "
                f"{', '.join(whom)}",
                where="--addresses",
                hint=_LATE,
            )

    def pause(self, *whom: str) -> None:
        """Until it is worth another try. Raises `ConfigError`."""
        self.check(whom)
        self.say(whom)
        time.sleep(_LOOK_EVERY)


class _Host:
    """Process 0."""

    def __init__(self, identity: PeerIdentity, addresses: Sequence[str], waiting: _Waiting) -> None:
        self._identity, self._addresses, self._waiting = identity, addresses, waiting
        self._strangers: dict[PeerLink, float] = {}
        self._joined: dict[int, PeerLink] = {}
        self._said = 0.0
        self._refused = 0

    def gather(self) -> dict[int, PeerLink]:
        with ExitStack() as stack:
            listener = stack.enter_context(self._listen())
            selector = stack.enter_context(selectors.DefaultSelector())
            on_error = stack.enter_context(ExitStack())
            on_error.callback(self._close)
            selector.register(listener, selectors.EVENT_READ)
            while missing := self._missing():
                self._waiting.check(missing)
                self._say(missing)
                ready = [key.fileobj for key, _ in selector.select(_LOOK_EVERY)]
                for each in ready:
                    if isinstance(each, PeerLink):
                        self._read(each, selector)
                if listener in ready:  # after those that have said something: for room, one may be closed
                    self._accept(listener, selector)
                self._drop_silent(selector)
            for stranger in list(self._strangers):
                self._drop(stranger, selector)
            on_error.pop_all()
        # Nobody listens any more: the port is Bytewax's now, and may be connected to.
        for link in self._joined.values():
            link.send({"begin": True})  # one that is gone is noticed as in the run
        return self._joined

    def _close(self) -> None:
        for link in (*self._strangers, *self._joined.values()):
            link.close()

    def _listen(self) -> socket.socket:
        while True:
            try:
                return _bound(self._addresses[0])
            except OSError as error:
                self._waiting.pause(_own(self._addresses[0], error))

    def _missing(self) -> list[str]:
        return [
            named(process, address)
            for process, address in enumerate(self._addresses)
            if process and process not in self._joined
        ]

    def _say(self, missing: Sequence[str]) -> None:
        """To the report, and now and then to those that wait too."""
        self._waiting.say(missing)
        if time.monotonic() > self._said + _STEADY:
            self._said = time.monotonic()
            for link in self._joined.values():
                link.send({"waits_for": missing})

    def _accept(self, listener: socket.socket, selector: selectors.BaseSelector) -> None:
        try:
            connection = listener.accept()[0]
        except OSError:
            return  # it is gone already
        if len(self._strangers) >= _MOST_STRANGERS:
            self._drop(next(iter(self._strangers)), selector)
        link = PeerLink(connection)
        self._strangers[link] = time.monotonic()
        selector.register(link, selectors.EVENT_READ)

    def _read(self, link: PeerLink, selector: selectors.BaseSelector) -> None:
        try:
            for message in link.messages():
                if link not in self._strangers:
                    continue
                other = PeerIdentity.from_json(message)
                if why := self._why_not(other):
                    called = f"process {other.process} on {printable(other.host)}"
                    log.warning("%s was refused: %s", called, printable(why.what, _MOST_TEXT))
                    self._refuse(link, why, selector)
                    return
                del self._strangers[link]
                link.process = other.process
                self._joined[other.process] = link
        except (OSError, EOFError):
            if link.process is not None:
                log.warning("%s left before the run began", self._named(link.process))
            self._drop(link, selector)
        except (PeerLinkError, ValueError) as error:
            self._report_stranger(link, error)
            why = Refusal(f"not understood: {error}", "Install one version of kgen on all hosts.")
            self._refuse(link, why, selector)

    def _report_stranger(self, link: PeerLink, error: Exception) -> None:
        self._refused += 1
        if self._refused <= _MOST_SAID:
            log.warning("a connection from %s was refused: %s", _origin(link), printable(str(error)))
        elif self._refused == _MOST_SAID + 1:
            log.warning("more connections are refused, without a line for each of them")

    def _why_not(self, other: PeerIdentity) -> Refusal | None:
        if not 0 < other.process < len(self._addresses):
            count = len(self._addresses)
            return Refusal(
                f"its --process-id is {other.process}, of {count} processes", "Count from 0, each once."
            )
        if other.process in self._joined:
            return Refusal(
                f"there is a process {other.process} already",
                "Each process has a --process-id of its own. If that one has just died, its connection ends "
                "in a few seconds: start this one again.",
            )
        return refusal(self._identity, other)

    def _refuse(self, link: PeerLink, why: Refusal, selector: selectors.BaseSelector) -> None:
        link.send({"refused": why._asdict()})
        self._drop(link, selector)

    def _drop_silent(self, selector: selectors.BaseSelector) -> None:
        old = time.monotonic() - _HELLO_TIME
        for link in [link for link, since in self._strangers.items() if since < old]:
            self._drop(link, selector)

    def _drop(self, link: PeerLink, selector: selectors.BaseSelector) -> None:
        self._strangers.pop(link, None)
        if link.process is not None:
            self._joined.pop(link.process, None)
        selector.unregister(link)
        link.close()

    def _named(self, process: int) -> str:
        return named(process, self._addresses[process])


class _Guest:
    """Any other process."""

    def __init__(
        self, identity: PeerIdentity, addresses: Sequence[str], folder: Path | None, waiting: _Waiting
    ) -> None:
        self._identity, self._waiting = identity, waiting
        self._folder = folder
        self._first = named(0, addresses[0])
        self._own = addresses[identity.process]
        self._address = addresses[0]
        self._said = [self._first]

    def join(self) -> PeerLink:
        while True:
            try:
                _bound(self._own).close()
            except OSError as error:
                self._waiting.pause(_own(self._own, error))
                continue
            try:
                link = PeerLink(_connected(self._address), 0)
            except OSError as error:
                self._waiting.pause(f"{self._first} ({_reason(error)})")
                continue
            with ExitStack() as stack:
                stack.callback(link.close)
                if self._is_accepted(link):
                    stack.pop_all()
                    return link
            self._waiting.pause(f"{self._first} (it does not answer as a process of this cluster)")

    def _is_accepted(self, link: PeerLink) -> bool:
        """Whether the run begins. Raises `ConfigError` if this process is refused."""
        if not link.send(self._identity.on_folder(self._folder).as_json()):
            return False
        last = time.monotonic()
        with selectors.DefaultSelector() as selector, suppress(OSError, EOFError, PeerLinkError):
            selector.register(link, selectors.EVENT_READ)
            while time.monotonic() < last + _SILENT:
                self._waiting.check(self._said)
                if selector.select(_LOOK_EVERY):
                    for message in link.messages():
                        last = time.monotonic()
                        if self._is_begin(message):
                            return True
        return False

    def _is_begin(self, message: dict[str, Any]) -> bool:
        refused, missing = message.get("refused"), message.get("waits_for")
        if isinstance(refused, dict):
            raise ConfigError(
                f"process 0 refused this process, {self._identity.process}: "
                f"{printable(str(refused.get('what')), _MOST_TEXT)}",
                where=f"{self._first}",
                hint=printable(str(refused.get("hint")), _MOST_TEXT),
            )
        if isinstance(missing, list):
            self._said = [printable(str(each)) for each in missing[:_MOST_STRANGERS]]
            self._waiting.say(self._said)
        return message.get("begin") is True


def _origin(link: PeerLink) -> str:
    try:
        return str(link.places()[1][0])
    except OSError:
        return "one that is gone"


def _own(address: str, error: OSError) -> str:
    return f"{address}, its own address, to listen on ({_reason(error)})"


def _wait_for_names(addresses: Sequence[str], waiting: _Waiting) -> None:
    """Those of hosts may be absent for a while after a start, in Kubernetes for example. Raises `ConfigError`
    if two processes have one address under two names, or a name stays unknown.
    """
    while True:
        unknown = []
        found: dict[Any, int] = {}
        for process, address in enumerate(addresses):
            try:
                places = {info[4][:2] for info in resolved(address)}
            except OSError as error:
                unknown.append(f"{named(process, address)} ({_reason(error)})")
                continue
            for place in places:
                if found.setdefault(place, process) != process:
                    other = found[place]
                    raise ConfigError(
                        f"processes {other} and {process} have one address, {place[0]}:{place[1]}: "
                        f"{addresses[other]} and {address}",
                        where="--addresses",
                        hint="Each process has an address of its own.",
                    )
        if not unknown:
            return
        waiting.pause(*unknown)


def _warn_of_loopback(process: int, addresses: Sequence[str]) -> None:
    """If processes elsewhere cannot reach this one by its name, as it listens where that leads here; those
    with higher numbers connect to it.
    """
    try:
        own, *others = map(_place, addresses[process:])
    except (OSError, ValueError):
        return  # a name that is gone again will be waited for
    if own.is_loopback and not all(other.is_loopback for other in others):
        log.warning(
            "%s, this process's address, is %s here, which no other machine reaches. Debian has a machine's "
            "own name so in /etc/hosts: name its address in --addresses, or correct that file.",
            *(addresses[process], own),
        )


def _place(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(resolved(address)[0][4][0].partition("%")[0])


def resolved(address: str) -> list[Any]:
    """What `getaddrinfo` finds for HOST:PORT. Raises `OSError`."""
    host, _, port = address.rpartition(":")
    try:
        return socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"invalid name: {error}") from error


def _connected(address: str) -> socket.socket:
    last: OSError | None = None
    for family, kind, protocol, _, place in resolved(address):
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(_CONNECT_TIME)
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last or OSError("the name has no address")


def _bound(address: str) -> socket.socket:
    """Listens as Bytewax does: at the first address of the name."""
    family, kind, protocol, _, place = resolved(address)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # of links that stay open, too
        listener.bind(place)
        listener.listen(_MOST_STRANGERS)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name is not known yet"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there yet"
    if isinstance(error, TimeoutError):
        return "no answer"
    return printable(error.strerror or str(error))
