"""What users do to a generated flow: each takes the render and gives the edited file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import black

Edit = Callable[[str], str]


def after(text: str, pattern: str, added: str) -> str:
    """Put lines after the first line that matches."""
    found = re.search(rf"^.*{pattern}.*\n", text, re.MULTILINE)
    assert found, pattern
    return text[: found.end()] + added + text[found.end() :]


def swap(text: str, old: str, new: str, count: int = 1) -> str:
    assert old in text, old
    return text.replace(old, new, count)


def words(text: str, old: str, new: str) -> str:
    """Rename a variable: not attributes, nor what is in strings or comments."""
    out = []
    for line in text.splitlines(keepends=True):
        pieces = re.split(r"(\"[^\"]*\"|#.*)", line)
        out.append(
            "".join(p if p[:1] in '"#' else re.sub(rf"(?<![\w.]){old}\b(?!=[^=])", new, p) for p in pieces)
        )
    return "".join(out)


def functions(text: str) -> dict[str, str]:
    """Top-level functions, each with its text."""
    lines = text.splitlines(keepends=True)
    tree = ast.parse(text)
    return {
        n.name: "".join(lines[n.lineno - 1 : n.end_lineno])
        for n in tree.body
        if isinstance(n, ast.FunctionDef)
    }


def body(text: str) -> str:
    return swap(
        text,
        "    return order\n",
        '    if order.amount < 0:\n        raise ValueError(f"amount {order.amount} of {order.order_id}")\n'
        "    order.tags = {**order.tags, 'checked': 'yes'}\n    return order\n",
    )


def inserted_steps(text: str) -> str:
    text = after(
        text,
        r"handled = ",
        '    large = op.filter("large", handled.oks, lambda m: m.value and m.value.amount > 100)\n',
    )
    return swap(text, 'op.inspect("show", handled.oks)', 'op.inspect("show", large)')


def renamed_variables(text: str) -> str:
    return words(words(words(text, "read", "incoming"), "handled", "checked"), "flow", "pipeline")


def renamed_function(text: str) -> str:
    return words(words(text, "handle", "check_order"), "order", "o")


def added_imports(text: str) -> str:
    text = swap(
        text,
        "import bytewax",
        "import json\nimport logging\nfrom collections.abc import Iterator\n\nimport bytewax",
    )
    return swap(
        text, "    return order\n", "    logging.info(json.dumps({'id': order.order_id}))\n    return order\n"
    )


def reordered(text: str) -> str:
    build, handle = functions(text)["build"], functions(text)["handle"]
    return text.replace(handle, "@@").replace(build, handle).replace("@@", build)


def deleted(text: str) -> str:
    text = text.replace(functions(text)["handle"] + "\n\n", "")
    text = re.sub(r"    handled = .*\n", "", text)
    return text.replace("handled.oks", "read.oks").replace(", handled.errs", "")


def black_60(text: str) -> str:
    return black.format_str(text, mode=black.Mode(line_length=60))


def black_140_tabs_of_two(text: str) -> str:
    formatted = black.format_str(text, mode=black.Mode(line_length=140))
    return re.sub(r"^( {4})+", lambda m: "  " * (len(m.group()) // 4), formatted, flags=re.MULTILINE)


def ruff(text: str, *settings: str) -> str:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "format",
        "--isolated",
        *(f"--config={s}" for s in settings),
        "-",
    ]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@cache
def ruff_single_quotes(text: str) -> str:
    return ruff(text, "line-length=70", "format.quote-style='single'")


@cache
def ruff_and_edited(text: str) -> str:
    return ruff(inserted_steps(body(text)), "line-length=50", "format.quote-style='single'")


def decorated(text: str) -> str:
    text = swap(text, "def handle(", "@traced\ndef handle(")
    text = swap(text, "def build(", "@traced\n@functools.lru_cache(maxsize=None)  # once\ndef build(")
    return (
        swap(text, "import bytewax", "import functools\n\nimport bytewax")
        + "\n\ndef traced(f):\n    return f\n"
    )


def comments(text: str) -> str:
    out = ["# Copyright: the team\n"]
    inside = False
    for number, line in enumerate(text.splitlines(keepends=True)):
        code, inside = (not inside and '"""' not in line), inside ^ (line.count('"""') == 1)
        if code and line.strip() and not line.rstrip().endswith(("(", ",")) and not line.startswith(")"):
            blanks = line[: len(line) - len(line.lstrip())]
            line = (
                f"{blanks}# above {number}\n{line.rstrip()}  # beside {number}\n" if "#" not in line else line
            )
        out.append(line)
    return "".join([*out, "# the end\n"])


def split(text: str) -> str:
    """`handle` moved into a module of its own."""
    text = text.replace(functions(text)["handle"] + "\n\n", "")
    return swap(
        text,
        "from .._generated import orders\n",
        "from .._generated import orders\nfrom .logic import handle\n",
    )


def windows(text: str) -> str:
    return body(text).replace("\n", "\r\n")


def tabs(text: str) -> str:
    return re.sub(
        r"^( {4})+", lambda m: "\t" * (len(m.group()) // 4), inserted_steps(text), flags=re.MULTILINE
    )


def guarded(text: str) -> str:
    flow = "flow = build(rt.Kafka.from_env())\n"
    return swap(text, flow, f'if __name__ == "__main__":\n    {flow}    print(flow)\n')


def in_a_class(text: str) -> str:
    """Both functions as methods."""
    own = functions(text)
    handle, build = (re.sub(r"^(?=.)", "    ", own[n], flags=re.MULTILINE) for n in ("handle", "build"))
    handle, build = handle.replace("handle(", "handle(self, "), build.replace("build(", "build(self, ")
    text = text.replace(own["build"], "").replace(own["handle"], f"class Orders:\n{handle}\n{build}")
    return text.replace(" handle)", " self.handle)").replace("build(rt.", "Orders().build(rt.")


def docstrings(text: str) -> str:
    text = swap(text, '"""Dataflow for', '"""Our own words.\n\nDataflow for')
    return swap(text, "one order at a time.", "one order at a time. Drops what is too old.")


def annotated(text: str) -> str:
    text = swap(text, "    flow = Dataflow(", "    flow: Dataflow = Dataflow(")
    return swap(text, "    return order\n", "    result: orders.Order = order\n    return result\n")


def odd_bytes(text: str) -> str:
    text = swap(text, "    return order\n", "    return order   \n\t\n\n\n")
    return "\ufeff# -*- coding: utf-8 -*-\n" + text.rstrip("\n")


def in_a_block(text: str) -> str:
    """The steps of a part of the flow inside a `with`."""
    return re.sub(
        r"((?:    (?!return).*\n)+)(    return rt)",
        lambda m: "    with scope('part'):\n" + re.sub(r"^(?=.)", "    ", m[1], flags=re.MULTILINE) + m[2],
        text,
    )


def sink(text: str) -> str:
    """What the comment suggests."""
    return re.sub(
        r"    op\.inspect.*\n",
        '    rt.route("out_errs", rt.sink("out", handled.oks, orders.topic, kafka), policy=rt.Crash())\n',
        text,
    )


def keyword_arguments(text: str) -> str:
    text = swap(text, "orders.topic, kafka)", "orders.topic, kafka, batch_size=50)")
    return swap(
        text, 'rt.DeadLetter("orders.dlq", kafka)', "rt.DeadLetter(\"orders.dead\", kafka, headers='connect')"
    )


EDITS: dict[str, Edit] = {
    "body": body,
    "inserted steps": inserted_steps,
    "renamed variables": renamed_variables,
    "renamed function": renamed_function,
    "added imports": added_imports,
    "reordered": reordered,
    "deleted": deleted,
    "black, 60": black_60,
    "black, 140, two blanks": black_140_tabs_of_two,
    "ruff, single quotes": ruff_single_quotes,
    "ruff and edited": ruff_and_edited,
    "decorated": decorated,
    "comments": comments,
    "split": split,
    "windows": windows,
    "tabs": tabs,
    "guarded": guarded,
    "in a class": in_a_class,
    "docstrings": docstrings,
    "annotated": annotated,
    "odd bytes": odd_bytes,
    "in a block": in_a_block,
    "sink": sink,
    "keyword arguments": keyword_arguments,
}
