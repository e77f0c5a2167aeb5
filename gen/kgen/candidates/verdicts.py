"""Whether a candidate may follow the versions of its subject: what the registry says, and kgen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ..compat import levels
from ..compat.levels import CompatibilityBothWays, LevelCheck, both_ways
from ..compat.subject_diff import SubjectDiff, level_verdict, subject_diff
from ..errors import RegistryError
from ..listing import listed
from ..registry.api import Api, is_absent
from .placed import Candidate, Placed

LevelSource: TypeAlias = Literal["registry", "kgen.toml", "kgen.lock", "assumed"]

_SOURCES: Mapping[LevelSource, str] = {
    "registry": "",
    "kgen.toml": ", of kgen.toml",
    "kgen.lock": ", as locked",
    "assumed": ", which is assumed",
}
DEFAULT_LEVEL = "BACKWARD"
"""That of registries, for what is not known."""


@dataclass(frozen=True)
class LevelInForce:
    """The compatibility level that a candidate has to keep. `registry` is the one that the registry has until
    a push sets the other.
    """

    level: str
    source: LevelSource
    registry: str | None = None

    @property
    def will_change(self) -> bool:
        """Whether a push sets it."""
        return self.source == "kgen.toml" and self.level != self.registry


@dataclass(frozen=True)
class RegistryVerdict:
    """What the registry says of a candidate; `compatible` is None if it does not say, for `reason`."""

    compatible: bool | None
    messages: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class CandidateVerdict:
    """Both: `check` is kgen's at the level, `versions` whether each live version and the candidate read each
    other, `unread` the versions that are not compared, with the reason.
    """

    level: LevelInForce
    registry: RegistryVerdict
    check: LevelCheck | None = None
    versions: Mapping[int, CompatibilityBothWays] = field(default_factory=dict)
    unread: Mapping[int, str] = field(default_factory=dict)

    @property
    def incompatible(self) -> bool:
        """Whether it may not follow: as the registry says, or kgen if that was not asked at this level."""
        if self.registry.compatible is not None and not self.level.will_change:
            return not self.registry.compatible
        return self.check is not None and not self.check.allowed

    @property
    def lost(self) -> list[int]:
        """The versions that the candidate cannot read."""
        return [number for number, both in self.versions.items() if both.backward]

    @property
    def reasons(self) -> list[str]:
        """Why it may not follow."""
        if self.registry.compatible is False and not self.level.will_change and not self.check_problems:
            return list(self.registry.messages)
        return self.check_problems

    @property
    def check_problems(self) -> list[str]:
        """What stands in the way by kgen's own check, by version."""
        if self.check is None:
            return []
        found = self.check.as_json()["problems"]
        return [f"v{number}: {problem}" for number, problems in found.items() for problem in problems]

    def as_json(self) -> dict[str, Any]:
        """Its stable form."""
        return {
            "level": self.level.level,
            "level_source": self.level.source,
            "registry": {
                "compatible": self.registry.compatible,
                "messages": list(self.registry.messages),
                "reason": self.registry.reason or None,
            },
            "kgen": self.check.as_json() if self.check else None,
            "versions": [{"version": number, **both.as_json()} for number, both in self.versions.items()],
            "not_compared": [{"version": n, "reason": reason} for n, reason in self.unread.items()],
            "incompatible": self.incompatible,
        }

    def lines(self) -> list[str]:
        """For people."""
        registry = {True: "compatible", False: "not compatible", None: "not asked"}[self.registry.compatible]
        at = (
            f" at {self.level.registry}"
            if self.registry.compatible is not None and self.level.registry
            else ""
        )
        found = [f"registry: {registry}{at}" + (f" ({self.registry.reason})" if self.registry.reason else "")]
        found += [f"    {message}" for message in self.registry.messages]
        if self.level.will_change:
            found.append(f"kgen.toml sets {self.level.level}: `kgen push` sets it before it registers")
        if self.check:
            verdict = "compatible" if self.check.allowed else "not compatible"
            found.append(f"kgen: {verdict} at {self.level.level}{_SOURCES[self.level.source]}")
        found += _by_version("new reads {}", {n: it.backward for n, it in self.versions.items()})
        found += _by_version("{} reads new", {n: it.forward for n, it in self.versions.items()})
        return found + [f"v{number} is not compared: {reason}" for number, reason in self.unread.items()]


def _by_version(what: str, problems: Mapping[int, Sequence[Any]]) -> list[str]:
    """A line for each answer, with the versions that have it."""
    answers: dict[str, list[str]] = {}
    for number, found in problems.items():
        shown = list(dict.fromkeys(map(levels.shown, found)))
        answers.setdefault("no: " + "; ".join(shown) if found else "yes", []).append(f"v{number}")
    return [f"{what.format(listed(names))}: {answer}" for answer, names in answers.items()]


def changes_of(placed: Placed, candidate: Candidate) -> SubjectDiff | None:
    """What it changes, against the newest version that is registered; None if that is not known or there is
    none.
    """
    was = next((s for s in placed.before.snapshot.subjects if s.name == candidate.subject), None)
    if was is None or candidate.registered:
        return None
    newest = (was.name, was.latest.version)
    if placed.before.schema(newest) is None:
        return None
    number = candidate.version.version
    return subject_diff(placed.before, was, newest[1], placed.after, placed.subject(candidate), number)


def verdict_of(
    placed: Placed, candidate: Candidate, level: LevelInForce, registry: RegistryVerdict
) -> CandidateVerdict:
    """All that is known of whether it may follow. Of one that is registered nothing is asked."""
    if candidate.registered:
        return CandidateVerdict(level, registry)
    was = next((s for s in placed.before.snapshot.subjects if s.name == candidate.subject), None)
    new = placed.after.unit(candidate.pair).schema
    versions: dict[int, CompatibilityBothWays] = {}
    unread: dict[int, str] = {}
    for version in was.versions if was else ():
        pair = (version.subject, version.version)
        fault = placed.before.fault(pair)
        if fault:
            unread[version.version] = fault.reason(pair)
        else:
            versions[version.version] = both_ways(placed.before.unit(pair).schema, new)
    subject = replace(placed.subject(candidate), compatibility=level.level)
    check = level_verdict(placed.after, subject, candidate.version.version)
    return CandidateVerdict(level, registry, check, versions, unread)


def ask(api: Api, candidate: Candidate, level: str | None, live: Sequence[int]) -> RegistryVerdict:
    """What the registry says of a candidate, of the versions that the level asks for. Raises `RegistryError`
    for all but an endpoint that is not there or not for this user.
    """
    if candidate.registered:
        return RegistryVerdict(True, reason="it is registered")
    if candidate.waits_for:
        return RegistryVerdict(None, reason=f"it refers to {listed(candidate.waits_for)}, not registered yet")
    try:  # of a new subject too: whether it is a schema at all
        return _asked(api, candidate, level, live)
    except RegistryError as error:
        if not live and error.status in (403, 404, 405, 501):
            return RegistryVerdict(None, reason="the subject is new")
        if is_absent(error):
            return RegistryVerdict(None, reason="it has no compatibility check")
        if error.status in (401, 403):
            return RegistryVerdict(None, reason=f"the user may not ask: {error.status}")
        error.where = error.where or candidate.file.shown
        raise


def _asked(api: Api, candidate: Candidate, level: str | None, live: Sequence[int]) -> RegistryVerdict:
    try:
        found = api.compatible(candidate.version)
        return RegistryVerdict(found.compatible, found.messages)
    except RegistryError as error:
        if not is_absent(error):
            raise
    # A registry that checks against one version at a time.
    messages: list[str] = []
    against = levels.held_against(level or DEFAULT_LEVEL, sorted(live))
    for number in against:
        found = api.compatible(candidate.version, number)
        if not found.compatible:
            messages += [f"v{number}: {message}" for message in found.messages or ("not compatible",)]
    return RegistryVerdict(not messages, tuple(messages))
