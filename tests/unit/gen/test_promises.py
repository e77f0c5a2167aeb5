"""What `kgen pull` promises to those who edit, seen from the command line: odd edits, modes that write
nothing, subjects that move.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import black
import pytest

from kgen.cli import app

FLOW, TEST = "streams/flows/orders.py", "tests/test_orders.py"
STATUS = {"type": "enum", "name": "Status", "symbols": ["PLACED", "PAID"], "default": "PLACED"}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "double"},
        {"name": "discount", "type": "double", "default": 0.0},
        {"name": "status", "type": STATUS, "default": "PLACED"},
    ],
}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}


def order(*more: Any, **changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(ORDER)
    made["fields"] += more
    for name, change in changes.items():
        next((f for f in made["fields"] if f["name"] == name), made).update(change)
    return made


@pytest.fixture
def kgen(tmp_path, capsys):
    """Runs kgen in the project and gives exit code, stdout and stderr."""

    def run(*arguments: str, out: Path | None = None) -> tuple[int, str, str]:
        capsys.readouterr()
        code = app.run([*arguments, "--out", str(out or tmp_path / "p")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def project(tmp_path, registry, kgen):
    registry.add("orders-key", '"string"')
    registry.add("orders-value", ORDER)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    return tmp_path / "p"


def state(root: Path) -> dict[Path, tuple[int, bytes]]:
    """Every file, with the time of its last change."""
    return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in root.rglob("*") if p.is_file()}


def swap(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new).encode())


def mine(path: Path) -> None:
    """An edit that uses a field."""
    swap(path, "    return order\n", "    order.amount *= 2  # mine\n    return order\n")


def line_of(text: str, part: str) -> int:
    """The first line that has it."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


# ---------------------------------------------------------------------------------- modes that write nothing


@pytest.mark.parametrize(
    ("command", "clean", "newer"),
    [
        (("pull", "--check"), 0, 1),
        (("pull", "--dry-run"), 0, 0),
        (("pull", "--check", "--locked"), 0, 1),
        (("pull", "--check", "--frozen"), 0, 0),
        (("diff",), 0, 0),
        (("status",), 0, 0),
        (("outdated",), 0, 1),
    ],
)
def test_no_file_is_touched(project, registry, kgen, command, clean, newer):
    before = state(project)
    assert kgen(*command)[0] == clean
    registry.add("orders-value", order(NOTE))
    assert kgen(*command)[0] == newer
    code, out, _ = kgen(*command, "--json")
    assert (code, json.loads(out)["version"]) == (newer, 1)
    assert state(project) == before


def test_locked_writes_what_the_lock_gives_and_no_more(project, registry, kgen, tree):
    before = tree(project)
    (project / "streams/_generated/orders.py").unlink()
    assert kgen("pull", "--locked")[0] == 0
    assert tree(project) == before
    registry.add("orders-value", order(NOTE))
    (project / "streams/_generated/orders.py").unlink()
    assert kgen("pull", "--locked")[0] == 1
    assert not (project / "streams/_generated/orders.py").exists()


def test_frozen_opens_no_socket(project, kgen, tree, monkeypatch):
    before = tree(project)
    for path in [*(project / "streams").rglob("*.py"), *(project / "tests").glob("*.py")]:
        path.unlink()

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert kgen("pull", "--frozen", "--recreate")[0] == 0
    assert kgen("pull", "--frozen", "--check")[0] == 0
    assert kgen("status")[0] == 0
    assert tree(project) == before


def test_a_pin_of_what_is_not_there(project, kgen, tree):
    before = tree(project)
    code, _, err = kgen("pull", "--at", "orders-vale=1")
    assert code == 2
    assert "no subject is called orders-vale" in err
    assert "orders-value" in err
    assert tree(project) == before


# ------------------------------------------------------------------------------------------------- odd edits


def reformatted(project: Path) -> None:
    mine(project / FLOW)
    text = (project / FLOW).read_text()
    (project / FLOW).write_text(black.format_str(text, mode=black.Mode(line_length=60)))


def tabs(project: Path) -> None:
    mine(project / FLOW)
    text = (project / FLOW).read_text()
    (project / FLOW).write_text(
        re.sub(r"^( {4})+", lambda m: "\t" * (len(m[0]) // 4), text, flags=re.MULTILINE)
    )


def windows(project: Path) -> None:
    mine(project / FLOW)
    (project / FLOW).write_bytes((project / FLOW).read_bytes().replace(b"\n", b"\r\n"))


def moved(project: Path) -> None:
    """`handle` in a module of its own."""
    mine(project / FLOW)
    text = (project / FLOW).read_text()
    start, end = text.index("def handle"), text.index("def build")
    (project / "streams/logic.py").write_text("from ._generated import orders\n\n\n" + text[start:end])
    text = text[:start] + text[end:]
    (project / FLOW).write_text(
        text.replace("import orders\n", "import orders\nfrom ..logic import handle\n")
    )


def in_a_class(project: Path) -> None:
    mine(project / FLOW)
    text = (project / FLOW).read_text()
    start, end = text.index("def handle"), text.index("flow = build")
    body = re.sub(r"^(?=.)", "    ", text[start:end], flags=re.MULTILINE).rstrip()
    body = body.replace("handle(order", "handle(self, order").replace("build(kafka", "build(self, kafka")
    body = body.replace("oks, handle)", "oks, self.handle)")
    (project / FLOW).write_text(
        f"{text[:start]}class Orders:\n{body}\n\n\nflow = Orders().build(rt.Kafka.from_env())\n"
    )


def own_map(project: Path) -> None:
    text = (project / FLOW).read_text()
    text = text[: text.index("def handle")] + text[text.index("def build") :]
    text = re.sub(
        r"    handled = .*\n", '    twice = op.map("twice", read.oks, lambda m: m.value.amount * 2)\n', text
    )
    text = text.replace(", handled.errs", "").replace("handled.oks)\n    return", "twice)\n    return")
    (project / FLOW).write_text(text)


def other_alias(project: Path) -> None:
    mine(project / FLOW)
    text = (project / FLOW).read_text().replace("import orders", "import orders as o")
    (project / FLOW).write_text(re.sub(r"\borders\.(?=Order|topic)", "o.", text))


def second_source(project: Path) -> None:
    mine(project / FLOW)
    swap(
        project / FLOW,
        "    handled = rt.map_value(",
        '    more = rt.source("more", flow, orders.topic, kafka)\n    handled = rt.map_value(',
    )
    swap(project / FLOW, '"handle", read.oks', '"handle", op.merge("both", read.oks, more.oks)')
    swap(project / FLOW, "read.errs,", "read.errs, more.errs,")


def no_test(project: Path) -> None:
    mine(project / FLOW)
    (project / TEST).unlink()


def emptied(project: Path) -> None:
    (project / FLOW).write_text("")


def linked(project: Path) -> None:
    mine(project / FLOW)
    (project / FLOW).rename(project / "streams/real.py")
    (project / FLOW).symlink_to("../real.py")


def read_only(project: Path) -> None:
    mine(project / FLOW)
    (project / FLOW).chmod(0o444)


ODD: list[Callable[[Path], None]] = [
    reformatted, tabs, windows, moved, in_a_class, own_map, other_alias, second_source, no_test, emptied,
    linked, read_only,
]  # fmt: skip
RENAMED = order(NOTE, amount={"name": "total", "aliases": ["amount"]}, _={"name": "shop.Purchase"})
UNION = [ORDER, {"type": "record", "name": "shop.Cancel", "fields": [{"name": "id", "type": "string"}]}]


@pytest.mark.parametrize("edit", ODD, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("change", ["renamed", "union"])
def test_odd_edits(project, registry, kgen, edit, change):
    """No conflict, every line of the user's there, and the lines that use what changed are named."""
    edit(project)
    before = {p: p.read_bytes() for p in project.rglob("*.py") if "_generated" not in p.parts}
    mode = (project / FLOW).stat().st_mode
    registry.add("orders-value", {**RENAMED, "aliases": ["Order"]} if change == "renamed" else UNION)
    code, out, err = kgen("pull")
    assert code == 0, out + err
    for path, text in before.items():
        kept = path.read_bytes()
        assert [n for n in text.split(b"\n") if b"mine" in n] == [
            n for n in kept.split(b"\n") if b"mine" in n
        ]
        assert text.count(b"\r\n") == kept.count(b"\r\n")
        assert text.count(b"\n\t") == kept.count(b"\n\t")
        compile(kept, str(path), "exec")
    for path in (p for p in before if b"order.amount" in before[p] or b"m.value.amount" in before[p]):
        if path.name != "real.py":  # a relative import in it leads nowhere
            lines = path.read_text().splitlines()
            line = next(n for n, it in enumerate(lines, 1) if ".amount" in it)
            name = path.relative_to(project).as_posix()
            said = (
                "Order.amount renamed to total in v2" if change == "renamed" else "value may be Cancel, too,"
            )
            assert f"! {name}:{line}: {said}" in out or (name, change) == ("streams/logic.py", "union")
    assert (project / FLOW).is_symlink() == (edit is linked)
    assert (project / FLOW).stat().st_mode == mode
    assert (project / TEST).exists() == (edit is not no_test)
    assert edit is not emptied or (project / FLOW).read_bytes() == b""
    assert kgen("pull")[1] == "nothing changed\n"
    assert kgen("status")[0] == 0


def test_a_clone_without_the_last_renders(project, registry, kgen):
    """What `.kgen/base` held, the lock gives as well."""
    shutil.rmtree(project / ".kgen")
    mine(project / FLOW)
    assert kgen("pull")[0] == 0
    assert kgen("pull")[1] == "nothing changed\n"
    shutil.rmtree(project / ".kgen")
    registry.add("orders-value", {**RENAMED, "aliases": ["Order"]})
    code, out, _ = kgen("pull")
    assert code == 0
    assert "flow merged" in out
    text = (project / FLOW).read_text()
    assert "order.amount *= 2  # mine" in text
    assert "def handle(order: orders.Purchase)" in text


# ------------------------------------------------------------------------------------------------ what moves


def test_the_newest_version_deleted(project, registry, kgen):
    registry.add("orders-value", order(NOTE))
    kgen("pull")
    registry.deleted.add(("orders-value", 2))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ orders-value v2 -> v1" in out
    assert "orders-value v2 was deleted in the registry: v1 is the latest version again" in out
    assert kgen("pull")[1] == "nothing changed\n"


def test_a_value_that_goes_and_comes_back(project, registry, kgen):
    """Meanwhile the topic has a key alone, and its values are bytes."""
    mine(project / FLOW)
    before = (project / FLOW).read_text()
    gone = registry.subjects.pop("orders-value")
    code, out, _ = kgen("pull")
    assert code == 0
    assert "- orders-value v1" in out
    line = before[: before.index("# mine")].count("\n") + 1
    assert f"! {FLOW}:{line}: Order.amount removed (perhaps)" in out
    assert "def handle(order: bytes) -> bytes:" in (project / FLOW).read_text()
    registry.subjects["orders-value"] = gone
    assert kgen("pull")[0] == 0
    assert (project / FLOW).read_text() == before


def test_a_topic_that_goes_and_comes_back(project, registry, kgen):
    mine(project / FLOW)
    before = (project / FLOW).read_text()
    registry.add("others-value", order())
    gone = {name: registry.subjects.pop(name) for name in ("orders-key", "orders-value")}
    code, out, _ = kgen("pull")
    assert code == 0
    assert f"! {FLOW}:{line_of(before, 'import orders')}: orders removed" in out
    assert f"! {TEST}:{line_of((project / TEST).read_text(), 'import orders')}: orders removed" in out
    registry.subjects.update(gone)
    assert kgen("pull")[0] == 0
    assert (project / FLOW).read_text() == before
    assert kgen("status")[0] == 0


def test_another_schema_under_the_same_version(project, registry, kgen):
    mine(project / FLOW)
    del registry.subjects["orders-value"]
    other = {"type": "record", "name": "shop.Sale", "fields": [{"name": "no", "type": "long"}]}
    registry.add("orders-value", other)
    assert kgen("pull")[0] == 4
    code, out, _ = kgen("pull", "--allow-incompatible", "orders-value")
    assert code == 0
    assert "registered again with another schema, under id 3 (was 2)" in out
    text = (project / FLOW).read_text()
    line = text[: text.index("# mine")].count("\n") + 1
    assert f"! {FLOW}:{line}: Order.amount removed" in out


@pytest.mark.parametrize("command", [("pull", "--check"), ("pull", "--dry-run"), ("diff",)], ids=" ".join)
def test_lines_that_the_merge_corrects_are_not_named_and_others_as_they_are_on_disk(
    project, registry, kgen, command
):
    """The class is another one in the signature, which follows; what the user wrote below does not."""
    swap(project / FLOW, "from .._generated import orders\n", "from .._generated import orders\n\nRATE = 2\n")
    swap(
        project / FLOW,
        "    return order\n",
        "    return orders.Order(id=order.id, amount=order.amount * RATE)\n",
    )
    registry.add("orders-value", {**ORDER, "name": "shop.PurchaseOfTheCustomer", "aliases": ["shop.Order"]})
    line = 1 + (project / FLOW).read_text().splitlines().index(
        "    return orders.Order(id=order.id, amount=order.amount * RATE)"
    )
    _, out, _ = kgen(*command)
    named = [text for text in out.splitlines() if text.startswith(f"! {FLOW}:")]
    assert named == [f"! {FLOW}:{line}: Order renamed to PurchaseOfTheCustomer in v2"]
    _, out, _ = kgen("pull")
    after = 1 + (project / FLOW).read_text().splitlines().index(
        "    return orders.Order(id=order.id, amount=order.amount * RATE)"
    )
    assert named == [
        text.replace(f":{after}:", f":{line}:") for text in out.splitlines() if f"! {FLOW}:" in text
    ]


def test_a_module_keeps_its_name_whatever_topic_arrives(registry, kgen, tmp_path, tree):
    registry.add("order-events-value", ORDER)
    kgen("pull", "--registry", registry.url)
    project = tmp_path / "p"
    before = (project / "streams/flows/order_events.py").read_bytes()
    registry.add("order_events-value", ORDER)
    assert kgen("pull")[0] == 0
    assert (project / "streams/flows/order_events.py").read_bytes() == before
    assert {p.name for p in (project / "streams/flows").glob("order_*.py")} == {
        "order_events.py",
        "order_events_6789d3.py",
    }
    del registry.subjects["order-events-value"]
    assert kgen("pull")[0] == 0
    assert (project / "streams/_generated/order_events_6789d3.py").exists()
    assert kgen("pull")[1] == "nothing changed\n"


# ------------------------------------------------------------------------------------------------ conflicts


def conflict(project: Path, kgen: Any, *flags: str) -> tuple[Path, str]:
    """The last render said one thing, the user another, and the new one a third."""
    flow, base = project / FLOW, project / ".kgen/base" / FLOW
    swap(base, 'Dataflow("orders")', 'Dataflow("older")')
    swap(flow, 'Dataflow("orders")', 'Dataflow("mine")')
    text = flow.read_text()
    assert kgen("pull", *flags)[0] == 3
    return flow, text


def test_a_new_version_while_a_conflict_is_open(project, registry, kgen):
    flow, text = conflict(project, kgen)
    registry.add("orders-value", order(NOTE))
    code, out, _ = kgen("pull")
    assert code == 3
    assert "models rewritten" in out
    assert flow.read_text() == text
    assert "note" in (project / "streams/_generated/orders.py").read_text()
    assert kgen("pull", "--check")[0] == 1
    marked = project / ".kgen/conflicts" / FLOW
    marked.write_text(text)
    assert kgen("resolve", FLOW)[0] == 0
    assert kgen("pull")[:2] == (0, "nothing changed\n")


def test_a_heading_in_a_docstring_is_not_a_marker(project, kgen):
    _, text = conflict(project, kgen)
    marked = project / ".kgen/conflicts" / FLOW
    marked.write_text(text.replace('"""Dataflow', '"""\nHeading\n=======\n\nDataflow', 1))
    assert kgen("resolve", FLOW)[0] == 0


@pytest.mark.parametrize("marker", ["<<<<<<< yours", "||||||| base", ">>>>>>> kgen"])
def test_a_marker_left_behind_is_found(project, kgen, marker):
    flow, text = conflict(project, kgen, "--conflict", "inline")
    flow.write_text(text + marker + "\n")
    assert kgen("pull")[0] == 3
    code, _, err = kgen("resolve", FLOW)
    assert code == 2
    assert f"{FLOW}:{len(text.splitlines()) + 1}" in err
    flow.write_text(text)
    assert kgen("pull")[0] == 0
    assert flow.read_text() == text
