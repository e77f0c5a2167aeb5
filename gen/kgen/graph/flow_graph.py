"""A flow as nodes and edges: topics, the steps that a user wrote, and what passes between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from kgen_runtime import Policy
from kgen_runtime._bytewax import (
    arguments,
    inputs,
    operator_class,
    output_ports,
    step_sinks,
    step_sources,
    steps_of,
)
from kgen_runtime.consumer.source import source, sources
from kgen_runtime.producer.eligibility import deliveries
from kgen_runtime.producer.sink import sink
from kgen_runtime.routing.route import route
from kgen_runtime.steps.lateness import late

from .edge_types import StreamTypes

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow, Operator

NodeKind: TypeAlias = Literal["topic", "letters", "step", "route", "outside"]
EdgeKind: TypeAlias = Literal["ok", "errs", "late"]

_ROUTE: Final = operator_class(route)
_FAILING: Final = (operator_class(sink), operator_class(late))
_OWN: Final = ("kgen_runtime", "bytewax")


@dataclass(frozen=True)
class FlowNode:
    """A topic (`letters`: one for dead letters), a step, a `route`, or what else a flow reads or writes
    (`outside`). `about` is the operator of a step and the function that it was given, or the policies.
    """

    id: str
    kind: NodeKind
    name: str
    about: str = ""


@dataclass(frozen=True)
class FlowEdge:
    """What goes from one node to another: the type of the items, empty if no annotation says it."""

    start: str
    end: str
    type: str = ""
    kind: EdgeKind = "ok"


@dataclass(frozen=True)
class FlowGraph:
    """The nodes in the order of the flow, and its edges."""

    name: str
    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...]


def graph_of(flow: Dataflow) -> FlowGraph:
    """The steps of a flow as the user wrote them, without what they consist of, and the topics beyond."""
    made = _Made(flow)
    made.steps()
    made.topics()
    made.others()
    return FlowGraph(flow.flow_id, tuple(made.nodes.values()), tuple(dict.fromkeys(made.edges)))


class _Made:
    def __init__(self, flow: Dataflow) -> None:
        self._flow = flow
        self._types = StreamTypes()
        self._from: dict[str, tuple[str, EdgeKind]] = {}
        self._shown: set[str] = set()
        self.nodes: dict[str, FlowNode] = {}
        self.edges: list[FlowEdge] = []

    def steps(self) -> None:
        """A node for each step, and the edges between them."""
        for step in steps_of(self._flow):
            self._add_types(step)
            kind: NodeKind = "route" if type(step) is _ROUTE else "step"
            name = step.step_id[len(self._flow.flow_id) + 1 :]
            self.nodes[step.step_id] = FlowNode(step.step_id, kind, name, _about(step))
            for stream in inputs(step):
                start, how = self._from[stream]
                self.edges.append(FlowEdge(start, step.step_id, self._types.text(stream), how))
            for port, streams in output_ports(step).items():
                for stream in streams:
                    self._from[stream] = (step.step_id, _edge_kind(step, port))

    def _add_types(self, step: Operator) -> None:
        """Of an operator of the user's: of the steps in it, for their streams are what comes out of it."""
        if not type(step).__module__.startswith(_OWN):
            for each in steps_of(step):
                self._add_types(each)
        self._types.add(step)

    def topics(self) -> None:
        """What kgen's steps read and write. A topic that is both stands on top and at the bottom."""
        for each in sources(self._flow):
            step = self._step(each.step_id)
            self.edges.insert(0, FlowEdge(self._topic("read", each.topic.name, "topic"), step))
            self._shown.add(step)
        for delivery in deliveries(self._flow):
            step = self._step(delivery.step_id)
            kind: NodeKind = "letters" if self.nodes[step].kind == "route" else "topic"
            made = self._topic("written", delivery.spec.topic, kind)
            self.edges.append(FlowEdge(step, made, kind="errs" if kind == "letters" else "ok"))
            self._shown.add(step)

    def _topic(self, how: str, name: str, kind: NodeKind) -> str:
        id_ = f"{how} {name}"
        self.nodes.setdefault(id_, FlowNode(id_, kind, name))
        return id_

    def others(self) -> None:
        """Connectors that are not kgen's: files, databases, stdout."""
        for step, connector in (*step_sources(self._flow), *step_sinks(self._flow)):
            node = self._step(step.step_id)
            if node in self._shown or type(connector).__module__.startswith("kgen_runtime"):
                continue
            reads = getattr(step, "source", None) is not None
            for name in _connected(connector):
                id_ = f"outside {node} {name}"
                self.nodes[id_] = FlowNode(id_, "outside", name, type(connector).__name__)
                self.edges.append(FlowEdge(id_, node) if reads else FlowEdge(node, id_))

    def _step(self, step_id: str) -> str:
        """The step of the user's that one is inside of."""
        while step_id not in self.nodes:
            step_id = step_id.rpartition(".")[0]
        return step_id


def _edge_kind(step: Operator, port: str) -> EdgeKind:
    if port == "errs" or isinstance(step, _FAILING):
        return "errs"
    return "late" if port == "late" else "ok"


def _about(step: Operator) -> str:
    """`rt.map_value(handle)`, `op.filter(wanted)`, `DeadLetter`."""
    if type(step) is _ROUTE:
        return " · ".join(_policies(getattr(step, "policy")))  # noqa: B009
    module, name = type(step).__module__, type(step).__name__
    short = "rt" if module.startswith("kgen_runtime") else module.rpartition(".")[2]
    if module == "bytewax.operators":
        short = "op"
    if "windowing" in module:
        short = "rt.windowing" if short == "rt" else "windowing"
    functions = ", ".join(_functions(step))
    return f"{short}.{name}({functions})" if functions else f"{short}.{name}"


def _functions(step: Operator) -> Iterator[str]:
    """The names of the functions that it was given."""
    if type(step) is operator_class(source):
        return
    for value in arguments(step).values():
        if callable(value) and not isinstance(value, type):
            shown = getattr(value, "__qualname__", None)
            module = str(getattr(value, "__module__", ""))
            if shown is not None and not module.startswith(_OWN):  # not a default of the operator's
                yield "λ" if shown.endswith("<lambda>") else str(shown).rpartition("<locals>.")[2]


def _policies(policy: object) -> Iterator[str]:
    """Their names, each ahead of those that it passes failures on to."""
    if isinstance(policy, Policy):
        yield type(policy).__name__
        for value in vars(policy).values():
            yield from _policies(value if isinstance(value, (list, tuple, dict)) else ())
    elif isinstance(policy, dict):
        for value in policy.values():
            yield from _policies(value)
    elif isinstance(policy, Iterable) and not isinstance(policy, (str, bytes)):
        for each in policy:
            yield from _policies(each) if isinstance(each, (Policy, list, tuple)) else ()


def _connected(connector: Any) -> list[str]:
    """What it reads or writes, if it says so: topics, a path; else its class."""
    for name in ("_topics", "_topic", "topics", "topic", "_path", "_dir_path"):
        value = getattr(connector, name, None)
        if isinstance(value, (list, tuple)) and value and all(isinstance(each, str) for each in value):
            return list(value)
        if value is not None and not callable(value) and str(value):
            return [str(value)]
    return [type(connector).__name__]
