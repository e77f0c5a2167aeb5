"""States: only the moves that a table allows are made, and the tables are whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import CancelledError
from enum import Enum, auto
from itertools import pairwise
from typing import Any

import pytest

from kgen_runtime import stop
from kgen_runtime.consumer import partition_state, topic_watch
from kgen_runtime.producer import claims, worker_transaction
from kgen_runtime.producer.claims import Claim, ClaimState
from kgen_runtime.runner import local_cluster
from kgen_runtime.states import StateError, moved

TABLES: list[Mapping[Any, frozenset[Any]]] = [
    claims._MOVES,
    worker_transaction._MOVES,
    worker_transaction._OUTPUT_MOVES,
    partition_state.PARTITION_MOVES,
    topic_watch._MOVES,
    stop.SHUTDOWN_MOVES,
    local_cluster.CLUSTER_MOVES,
]


class Door(Enum):
    OPEN = auto()
    SHUT = auto()
    LOCKED = auto()


MOVES = {
    Door.OPEN: frozenset({Door.SHUT}),
    Door.SHUT: frozenset({Door.OPEN, Door.LOCKED}),
    Door.LOCKED: frozenset[Door](),
}


def test_a_state_that_may_follow_is_returned() -> None:
    assert moved(MOVES, Door.SHUT, Door.LOCKED) is Door.LOCKED


def test_a_state_that_may_not_follow_is_an_internal_error_that_names_both() -> None:
    with pytest.raises(StateError, match="Door: OPEN does not follow LOCKED"):
        moved(MOVES, Door.LOCKED, Door.OPEN)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(next(iter(table))).__name__)
def test_a_table_has_all_states_and_leads_to_each_from_the_first(
    table: Mapping[Enum, frozenset[Enum]],
) -> None:
    states = list(type(next(iter(table))))
    reached, todo = {states[0]}, [states[0]]
    while todo:
        follow = table[todo.pop()] - reached
        reached |= follow
        todo += follow
    assert set(table) == reached == set(states)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: type(next(iter(table))).__name__)
def test_all_moves_that_a_table_does_not_have_are_refused(table: Mapping[Enum, frozenset[Enum]]) -> None:
    for now in table:
        for to in table:
            if to in table[now]:
                assert moved(table, now, to) is to
            else:
                with pytest.raises(StateError, match=f"{to.name} does not follow {now.name}"):
                    moved(table, now, to)


_NAMES = re.compile(r"[A-Z_]+(?:, [A-Z_]+)*")


@pytest.mark.parametrize(
    ("module", "table"), [(stop, stop.SHUTDOWN_MOVES), (local_cluster, local_cluster.CLUSTER_MOVES)]
)
def test_a_table_is_what_is_drawn(module: Any, table: Mapping[Enum, frozenset[Enum]]) -> None:
    """Lines of `STATE, STATE ──why──▶ STATE ──why──▶ STATE`."""
    drawn: set[tuple[str, str]] = set()
    for line in (module.__doc__ or "").splitlines():
        states = [_NAMES.fullmatch(part.strip()) for part in re.split("──[^─]*──▶", line)]
        if len(states) > 1:
            names = [found.group().split(", ") for found in states if found is not None]
            assert len(names) == len(states), line
            drawn |= {(now, to) for each, after in pairwise(names) for now in each for to in after}
    assert drawn == {(now.name, to.name) for now, follow in table.items() for to in follow}


@pytest.mark.parametrize("steps", [[], ["TAKING"], ["TAKING", "FENCING"]])
def test_a_claim_that_was_abandoned_before_its_commit_goes_no_further(steps: list[str]) -> None:
    claim = Claim(("orders", 0))
    for step in steps:
        claim.enter(ClaimState[step])
    claim.abandon()
    with pytest.raises(CancelledError):
        claim.enter(ClaimState.COMMITTING)
    claim.fail(CancelledError())
    assert claim.state is ClaimState.ABANDONED
    with pytest.raises(CancelledError):
        claim.offset.result(0)


def test_a_claim_that_is_being_committed_is_not_abandoned() -> None:
    claim = Claim(("orders", 0))
    for step in (ClaimState.TAKING, ClaimState.FENCING, ClaimState.COMMITTING):
        claim.enter(step)
    claim.abandon()
    claim.enter(ClaimState.COMMITTED)
    claim.abandon()
    assert claim.state is ClaimState.COMMITTED


def test_a_claim_that_failed_has_its_error() -> None:
    claim = Claim(("orders", 0))
    claim.fail(TimeoutError("late"))
    assert claim.state is ClaimState.FAILED
    assert str(claim.offset.exception(0)) == "late"
