"""Every test that takes `engine` runs on both engines; a missing native engine is a failure, not a skip."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(params=["native", "python"])
def engine(request: pytest.FixtureRequest) -> Any:
    return request.param
