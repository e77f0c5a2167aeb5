"""Ten versions pulled one after another with edits in between, against one pull of the last: the same
project, and nothing of the user's is lost.
"""

from __future__ import annotations

import ast
import copy
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import black
import pytest
from tests.unit.merge.test_matrix import tokens

from kgen.cli import app

Record = dict[str, Any]
ROUNDS = int(os.environ.get("KGEN_CHAIN_ROUNDS", "1"))  # orders of the edits
FLOW, TEST = "streams/flows/orders.py", "tests/test_orders.py"
ORDER: Record = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "int"},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["NEW"], "default": "NEW"}},
    ],
}
CANCEL: Record = {"type": "record", "name": "shop.Cancel", "fields": [{"name": "id", "type": "string"}]}


def add(name: str, type_: Any, default: Any) -> Callable[[Record], None]:
    return lambda schema: schema["fields"].append({"name": name, "type": type_, "default": default})


def rename_field(schema: Record) -> None:
    schema["fields"][1].update(name="total", aliases=["amount"])


def symbol(schema: Record) -> None:
    schema["fields"][2]["type"]["symbols"].append("PAID")


def rename(name: str) -> Callable[[Record], None]:
    return lambda schema: schema.update(name=name, aliases=[schema["name"], *schema.get("aliases", [])])


def promote(schema: Record) -> None:
    schema["fields"][1]["type"] = "long"


def nullable(schema: Record) -> None:
    schema["fields"][1]["type"] = ["null", "long"]


def document(schema: Record) -> None:
    schema["doc"] = "What was bought."


CHANGES: list[Callable[[Record], None]] = [
    add("note", ["null", "string"], None),
    rename_field,
    rename("shop.Purchase"),
    symbol,
    promote,
    document,
    add("ship_to", ["null", {"type": "record", "name": "Address", "fields": []}], None),
    rename("shop.Sale"),
    nullable,
]


def versions() -> list[Any]:
    """Ten; the last one is a union, so that the value gets another type for the third time."""
    made = [copy.deepcopy(ORDER)]
    for change in CHANGES:
        made.append(copy.deepcopy(made[-1]))
        change(made[-1])
    return [*made[:9], [made[9], CANCEL]]


def sub(pattern: str, new: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        edited, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
        assert count, pattern
        return edited

    return edit


# One before each version; the first one settles what the parameter of `handle` is called.
EDITS: list[tuple[str, Callable[[str], str]]] = [
    (FLOW, sub(r"^    return order$", "    seen.add(order.id)  # mine\n    return order")),
    (FLOW, sub(r"^def handle", "seen: set[str] = set()\n\n\ndef handle")),
    (TEST, sub(r"n=20", "n=200")),
    (
        FLOW,
        sub(
            r"^(    handled = .*\n)", r'\1    big = op.filter("big", handled.oks, lambda m: bool(m.value))\n'
        ),
    ),
    (FLOW, sub(r'op.inspect\("show", handled.oks\)', 'op.inspect("show", big)')),
    (FLOW, sub(r"^import kgen_runtime", "import logging\n\nimport kgen_runtime")),
    (FLOW, sub(r"orders\.dlq\", kafka", 'orders.dead", kafka, headers="connect"')),
    (FLOW, sub(r"^    # To write the results.*\n", "    logging.info('built')\n")),
    (TEST, lambda text: text + "\n\ndef test_mine() -> None:\n    assert orders.topic.name\n"),
]
LAYOUTS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "black": lambda text: black.format_str(text, mode=black.Mode(line_length=60)),
    "tabs": lambda text: re.sub(r"^( {4})+", lambda m: "\t" * (len(m[0]) // 4), text, flags=re.MULTILINE),
    "windows": lambda text: text.replace("\n", "\r\n"),
}


def edit(project: Path, at: int) -> None:
    name, change = EDITS[at]
    path = project / name
    text = path.read_bytes().decode()
    layout = [mark for mark in ("\r\n", "\t") if mark in text]
    changed = change(text.replace("\r\n", "\n").expandtabs(4))
    for mark in layout:
        changed = LAYOUTS["windows" if mark == "\r\n" else "tabs"](changed)
    path.write_bytes(changed.encode())


def pull(project: Path) -> None:
    assert app.run(["pull", "--quiet", "--out", str(project)]) == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_ten_versions_one_by_one_are_one_pull_of_the_last(registry, tmp_path, tree, layout, seed):
    first, *later = versions()
    registry.add("orders-value", first)
    step, once = tmp_path / "step", tmp_path / "once"
    assert app.run(["pull", "--quiet", "--registry", registry.url, "--out", str(step)]) == 0
    flow = step / FLOW
    rendered = {name: (step / name).read_text() for name in (FLOW, TEST)}
    flow.write_bytes(LAYOUTS[layout](flow.read_text()).encode())
    shutil.copytree(step, once)

    order = [0, *random.Random(seed).sample(range(1, len(EDITS)), len(EDITS) - 1)]
    order.sort(key=lambda at: at == 4)  # what it shows has to be there
    for at, version in zip(order, later):
        edit(step, at)
        registry.add("orders-value", version)
        pull(step)
    for at in order:
        edit(once, at)
    edited = {name: (once / name).read_bytes().decode() for name in (FLOW, TEST)}
    pull(once)

    assert {p: c for p, c in tree(step).items() if p != FLOW} == {
        p: c for p, c in tree(once).items() if p != FLOW
    }
    texts = [(project / FLOW).read_bytes().decode() for project in (step, once)]
    assert tokens(texts[0]) == tokens(texts[1])
    assert texts[0] == texts[1] or layout == "black"
    for name in (FLOW, TEST):
        text = (step / name).read_bytes().decode()
        ast.parse(text)
        assert not (tokens(edited[name]) - tokens(rendered[name])) - tokens(text)
    assert "orders.Value" in texts[0]
    assert "Sale" in (step / "streams/_generated/orders.py").read_text()
