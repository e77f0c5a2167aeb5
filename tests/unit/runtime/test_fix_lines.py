"""Each hint of `rt.check` is taken at its word: with the line that it gives the flow builds."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

import kgen_runtime as rt

HEAD = """
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax.operators import windowing as win
from bytewax.testing import TestingSource
from kgen_runtime import testing

KAFKA = testing.Memory()
TOPIC = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
CLOCK = win.EventClock(lambda value: datetime.now(timezone.utc), timedelta(0))
WINDOWER = win.SessionWindower(gap=timedelta(1))


def build():
    flow = Dataflow("flow")
    up = op.input("in", flow, TestingSource([]))
"""
TAIL = """
    return rt.check(flow)
"""
FIX = re.compile(r"`(.+?policy=\w+\.\w+\(\)\))`(?: \((.*?)\))?(?: and |:|, or )")
REST = re.compile(r", or `(.+)` ahead of \w+\.check: it stops the flow")


def built(folder: Path, code: str) -> Any:
    path = folder / "flowfile.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("flowfile", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build()


def refusal(folder: Path, code: str) -> rt.FlowError:
    with pytest.raises(rt.FlowError, match="nothing reads") as caught:
        built(folder, code)
    return caught.value


def fixed(code: str, error: rt.FlowError) -> str:
    """The file with what the hint says."""
    lines = code.splitlines()
    found = FIX.findall(error.hint or "")
    assert found, error.hint
    for line, note in found:
        at = len(lines) - 1
        for replaced in re.findall(r"in place of line (\d+)", note):
            lines[int(replaced) - 1] = "    pass"
        for before, name in re.findall(r"before line (\d+), with `(\w+)` there", note):
            at = int(before) - 1
            (call,) = re.findall(rf"\({name} := (.*)\)\.errs", line)
            changed = lines[at].replace(call, name)
            assert changed != lines[at]
            lines[at] = changed
        lines.insert(at, f"    {line}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "code",
    [
        'one = rt.map("one", up, str)',
        'one = rt.filter("one", up, bool)\n    two = rt.key_on("two", one.oks, str)',
        'one: rt.Split = rt.flat_map("one", up, str)',
        'op.inspect("show", rt.filter_map("one", up, str).oks)',
        'kept = rt.stateful_map("one", up, lambda s, v: (s, v)).oks',
        'kept = rt.map("class", up, str).oks',
        'kept = rt.map("2nd", up, str).oks',
        'kept = rt.map("kept", up, str).oks',
        'one = rt.map(\n        "one",\n        up,\n        str,\n    )',
        'rt.sink("out", up, TOPIC, KAFKA)',
        'errs = rt.sink("out", up, TOPIC, KAFKA)',
        'errs = rt.late("late", up)\n    one = rt.map_value("one", up, str)',
        'rt.route("errs", rt.map("zero", up, str).errs, policy=rt.Drop())\n    one = rt.map("one", up, str)',
        'read = rt.source("read", flow, TOPIC, KAFKA)\n    one = rt.map_value("one", read.oks, str)',
        'out = win.collect_window("w", up, CLOCK, WINDOWER)\n    one = rt.map("one", up, str)\n'
        '    op.inspect("late", out.late)',
        'name = "one"\n    one = rt.map(name, up, str)',
        'if (one := rt.map("one", up, str)):\n        pass',
    ],
)
def test_the_line_of_the_hint_builds(tmp_path: Path, code: str) -> None:
    whole = f"{HEAD}    {code}{TAIL}"
    error = refusal(tmp_path, whole)
    built(tmp_path, fixed(whole, error))
    for line in REST.findall(error.hint or ""):
        built(tmp_path, with_rest(whole, line))


def with_rest(code: str, line: str) -> str:
    """The file with the other line of the hint, ahead of the check."""
    head, check, tail = code.rpartition("\n    return ")
    return f"{head}\n    {line}{check}{tail}"


@pytest.mark.parametrize(
    "code",
    [
        'one = rt.map("one", up, str)\n    two = rt.map("two", one.oks, str)',
        'kept = rt.map("one", up, str).oks',
        'rt.sink("out", up, TOPIC, KAFKA)',
        'for n in "ab":\n        step = rt.map(n, up, str)',
        'rt.route("errs", rt.map("zero", up, str).errs, policy=rt.Drop())\n    rt.map("one", up, str)',
        'for name in "ab":\n        rt.map(*[name, up, str])',
    ],
)
def test_all_streams_at_once_build_too(tmp_path: Path, code: str) -> None:
    whole = f"{HEAD}    {code}{TAIL}"
    (line,) = REST.findall(refusal(tmp_path, whole).hint or "")
    built(tmp_path, with_rest(whole, line))
    renamed = whole.replace(" as rt", " as k").replace("rt.", "k.").replace("flow = ", "df = ")
    renamed = renamed.replace('"in", flow', '"in", df').replace("check(flow)", "check(\n        df\n    )")
    (line,) = REST.findall(refusal(tmp_path, renamed).hint or "")
    built(tmp_path, with_rest(renamed, line))


def test_one_stream_that_has_a_name_is_named(tmp_path: Path) -> None:
    whole = f'{HEAD}    one = rt.map("one", up, str){TAIL}'
    assert "route_rest" not in (refusal(tmp_path, whole).hint or "")
    elsewhere = f'{HEAD}    one = rt.map("one", up, str)\n    rt.map("two", one.oks, str)\n    held = [flow]'
    error = refusal(tmp_path, f"{elsewhere}\n    return rt.check(held[0])")
    assert "route_rest" not in (error.hint or "")


def test_windows_take_two_lines(tmp_path: Path) -> None:
    code = (
        'w = rt.windowing.collect_window("w", up, CLOCK, WINDOWER)\n'
        '    v = rt.windowing.max_window("v", up, CLOCK, WINDOWER)'
    )
    whole = f"{HEAD}    {code}{TAIL}"
    whole = fixed(whole, refusal(tmp_path, whole))
    error = refusal(tmp_path, whole)
    assert "comes too late for flow.w (" in error.what
    built(tmp_path, fixed(whole, error))


def test_the_step_and_the_line_are_named(tmp_path: Path) -> None:
    whole = f'{HEAD}    one = rt.map("one", up, str)\n    two = rt.map("two", up, str){TAIL}'
    error = refusal(tmp_path, whole)
    line = whole.splitlines().index('    one = rt.map("one", up, str)') + 1
    file = tmp_path / "flowfile.py"
    assert error.what == (
        f"nothing reads the failures of flow.one ({file}:{line}), flow.two ({file}:{line + 1})"
    )
    assert error.hint == (
        'Add `rt.route("errs", one.errs, two.errs, policy=rt.Crash())`, or '
        '`rt.route_rest("errs", flow, policy=rt.Crash())` ahead of rt.check: '
        "it stops the flow, other policies do not."
    )


def test_names_of_steps_that_are_there_are_not_given_again(tmp_path: Path) -> None:
    code = 'rt.route("errs", rt.map("one", up, str).errs, policy=rt.Drop())\n    two = rt.map("two", up, str)'
    assert 'rt.route("errs_2", two.errs' in (refusal(tmp_path, f"{HEAD}    {code}{TAIL}").hint or "")


def test_steps_of_several_functions_take_a_line_in_each(tmp_path: Path) -> None:
    inner = '\ndef more(up):\n    other = rt.map("other", up, str)\n    return other.oks\n\n'
    code = (
        HEAD.replace("\ndef build", f"{inner}\ndef build") + '    one = rt.map("one", more(up), str)' + TAIL
    )
    hint = refusal(tmp_path, code).hint or ""
    assert '`rt.route("errs", other.errs, policy=rt.Crash())` and `rt.route("errs_2", one.errs, ' in hint


def test_a_loop_is_named(tmp_path: Path) -> None:
    code = f'{HEAD}    for n in "ab":\n        step = rt.map(n, up, str){TAIL}'
    hint = refusal(tmp_path, code).hint or ""
    assert '`rt.route("errs", step.errs, policy=rt.Crash())` (in the loop that makes several steps' in hint


def test_another_name_of_the_runtime(tmp_path: Path) -> None:
    code = f'{HEAD}    one = rt.map("one", up, str){TAIL}'.replace(" as rt", " as k").replace("rt.", "k.")
    built(tmp_path, fixed(code, refusal(tmp_path, code)))


@pytest.mark.parametrize("text", ["", "x = (", "\0"])
def test_a_file_that_cannot_be_read_as_it_was(tmp_path: Path, text: str) -> None:
    """It may have been edited since it was imported."""
    spoil = f"    import pathlib\n    pathlib.Path(__file__).write_text({text!r})\n"
    error = refusal(tmp_path, f'{HEAD}    one = rt.map("one", up, str)\n{spoil}{TAIL}')
    assert 'rt.route("errs", <one>.errs, policy=rt.Crash())' in (error.hint or "")
