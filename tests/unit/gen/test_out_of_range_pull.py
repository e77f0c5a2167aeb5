"""`[models] out_of_range = "raw"` through `kgen pull`: the plan, the user's lines, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgen.errors import ConfigError
from kgen.project import config

RUNTIME = Path(__file__).parents[3] / "runtime"
DATE = {"type": "int", "logicalType": "date"}
USES = """

def use(contract: contracts.Contract) -> int:
    print(contract.id)
    return contract.signed.year
"""


def contract(**more: Any) -> dict[str, Any]:
    fields = [{"name": "id", "type": "long"}, {"name": "signed", "type": DATE, **more}]
    return {"type": "record", "name": "Contract", "namespace": "shop", "fields": fields}


@pytest.fixture
def project(tmp_path: Path, registry: Any, kgen: Any) -> Path:
    registry.add("contracts-value", contract())
    registry.add("notes-value", {"type": "record", "name": "Note", "fields": []})
    root = tmp_path / "p"
    root.mkdir()
    (root / "kgen.toml").write_text(f'package = "streams"\n[registry]\nurl = "{registry.url}"\n')
    code, _, err = kgen("pull")
    assert code == 0, err
    flow = root / "streams/flows/contracts.py"
    flow.write_text(flow.read_text() + USES)
    return root


def settle(project: Path, word: str) -> None:
    settings = project / "kgen.toml"
    text = settings.read_text().partition("[models]")[0]
    settings.write_text(f'{text}[models]\nout_of_range = "{word}"\n')


def test_the_setting_changes_the_types_and_names_the_lines_that_use_them(project: Path, kgen: Any) -> None:
    generated = project / "streams/_generated/contracts.py"
    before = generated.read_text()
    settle(project, "raw")
    code, out, err = kgen("pull", "--check")
    assert code == 1, err
    assert "models rewritten" in out
    assert "notes" not in out
    line = next(
        n
        for n, text in enumerate((project / "streams/flows/contracts.py").read_text().splitlines(), 1)
        if "contract.signed" in text
    )
    assert f"streams/flows/contracts.py:{line}" in out, out
    assert f"streams/flows/contracts.py:{line - 1}" not in out, out
    code, out, err = kgen("pull")
    assert code == 0, err
    text = generated.read_text()
    assert "signed: date | rt.OutOfRange[int]" in text
    assert 'out_of_range="raw",' in text
    for arguments in (("pull", "--check"), ("pull", "--frozen"), ("status",)):
        assert kgen(*arguments)[0] == 0, arguments
    settle(project, "error")
    assert kgen("pull")[0] == 0
    assert generated.read_text() == before


def test_mypy_finds_the_line(project: Path, kgen: Any) -> None:
    pytest.importorskip("bytewax", reason="Bytewax has no build for this Python")
    settle(project, "raw")
    assert kgen("pull")[0] == 0
    command = ["mypy", "--strict", "--cache-dir", os.devnull, "streams/flows/contracts.py"]
    env = {**os.environ, "MYPYPATH": str(RUNTIME)}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, env=env, capture_output=True, text=True, check=False
    )
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, done.stdout
    assert 'Item "OutOfRange[int]" of "date | OutOfRange[int]" has no attribute "year"' in errors[0]


def test_a_default_that_is_out_of_range_is_reported_as_it_is_read(
    project: Path, registry: Any, kgen: Any
) -> None:
    registry.add("contracts-value", contract(default=2_932_897))
    code, out, err = kgen("pull")
    assert code == 0, err
    assert "Contract.signed: the default 2932897 is ignored: it is out of range: the date" in out + err
    assert "signed: date\n" in (project / "streams/_generated/contracts.py").read_text()
    settle(project, "raw")
    assert kgen("pull")[0] == 0
    text = (project / "streams/_generated/contracts.py").read_text()
    assert 'lambda: rt.OutOfRange(2932897, "date")' in text


def test_the_word_is_checked() -> None:
    assert config.parse("").out_of_range == "error"
    assert config.parse('[models]\nout_of_range = "raw"').out_of_range == "raw"
    with pytest.raises(ConfigError, match=r'models\.out_of_range must be "error" or "raw"'):
        config.parse('[models]\nout_of_range = "keep"')
    with pytest.raises(ConfigError, match=r"models\.out_of_range must be"):
        config.parse("[models]\nout_of_range = ['raw']")
    with pytest.raises(ConfigError, match=r"unknown setting models\.out_of_rnge") as caught:
        config.parse('[models]\nout_of_rnge = "raw"')
    assert caught.value.hint == "did you mean models.out_of_range?"


def test_pydantic_models_take_what_pydantic_takes(tmp_path: Path, registry: Any, kgen: Any) -> None:
    day = {"type": "string", "format": "date"}
    schema = {"title": "Shift", "type": "object", "properties": {"day": day}, "required": ["day"]}
    registry.add("shifts-value", schema, kind="JSON")
    text = f'package = "streams"\n[registry]\nurl = "{registry.url}"\n'
    root = tmp_path / "p"
    root.mkdir()
    (root / "kgen.toml").write_text(f'{text}[models]\nout_of_range = "raw"\njson = "pydantic"\n')
    code, _, err = kgen("pull")
    assert code == 0, err
    assert "out_of_range" not in (root / "streams/_generated/shifts.py").read_text()
