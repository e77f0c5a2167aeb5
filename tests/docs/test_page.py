"""What runs the blocks of pages finds what is wrong with them."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("sybil", reason="what finds the blocks of pages is not installed")
from .console import commands, shown_in
from .page import run_page
from .prepared import Prepared

Run = Callable[[str], list[Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(text: str) -> list[Any]:
        page = tmp_path / "page.md"
        page.write_text(textwrap.dedent(text), encoding="utf-8")
        folder = tmp_path / "project"
        folder.mkdir()
        return run_page(page, folder, Prepared(tmp_path))

    return run


RIGHT = [
    "```python\nprint(1)\nprint(2)\n```\n\n```text\n1\n2\n```",
    "```python\nx = 1\n```\n\n```python\nprint(x)\n```\n\n```text\n1\n```",
    "```python\nprint('a 17 b')\n```\n```text\na … b\n```",
    "<!-- invisible-code-block: python\nx = 1\n-->\n```python\nassert x\n```",
    "<!-- file: a/b.py -->\n```python\nx = 1\n```\n```python\nfrom a.b import x\n```",
    "<!-- file: b.py -->\n```python\nx = 1\ny = 2\n```\n"
    "<!-- file: b.py -->\n```diff\n-x = 1\n+x = 3\n y = 2\n```\n"
    "```console\n$ cat b.py\nx = 3\ny = 2\n```",
    "```console\n$ echo a; echo b >&2\na\nb\n$ seq 9\n1\n…\n9\n```",
    "```console\n$ mkdir d && cd d && export X=1\n$ echo $X $PWD\n1 /home/you/d\n```",
    "<!-- exit: 3 -->\n```console\n$ echo no; exit 3\nno\n```",
    "```console\n$ echo a \\\n    b  # what it is for\na b\n```",
    "```console\n$ python -c 'from signal import *; signal(SIGINT, lambda *_: exit(print(2))); "
    "print(1); pause()'\n1\n^C\n2\n```",
    # its child prints: dash loses a signal that comes while it starts one
    "<!-- keeps-running -->\n```console\n$ sh -c '(echo up; exec sleep 1000); true'\nup\n```",
    '```toml\npackage = "shop"\n```\n```json\n{"a": 1}\n{"a": 2}\n```',
    "- an item\n\n  ```python\n  print(1)\n  ```\n\n  ```text\n  1\n  ```\n",
]
WRONG = {
    "```python\nprint(1)\n```\n\n```text\n2\n```": "-2\n+1",
    "```text\n2\n```": "what the python block",
    "```python\nprint(1)\n```\nso\n```text\n1\n```": "what the python block",
    "```\nx\n```": "no language",
    "```c++\nx\n```": "blocks are python",
    "```console\nls\n```": "has commands",
    "```console\n$ false\n```": "exit code 1, not 0",
    "<!-- exit: 1 -->\n```console\n$ false\n$ true\n```": "exit code 1, not 0",
    "```console\n$ echo a\nb\n```": "-b\n+a",
    "<!-- keeps-running -->\n```console\n$ echo a\nb\n```": "-b\n+a",
    "```toml\npackages = 1\n```": "packages",
    "```json\n{\n```": "Expecting property name",
    "```diff\n-a\n+b\n```": "of which file",
    "<!-- file: a -->\n```json\n1\n```\n<!-- file: a -->\n```diff\n-2\n+3\n```": "0 times",
    "```python\nraise ValueError(7)\n```": "7",
}


@pytest.mark.parametrize("text", RIGHT)
def test_a_page_that_is_right_passes(run: Run, text: str) -> None:
    assert run(text) == []


@pytest.mark.parametrize(("text", "words"), WRONG.items())
def test_a_page_that_is_wrong_fails(run: Run, text: str, words: str) -> None:
    with pytest.raises(Exception, match=re.escape(words)):
        run(text)


def test_a_block_that_is_left_out_gives_its_reason(run: Run) -> None:
    assert run('<!-- skip: next "it takes long" -->\n```console\n$ false\n```\n```console\n$ true\n```') == [
        "it takes long"
    ]


def test_what_is_shown_may_leave_out_text() -> None:
    assert shown_in("a\n…\nd", "a\nb\nc\nd\n")
    assert shown_in("a …", "a b\nc\n", whole=False)
    assert not shown_in("a\n…\nd", "a\nb\n")
    assert not shown_in("a.c", "abc\n")


def test_the_commands_of_a_block() -> None:
    assert list(commands("$ a\nx\n$ b \\\n  c\ny\nz\n")) == [("a", "x\n"), ("b c", "y\nz\n")]
