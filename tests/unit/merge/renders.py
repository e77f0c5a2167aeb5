"""Renders of a flow, and what new renders change in them: every place that a template may touch."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.merge.edits import after, swap

FLOW = '''"""Dataflow for the topic `orders`: an order placed in the shop. Yours to edit.

Run:
    python -m kgen_runtime.run streams.flows.orders:flow --recovery .recovery/orders
"""

from __future__ import annotations

import bytewax.operators as op
import kgen_runtime as rt
from bytewax.dataflow import Dataflow

from .._generated import orders


def handle(order: orders.Order) -> orders.Order:
    """Your logic, one order at a time. What it raises goes to `errs` with the message."""
    return order


def build(kafka: rt.Kafka) -> Dataflow:
    """The flow, on any Kafka."""
    flow = Dataflow("orders")
    read = rt.source("orders", flow, orders.topic, kafka)
    handled = rt.map_value("handle", read.oks, handle)
    rt.route("errs", read.errs, handled.errs, policy=rt.DeadLetter("orders.dlq", kafka))
    op.inspect("show", handled.oks)  # replace with rt.sink("out", handled.oks, other.topic, kafka)
    return rt.check(flow)


flow = build(rt.Kafka.from_env())
'''


def doc(text: str) -> str:
    return swap(text, "an order placed in the shop", "an order, as the shop's tills send it")


def doc_line(text: str) -> str:
    return swap(text, "\nRun:", "\nKey: string. Value: shop.Order, version 4.\n\nRun:")


def new_step(text: str) -> str:
    return after(text, r"handled = ", '    dated = rt.map_value("date", handled.oks, date)\n')


def new_step_and_function(text: str) -> str:
    head = "def fill(order: orders.Order) -> orders.Order:\n"
    helper = f'{head}    """Values for what older versions lack."""\n    return order\n\n\n'
    text = swap(text, "def build(", helper + "def build(")
    text = after(text, "read = ", '    filled = rt.map_value("fill", read.oks, fill)\n')
    return swap(text, '"errs", read.errs, handled.errs', '"errs", read.errs, handled.errs, filled.errs')


def new_import(text: str) -> str:
    text = swap(text, "import bytewax", "from datetime import timedelta\n\nimport bytewax")
    return after(text, r"handled = ", '    op.window("recent", handled.oks, timedelta(minutes=1))\n')


def class_renamed(text: str) -> str:
    return swap(
        swap(text, "order: orders.Order", "order: orders.ShopOrder"),
        "-> orders.Order:",
        "-> orders.ShopOrder:",
    )


def union_value(text: str) -> str:
    return swap(
        swap(text, "order: orders.Order", "order: orders.Value"), "-> orders.Order:", "-> orders.Value:"
    )


def comment(text: str) -> str:
    return swap(
        text, '  # replace with rt.sink("out", handled.oks, other.topic, kafka)', "  # here goes your sink"
    )


def comment_above(text: str) -> str:
    return swap(
        text, "    read = rt.source", "    # Reads versions 1 to 4 as version 4.\n    read = rt.source"
    )


def new_keyword(text: str) -> str:
    return swap(text, "orders.topic, kafka)", 'orders.topic, kafka, on_gap="crash")')


def changed_argument(text: str) -> str:
    return swap(text, '"orders.dlq", kafka)', '"orders.dlq", kafka, headers="kgen")')


def function_doc(text: str) -> str:
    return swap(
        text, "What it raises goes to `errs` with the message.", "What it raises is routed with the message."
    )


def step_dropped(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if "op.inspect" not in line and "operators as op" not in line)


def last_statement(text: str) -> str:
    return swap(text, "flow = build(rt.Kafka.from_env())", 'flow = build(rt.Kafka.from_env(prefix="KGEN"))')


def many(text: str) -> str:
    for change in (doc, new_step_and_function, new_import, comment_above, new_keyword, function_doc):
        text = change(text)
    return text


CHANGES: dict[str, Callable[[str], str]] = {
    "doc": doc,
    "doc line": doc_line,
    "new step": new_step,
    "new step and function": new_step_and_function,
    "new import": new_import,
    "class renamed": class_renamed,
    "union value": union_value,
    "comment": comment,
    "comment above": comment_above,
    "new keyword": new_keyword,
    "changed argument": changed_argument,
    "function doc": function_doc,
    "step dropped": step_dropped,
    "last statement": last_statement,
    "many": many,
}
