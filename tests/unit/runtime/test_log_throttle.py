"""Repeated log lines are counted, not repeated."""

from __future__ import annotations

import logging

from kgen_runtime.kafka.log_throttle import OncePer


def line(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("kafka", logging.WARNING, "", 0, text, args, None)


def test_lines_that_differ_in_numbers_come_once_and_are_counted() -> None:
    now = 0.0
    once = OncePer(10, clock=lambda: now)
    assert [once.filter(line("broker %s: refused after %d ms", "b", n)) for n in range(4)] == [
        True,
        False,
        False,
        False,
    ]
    assert once.filter(line("another"))
    now = 10.0
    again = line("broker %s: refused after %d ms", "b", 9)
    assert once.filter(again)
    assert again.getMessage() == "broker b: refused after 9 ms (3 more like it)"
