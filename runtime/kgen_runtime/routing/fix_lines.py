"""The line of code that would route what nothing reads, for the user's file as it is."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

_MOST_BYTES: Final = 2_000_000
"""Of a file that is read for a hint."""
_MOST_LINE: Final = 400
"""Characters of a call that is repeated in a hint."""


@dataclass(frozen=True)
class UnreadStream:
    """A stream of a step that something has to read: `port` says which attribute of the step's result it is;
    empty if it is the result itself.
    """

    step_id: str
    operator: str
    """The name of the function that made the step: `map_value`."""
    place: str
    """`flows/orders.py:12`, empty where it is not known."""
    port: str

    @property
    def name(self) -> str:
        """What the user named the step."""
        return self.step_id.rpartition(".")[2]

    def __str__(self) -> str:
        """With the line, where that is known."""
        return f"{self.step_id} ({self.place})" if self.place else self.step_id


class StreamCode(NamedTuple):
    """Code for a stream of the user's: `place` is the function whose names it uses, `runtime` what
    kgen_runtime is called there, `note` what else has to change.
    """

    text: str
    place: str
    runtime: str = "rt"
    note: str = ""


def fix_for(unread: Iterable[UnreadStream], taken: Iterable[str], *, late: bool = False) -> str:
    """A hint with the line to add, one for each function of the user's; `taken` are names of steps."""
    names = set(taken)
    functions: dict[tuple[str, str], list[StreamCode]] = {}
    for each in map(_code, unread):
        functions.setdefault((each.place, each.runtime), []).append(each)
    return "Add " + " and ".join(
        _line(streams, runtime, names, late) for (_, runtime), streams in functions.items()
    )


def rest_for(unread: Sequence[UnreadStream], taken: Iterable[str], check: str | None) -> str:
    """The line with `route_rest` that does the same, where that is simpler than to name the streams: there
    are several, or one that no variable holds. `check` is the line that calls `rt.check`, which says what the
    flow is called there; empty if it does not.
    """
    file, _, line = (check or "").rpartition(":")
    codes = [_code(each) for each in unread]
    held = len(codes) == 1 and not codes[0].note and not codes[0].text.startswith("<")
    if held or not line.isdigit():
        return ""
    source = UserSource(Path(file))
    call = source.call(int(line), "", "check")
    if call is None or not call.args or not isinstance(call.args[0], ast.Name):
        return ""
    flow, runtime = call.args[0].id, source.runtime
    step_id = _free("errs", set(taken))
    code = f'{runtime}.route_rest("{step_id}", {flow}, policy={runtime}.Crash())'
    return f", or `{code}` ahead of {runtime}.check"


def _line(streams: list[StreamCode], runtime: str, names: set[str], late: bool) -> str:
    """Code in which a stream is named once, though a loop may make several steps."""
    texts = list(dict.fromkeys(each.text for each in streams))
    notes = [each.note for each in streams if each.note]
    if len(texts) < len(streams):
        notes.append("in the loop that makes several steps, with step ids of their own")
    if late:
        texts = [f'{runtime}.late("{_free("too_late", names)}", {text})' for text in texts]
    step_id, policy = ("late", "Drop") if late else ("errs", "Crash")
    note = f" ({'; '.join(notes)})" if notes else ""
    code = f'{runtime}.route("{_free(step_id, names)}", {", ".join(texts)}, policy={runtime}.{policy}())'
    return f"`{code}`{note}"


def _free(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def _code(stream: UnreadStream) -> StreamCode:
    port = f".{stream.port}" if stream.port else ""
    file, _, line = stream.place.rpartition(":")
    unknown = StreamCode(f"<{stream.name}>{port}", file)
    if not line.isdigit():
        return unknown
    source = UserSource(Path(file))
    call = source.call(int(line), stream.name, stream.operator)
    if call is None:
        return unknown
    place, held, text = f"{file}:{source.function_at(call)}", source.held_by(call), source.text_of(call)
    if held:
        return StreamCode(f"{held}{port}", place, source.runtime)
    if len(text) > _MOST_LINE:
        return unknown
    if source.stands_alone(call):
        return StreamCode(f"{text}{port}", place, source.runtime, f"in place of line {line}")
    name = source.free_name(stream.name)
    note = f"before line {line}, with `{name}` there in place of the call"
    return StreamCode(f"({name} := {text}){port}", place, source.runtime, note)


class UserSource:
    """A file of the user's. One that cannot be read, or is not Python, holds nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = ""

    @cached_property
    def _tree(self) -> ast.Module:
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                return ast.Module([], [])
            self._text = self._path.read_text(encoding="utf-8")
            return ast.parse(self._text)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module([], [])

    @cached_property
    def runtime(self) -> str:
        """The name that the file has for kgen_runtime."""
        imports = (node for node in ast.walk(self._tree) if isinstance(node, ast.Import))
        names = (alias for node in imports for alias in node.names if alias.name == "kgen_runtime")
        return next((alias.asname or alias.name for alias in names), "rt")

    def call(self, line: int, name: str, operator: str) -> ast.Call | None:
        """The call on a line that made a step: by the step's name, else the only one of the operator."""
        calls = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or 0)
        ]
        named = [call for call in calls if _names(call, name)]
        found = named or [call for call in calls if _last_name(call.func) == operator]
        return found[0] if len(found) == 1 else None

    def held_by(self, call: ast.Call) -> str | None:
        """The variable, or attribute, that a call's result is assigned to."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.NamedExpr) and node.value is call:
                return node.target.id
            if isinstance(node, ast.AnnAssign) and node.value is call:
                return ast.unparse(node.target)
            if isinstance(node, ast.Assign) and node.value is call:
                simple = (each for each in node.targets if isinstance(each, (ast.Name, ast.Attribute)))
                return next(map(ast.unparse, simple), None)
        return None

    def text_of(self, call: ast.Call) -> str:
        """A call as it is written, in one line."""
        text = ast.get_source_segment(self._text, call)
        return ast.unparse(call) if text is None or "\n" in text else text

    def stands_alone(self, call: ast.Call) -> bool:
        """Whether the call is a statement of its own."""
        return any(isinstance(node, ast.Expr) and node.value is call for node in ast.walk(self._tree))

    def function_at(self, call: ast.Call) -> str:
        """The function that a call stands in: its names are known there alone."""
        around = [
            node
            for node in ast.walk(self._tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and node.lineno <= call.lineno <= (node.end_lineno or 0)
        ]
        return f"{around[-1].name}:{around[-1].lineno}" if around else ""

    def free_name(self, step: str) -> str:
        """A variable for a step that has none."""
        name = re.sub(r"\W", "_", step, flags=re.ASCII) or "step"
        name = f"step_{name}" if name[0].isdigit() or keyword.iskeyword(name) else name
        return _free(name, set(self._names()))

    def _names(self) -> Iterator[str]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name):
                yield node.id
            elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.arg):
                yield node.arg
            elif isinstance(node, ast.alias):
                yield node.asname or node.name


def _names(call: ast.Call, step: str) -> bool:
    """Whether a call is given a step's name."""
    first = [*call.args[:1], *(each.value for each in call.keywords if each.arg == "step_id")]
    return any(isinstance(each, ast.Constant) and each.value == step for each in first)


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
