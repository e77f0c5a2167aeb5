"""The lines of `--log-format json`: whatever happens, each is an object."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

HEAD = """
    import logging, threading, warnings
    from kgen_runtime.runner import log_format

    class Odd:
        def __str__(self):
            raise ValueError("no text")
        __repr__ = __str__

        def __del__(self):
            raise KeyError("at its end")

    log_format.configure("json", "INFO", 3, "module:flow")
    log = logging.getLogger("a\\nlibrary\\x1b")
"""


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        ('log.info("%d orders", "x")', "%d orders (not all of it: TypeError: %d format:", "TypeError"),
        (
            "odd = Odd(); log.warning(odd); Odd.__del__ = print",
            "Odd (not all of it: ValueError: no",
            "ValueError",
        ),
        ("threading.Thread(target=int, args=['x'], name='t').start()", "an error in thread t", "ValueError"),
        ("Odd()", "an error that nobody could be given, in function", "KeyError"),
        ("warnings.warn('\\x00\\ud800 old')", "\x00\ud800 old", None),
        ("log.error('with a stack', stack_info=True)", "with a stack", None),
    ],
)
def test_what_goes_wrong_is_a_line_too(code: str, message: str, error: str | None) -> None:
    found = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(HEAD) + code], stderr=subprocess.PIPE, text=True, check=True
    )
    lines: list[dict[str, Any]] = [json.loads(line) for line in found.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["log"], found.stderr
    assert message in lines[0]["message"]
    assert (lines[0]["flow"], lines[0]["process"]) == ("module:flow", 3)
    assert error is None or f"{error}: " in lines[0]["traceback"]
    assert ("stack" in lines[0]) == ("stack" in code)
