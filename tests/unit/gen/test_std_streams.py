"""Commands and runs whose standard streams are full, closed, or have lost their reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLOW = """
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSource

flow = Dataflow("f")
op.inspect("show", op.input("in", flow, TestingSource(range({items}))))
"""
KGEN, RUN = [sys.executable, "-m", "kgen"], [sys.executable, "-m", "kgen_runtime.run"]
LOST = "error: stdout cannot be written: No space left on device"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
needs_bytewax = pytest.mark.skipif(sys.version_info >= (3, 13), reason="Bytewax has no build for this Python")


def shell(folder: Path, command: list[str], streams: str, *, buffered: bool = True) -> tuple[int, str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("KGEN_") and k != "PYTHONUNBUFFERED"}
    if not buffered:
        env["PYTHONUNBUFFERED"] = "1"
    done = subprocess.run(
        ["bash", "-c", f'"$@" {streams}', "bash", *command],
        cwd=folder, env=env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def project(registry, kgen, tmp_path) -> Path:
    registry.add("orders-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    (tmp_path / "p/shown.py").write_text(FLOW.format(items=5))
    (tmp_path / "p/much.py").write_text(FLOW.format(items=20_000))
    return tmp_path / "p"


COMMANDS = [["--help"], ["--version"], ["pull"], ["outdated", "--json"], ["sample", "orders", "-n", "2000"]]


@needs_full
@pytest.mark.parametrize(
    ("command", "buffered"), list(zip(COMMANDS, [True, False, False, True, False])), ids=str
)
def test_a_full_stdout_is_an_error(project, command, buffered) -> None:
    code, out, err = shell(project, KGEN + command, ">/dev/full", buffered=buffered)
    assert (code, out, err.strip().splitlines()[-1]) == (2, "", LOST)
    assert "Traceback" not in err
    assert shell(project, KGEN + command, ">/dev/full 2>/dev/full", buffered=buffered)[0] == 2


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_closed_streams_and_a_full_stderr_stop_no_command(project, command) -> None:
    expected = shell(project, KGEN + command, "")
    assert shell(project, KGEN + command, ">&-") == (expected[0], "", expected[2])
    for streams in ("2>&-", "2>/dev/full"):
        assert shell(project, KGEN + command, streams) == (expected[0], expected[1], "")
    assert shell(project, KGEN + command, "<&- >&- 2>&-") == (expected[0], "", "")


def test_they_stop_no_first_pull(registry, tmp_path, tree) -> None:
    registry.add("orders-value", '"string"')
    command = [*KGEN, "pull", "--registry", registry.url]
    for name, streams in enumerate(["", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"]):
        (tmp_path / str(name)).mkdir()
        assert shell(tmp_path / str(name), command, streams)[0] == 0
        assert tree(tmp_path / str(name)) == tree(tmp_path / "0")


@needs_full
@pytest.mark.parametrize("error", [["pull", "--json", "--at", "x"], ["nonesuch", "--json"]])
def test_an_error_with_a_full_stdout_is_still_reported(project, error) -> None:
    code, _, err = shell(project, KGEN + error, ">/dev/full")
    assert (code, err.startswith("error: "), err.strip().splitlines()[-1]) == (2, True, LOST)
    assert shell(project, KGEN + error, "2>&-")[0] == 2


def test_a_reader_that_goes_away_ends_a_command_in_silence(project) -> None:
    command = [*KGEN, "sample", "orders", "-n", "100000"]
    code, out, err = shell(project, command, "| head -n 1; exit ${PIPESTATUS[0]}")
    assert (code, len(out.splitlines()), err) == (141, 1, "")


@needs_full
@needs_bytewax
@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("arguments", [["shown:flow"], ["--help"]])
def test_a_full_stdout_is_an_error_of_a_run(project, arguments, buffered) -> None:
    code, _, err = shell(project, RUN + arguments, ">/dev/full", buffered=buffered)
    assert (code, err.count(LOST)) == (2, 1), err
    assert "Traceback" not in err
    assert shell(project, RUN + arguments, ">/dev/full 2>/dev/full", buffered=buffered)[0] == 2


@needs_bytewax
@pytest.mark.parametrize("arguments", [["shown:flow"], ["--nonesuch"]])
def test_closed_streams_and_a_full_stderr_stop_no_run(project, arguments) -> None:
    expected = shell(project, RUN + arguments, "")
    for streams in (">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"):
        code, out, err = shell(project, RUN + arguments, streams)
        assert code == expected[0]
        assert "Traceback" not in err
        if streams.startswith("2>"):
            assert (out, err) == (expected[1], "")


@needs_bytewax
def test_a_reader_that_goes_away_ends_a_run_with_an_error(project) -> None:
    code, out, err = shell(project, [*RUN, "much:flow"], "| head -n 1; exit ${PIPESTATUS[0]}")
    assert (code, out.splitlines()) == (2, ["f.show: 0"])
    assert "error: stdout cannot be written: Broken pipe" in err
    assert "Traceback" not in err
