"""`kgen run` is `python -m kgen_runtime.run`, by a name of its own."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgen_runtime.runner.arguments import parse
from kgen_runtime.runner.log_format import configure

BLOCKED = """
    import sys
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {names!r}:
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Absent())
    sys.argv = ["kgen", *{arguments!r}]
    from kgen.__main__ import main
    main()
"""


def kgen(folder: Path, *arguments: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs the command in an installation that lacks some packages."""
    text = textwrap.dedent(BLOCKED.format(names=without, arguments=arguments))
    return subprocess.run(
        [sys.executable, "-c", text], cwd=folder, capture_output=True, text=True, timeout=60
    )


GENERATOR = ("typer", "jinja2", "tomlkit")
without_bytewax = pytest.mark.skipif(
    "sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python"
)


@pytest.fixture
def lines_are_text_afterwards() -> Iterator[None]:
    """The form of lines is the process's."""
    yield
    configure("text", "INFO", None)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("lines_are_text_afterwards")
@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["made:flow", "--workers", "0", "--log-format", "json"], {}),
        (["--log-format=json"], {}),
        (["made:flow", "--epoch-interval", "x"], {"KGEN_LOG_FORMAT": "json"}),
    ],
)
def test_wrong_usage_is_an_object_where_lines_are(
    arguments: list[str],
    asked: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as left:
        parse(arguments)
    assert left.value.code == 2
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["level"]) == ("error", "error")
    assert line["hint"].startswith("Usage: python -m kgen_runtime.run [-h]")


@pytest.mark.parametrize(("arguments", "form"), [([], "yaml"), (["--log-format"], "text")])
def test_wrong_usage_is_text_elsewhere(
    arguments: list[str], form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KGEN_LOG_FORMAT", form)
    with pytest.raises(SystemExit) as left:
        parse(["made:flow", *arguments])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ")


@without_bytewax
def test_the_base_install_is_enough(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(
        "import bytewax.operators as op\nfrom bytewax.dataflow import Dataflow\n"
        "from bytewax.testing import TestingSink, TestingSource\n"
        "flow = Dataflow('made')\n"
        "op.output('out', op.input('in', flow, TestingSource([1])), TestingSink([]))\n"
    )
    done = kgen(tmp_path, "run", "made:flow", "--quiet", without=GENERATOR)
    assert (done.returncode, done.stderr) == (0, "")
    wrong = kgen(tmp_path, "run", "nonesuch:flow", without=GENERATOR)
    assert wrong.returncode == 2
    assert "error: no module named nonesuch" in wrong.stderr
    helped = kgen(tmp_path, "help", "run", without=GENERATOR)
    module = subprocess.run(
        [sys.executable, "-m", "kgen_runtime.run", "--help"], capture_output=True, text=True, check=True
    )
    assert helped.returncode == 0
    assert helped.stdout.split() == module.stdout.replace("python -m kgen_runtime.run", "kgen run").split()


def test_without_bytewax_it_says_what_to_do(tmp_path: Path) -> None:
    done = kgen(tmp_path, "run", "made:flow", without=("bytewax",))
    assert done.returncode == 2
    assert "need Bytewax" in done.stderr
    assert "Traceback" not in done.stderr


@without_bytewax
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_flow_is_imported_ends_it_well(tmp_path: Path, number: int) -> None:
    (tmp_path / "slow.py").write_text("import time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "kgen", "run", "slow:flow"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "stopped before anything was read from Kafka" in said
