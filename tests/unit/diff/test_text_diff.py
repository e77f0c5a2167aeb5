"""The text diff: what `git apply` takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kgen.actions.text_diff import text_diff

BEFORE = {"a.py": "one\ntwo\n", "gone.py": "x\n", "same.py": "s\n", "end.txt": "no end"}
AFTER = {"a.py": "one\n2\n", "new.py": "n\x0cn\n", "same.py": "s\n", "end.txt": "no end at all"}


def test_it_says_what_changes() -> None:
    text = text_diff(BEFORE, AFTER)
    assert "--- a/a.py\n+++ b/a.py\n" in text
    assert "--- /dev/null\n+++ b/new.py\n" in text
    assert "--- a/gone.py\n+++ /dev/null\n" in text
    assert "same.py" not in text
    assert text.count("\\ No newline at end of file") == 2
    assert text_diff(BEFORE, BEFORE) == ""


def test_git_applies_it(tmp_path: Path) -> None:
    for name, text in BEFORE.items():
        (tmp_path / name).write_text(text)
    command = ["git", "apply", "--unsafe-paths", f"--directory={tmp_path}", "-"]
    subprocess.run(command, input=text_diff(BEFORE, AFTER), text=True, check=True, cwd=tmp_path)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == AFTER
