"""What the documentation names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

import kgen_runtime.metrics
from kgen.cli.app import _COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PROMISES = "".join(
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("guarantees.md", "local-broker.md")
)


@pytest.mark.parametrize(("file", "test"), re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES))
def test_every_promise_names_a_test_that_exists(file: str, test: str) -> None:
    assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")


def registered() -> set[str]:
    suffix = {"counter": "_total"}
    families = [f for f in REGISTRY.collect() if f.name.startswith("kgen_")]
    return {f.name + suffix.get(f.type, "") for f in families}


@pytest.mark.parametrize("text", [(ROOT / "docs" / "metrics.md").read_text(), kgen_runtime.metrics.__doc__])
def test_every_metric_is_documented(text: str) -> None:
    assert set(re.findall(r"\bkgen_[a-z_]+(?=`? \||\{)", text)) == registered()


@pytest.mark.parametrize("file", ["README.md", "docs/command-line.md"])
def test_every_command_is_documented(file: str) -> None:
    named = set(re.findall(r"`(?:kgen )?(\w+)\b[^`]*`", (ROOT / file).read_text(encoding="utf-8")))
    assert not set(_COMMANDS) - named
