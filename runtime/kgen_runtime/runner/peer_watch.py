"""While a cluster of several hosts runs: a process notices that another one is gone or cut off, and leaves.

The connections of the `rendezvous` stay open, and say why. A process that leaves sends `left` with the reason
ahead; the end of a connection without it is the death of the process. A host that is cut off or without power
sends nothing at all: there the kernel gives the connections up (`peer_link.guard`), these and Bytewax's own
(`peer_connections`), which also join processes that are not process 0. What process 0 learns of one it sends
to all, so that every log has the same reason. Nothing can be made durable without all processes: each leaves
at once, for its supervisor to start it again.

A stop is asked of each process by itself. One says that it was asked, and is not taken for dead when it ends;
and when everything that was read is durable there. Once that is so in all, process 0 has all leave, together:
the first to leave by itself takes along the epoch of those that are not as far.

Bytewax connects to all processes with lower numbers. Of one that does not listen yet it asks again after a
second, and the whole cluster stands still meanwhile: so each process begins when those listen, which they say
over the same connections.
"""

from __future__ import annotations

import logging
import math
import selectors
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from ..errors import KgenError
from ..recovery.folder import disk_full_error
from ..reporting.printable import printable
from ..reporting.progress import PROGRESS
from ..stop import STOP
from .error_report import CutOffError, headline, leave, report_error
from .peer_connections import VISIBLE, ConnectionState, PeerConnection, find_connections, listens
from .peer_identity import PeerIdentity
from .peer_link import PeerLink, PeerLinkError
from .rendezvous import meet, named, resolved
from .shutdown import FAILED, DrainedExit

_BEAT: Final = 1.0
_MISSED: Final = 3.0 * _BEAT
_QUIET: Final = 6.0
"""Seconds without a beat after which a process is reported as waited for: it is frozen, or its interpreter
is kept busy.
"""
_DEAD: Final = 300.0
"""Seconds without a beat after which it counts as gone."""
_LOOK_EVERY: Final = 0.2
_LOOK_SOON: Final = 0.02
"""The same until Bytewax listens: others wait for that."""
_TURN: Final = 2.0
"""Seconds for the processes with lower numbers to listen; then Bytewax tries by itself."""
_CONNECT_TIME: Final = 60.0
"""Seconds for Bytewax to connect once all processes have begun."""
_END_TIME: Final = 10.0
"""Seconds for Bytewax to end a run of which it has closed a connection."""
_GRACE: Final = 1.0
"""Seconds for an error of this process's own, which says more, and for process 0 to say the reason."""
_MOST_TEXT: Final = 500
_CUT_OFF: Final = "cannot be reached: its host is cut off or down"
_HINT: Final = (
    "Look at its host and its log. All processes leave; started again, together, they go on after the last "
    "epoch that was committed."
)

log = logging.getLogger("kgen_runtime.run")


class PeerLostError(KgenError):
    """Another process of the cluster is gone, or cannot be reached."""


@contextmanager
def run_together(identity: PeerIdentity, folder: Path | None) -> Iterator[None]:
    """Enter when all processes of the cluster have come; while entered, those that are lost are noticed, and
    this process left. `folder` is for recovery.

    Raises `ConfigError` as `meet` does, `PeerLostError` if that is why Bytewax failed, and `RecoveryError`
    if the disk is full.
    """
    watch = PeerWatch(identity, meet(identity, folder))
    watch.start()
    try:
        watch.wait_for_turn()
        yield
    except CutOffError:
        full = None if identity.process else disk_full_error(folder)
        if full is not None:
            watch.say_why(f"has failed: {full.what}")
        cause = full or watch.cause()
        if STOP.drained:  # another one left, and nothing is lost with it
            raise DrainedExit from None
        raise cause from None
    except DrainedExit:
        watch.say_why(_why_stopping())
        raise
    except BaseException as error:
        watch.say_why(f"has failed: {headline(error)}")
        raise
    else:
        watch.say_why(_why_stopping() if STOP.requested else "")
    finally:
        watch.stop()


class PeerWatch:
    """Of one process, over the links that `meet` gave."""

    def __init__(
        self,
        identity: PeerIdentity,
        links: Mapping[int, PeerLink],
        leave_with: Callable[[KgenError], None] | None = None,
    ) -> None:
        self._process = identity.process
        self._addresses = identity.addresses.split(";")
        self._links = dict(links)
        self._beats = dict.fromkeys(links, time.monotonic())
        self._own = self._addresses[self._process]
        self._port = int(self._own.rpartition(":")[2])
        self._left: set[int] = set()
        self._connected = False
        self._connections: dict[tuple[Any, Any], tuple[int | None, PeerConnection]] = {}
        self._ended: dict[int, float] = {}
        self._unanswered: dict[int, tuple[float, int | None]] = {}
        self._lost: PeerLostError | None = None
        self._known = threading.Event()
        self._listening: set[int] = set()
        self._stopping: dict[int, str] = {}
        self._drained: set[int] = set()
        self._turn = threading.Event()
        self._stopped = threading.Event()
        self._leave = leave_with or _leave
        self._name_hosts()
        self._thread = threading.Thread(target=self._watch, name="kgen-peers", daemon=True)

    def start(self) -> None:
        """In a thread of its own."""
        self._thread.start()

    def wait_for_turn(self) -> None:
        """Until Bytewax finds all that it connects to, or a moment."""
        if VISIBLE and self._process:
            self._turn.wait(_TURN)

    def stop(self) -> None:
        """The run is over in this process. The links stay open until it exits: their end says that."""
        self._stopped.set()

    def say_why(self, why: str) -> None:
        """To the others: this process leaves, and why; nothing if its part is done."""
        self._stopped.set()
        self._send({"left": self._process, "why": printable(why, _MOST_TEXT)})

    def cause(self) -> KgenError:
        """Why the cluster failed, as far as it gets known in a moment."""
        old = time.monotonic() - _MISSED
        for since, whom in list(self._unanswered.values()):
            if since < old:
                self._record_loss(whom, _CUT_OFF)
        self._known.wait(_GRACE)
        old = time.monotonic() - _MISSED
        for process, at in sorted(self._beats.items()):
            if self._lost is None and process in self._links and at < old:  # Bytewax was the first to notice
                self._record_loss(process, _CUT_OFF)
        self._stopped.set()
        return self._lost or CutOffError()

    def _watch(self) -> None:
        began = time.monotonic()
        beat = 0.0
        with selectors.DefaultSelector() as selector:
            for link in list(self._links.values()):
                selector.register(link, selectors.EVENT_READ)
                self._read(link, selector)  # what came along with the last message of the rendezvous
            while not self._stopped.is_set() and self._lost is None:
                now = time.monotonic()
                if now > beat + _BEAT:
                    beat = now
                    self._send({"beat": self._process})
                self._look_at_listener()
                self._look_at_stop()
                for key, _ in selector.select(self._look_every):
                    if isinstance(key.fileobj, PeerLink):
                        self._read(key.fileobj, selector)
                self._look_at_beats()
                self._look_at_connections(time.monotonic() - began)
        if self._lost is not None and not self._stopped.wait(_GRACE) and not STOP.leave_drained():
            self._leave(self._lost)

    def _read(self, link: PeerLink, selector: selectors.BaseSelector) -> None:
        process = link.process
        assert process is not None
        try:
            for message in link.messages():
                self._beats[process] = time.monotonic()
                self._on_message(process, message)
            return
        except EOFError:
            why = self._stopping.get(process, "has died or left: its log may say why")
        except PeerLinkError as error:
            why = f"sent what is not understood: {error}"
        except OSError as error:
            why = f"cannot be reached ({error.strerror or error}): its host is cut off or down"
        selector.unregister(link)
        del self._links[process]
        if process not in self._left:
            self._record_loss(process, why)

    def _on_message(self, sender: int, message: Mapping[str, Any]) -> None:
        if "listens" in message:
            self._on_listens(sender, message["listens"])
            return
        if "stop" in message:
            self._on_stop(sender, message["stop"], message.get("why"))
            return
        about, why = message.get("left"), message.get("why")
        if type(about) is not int or not isinstance(why, str) or not 0 <= about < len(self._addresses):
            return  # a beat
        if sender in (0, about) and about != self._process:
            self._left.add(about)
            lost = message.get("lost")
            if type(lost) is int and self._beats.get(lost, math.inf) < time.monotonic() - _MISSED:
                self._record_loss(lost, _CUT_OFF)  # from here too
            elif why:
                self._record_loss(about, printable(why, _MOST_TEXT))

    @property
    def _look_every(self) -> float:
        return _LOOK_SOON if VISIBLE and self._process not in self._listening else _LOOK_EVERY

    def _look_at_listener(self) -> None:
        if self._process not in self._listening and listens(self._port):
            self._listening.add(self._process)
            self._send({"listens": self._process})

    def _on_listens(self, sender: int, about: Any) -> None:
        """Process 0 passes it on: the others have no links between each other."""
        if type(about) is not int or sender not in (0, about):
            return
        self._listening.add(about)
        if self._process == 0:
            self._send({"listens": about})
        if self._listening.issuperset(range(self._process)):
            self._turn.set()

    def _look_at_stop(self) -> None:
        if STOP.requested and self._process not in self._stopping:
            self._stopping[self._process] = _why_stopping()
            self._send({"stop": "begun", "why": self._stopping[self._process]})
        if STOP.drained and self._process not in self._drained:
            self._send({"stop": "drained"})
            self._on_drained(self._process)

    def _on_stop(self, sender: int, how: Any, why: Any) -> None:
        if how == "begun" and isinstance(why, str):
            self._stopping[sender] = printable(why, _MOST_TEXT)
        elif how == "drained":
            self._on_drained(sender)
        elif how == "leave" and sender == 0:
            self._leave_together()

    def _on_drained(self, process: int) -> None:
        """Process 0 counts them, and is itself one."""
        self._drained.add(process)
        if self._process == 0 and len(self._drained) == len(self._addresses):
            self._send({"stop": "leave"})
            self._leave_together()

    def _leave_together(self) -> None:
        self._stopped.set()  # whom it misses from now on has left as it does
        self._known.set()
        STOP.leave_drained()

    def _look_at_beats(self) -> None:
        now = time.monotonic()
        for process, at in self._beats.items():
            whom = f"{self._named(process)}, which gives no sign"
            if process not in self._links or now - at < _QUIET:
                PROGRESS.go_on((_QUIET, process))
                continue
            PROGRESS.wait((_QUIET, process), whom)
            if now - at > _DEAD:
                self._record_loss(process, f"has given no sign for {_DEAD:g} s")

    def _look_at_connections(self, since: float) -> None:
        """Those of Bytewax: until all are there, then whether they are whole."""
        if not VISIBLE or self._left:
            return  # the run is about to end
        if not self._connected:
            self._find()
            # Bytewax listens until the others have come, and stops at one that does not say who it is.
            if len(self._connections) >= len(self._addresses) - 1 and not listens(self._port):
                self._connected = True
                log.debug("connected to %s other process(es)", len(self._connections))
            elif since > _CONNECT_TIME:
                self._lost = self._unconnected()
            return
        for process, connection in list(self._connections.values()):
            state = connection.state()
            if state is ConnectionState.ENDED:
                self._find()  # Bytewax opens it again as another file, and closes this one
            if state is ConnectionState.WHOLE:
                self._ended.pop(connection.inode, None)
                self._unanswered.pop(connection.inode, None)
            elif state is ConnectionState.UNANSWERED:
                self._unanswered.setdefault(connection.inode, (time.monotonic(), process))
            elif state is ConnectionState.BROKEN:
                self._record_loss(process, _CUT_OFF)
            elif self._ended.setdefault(connection.inode, time.monotonic()) < time.monotonic() - _END_TIME:
                self._record_loss(process, "has closed its connection, and Bytewax does not end")

    def _unconnected(self) -> PeerLostError:
        strangers = {
            str(connection.place[1][0])
            for process, connection in self._connections.values()
            if process is None and connection.place[1][0] not in self._hosts
        }
        came = f"; from {', '.join(sorted(strangers))}, which is not in --addresses, somebody is connected"
        return PeerLostError(
            f"Bytewax has not connected all processes in {_CONNECT_TIME:g} s{came if strangers else ''}",
            where=self._own,
            hint="Is the port of each process reachable from all others, and from nowhere else?",
        )

    def _find(self) -> None:
        links = set()
        for link in self._links.values():
            with suppress(OSError):
                links.add(link.places())
        for opened, connection in find_connections(self._port, self._targets, links):
            process = opened
            if process is None:
                process = self._hosts.get(connection.place[1][0])
            self._connections[connection.place] = process, connection

    def _record_loss(self, process: int | None, why: str) -> None:
        """It is gone: the reason that comes first stands, here and in the processes that have none yet."""
        if self._lost is not None or self._stopped.is_set():
            return
        called = "another process of the cluster" if process is None else self._named(process)
        self._lost = PeerLostError(f"{called} {why}", where=f"process {self._process}", hint=_HINT)
        self._known.set()
        if process is None:
            return
        if self._process == 0:
            self._send({"left": process, "why": why})
        elif process:  # process 0 may reach both
            self._send({"left": self._process, "why": f"has left: {called} {why}", "lost": process})

    def _name_hosts(self) -> None:
        """Which process opens connections from where, and which addresses this one opens them to."""
        self._targets: dict[Any, int] = {}
        self._hosts: dict[str, int | None] = {}
        for process, address in enumerate(self._addresses):
            with suppress(OSError):
                for info in resolved(address):
                    if process < self._process:
                        self._targets[info[4][:2]] = process
                    elif process > self._process:
                        known = self._hosts.setdefault(info[4][0], process)
                        if known != process:
                            self._hosts[info[4][0]] = None  # several on one host

    def _named(self, process: int) -> str:
        return named(process, self._addresses[process])

    def _send(self, message: Mapping[str, Any]) -> None:
        for link in list(self._links.values()):
            link.send(message)


def _why_stopping() -> str:
    """Of this process, to the others."""
    if STOP.failure is not None:
        return f"has stopped: {getattr(STOP.failure, 'what', STOP.failure)}"
    return "has stopped to be started again" if STOP.restart else "was asked to stop"


def _leave(error: KgenError) -> None:
    report_error(error)
    leave(FAILED)
