"""Which plans can read nothing at all, and what stands in the way: for checks and messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ...error_texts import listed
from .read_plan import (
    Choice,
    EnumValue,
    Fields,
    FixedValue,
    Key,
    Link,
    ListOf,
    MapOf,
    Never,
    Pick,
    Plan,
    Step,
    Value,
)

_PATH = 1_000
"""The longest path in a message. A longer one, as only made-up schemas have, is cut to its end."""
_DEEPEST = 100
"""How many records down the reason of a branch is looked for."""


@dataclass(frozen=True)
class Incompatibility:
    """Data of the writer that the reader cannot read: where, and why. `always`: no data at all can be read.

    `path` is the field path: `lines[].price`, `tags{}`; empty for the root.
    """

    path: str
    message: str
    always: bool


class Problems:
    """What cannot be read by plans whose records are `bodies`.

    What is found to fail stays so while the rest is looked for: each branch is passed once.
    """

    def __init__(self, bodies: Mapping[Key, Fields]) -> None:
        self._bodies = bodies
        # Most fields: nothing stands in the way of them.
        plain = Value, FixedValue
        self._steps = {
            key: [step for step in fields.steps if not isinstance(step.plan, plain)]
            for key, fields in bodies.items()
        }
        self._passed: dict[tuple[Plan, bool], int] = {}
        # With the step that makes a record so; None if that is a field it lacks.
        self._mismatched: dict[Key, Step | None] = {}
        self._failing: dict[Key, Step | None] = {}
        users = _users(self._steps)
        self._spread(self.mismatches, self._mismatched, users)
        self._spread(self.fails, self._failing, users)

    def fails(self, plan: Plan) -> bool:
        """Whether no data at all can be read by this plan."""
        if isinstance(plan, Link):
            return plan.key in self._failing
        if isinstance(plan, Choice | Pick):
            return self._all(plan, self.fails, matching=False)
        if isinstance(plan, EnumValue):
            return 0 < len(plan.lost) == len(plan.symbols)
        return isinstance(plan, Never)  # an array or a map may be empty

    def mismatches(self, plan: Plan) -> bool:
        """Whether types of this plan do not match, those inside of arrays and maps too."""
        if isinstance(plan, Link):
            return plan.key in self._mismatched
        if isinstance(plan, ListOf):
            return self.mismatches(plan.items)
        if isinstance(plan, MapOf):
            return self.mismatches(plan.values)
        if isinstance(plan, Choice | Pick):
            return self._all(plan, self.mismatches, matching=True)
        return isinstance(plan, Never)

    def _all(self, plan: Choice | Pick, bad: Callable[[Plan], bool], matching: bool) -> bool:
        """Whether all branches are bad. Those that were so when it was last asked are not looked at again."""
        number = self._passed.get((plan, matching), 0)
        while number < len(plan.branches) and bad(plan.branches[number]):
            number += 1
        self._passed[plan, matching] = number
        return 0 < number == len(plan.branches)

    def _spread(
        self,
        bad: Callable[[Plan], bool],
        found: dict[Key, Step | None],
        users: Mapping[Key, list[tuple[Key, Step]]],
    ) -> None:
        """Add to `found`, by which `bad` goes, the records that are so by what they lack or need."""
        found.update((key, None) for key, fields in self._bodies.items() if fields.missing)
        for first, steps in self._steps.items():
            waiting = [(first, step) for step in reversed(steps)]
            while waiting:
                key, step = waiting.pop()
                if key not in found and bad(step.plan):
                    found[key] = step
                    waiting += users.get(key, ())

    def picked(self, plan: Pick) -> Plan:
        """The first branch that can be read and matches throughout, else the first that can be read, else
        the first whose types match, else the first.
        """
        readable = [branch for branch in plan.branches if not self.fails(branch)]
        for branches in (readable, plan.branches):
            for branch in branches:
                if not self.mismatches(branch):
                    return branch
            if branches:
                return branches[0]
        return plan.branches[0]

    def under(self, plan: Plan, only_always: bool = False) -> Iterator[Incompatibility]:
        """All that stands in the way under `plan`; or only that for which no data at all can be read."""
        waiting = [_Place(plan, None, "", always=True)]
        seen: set[tuple[Key, bool]] = set()
        while waiting:
            place = waiting.pop()
            if only_always and not place.always:
                continue
            if isinstance(place.plan, Link):
                if _first_time(place, place.plan.key, seen):
                    fields = self._bodies[place.plan.key]
                    yield from (place.lacks(lack) for lack in fields.missing)
                    steps = self._steps[place.plan.key]
                    waiting += [place.to(step.plan, "." + step.name) for step in reversed(steps)]
            elif isinstance(place.plan, EnumValue):
                always = place.always and self.fails(place.plan)
                if place.plan.lost and (always or not only_always):
                    yield _lost_symbols(place, place.plan, always)
            elif isinstance(place.plan, Never):
                yield Incompatibility(place.path, place.plan.message, place.always)
            else:
                waiting += reversed(self._below(place))

    def _below(self, place: _Place) -> list[_Place]:
        """What stands below an array, a map or a union."""
        plan = place.plan
        if isinstance(plan, ListOf):
            return [place.to(plan.items, "[]", always=False)]
        if isinstance(plan, MapOf):
            return [place.to(plan.values, "{}", always=False)]
        if isinstance(plan, Pick):
            return [place.at(self.picked(plan), place.always)]
        if isinstance(plan, Choice):
            deadly = self.fails(plan)
            return [place.at(branch, place.always and deadly) for branch in plan.branches]
        return []

    def reason(self, plan: Plan) -> str:
        """Why a plan fails: one reason of them all, with its path."""
        place = _Place(plan, None, "", always=True)
        for _ in range(_DEEPEST):
            found = self._cause(place)
            if isinstance(found, Incompatibility):
                return f"{found.path}: {found.message}" if found.path else found.message
            place = found
        return f"{place.path}: it cannot be read"

    def _cause(self, place: _Place) -> Incompatibility | _Place:
        """What makes a failing plan fail, or where that is to be looked for."""
        plan = place.plan
        if isinstance(plan, Link):
            step = self._failing[plan.key]
            if step is None:
                return place.lacks(self._bodies[plan.key].missing[0])
            return place.to(step.plan, "." + step.name)
        if isinstance(plan, Choice):
            return place.at(plan.branches[0], always=True)
        if isinstance(plan, EnumValue):
            return _lost_symbols(place, plan, always=True)
        if isinstance(plan, Never):
            return Incompatibility(place.path, plan.message, always=True)
        [below] = self._below(place)
        return below


@dataclass(frozen=True, slots=True)
class _Place:
    """A plan on its path, whose last part stands below another place. `always`: all data passes here, as
    it does not inside of an array or map, which may be empty.
    """

    plan: Plan
    above: _Place | None
    part: str
    always: bool

    def to(self, plan: Plan, part: str, always: bool = True) -> _Place:
        """A plan below this one."""
        return _Place(plan, self, part, self.always and always)

    def at(self, plan: Plan, always: bool) -> _Place:
        """Another plan at this place."""
        return _Place(plan, self.above, self.part, always)

    def lacks(self, lack: Never) -> Incompatibility:
        """A field that is missing here."""
        return Incompatibility(self.to(lack, "." + lack.field).path, lack.message, self.always)

    @property
    def path(self) -> str:
        """The field path. It is put together where it is reported: there are many, and few are shown."""
        parts: list[str] = []
        place: _Place | None = self
        size = 0
        while place and size <= _PATH:
            parts.append(place.part)
            size += len(place.part)
            place = place.above
        path = "".join(reversed(parts)).removeprefix(".")
        return path if len(path) <= _PATH else "…" + path[-_PATH:]


def _lost_symbols(place: _Place, plan: EnumValue, always: bool) -> Incompatibility:
    lost = listed(plan.lost)
    message = f"the reader's enum {plan.name} lacks {lost} and has no default"
    return Incompatibility(place.path, message, always)


def _first_time(place: _Place, key: Key, seen: set[tuple[Key, bool]]) -> bool:
    """Whether this record was not reported yet, as bad as it is here."""
    if any((key, always) in seen for always in {place.always, True}):
        return False
    seen.add((key, place.always))
    return True


def _users(bodies: Mapping[Key, list[Step]]) -> dict[Key, list[tuple[Key, Step]]]:
    """For each record the steps that need it, and the records whose steps those are."""
    users: dict[Key, list[tuple[Key, Step]]] = {}
    for key, steps in bodies.items():
        for step in steps:
            for link in _links(step.plan):
                users.setdefault(link.key, []).append((key, step))
    return users


def _links(plan: Plan) -> Iterator[Link]:
    if isinstance(plan, Link):
        yield plan
    elif isinstance(plan, ListOf):
        yield from _links(plan.items)
    elif isinstance(plan, MapOf):
        yield from _links(plan.values)
    elif isinstance(plan, Choice | Pick):
        for branch in plan.branches:
            yield from _links(branch)
