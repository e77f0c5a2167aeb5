"""The runner: arguments, finding the flow, telling errors."""

from __future__ import annotations

import textwrap
from datetime import timedelta
from pathlib import Path

import pytest

import kgen_runtime as rt
from kgen_runtime import arguments, run

FLOW = """
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource
    import kgen_runtime as rt

    def make(items=(1, 2)):
        flow = Dataflow("flow")
        op.output("out", op.map("act", op.input("in", flow, TestingSource(items)), act), TestingSink([]))
        return flow

    def act(item):
        if item == "kgen":
            raise rt.ConfigError("what", where="where", hint="hint")
        if item == "user":
            raise KeyError("what the user's code raised")
        return item

    flow = make()
    fails = make(["kgen"])
    bug = make(["user"])
    number = 5
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"flow_of_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize("flow", ["{}", "{}:flow", "{}:make", "{}.py", "{}.py:make"])
def test_the_flow_is_found(module: str, flow: str) -> None:
    assert run.load(flow.format(module)).flow_id == "flow"


@pytest.mark.parametrize(
    "flow", ["{}:number", "{}:absent", "no_such_module:flow", "bytewax.no_such:flow", "no/such/file.py"]
)
def test_what_is_no_flow_is_told(module: str, flow: str) -> None:
    with pytest.raises(rt.ConfigError):
        run.load(flow.format(module))


def test_a_flow_in_a_package_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "found_by_file" / "flows"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "orders.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    assert run.load(str(package / "orders.py")).flow_id == "flow"


def test_a_flow_runs_to_its_end(module: str, tmp_path: Path) -> None:
    assert run.main([module]) == 0
    assert run.main([f"{module}:make", "--recovery", str(tmp_path / "r"), "--workers", "2"]) == 0
    assert len(list((tmp_path / "r").glob("part-*.sqlite3"))) == 4


def test_an_error_is_what_where_and_hint(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run.main([f"{module}:fails"]) == 2
    said = capfd.readouterr().err
    assert "error: what\n  at where\n  hint: hint\n" in said
    assert "Traceback" not in said
    assert "panicked" not in said


def test_a_bug_of_the_user_has_a_traceback(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run.main([f"{module}:bug"]) == 2
    said = capfd.readouterr().err
    assert "in act" in said
    assert "KeyError" in said
    assert "step flow.act" in said


def test_a_locked_recovery_folder_is_told(
    module: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with rt.Recovery(tmp_path / "r").lock():
        assert run.main([module, "--recovery", str(tmp_path / "r")]) == 2
    assert "another run uses the recovery folder" in capfd.readouterr().err


def test_a_renamed_step_is_named(module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = str(tmp_path / "r")
    assert run.main([module, "-r", folder]) == 0
    source = tmp_path / f"{module}.py"
    renamed = tmp_path / f"{module}_renamed.py"
    renamed.write_text(source.read_text().replace('"in"', '"source"'))
    assert run.main([renamed.stem, "-r", folder]) == 0
    assert "has state of step flow.in, which the flow does not have" in caplog.text


def test_arguments_have_bytewaxs_names_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments.parse(["m:f", "-w", "2", "-r", "dir", "-s", "0.5", "-b", "3"])
    assert (args.workers, args.recovery, args.epoch_interval) == (2, Path("dir"), timedelta(seconds=0.5))
    assert args.backup_interval == timedelta(seconds=3)
    monkeypatch.setenv("BYTEWAX_RECOVERY_DIRECTORY", "other")
    monkeypatch.setenv("BYTEWAX_WORKERS_PER_PROCESS", "3")
    args = arguments.parse(["m:f"])
    assert (args.workers, args.recovery) == (3, Path("other"))


@pytest.mark.parametrize(
    "given",
    [
        ["m", "-w", "0"],
        ["m", "-s", "soon"],
        ["m", "-p", "2", "-i", "0", "-a", "x:1"],
        ["m", "-i", "0"],
        ["m", "-a", "x:1"],
        [],
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(
    given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments.parse(given)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
