"""The picture in README.md is of a run as it is today."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.broker
SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "draw_first_run.py"


def test_the_picture_shows_what_a_run_prints() -> None:
    spec = importlib.util.spec_from_file_location("draw_first_run", SCRIPT)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PICTURE.read_text(encoding="utf-8") == script.drawn(script.transcript()), (
        "run: python scripts/draw_first_run.py"
    )
