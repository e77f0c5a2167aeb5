"""Every test here that takes `engine` runs on both engines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.codec.protobuf.proto_kit import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    return request.param
