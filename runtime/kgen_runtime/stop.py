"""Stopping a run: how its sources and steps are asked to, and the states of that.

Two ways. Without recovery (`end`) the sources end, as if their topics did: what is under way is flushed and
windows give what they hold. With recovery that would be wrong: Bytewax closes every open window at the end of
input, so each would come out in two parts. There (`drain`) the sources go quiet instead, wait until a
snapshot taken after their last message is durable, and report it; the runner then leaves without an end of
input, and the next run goes on where this one was.

    LOADING ──begin──▶ STARTING ──list──▶ BUILDING ──join──▶ READING
    LOADING, STARTING ──request──▶ UNBEGUN
    BUILDING, READING ──request, end──▶ ENDING
    READING ──request, drain──▶ DRAINING ──all have left──▶ DRAINED ──the runner leaves──▶ LEAVING
    BUILDING ──request, drain──▶ UNREAD ──join──▶ DRAINING
    UNREAD ──no partition joins──▶ DRAINED
    UNBEGUN, UNREAD, ENDING, DRAINING, DRAINED, LEAVING ──the runner gives up──▶ UNDRAINED
    UNBEGUN, UNREAD, ENDING, DRAINING, DRAINED, LEAVING, UNDRAINED ──the runner exits──▶ EXITING
    LOADING, STARTING, BUILDING, READING ──over──▶ OVER
    UNBEGUN, UNREAD, ENDING, DRAINING, DRAINED, LEAVING, UNDRAINED ──over──▶ OVER

- LOADING: the runner is being loaded, or the flow imported: nothing can be lost.
- STARTING: the run has begun, and no source of it has looked which partitions there are.
- BUILDING: a source has, and no partition is being read. A flow without a source of kgen's does not get here.
- READING: partitions are being read.
- UNBEGUN: asked to stop before anything was read. Bytewax, asked to leave while it still builds the flow,
  would abort; so the process ends like any program that is asked to, together with the others of a cluster.
- UNREAD: asked to drain, and no partition is read here: one may still be built.
- ENDING: the sources end, and with them the run.
- DRAINING: the sources are quiet, or about to be; some wait for the end of their epoch.
- DRAINED: everything that was read here is durable.
- LEAVING: the main thread is being taken out of Bytewax.
- UNDRAINED: not everything can be made durable, or not in time: the next run repeats the last epoch.
- EXITING: the process ends now, whatever its workers do.
- OVER: the run has returned, or failed. What comes late changes nothing.

A second signal, or the death of the process that started a local cluster, is not a state: each ends the
process at once, from any of them.
"""

from __future__ import annotations

import threading
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, Literal, Protocol, TypeAlias

from .states import Moves, moved

Way: TypeAlias = Literal["end", "drain"]


class ShutdownState(Enum):
    """Of the run of this process."""

    LOADING = auto()
    STARTING = auto()
    BUILDING = auto()
    READING = auto()
    UNBEGUN = auto()
    UNREAD = auto()
    ENDING = auto()
    DRAINING = auto()
    DRAINED = auto()
    LEAVING = auto()
    UNDRAINED = auto()
    EXITING = auto()
    OVER = auto()


_S = ShutdownState
_LEFT: Final = frozenset({_S.EXITING, _S.OVER})
_GIVEN_UP: Final = _LEFT | {_S.UNDRAINED}
_OVER: Final = frozenset({_S.OVER})

SHUTDOWN_MOVES: Final[Moves[ShutdownState]] = MappingProxyType(
    {
        _S.LOADING: _OVER | {_S.STARTING, _S.UNBEGUN},
        _S.STARTING: _OVER | {_S.BUILDING, _S.UNBEGUN},
        _S.BUILDING: _OVER | {_S.READING, _S.UNREAD, _S.ENDING},
        _S.READING: _OVER | {_S.DRAINING, _S.ENDING},
        _S.UNBEGUN: _GIVEN_UP,
        _S.UNREAD: _GIVEN_UP | {_S.DRAINING, _S.DRAINED},
        _S.ENDING: _GIVEN_UP,
        _S.DRAINING: _GIVEN_UP | {_S.DRAINED},
        _S.DRAINED: _GIVEN_UP | {_S.LEAVING},
        _S.LEAVING: _GIVEN_UP,
        _S.UNDRAINED: _LEFT,
        _S.EXITING: frozenset(),
        _S.OVER: frozenset(),
    }
)

_ON_REQUEST: Final = MappingProxyType(
    {
        _S.LOADING: (_S.UNBEGUN, _S.UNBEGUN),
        _S.STARTING: (_S.UNBEGUN, _S.UNBEGUN),
        _S.BUILDING: (_S.ENDING, _S.UNREAD),
        _S.READING: (_S.ENDING, _S.DRAINING),
    }
)
"""What follows a request: for `end`, and for `drain`."""
_ON_JOIN: Final = MappingProxyType({_S.BUILDING: _S.READING, _S.UNREAD: _S.DRAINING})
_REQUESTED: Final = frozenset(_S) - _ON_REQUEST.keys() - _OVER
_DRAINED: Final = frozenset({_S.DRAINED, _S.LEAVING})
_UNLISTED: Final = frozenset({_S.LOADING, _S.STARTING, _S.UNBEGUN})


class ShutdownActions(Protocol):
    """What a runner does about it. Called in the thread that moved the controller; other threads then wait
    with their requests and reports until it returns.
    """

    def requested(self, state: ShutdownState) -> None:
        """The run was asked to stop, for the first time; `state` followed."""

    def drained(self) -> None:
        """All partitions have left."""

    def leave(self) -> None:
        """All processes of a cluster have drained, or those that have not are gone."""

    def stuck(self) -> None:
        """A step cannot go on. Called in its worker, with nothing held; need not return."""


class ShutdownController:
    """One per process (`STOP`): sources and steps find it without being given it, since they are made before
    a runner is there, and Bytewax calls them in threads of its own.

    A run begins with `begin`, by a runner; where there is none (`python -m bytewax.run`, `testing.run`), with
    `list`, and then a request always ends the sources. Used by all threads, but never in a signal handler
    once a run has begun: one could come while its thread is in here.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # actions move on
        self._start(_S.STARTING, None)

    def _start(self, state: ShutdownState, actions: ShutdownActions | None) -> None:
        self.state = state
        self.way: Way = "end"
        self.restart = False
        self.failure: Exception | None = None
        self._actions = actions
        self._reading: set[object] = set()

    def reset(self) -> None:
        """Forget what was asked for; no runner is there."""
        with self._lock:
            self._start(_S.STARTING, None)

    def load(self, actions: ShutdownActions) -> None:
        """A runner begins to load a flow."""
        with self._lock:
            self._start(_S.LOADING, actions)

    def begin(self, way: Way, actions: ShutdownActions) -> None:
        """The runner begins the run; a request will be answered in this `way`."""
        with self._lock:
            self.way, self._actions = way, actions
            self.state = moved(SHUTDOWN_MOVES, self.state, _S.STARTING)

    def over(self) -> None:
        """The runner's run is over: the next one in this process, by any runner, has its own requests."""
        with self._lock:
            self._actions = None
            self.advance(_S.OVER)

    def advance(self, to: ShutdownState, *after: ShutdownState) -> bool:
        """Go on to a state that a runner decides on, if it may follow, and follows one of `after` if some are
        given. Whether it did.
        """
        with self._lock:
            allowed = to in SHUTDOWN_MOVES[self.state] and (not after or self.state in after)
            if allowed:
                self.state = moved(SHUTDOWN_MOVES, self.state, to)
            return allowed

    @property
    def requested(self) -> bool:
        """Whether the run is asked to stop. Read without the lock, with every batch."""
        return self.state in _REQUESTED

    @property
    def drained(self) -> bool:
        """Whether everything that was read here is durable, and the process about to leave."""
        return self.state in _DRAINED

    @property
    def listed(self) -> bool:
        """Whether a source has looked which partitions there are."""
        return self.state not in _UNLISTED

    def request(self, *, restart: bool = False) -> None:
        """Ask the sources to stop; `restart` says that a supervisor should start the flow again."""
        with self._lock:
            self.restart |= restart
            if self.state not in _ON_REQUEST:
                return
            to = _ON_REQUEST[self.state][self.way == "drain"]
            self.state = moved(SHUTDOWN_MOVES, self.state, to)
            if self._actions is not None:
                self._actions.requested(to)
            self._check()

    def fail(self, error: Exception) -> bool:
        """Ask the sources to stop because of an error with which the run is to end once everything that was
        read is done with. False if that cannot be: no runner is there, or no source that stops.
        """
        with self._lock:
            if self._actions is None or self.state in _UNLISTED or self.state is _S.OVER:
                return False
            self.failure = self.failure or error
            if self._reading or self.state is _S.BUILDING:  # else all have ended, and so will the run
                self.request()
            return True

    def list(self) -> None:
        """A source has looked which partitions there are. What was asked of an earlier run of this process is
        forgotten where no runner does that (`run_main`).
        """
        with self._lock:
            if self._actions is None:
                self.reset()
            self.advance(_S.BUILDING, _S.STARTING)

    def partitions(self) -> tuple[object, ...]:
        """Those that are being read."""
        with self._lock:
            return tuple(self._reading)

    def join(self, partition: object) -> None:
        """A partition is being read."""
        with self._lock:
            self._reading.add(partition)
            if self.state in _ON_JOIN:
                self.state = moved(SHUTDOWN_MOVES, self.state, _ON_JOIN[self.state])

    def leave(self, partition: object) -> None:
        """A partition is at its end, closed, or quiet with everything it gave durable. May be repeated."""
        with self._lock:
            self._reading.discard(partition)
            self._check()

    def leave_drained(self) -> bool:
        """No other process of the cluster is waited for: leave, if everything that was read is durable.
        Whether it is.
        """
        with self._lock:
            if self.state is _S.DRAINED and self._actions is not None:
                self._actions.leave()
            return self.drained

    def stuck(self) -> None:
        """A step of this worker would have to wait though the run is to stop: nothing can be done for its
        messages any more. Returns only if no runner ends the process.
        """
        actions = self._actions
        if actions is not None:
            actions.stuck()

    def _check(self) -> None:
        if not self._reading and self.advance(_S.DRAINED, _S.DRAINING) and self._actions is not None:
            self._actions.drained()


STOP: Final = ShutdownController()
