"""Looks at what kgen needs: versions, the codec's engine, the registry, the brokers. Changes nothing."""

from __future__ import annotations

import importlib.metadata
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kgen_runtime.flow.missing_bytewax import NEWEST_FOR_BYTEWAX, bytewax_missing

from .. import __version__, install, registry
from ..errors import KgenError, RegistryError
from ..model import topic_plans
from ..model.library import Library
from ..model.settings import Settings
from ..model.unused_settings import unused
from ..project import config, lockfile
from . import inputs, registry_in_force
from .loaded_flow import loaded_flow

State: TypeAlias = Literal["ok", "warning", "error"]

_TIMEOUT = 3.0  # seconds, for all brokers


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what it is, how it is, and what to do where it is not well."""

    name: str
    state: State
    detail: str
    hint: str = ""


def examine(
    root: Path, url: str | None = None, say: Callable[[str], None] = lambda _: None, flow: str = ""
) -> Iterator[Finding]:
    """Every finding, in order; of a flow (`package.module:name`) what it reads and writes. `say` is given
    what is waited for. Raises nothing that a user could cause.
    """
    yield _python()
    yield Finding("kgen", "ok", __version__)
    yield _bytewax()
    for name in ("confluent-kafka", "requests"):
        yield _package(name)
    yield _guarded("codec", _codec)
    yield _guarded("registry", lambda: _registry(root, url, say))
    yield _guarded("brokers", _brokers)
    yield _guarded("project", lambda: _project(root))
    yield from _settings(root)
    if flow:
        yield from _flow(root, flow)


def _flow(root: Path, name: str) -> Iterator[Finding]:
    """As its run would find it. The flow's module is imported."""
    try:
        flow = loaded_flow(name, root)
    except KgenError as e:
        yield _failed("flow", e)
        return
    from kgen_runtime.runner import preflight  # with the flow Bytewax is there

    yield Finding("flow", "ok", f"{name} ({flow.flow_id})")
    try:
        for each in preflight.examine(flow):
            yield Finding(f"topic {each.topic}", each.state, f"{each.what} (step {each.step})", each.hint)
    except KgenError as e:
        yield _failed("flow", e)


def _failed(name: str, error: KgenError) -> Finding:
    what = f"{error.what} (at {error.where})" if error.where else error.what
    return Finding(name, "error", what, error.hint or "")


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except KgenError as e:
        return _failed(name, e)


def _python() -> Finding:
    return Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))


def _bytewax() -> Finding:
    found = _package("bytewax")
    if found.state == "ok":
        return found
    state: State = "warning" if sys.version_info[:2] > NEWEST_FOR_BYTEWAX else "error"
    return Finding("bytewax", state, found.detail, bytewax_missing("kgen doctor").hint or "")


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "error", "not installed", install("gen"))


def _codec() -> Finding:
    from kgen_runtime import codec

    if codec.ENGINE == "native":
        return Finding("codec", "ok", "native")
    fix = "unset KGEN_CODEC" if codec.has_native() else "install a C compiler and reinstall kgen"
    return Finding("codec", "warning", codec.ENGINE, f"slower: {fix}")


def _registry(root: Path, url: str | None, say: Callable[[str], None]) -> Finding:
    settings = config.load(root) or config.Config(config.Registry(""))
    found = inputs.url_in_force(settings.registry, url)
    if not found.value:
        return Finding("registry", "warning", "none is set", "kgen pull --registry URL, or KGEN_REGISTRY_URL")
    with registry_in_force.opened(
        settings.registry, found, inputs.Workspace(root, say), patient=False
    ) as api:
        subjects = _subjects(api)
    return Finding("registry", "ok", f"{api.url} ({subjects}; from {found.origin})")


def _subjects(api: registry.Api) -> str:
    try:
        count = len(api.subjects())
    except RegistryError as e:
        if e.status != 403:
            raise
        return "its subjects may not be listed"
    return _counted(count)


def _counted(subjects: int) -> str:
    return f"{subjects} subject{'' if subjects == 1 else 's'}"


def _brokers() -> Finding:
    brokers = inputs.brokers()
    if not brokers:
        return Finding("brokers", "warning", "none are set", "KGEN_BROKERS=host:9092: flows need it")
    from kgen_runtime.kafka.connection import Kafka

    asked = [_BrokerCheck(*address) for address in Kafka(brokers).addresses]
    deadline = time.monotonic() + _TIMEOUT
    failed = [f"{each.address} ({why})" for each in asked if (why := each.failure(deadline))]
    if failed:
        return Finding("brokers", "error", f"not reachable: {', '.join(failed)}", "is KGEN_BROKERS right?")
    return Finding("brokers", "ok", brokers)


class _BrokerCheck(threading.Thread):
    """Connects in a thread of its own: a look-up of a name knows no timeout, and holds Ctrl-C up."""

    def __init__(self, address: str, host: str, port: int) -> None:
        super().__init__(name="kgen-doctor", daemon=True)
        self.address = address
        self._place = host, port
        self._failure = f"no connection within {_TIMEOUT:g} s"
        self.start()

    def run(self) -> None:
        try:
            with socket.create_connection(self._place, timeout=_TIMEOUT):
                self._failure = ""
        except (OSError, OverflowError, UnicodeError) as e:
            self._failure = getattr(e, "strerror", None) or str(e)

    def failure(self, deadline: float) -> str:
        """Why it is not reachable, as far as that is known by then (`time.monotonic`); empty if it is."""
        self.join(max(0.0, deadline - time.monotonic()))
        return self._failure


def _project(root: Path) -> Finding:
    locked = lockfile.load(root)
    if locked is None:
        return Finding("project", "warning", "nothing pulled here yet", "kgen pull --registry URL")
    return Finding("project", "ok", f"{_counted(len(locked.snapshot.subjects))} locked, schemas intact")


def _settings(root: Path) -> Iterator[Finding]:
    """The lines of kgen.toml that do nothing."""
    try:
        settings, locked = config.load(root), lockfile.load(root)
    except KgenError:  # reported by others
        return
    if settings is None or locked is None:
        return
    try:
        wanted = Settings(settings.package, __version__, settings.topics, settings.ignore_rules)
        names = topic_plans.usable(locked.snapshot, Library(locked.snapshot))
        lines = list(unused(names, wanted, topic_plans.plan_topics(names, wanted)))
    except KgenError as e:
        yield _failed("settings", e)
        return
    for line in lines:
        yield Finding("settings", "warning", line, "correct the name in kgen.toml, or remove it")
