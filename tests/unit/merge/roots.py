"""A topic's root type under another name: what the new render changes in a flow, and the shapes that users
give to what holds that name.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import cache, reduce

from tests.unit.merge.edits import Edit, functions, ruff, swap
from tests.unit.merge.edits import after as after_line
from tests.unit.merge.schemas import ADDRESS, ORDER, Record, first_model, model, snapshot

from kgen.model import Project
from kgen.render import render

FLOW = "streams/flows/orders.py"
LONG = "PurchaseOrderConfirmationOfTheWholesaleDepartmentRequestedByTheCustomer"


def root(name: str) -> Record:
    """The record under another name, by alias."""
    return {**copy.deepcopy(ORDER), "name": f"shop.{name}", "aliases": ["shop.Order"]}


def first() -> str:
    return project()[FLOW]


def later(*values: object) -> str:
    """The flow after a second version."""
    return project(*values)[FLOW]


def project(*values: object) -> dict[str, str]:
    """Every file after further versions, the classes' names being kept."""
    return _project(json.dumps(values))


@cache
def _project(values: str) -> dict[str, str]:
    return render(model_of(*json.loads(values)))


def model_of(*values: object) -> Project:
    """The model after further versions."""
    return model(snapshot(ORDER, *values), first_model().names)


def commas(text: str) -> str:
    """The signature as a formatter leaves it that takes a last comma for "one a line"."""
    return re.sub(r"def handle\((.*)\) ->", r"def handle(\n    \1,\n) ->", text)


# What the new render changes.
CHANGES: dict[str, Callable[[], str]] = {
    "record renamed": lambda: later(root("Purchase")),
    "a name that needs a line": lambda: later(root(LONG)),
    "a union instead": lambda: later([ORDER, ADDRESS]),
    "module renamed": lambda: re.sub(r"(?<!\")\borders\b(?=[.]|$)", "shop", first(), flags=re.MULTILINE),
    "parameter renamed": lambda: re.sub(r"\border\b(?=:|$)", "item", first(), flags=re.MULTILINE),
    "signature over lines": lambda: commas(first()),
    "renamed, over lines": lambda: commas(later(root("Purchase"))),
    "may be None": lambda: swap(first(), "orders.Order)", "orders.Order | None)"),
    "may be dropped": lambda: swap(first(), "-> orders.Order:", "-> orders.Order | None:"),
}
SIGNATURE = "def handle(order: orders.Order) -> orders.Order:"


def signature(text: str) -> Edit:
    return lambda flow: swap(flow, SIGNATURE, text)


def body(flow: str) -> str:
    return swap(flow, "    return order\n", "    order.tags['seen'] = 'yes'\n    return order\n")


def chain(*edits: Edit) -> Edit:
    return lambda flow: reduce(lambda text, edit: edit(text), edits, flow)


def imported(line: str, name: str) -> Edit:
    """Another way to the class: an import of its own, and the name in the signature."""
    return chain(
        lambda flow: after_line(flow, "import orders", f"{line}\n"),
        signature(f"def handle(order: {name}) -> {name}:"),
        body,
    )


def checked_only(flow: str) -> str:
    """Imported for the type checker alone."""
    flow = imported("\nif TYPE_CHECKING:\n    from .._generated.orders import Order", "Order")(flow)
    return swap(flow, "import bytewax", "from typing import TYPE_CHECKING\n\nimport bytewax")


def own_name(flow: str) -> str:
    return imported("\nIncoming = orders.Order", "Incoming")(flow)


def absolute(flow: str) -> str:
    """`import a.b.c as d` in the place of the relative import."""
    flow = swap(
        flow, "from .._generated import orders\n", "import streams._generated.orders as shop_orders\n"
    )
    return body(re.sub(r"(?<![\w\".])orders\.(?=Order|topic)", "shop_orders.", flow))


def dotted(flow: str) -> str:
    flow = swap(flow, "from .._generated import orders\n", "import streams._generated.orders\n")
    return body(re.sub(r"(?<![\w\".])orders\.(?=Order|topic)", "streams._generated.orders.", flow))


def partial(flow: str) -> str:
    flow = swap(flow, "import bytewax", "from functools import partial\n\nimport bytewax")
    flow = signature("def handle(limit: int, order: orders.Order) -> orders.Order:")(flow)
    return body(swap(flow, "read.oks, handle)", "read.oks, partial(handle, 5))"))


def as_class(flow: str) -> str:
    """A class with `__call__`, which has a state."""
    found = functions(flow)["handle"]
    method = re.sub(r"^(?=.)", "    ", found, flags=re.MULTILINE).replace("handle(", "__call__(self, ")
    flow = flow.replace(found, f"class Handle:\n    seen = 0\n\n{method}")
    return swap(flow, "read.oks, handle)", "read.oks, Handle())")


def uses_the_class(flow: str) -> str:
    return swap(
        flow,
        "    return order\n",
        "    if not isinstance(order, orders.Order):\n        raise TypeError(order)\n"
        "    return orders.Order(order_id=order.order_id, amount=order.amount, status=order.status)\n",
    )


# What the users' files look like.
EDITS: dict[str, Edit] = {
    "body": body,
    "last comma": commas,
    "last comma, body": chain(commas, body),
    "last comma, twice as long": chain(
        signature("def handle(\n    order: orders.Order,\n) -> (\n    orders.Order\n):"), body
    ),
    "formatted": chain(body, lambda flow: ruff(flow, "line-length=40")),
    "comments between": chain(
        signature(
            "def handle(  # ours\n    # what comes\n    order: orders.Order,  # never None\n"
            ") -> orders.Order:  # out"
        ),
        body,
    ),
    "decorated": chain(
        signature(f"@traced\n@rt_cache(maxsize=3)  # enough\n{SIGNATURE}"),
        lambda flow: swap(flow, "from .._g", "from .tracing import rt_cache, traced\nfrom .._g"),
    ),
    "async": signature(f"async {SIGNATURE}"),
    "async, last comma": chain(commas, lambda flow: swap(flow, "def handle(", "async def handle("), body),
    "a parameter more": signature("def handle(order: orders.Order, rate: float = 1.0) -> orders.Order:"),
    "parameters more, over lines": signature(
        "def handle(\n    order: orders.Order,\n    rate: float = 1.0,\n    *rest: str,\n"
        "    strict: bool = True,\n    **named: str,\n) -> orders.Order:"
    ),
    "keyword-only": signature("def handle(order: orders.Order, *, strict: bool = True) -> orders.Order:"),
    "positional-only": signature("def handle(order: orders.Order, /) -> orders.Order:"),
    "positional-only, last comma": signature(
        "def handle(\n    order: orders.Order,\n    /,\n) -> orders.Order:"
    ),
    "a default": signature("def handle(order: orders.Order = NONE) -> orders.Order:"),
    "a parameter before": partial,
    "returns more": chain(signature("def handle(order: orders.Order) -> orders.Order | None:"), body),
    "returns a list": chain(signature("def handle(order: orders.Order) -> list[orders.Order]:"), body),
    "returns two": chain(
        signature("def handle(order: orders.Order) -> tuple[orders.Order, orders.Order]:"), body
    ),
    "on one line": lambda flow: re.sub(
        r"def handle(.|\n)*?return order\n", f"{SIGNATURE} return order or order\n", flow
    ),
    "returns its own": chain(signature("def handle(order: orders.Order) -> Enriched:"), body),
    "takes anything": chain(signature("def handle(order: Any) -> Any:"), body),
    "without types": chain(signature("def handle(order):"), body),
    "without a return type, last comma": chain(signature("def handle(\n    order: orders.Order,\n):"), body),
    "in quotes": chain(signature('def handle(order: "orders.Order") -> "orders.Order":'), body),
    "in quotes, last comma": chain(
        signature("def handle(\n    order: 'orders.Order',\n) -> 'orders.Order':"), body
    ),
    "annotated": signature('def handle(order: Annotated[orders.Order, "ours"]) -> orders.Order:'),
    "optional": signature("def handle(order: Optional[orders.Order]) -> Optional[orders.Order]:"),
    "the class imported": imported("from .._generated.orders import Order", "Order"),
    "the class under another name": imported("from .._generated.orders import Order as Sold", "Sold"),
    "the class instead of the module": chain(
        imported("from .._generated.orders import Order, topic", "Order"),
        lambda flow: swap(flow, "from .._generated import orders\n", "").replace("orders.topic", "topic"),
    ),
    "in quotes, the class imported": imported("from .._generated.orders import Order", '"Order"'),
    "for the type checker alone": checked_only,
    "a name of its own": own_name,
    "absolute, under a name": absolute,
    "absolute": dotted,
    "the module under another name": chain(
        lambda flow: swap(flow, "import orders\n", "import orders as o\n"),
        lambda flow: re.sub(r"(?<![\w\".])orders\.(?=Order|topic)", "o.", flow),
        body,
    ),
    "a class": as_class,
    "renamed": chain(
        lambda flow: flow.replace("def handle(", "def check(").replace("oks, handle)", "oks, check)"),
        commas,
        body,
    ),
    "the parameter renamed": chain(
        commas, lambda flow: re.sub(r"\border\b(?=:|$|\.tags)", "o", body(flow), flags=re.MULTILINE)
    ),
    "uses the class": uses_the_class,
    "its own docstring": lambda flow: re.sub(r'    """Your logic(.|\n)*?"""\n', '    """Adds up."""\n', flow),
    "a docstring with another word": lambda flow: flow.replace(
        '"""Your logic, one order', '"""Our logic, one order'
    ),
    "a docstring with another word by the name": lambda flow: flow.replace("one order at", "each order at"),
    "the file's docstring with other words": lambda flow: flow.replace("Yours to edit", "Edited"),
    "no docstring": lambda flow: re.sub(r'    """Your logic(.|\n)*?"""\n', "", flow),
}
