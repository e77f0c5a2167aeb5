"""Dead letters whose headers do not show what is private: error texts quote values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bytewax.dataflow import Dataflow

from .._bytewax import walk
from ..errors import FlowError
from ..flow.failures import MAX_MESSAGE, MAX_PROBLEMS, MAX_TRACEBACK
from ..flow.topic import Topic
from ..messages import Failure, Stage
from ..reporting.call_site import users_line
from ..reporting.printable import bounded
from ..serde.field_tags import schemas_of, tagged_fields
from .pattern_cost import Unbounded, check_cost

HIDDEN: Final = "[redacted]"

_LONGEST: Final = max(MAX_MESSAGE, MAX_PROBLEMS, MAX_TRACEBACK)
_FRAME: Final = re.compile(r'  File "[^"\n]+", line \d+, in \S+')
_HEAD: Final = "Traceback (most recent call last):"
_NAMES: Final = re.compile(r"[^\[\]./]+")
_MAP_KEY: Final = re.compile(r"\[(?:'[^']*'|\"[^\"]*\")\]")
_SAYS_NOTHING: Final = frozenset({Stage.UNKNOWN_SCHEMA, Stage.UNEXPECTED_TYPE, Stage.OVERSIZE, Stage.PRODUCE})
"""The texts of these are of ids, sizes, names of types and the broker's words."""


@dataclass(frozen=True, kw_only=True)
class Redact:
    """What the headers of dead letters do not show: for `rt.DeadLetter(..., redact=...)`. Key, value and
    headers of the original stay as they are, byte for byte.

    `tags`: no error text of a message of which a field has one of these tags (`confluent:tags` in the text of
    its schema, in any version that the generated code has), unless the text is certainly about another field.
    Message and the text in the traceback are `[redacted]`; class, stage, place, fingerprint and the frames of
    the traceback stay. What is not known, a topic or a schema that the generated code does not have, counts
    as tagged. `fields`: names of fields that count as tagged, for tags that only the registry has.
    `patterns`: regular expressions; what they match in message, traceback and field path is `[redacted]`.

    Raises `FlowError` for a pattern that is none, or may take too long for a text that anyone may have sent.
    """

    tags: Collection[str] = ()
    fields: Collection[str] = ()
    patterns: Sequence[str | re.Pattern[str]] = ()

    def __post_init__(self) -> None:
        for name in ("tags", "fields", "patterns"):
            given = getattr(self, name)
            if isinstance(given, (str, re.Pattern)):
                raise _wrong(f"rt.Redact: {name} is one {type(given).__name__}", f"Pass {name}=[{given!r}].")
        if not (self.tags or self.fields or self.patterns):
            raise _wrong("rt.Redact: nothing to redact", 'Pass tags=["PII"], fields=[...] or patterns=[...].')
        object.__setattr__(self, "patterns", tuple(map(_checked, self.patterns)))

    def of(self, flow: Dataflow) -> Callable[[Failure], Failure]:
        """A function that gives a failure without what is private. Called when the flow is complete."""
        by_tag = _ByTag(flow, self.tags, frozenset(self.fields)) if self.tags or self.fields else None

        def redacted(failure: Failure) -> Failure:
            if by_tag is not None and by_tag.may_show(failure):
                failure = _without_texts(failure)
            for pattern in self.patterns:
                assert isinstance(pattern, re.Pattern)
                failure = _without_matches(failure, pattern)
            return failure

        return redacted


class _ByTag:
    """Which fields of which topics are private."""

    def __init__(self, flow: Dataflow, tags: Collection[str], fields: frozenset[str]) -> None:
        self._fields: dict[str, frozenset[str]] = {}
        self._ids: dict[str, frozenset[int]] = {}
        for step in walk(flow):
            topic = getattr(step, "topic", None)
            if isinstance(topic, Topic):
                schemas = [*schemas_of(topic.key), *schemas_of(topic.value)]
                found = (tagged_fields(each, tags) for each in schemas)
                self._fields[topic.name] = fields.union(*found) if schemas else frozenset()
                self._ids[topic.name] = frozenset(v.id for each in schemas for v in each.versions)

    def may_show(self, failure: Failure) -> bool:
        """Whether its texts may have the value of a private field."""
        topic = failure.original.topic
        private = self._fields.get(topic)
        if failure.stage in _SAYS_NOTHING:
            return False
        ids = {failure.schema_id, failure.key_schema_id, failure.value_schema_id} - {None}
        if private is None or not ids <= self._ids[topic]:
            return True
        about = set(_NAMES.findall(failure.path)) if failure.stage is Stage.DECODE else set()
        return bool(private & about) if about else bool(private)


def _without_texts(failure: Failure) -> Failure:
    frames = [line for line in failure.traceback.split("\n") if _FRAME.fullmatch(line)]
    last = f"{failure.error_class}: {HIDDEN}\n"
    path = "" if failure.path[:1] == "/" else _MAP_KEY.sub(f"[{HIDDEN}]", failure.path)
    traceback = "\n".join((_HEAD, *frames, last)) if failure.traceback else ""
    return replace(failure, message=HIDDEN, traceback=traceback, path=path)


def _without_matches(failure: Failure, pattern: re.Pattern[str]) -> Failure:
    def hide(found: re.Match[str]) -> str:
        return HIDDEN if found[0] else ""

    return replace(
        failure,
        message=bounded(pattern.sub(hide, failure.message), MAX_PROBLEMS),
        traceback=bounded(pattern.sub(hide, failure.traceback), MAX_TRACEBACK),
        path=pattern.sub(hide, failure.path),
    )


def _checked(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
        if not isinstance(compiled.pattern, str):
            raise _wrong(f"rt.Redact: the pattern {compiled.pattern!r} is of bytes", "Pass it as text.")
        check_cost(compiled, _LONGEST)
    except (re.error, TypeError) as error:
        raise _wrong(
            f"rt.Redact: invalid pattern {pattern!r}: {error}", "Pass regular expressions of Python's re."
        ) from None
    except (Unbounded, RecursionError) as error:
        raise _wrong(
            f"rt.Redact: the pattern {pattern!r} may take too long: {error}",
            "Repeat one class of characters at a time, followed by another character, or with a bound: "
            r"\w{1,64}.",
        ) from None
    return compiled


def _wrong(what: str, hint: str) -> FlowError:
    return FlowError(what, where=users_line(), hint=hint)
