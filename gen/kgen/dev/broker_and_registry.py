"""Brings broker and registry up together, on the usual ports: for a `with` block, and for `kgen dev`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from ..model.settings import TopicSettings
from ..progress_callback import ProgressCallback, silent
from .broker import Broker, is_free
from .registry_server import RegistryServer
from .seed import NO_TABLES, seed
from .seed_watch import SeedWatch
from .stop_request import StopRequest

BROKER_PORT: Final = 9092
REGISTRY_PORT: Final = 8081


@dataclass(frozen=True)
class Dev:
    """A running broker and registry."""

    brokers: str
    registry: str

    @property
    def env(self) -> dict[str, str]:
        """What the runtime reads from the environment to find them."""
        return {"KGEN_BROKERS": self.brokers, "KGEN_REGISTRY_URL": self.registry}


@contextmanager
def up(broker_port: int = 0, registry_port: int = 0) -> Iterator[Dev]:
    """A broker and a registry that answer, for as long as the block lasts. Port 0: a free one.

    Raises `ConfigError` if a port is taken or the broker is not installed, `BrokerError` where it does not
    start.
    """
    with RegistryServer(registry_port) as registry, Broker(broker_port) as broker:
        yield Dev(broker.address, registry.url)


def serve(
    broker_port: int | None = 0,
    registry_port: int | None = 0,
    seed_dir: Path | None = None,
    *,
    as_json: bool = False,
    out: Callable[[str], None],
    note: Callable[[str], None],
    progress: ProgressCallback = silent,
    changed: Callable[[Dev], None] | None = None,
    tables: Mapping[str, TopicSettings] = NO_TABLES,
) -> None:
    """Run both until SIGINT or SIGTERM, then stop both and return.

    `out` gets the data (what belongs on stdout: the URLs and export lines, or with `as_json` one line
    `{"brokers": …, "registry": …}`), once both answer and the seed is in; `note` gets progress (stderr). This
    is all of `kgen dev`; it runs in the main thread. Raises as `up` and `seed` do. With `changed` the seed
    folder is watched: it is called once something is registered and after each change, and what is wrong with
    a schema is noted, not raised. `tables`: as in `seed`. A port that is None is the usual one
    (`BROKER_PORT`, `REGISTRY_PORT`) if it is free.
    """
    broker_port = _usual(broker_port, BROKER_PORT, "broker", note)
    registry_port = _usual(registry_port, REGISTRY_PORT, "registry", note)
    with _stop_signals() as stop, up(broker_port, registry_port) as dev:
        watch = None
        if seed_dir is not None and changed is not None:
            watch = SeedWatch(dev.brokers, dev.registry, seed_dir, note, partial(changed, dev), tables)
            watch.take(progress)
        elif seed_dir is not None:
            for line in seed(dev.brokers, dev.registry, seed_dir, progress, tables=tables).lines():
                note(line)
        for line in _json_line(dev) if as_json else _lines(dev):
            out(line)
        if not as_json:
            note("Everything is in memory. Ctrl-C stops both.")
        if watch is not None:
            watch.run(stop)
        stop.wait()


def _usual(port: int | None, usual: int, what: str, note: Callable[[str], None]) -> int:
    """The port asked for; if none is, the one that clients look for first, so that yesterday's settings
    hold today.
    """
    if port is not None:
        return port
    if is_free(usual):
        return usual
    note(f"port {usual} is taken: the {what} gets another one")
    return 0


@contextmanager
def _stop_signals() -> Iterator[StopRequest]:
    """A request that SIGINT and SIGTERM make, instead of what they do otherwise. SIGINT stays ignored if it
    is: a shell without job control starts `kgen dev &` so.
    """
    stop = StopRequest()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _json_line(dev: Dev) -> list[str]:
    return [json.dumps({"brokers": dev.brokers, "registry": dev.registry})]


def _lines(dev: Dev) -> list[str]:
    exports = [f"export {name}={value}" for name, value in dev.env.items()]
    return [f"broker    {dev.brokers}", f"registry  {dev.registry}", "", *exports]
