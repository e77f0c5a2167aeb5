"""`kgen dlq check`: how many dead letters would pass now, with today's code and schemas; sends nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from kgen_runtime.errors import KgenError, RegistryUnavailable
from kgen_runtime.flow.failures import class_name, shown_class
from kgen_runtime.flow.missing_bytewax import explain_missing
from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import RawMessage, Stage
from kgen_runtime.reporting.printable import bounded
from kgen_runtime.routing.letter_headers import Letter, original_headers
from kgen_runtime.serde.schema_store import SchemaStore

from ..dlq.letter_filter import LetterFilter
from ..dlq.letter_topics import project_topics
from ..dlq.letters import read_letters
from ..errors import ConfigError
from ..progress_callback import ProgressCallback, silent
from ..project import config
from ..project.import_path import prints_to_stderr

_MOST: Final = 5_000
_MOST_BYTES: Final = 32 << 20
"""Letters and bytes that pass through a flow at once."""
_TEXT: Final = 300
_MOST_GROUPS: Final = 100_000
_DECODED: Final = frozenset(
    stage.value
    for stage in (Stage.FRAMING, Stage.UNKNOWN_SCHEMA, Stage.UNEXPECTED_TYPE, Stage.DECODE, Stage.VALIDATE)
)

Outcome = Literal["pass", "fail", "unknown"]
OTHERS: Final = "others"
"""Stands for fingerprints beyond those that have a row."""


@dataclass
class CheckedGroup:
    """The letters of a fingerprint: how many would pass now, fail, or cannot be tried; and why one would
    fail, or cannot be tried.
    """

    fingerprint: str
    stage: str
    passing: int = 0
    failing: int = 0
    unknown: int = 0
    reason: str = ""

    @property
    def count(self) -> int:
        """All of them."""
        return self.passing + self.failing + self.unknown


@dataclass
class Checked:
    """What was tried, by fingerprint. `unplaced` are failures of messages that the flow made itself."""

    groups: dict[str, CheckedGroup] = field(default_factory=dict)
    unplaced: int = 0

    def add(self, letter: Letter, outcome: Outcome, reason: str = "") -> None:
        """Count a letter."""
        name = letter.fingerprint
        if name not in self.groups and len(self.groups) >= _MOST_GROUPS:
            name = OTHERS
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = CheckedGroup(name, letter.stage if name != OTHERS else "")
        if outcome == "pass":
            group.passing += 1
        elif outcome == "fail":
            group.failing += 1
        else:
            group.unknown += 1
        if reason and not group.reason:
            group.reason = bounded(reason, _TEXT)


def check(
    kafka: Kafka,
    topic: str,
    wanted: LetterFilter,
    root: Path,
    flow: str = "",
    limit: int | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: ProgressCallback = silent,
) -> Checked:
    """Try the letters that fit. With a flow (`MODULE:FLOW`), those of the topics that it reads pass through
    it in memory; without one, those that could not be decoded are decoded with the project's code.

    Raises `SourceError`, and `ConfigError` if the flow cannot be loaded or itself fails.
    """
    store = _store(kafka, say)
    trial = _FlowTrial(flow, store) if flow else _DecodeTrial(root, store)
    checked = Checked()
    some: list[tuple[RawMessage, Letter]] = []
    size = 0
    for pair in read_letters(kafka, topic, wanted, limit, progress):
        some.append(pair)
        size += len(pair[0].value or b"") + 1_000
        if len(some) >= _MOST or size >= _MOST_BYTES:
            trial.run(some, checked)
            some, size = [], 0
    trial.run(some, checked)
    return checked


def _store(kafka: Kafka, say: Callable[[str], None]) -> SchemaStore:
    """Without the registry if that does not answer: reading waits for one that it has."""
    registry = kafka.store.registry
    if registry is not None:
        try:
            registry.get("/schemas/types")
        except RegistryUnavailable as error:
            say(f"only the schemas of the generated code are known: {error.what}")
            return SchemaStore(None)
        except KgenError:
            pass  # it answers
    return kafka.store


class _DecodeTrial:
    """Decodes with the topics of the project."""

    def __init__(self, root: Path, store: SchemaStore) -> None:
        settings = config.load(root)
        self._topics = project_topics(root, settings.package) if settings is not None else {}
        self._store = store
        self._decoders: dict[str, tuple[Any, Any]] = {}

    def run(self, some: Iterable[tuple[RawMessage, Letter]], checked: Checked) -> None:
        """Count what becomes of them."""
        for raw, letter in some:
            topic = self._topics.get(letter.topic or "")
            if letter.stage not in _DECODED:
                checked.add(letter, "unknown", "only the flow can say: kgen dlq check TOPIC MODULE:FLOW")
            elif topic is None:
                checked.add(
                    letter, "unknown", f"no generated code for the topic {letter.topic or '(not known)'}"
                )
            else:
                error = self._error(topic, raw)
                checked.add(
                    letter, "pass" if error is None else "fail", "" if error is None else _reason(error)
                )

    def _error(self, topic: Topic[Any, Any], raw: RawMessage) -> KgenError | None:
        if topic.name not in self._decoders:
            both = topic.key.decoder(self._store, "key"), topic.value.decoder(self._store, "value")
            self._decoders[topic.name] = both
        key, value = self._decoders[topic.name]
        for decoder, payload in ((key, raw.key), (value, raw.value)):
            errors: Mapping[int, KgenError] = decoder.decode_many((payload,), (raw.headers,)).errors
            if errors:
                return errors[0]
        return None


class _FlowTrial:
    """Runs the flow in memory."""

    def __init__(self, name: str, store: SchemaStore) -> None:
        with explain_missing("kgen dlq check"):
            from kgen_runtime.runner.flow_import import load_builder
            from kgen_runtime.testing import trial_runs
        self._runs: Any = trial_runs
        self._name = name
        self._store = store
        self._build = self._guarded(lambda: load_builder(name))
        self._topics: dict[str, Topic[Any, Any]] = self._guarded(lambda: trial_runs.trial_topics(self._build))

    def run(self, some: Iterable[tuple[RawMessage, Letter]], checked: Checked) -> None:
        """Count what becomes of them."""
        letters: dict[str, list[Letter]] = {name: [] for name in self._topics}
        inputs: dict[str, list[RawMessage]] = {name: [] for name in self._topics}
        for raw, letter in some:
            if letter.topic not in letters:
                checked.add(letter, "unknown", f"the flow does not read {letter.topic or 'an unknown topic'}")
                continue
            number = len(letters[letter.topic])
            letters[letter.topic].append(letter)
            inputs[letter.topic].append(_original(raw, letter, number))
        if not any(inputs.values()):
            return
        given = {self._topics[name]: messages for name, messages in inputs.items()}
        failed: dict[tuple[str, int], str] = {}
        for failure in self._guarded(lambda: self._runs.failures_in(self._build, given, self._store)):
            raw = failure.original
            if raw.offset is None or raw.topic not in letters:
                checked.unplaced += 1
            else:
                failed.setdefault(
                    (raw.topic, raw.offset), f"{shown_class(failure.error_class)}: {failure.message}"
                )
        for name, several in letters.items():
            for number, letter in enumerate(several):
                reason = failed.get((name, number))
                checked.add(letter, "pass" if reason is None else "fail", reason or "")

    def _guarded(self, act: Callable[[], Any]) -> Any:
        """What `act` gives; what the user's code raises as a `ConfigError`."""
        try:
            with prints_to_stderr():
                return act()
        except KgenError:
            raise
        except Exception as error:
            cause = error.__cause__ or error
            raise ConfigError(
                f"the flow fails outside of kgen's steps: {_reason(cause)}",
                where=self._name,
                hint="KGEN_DEBUG=1 shows the traceback; rt.map and its like send what raises to errs",
            ) from error


def _original(raw: RawMessage, letter: Letter, number: int) -> RawMessage:
    """The message as it was, at an offset of its own."""
    return RawMessage(
        key=raw.key,
        value=raw.value,
        topic=letter.topic or "",
        partition=0,
        offset=number,
        timestamp=letter.timestamp,
        headers=original_headers(raw.headers),
    )


def _reason(error: BaseException) -> str:
    text = error.what if isinstance(error, KgenError) else str(error)
    return f"{shown_class(class_name(error))}: {text}"


def checked_json(topic: str, flow: str, checked: Checked) -> dict[str, Any]:
    """The answer of `kgen dlq check --json`, without the groups."""
    groups = checked.groups.values()
    return {
        "version": 1,
        "topic": topic,
        "flow": flow or None,
        "letters": sum(each.count for each in groups),
        "pass": sum(each.passing for each in groups),
        "fail": sum(each.failing for each in groups),
        "unknown": sum(each.unknown for each in groups),
        "unplaced": checked.unplaced,
    }


def checked_group_json(group: CheckedGroup) -> dict[str, Any]:
    """A group of it."""
    return {
        "fingerprint": group.fingerprint,
        "stage": group.stage,
        "count": group.count,
        "pass": group.passing,
        "fail": group.failing,
        "unknown": group.unknown,
        "reason": group.reason or None,
    }
