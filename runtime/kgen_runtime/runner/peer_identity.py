"""What a process of a cluster says of itself before the run, and what all must have in common.

Timely, on which Bytewax stands, checks none of it: of processes with other steps, workers or addresses it
panics, hangs, or has the steps of one take the messages of another.
"""

from __future__ import annotations

import hashlib
import platform
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from bytewax.dataflow import Dataflow

from .._bytewax import core_steps
from ..consumer.source import sources
from ..producer.eligibility import deliveries
from ..recovery.folder import Recovery
from .flow_import import flow_module

_MOST_TEXT: Final = 1_000
_MOST_ENTRIES: Final = 5_000
_SHOWN: Final = 3
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Refusal(NamedTuple):
    """Why a process cannot be part of the cluster, and what to do."""

    what: str
    hint: str


@dataclass(frozen=True)
class PeerIdentity:
    """Of one process. `kernel` is the same in processes of one machine that has not been started again."""

    process: int
    addresses: str
    flow: str
    workers: int
    epoch: float
    host: str
    kernel: str
    versions: Mapping[str, str]
    """Of what the processes exchange objects of."""
    steps: Mapping[str, str]
    """By id: which kind of step, and its topic if it has one."""
    modules: Mapping[str, str]
    """Of the package with the flow: a hash of each module's text."""
    recovery: bool
    """Whether it was given a recovery folder; `mark` and `stored` are of that."""
    mark: str
    stored: bool
    latest: Sequence[str]
    """The steps that begin at the newest message, where that is to be found in a recovery folder."""

    @classmethod
    def of_this(
        cls,
        flow: Dataflow,
        name: str,
        process: int,
        addresses: str,
        workers: int,
        epoch: float,
        recovery: Path | None,
    ) -> PeerIdentity:
        """Of this process, which is about to run that flow."""
        return cls(
            process=process,
            addresses=addresses,
            flow=name[:_MOST_TEXT],
            workers=workers,
            epoch=epoch,
            host=socket.gethostname()[:_MOST_TEXT],
            kernel=_kernel(),
            versions={
                "kgen": _version("kgen-streams"),
                "Bytewax": _version("bytewax"),
                "Python": ".".join(platform.python_version_tuple()[:2]),
            },
            steps=_steps(flow),
            modules=_modules(flow_module(name).partition(".")[0]),
            recovery=recovery is not None,
            mark="",
            stored=False,
            latest=[source.step_id for source in sources(flow) if source.start == "latest"],
        ).on_folder(recovery)

    def on_folder(self, folder: Path | None) -> PeerIdentity:
        """With what the recovery folder has now."""
        if folder is None:
            return self
        found = Recovery(folder)
        return replace(self, mark=found.read_mark(), stored=found.has_partitions())

    @classmethod
    def from_json(cls, given: Any) -> PeerIdentity:
        """Raises `ValueError` for anything that is not one: it comes from the network."""
        if not isinstance(given, dict) or given.keys() != _KINDS.keys():
            raise ValueError("not what a process of this version says of itself")
        for name, kind in _KINDS.items():
            if not _is(kind, given[name]):
                raise ValueError(f"invalid {name}")
        return cls(**given)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return asdict(self)


_KINDS: Final = {field.name: str(field.type) for field in fields(PeerIdentity)}


def _is(kind: str, value: Any) -> bool:
    if kind.startswith("Mapping"):
        return (
            isinstance(value, dict)
            and len(value) <= _MOST_ENTRIES
            and all(_is("str", each) for pair in value.items() for each in pair)
        )
    if kind.startswith("Sequence"):
        return isinstance(value, list) and len(value) <= _MOST_ENTRIES and all(_is("str", it) for it in value)
    if kind == "str":
        return isinstance(value, str) and len(value) <= _MOST_TEXT
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "float":
        return type(value) in (int, float) and 0 <= value < 1 << 53  # what is more cannot be shown
    return type(value) is int and 0 <= value < 1 << 31


def refusal(first: PeerIdentity, other: PeerIdentity) -> Refusal | None:
    """Why the `other` process cannot run with the `first` one; None if it can."""
    for name, ours in first.versions.items():
        theirs = other.versions.get(name, "none")
        if ours != theirs:
            return Refusal(
                f"it has {name} {theirs}, process 0 has {ours}",
                f"Install one version of {name} on all hosts.",
            )
    if first.addresses != other.addresses:
        return Refusal(
            f"it was started with --addresses {other.addresses!r}, process 0 with {first.addresses!r}",
            "All processes are given the same addresses, in the same order.",
        )
    if first.flow != other.flow:
        return Refusal(
            f"it runs {other.flow}, process 0 runs {first.flow}", "All processes run the same flow."
        )
    difference = _difference("step", first.steps, other.steps)
    if difference := difference or _difference("module", first.modules, other.modules):
        return Refusal(
            f"it has another version of the flow: {difference}",
            "Install the same version of the flow, and the same settings, on all hosts.",
        )
    if first.workers != other.workers:
        return Refusal(
            f"it has --workers {other.workers}, process 0 has {first.workers}",
            "All processes have the same number of workers.",
        )
    return _recovery_refusal(first, other)


def _recovery_refusal(first: PeerIdentity, other: PeerIdentity) -> Refusal | None:
    if first.recovery != other.recovery:
        with_, without = (0, other.process) if first.recovery else (other.process, 0)
        return Refusal(
            f"process {with_} has a recovery folder, process {without} has none",
            "Give all processes --recovery, or none.",
        )
    if first.epoch != other.epoch:
        return Refusal(
            f"it has epochs of {other.epoch:g} s, process 0 of {first.epoch:g} s",
            "Give all processes the same --epoch-interval.",
        )
    if not first.recovery:
        return None
    if other.mark == first.mark:
        if other.kernel != first.kernel:
            return Refusal(
                "its recovery folder is that of process 0, which is on another machine: SQLite, which keeps "
                "state, is not safe on a file system that several machines share",
                "Give each process a folder on a disk of its own; that of process 0 keeps everything.",
            )
        return None
    if other.stored:
        return Refusal(
            "its recovery folder has state, and is not that of process 0, which keeps everything",
            "Was it process 0 before? Give it an empty folder, or start as process 0 where the state is.",
        )
    if first.latest:
        return Refusal(
            f"it does not share the recovery folder of process 0, and step {first.latest[0]} begins at the "
            "newest message: each process would have another place for that",
            'Use start="earliest", "stored" with a group_id, or a datetime.',
        )
    return None


def _difference(what: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What differs, by name."""
    parts = [
        ("is only in process 0", ours.keys() - theirs.keys()),
        ("is not in process 0", theirs.keys() - ours.keys()),
        ("differs", {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}),
    ]
    found = []
    for text, names in parts:
        shown = sorted(names)[:_SHOWN]
        more = f" (and {len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
        if shown:
            found.append(f"{what} {', '.join(shown)}{more} {text}")
    return "; ".join(found)


def _steps(flow: Dataflow) -> dict[str, str]:
    found = {step.step_id: type(step).__name__ for step in core_steps(flow)}
    for source in sources(flow):
        found[source.step_id] = f"reads {source.topic.name}"
    for step in deliveries(flow):
        found[step.step_id] = f"writes {step.spec.topic}"
    return dict(sorted(found.items())[:_MOST_ENTRIES])


def _modules(package: str) -> dict[str, str]:
    """Those that are loaded: what else is in the package does not run."""
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            try:
                text = Path(str(getattr(module, "__file__", None))).read_bytes()
            except (OSError, ValueError):
                continue  # a namespace package, or from an archive
            found[name] = hashlib.sha256(text).hexdigest()[:16]
    return dict(list(found.items())[:_MOST_ENTRIES])


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes a while, and one host asks for none

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _kernel() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()[:_MOST_TEXT]
    except (OSError, ValueError):
        return socket.gethostname()[:_MOST_TEXT]
