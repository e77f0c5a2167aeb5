"""Which topics the user's modules read and write, by reading alone: the calls of the runtime's steps, and the
topics that their arguments name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from .kinds import External, Kind, ModuleKind
from .module_source import FUNCTIONS, ModuleSource, inner_nodes, syntax_nodes
from .project_index import ProjectIndex

TopicAccess: TypeAlias = Literal["reads", "writes", "writes dead letters"]

_ACCESSES: Final[Mapping[str, TopicAccess]] = {
    "source": "reads",
    "read": "reads",
    "read_table": "reads",
    "sink": "writes",
    "Writer": "writes",
    "DeadLetter": "writes dead letters",
}
"""Of the runtime."""
_POSITIONS: Final = {"source": 2, "sink": 2}
_DEPTH: Final = 20
_Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"


@dataclass(frozen=True)
class TopicCall:
    """A call that reads or writes a topic. `topic` is its name, empty if reading does not show it; `key` and
    `value` are the generated modules (dotted) whose key and value it has, empty if they have none.
    """

    line: int
    access: TopicAccess
    topic: str
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class FlowOutline:
    """A dataflow, or (without a name) what a module reads and writes outside of one."""

    path: str
    module: str  # dotted
    name: str
    line: int
    doc: str
    calls: tuple[TopicCall, ...]


def flow_outlines(index: ProjectIndex, files: Iterator[ModuleSource]) -> Iterator[FlowOutline]:
    """The flows of the modules, and what else reads or writes topics, in the order of files and lines.

    A call belongs to the flow that is made in the same function, else to the only flow of its module.
    """
    for text in files:
        if any(name.partition(".")[0] == "kgen_runtime" for name in text.imported):
            yield from _ModuleReading(index, text).flows()


@dataclass(frozen=True)
class _Topic:
    name: str
    key: str = ""
    value: str = ""


@dataclass(frozen=True)
class _CallPlace:
    """A call, and the function at the top of the module, or method, that it is in."""

    node: ast.Call
    function: _Function | None


class _ModuleReading:
    def __init__(self, index: ProjectIndex, text: ModuleSource) -> None:
        self._index, self._text = index, text
        self._locals: dict[_Function, dict[str, ast.expr]] = {}

    def flows(self) -> Iterator[FlowOutline]:
        made: list[tuple[_CallPlace, str]] = []
        calls: list[tuple[_CallPlace, TopicCall]] = []
        for place in _places(self._text.tree):
            function = self._outside(place.node.func, place.function)
            package, _, name = function.rpartition(".")
            if function == "bytewax.dataflow.Dataflow":
                made.append((place, self._string(_argument(place.node, 0, "flow_id"), place.function)))
            elif package == "kgen_runtime" and name in _ACCESSES:
                calls.append((place, self._topic_call(place, name)))
        for owner, name in made:
            own = tuple(
                call
                for place, call in calls
                if len(made) == 1
                or (owner.function is not None and place.function is owner.function and _alone(made, owner))
            )
            yield self._outline(name or owner.node.lineno, owner.node.lineno, own)
            calls = [item for item in calls if item[1] not in own]
        if calls:
            yield self._outline("", calls[0][0].node.lineno, tuple(call for _, call in calls))

    def _outline(self, name: str | int, line: int, calls: tuple[TopicCall, ...]) -> FlowOutline:
        doc = ast.get_docstring(self._text.tree) or ""
        shown = name if isinstance(name, str) else f"line {name}"
        return FlowOutline(self._text.path, self._text.name, shown, line, doc, calls)

    def _topic_call(self, place: _CallPlace, function: str) -> TopicCall:
        node = _argument(place.node, _POSITIONS.get(function, 0), "topic")
        line, access = place.node.lineno, _ACCESSES[function]
        if function == "DeadLetter":
            topic = self._topic(node, place.function)
            return TopicCall(line, access, topic.name if topic else self._string(node, place.function))
        topic = self._topic(node, place.function) or _Topic("")
        return TopicCall(line, access, topic.name, topic.key, topic.value)

    # ---------------------------------------------------------------------- what expressions are

    def _outside(self, node: ast.expr, function: _Function | None) -> str:
        """The dotted name of what is not of the project."""
        found = self._value(self._text.name, node, function)
        return found.name if isinstance(found, External) else ""

    def _value(self, module: str, node: ast.expr, function: _Function | None) -> Kind:
        if isinstance(node, ast.Name) and node.id in self._names(function) and module == self._text.name:
            return self._local_import(node.id, function)
        if isinstance(node, ast.Attribute):
            return self._index.member(self._value(module, node.value, function), node.attr)
        return self._index.value(module, node)

    def _local_import(self, name: str, function: _Function | None) -> Kind:
        for node in ast.walk(function) if function else ():
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    if (alias.asname or alias.name.split(".")[0]) == name:
                        return self._index.imported(self._text, alias, node)
        return None

    def _names(self, function: _Function | None) -> Mapping[str, ast.expr | None]:
        """What a function binds its names to: what is assigned once, imports (None)."""
        if function is None:
            return {}
        if function not in self._locals:
            found: dict[str, ast.expr | None] = {}
            for node in syntax_nodes(function):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    found.update({a.asname or a.name.split(".")[0]: None for a in node.names})
                elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    for target in targets:
                        if isinstance(target, ast.Name):
                            again = target.id in found
                            found[target.id] = None if again else node.value
            self._locals[function] = found  # type: ignore[assignment]
        return self._locals[function]

    def _assigned(
        self, module: str, node: ast.expr | None, function: _Function | None
    ) -> tuple[str, ast.expr] | None:
        """The expression that a name stands for, and the module that it is in."""
        if isinstance(node, ast.Name) and module == self._text.name and node.id in self._names(function):
            value = self._names(function)[node.id]
            return (module, value) if value is not None else None
        if isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node, ast.Attribute):
                owner = self._value(module, node.value, function)
                if not isinstance(owner, ModuleKind):
                    return None
                return self._index.assignment(owner.name, ast.Name(node.attr))
            return self._index.assignment(module, node)
        return None

    def _topic(self, node: ast.expr | None, function: _Function | None) -> _Topic | None:
        module, found = self._text.name, node
        for _ in range(_DEPTH):
            if found is None or isinstance(found, ast.Call):
                break
            assigned = self._assigned(module, found, function)
            if assigned is None:
                return None
            module, found = assigned
        if not isinstance(found, ast.Call):
            return None
        made = self._value(module, found.func, function if module == self._text.name else None)
        if not (isinstance(made, External) and made.name == "kgen_runtime.Topic"):
            return None
        name = self._string(_argument(found, 0, "name"), function, module)
        key, value = (_keyword(found, half) for half in ("key", "value"))
        return _Topic(name, self._half(module, key, "key"), self._half(module, value, "value"))

    def _half(self, module: str, node: ast.expr | None, half: str) -> str:
        """The module of the topic that has this serde: `orders` of `orders.value`."""
        if isinstance(node, ast.Name) and node.id == half and half in self._index.texts[module].bindings:
            binding = self._index.texts[module].bindings[half][0]
            return module if isinstance(binding, ast.AnnAssign) else ""
        if isinstance(node, ast.Attribute) and node.attr == half:
            owner = self._index.value(module, node.value)
            return owner.name if isinstance(owner, ModuleKind) else ""
        return ""

    def _string(
        self, node: ast.expr | None, function: _Function | None, module: str = "", depth: int = _DEPTH
    ) -> str:
        """The text of an expression; empty if reading does not show it."""
        module = module or self._text.name
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else ""
        if node is None or not depth:
            return ""
        if isinstance(node, ast.JoinedStr):
            parts = [
                self._string(
                    part.value if isinstance(part, ast.FormattedValue) else part, function, module, depth - 1
                )
                for part in node.values
            ]
            return "".join(parts) if all(parts) else ""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            both = [self._string(it, function, module, depth - 1) for it in (node.left, node.right)]
            return "".join(both) if all(both) else ""
        if isinstance(node, ast.Attribute) and node.attr == "name" and module == self._text.name:
            topic = self._topic(node.value, function)
            if topic:
                return topic.name
        assigned = self._assigned(module, node, function)
        return self._string(assigned[1], function, assigned[0], depth - 1) if assigned else ""


def _alone(made: list[tuple[_CallPlace, str]], owner: _CallPlace) -> bool:
    """Whether its function makes no other flow."""
    return sum(place.function is owner.function for place, _ in made) == 1


def _places(tree: ast.Module) -> Iterator[_CallPlace]:
    """The calls in their order."""
    found: list[_CallPlace] = []

    def visit(node: ast.AST, function: _Function | None) -> None:
        left: list[tuple[ast.AST, _Function | None]] = [(node, function)]
        while left:
            each, inside = left.pop()
            if isinstance(each, ast.Call):
                found.append(_CallPlace(each, inside))
            if isinstance(each, FUNCTIONS) and inside is None:
                inside = each
            left += [(child, inside) for child in inner_nodes(each)]

    visit(tree, None)
    return iter(sorted(found, key=lambda place: (place.node.lineno, place.node.col_offset)))


def _argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    given = call.args[position] if position < len(call.args) else _keyword(call, name)
    return None if isinstance(given, ast.Starred) else given


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)
