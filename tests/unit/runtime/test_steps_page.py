"""The code of docs/reference/steps.md, run: it prints what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "steps.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_page_says(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("```python")
    names: dict[str, Any] = {"__name__": "steps_page"}
    for code, said in blocks:
        exec(compile(code, "docs/reference/steps.md", "exec"), names)
        assert sorted(capsys.readouterr().out.splitlines()) == sorted(said.splitlines())
