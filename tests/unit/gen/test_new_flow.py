"""`kgen new flow`: a flow between two topics, which merges as the others do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kgen.errors import ConfigError
from kgen.model.settings import FlowSettings
from kgen.project import config


def record(name, *fields):
    return {"type": "record", "name": name, "fields": [{"name": f, "type": "string"} for f in fields]}


FLOW, TEST = "streams/flows/bills.py", "tests/test_bills.py"
without_bytewax = pytest.mark.skipif(
    "sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python"
)


@pytest.fixture
def project(registry, kgen, tmp_path):
    registry.add("orders-value", record("shop.Order", "id"))
    registry.add("orders-key", '"string"')
    registry.add("invoices-value", record("shop.Invoice", "order_id"))
    assert kgen("pull", "--registry", registry.url)[0] == 0
    path = tmp_path / "p" / "kgen.toml"
    path.write_text(path.read_text() + '\n# mine\n[topics.invoices]\nkey = "string"\nflow = false\n')
    assert kgen("pull")[0] == 0
    return tmp_path / "p"


@pytest.fixture
def bills(project, kgen):
    """The project with a flow from orders to invoices."""
    assert kgen("new", "flow", "bills", "--from", "orders", "--to", "invoices")[0] == 0
    return project


def new(kgen, *arguments, source="orders", target="invoices"):
    return kgen("new", "flow", *arguments, "--from", source, "--to", target)


def test_it_is_written_with_its_table_and_nothing_else(project, kgen, tree, registry):
    before, asked = tree(project), len(registry.requests)
    code, out, err = new(kgen)
    assert (code, len(registry.requests)) == (0, asked)
    name = "orders_to_invoices"
    assert out == f"~ kgen.toml\n+ streams/flows/{name}.py\n+ tests/test_{name}.py\n"
    assert f"streams.flows.{name}:flow" in err
    after = tree(project)
    added = {f"streams/flows/{name}.py", f"tests/test_{name}.py"}
    assert after.keys() - before.keys() == {*added, *(f".kgen/base/{path}" for path in added)}
    assert {p for p in before if after[p] != before[p]} == {"kgen.toml"}
    text = after["kgen.toml"].decode()
    assert text.startswith(before["kgen.toml"].decode())
    assert text.endswith(f'[flows.{name}]\nfrom = "orders"\nto = "invoices"\n')
    assert kgen("pull", "--check")[0] == kgen("pull", "--frozen", "--check")[0] == kgen("status")[0] == 0
    assert new(kgen)[0] == 0  # a second one of them has another name
    assert (project / f"tests/test_{name}_2.py").exists()
    assert kgen("status")[0] == 0


def test_nothing_is_written_by_a_dry_run(project, kgen, tree):
    before = tree(project)
    code, out, _ = new(kgen, "bills", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["files"] == ["kgen.toml", FLOW, TEST]
    assert tree(project) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "ordres", "--to", "invoices"], "did you mean orders?"),
        (["--from", "orders", "--to", "invoices-value"], "did you mean invoices?"),
        (["--from", "orders", "--to", "zzz"], "the topics are invoices and orders"),
        (["--from", "orders", "--to", "orders"], "never ends"),
        (["--from", "orders", "--from", "invoices", "--to", "invoices"], "--from names 2 topics"),
        (["orders", "--from", "orders", "--to", "invoices"], "the topic of orders has a flow of that name"),
        (["Bills", "--from", "orders", "--to", "invoices"], "as in bills"),
        (["a/b", "--from", "orders", "--to", "invoices"], "cannot be the name of a flow"),
        (["../x", "--from", "orders", "--to", "invoices"], "cannot be the name of a flow"),
        (["class", "--from", "orders", "--to", "invoices"], "as in class_"),
        (["build", "--from", "orders", "--to", "invoices"], "as in build_"),
        (["", "--from", "orders", "--to", "invoices"], "cannot be the name of a flow"),
        (["\x1b[31m", "--from", "orders", "--to", "invoices"], "cannot be the name of a flow"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(project, kgen, tree, arguments, said):
    before = tree(project)
    code, _, err = kgen("new", "flow", *arguments)
    assert code == 2
    assert said in err
    assert "\x1b" not in err
    assert tree(project) == before


def test_a_name_that_is_in_use_is_refused(bills, kgen):
    assert "kgen.toml has [flows.bills]" in new(kgen, "bills")[2]
    (bills / "streams/flows/hand.py").write_text("# mine\n")
    assert "streams/flows/hand.py is there" in new(kgen, "hand")[2]
    assert (bills / "streams/flows/hand.py").read_text() == "# mine\n"


def test_it_needs_a_project(kgen, tmp_path):
    code, _, err = new(kgen)
    assert code == 2
    assert "kgen pull --registry URL" in err
    assert not (tmp_path / "p").exists()


def test_edits_stay_when_the_schemas_of_both_sides_change(bills, kgen, registry):
    path = bills / FLOW
    text = path.read_text()
    mine = text.replace("    return None\n", "    return invoices.Invoice(order_id=order.id)\n", 1)
    mine = mine.replace("    unsent = ", "    # before it is written\n    unsent = ")
    assert mine.count("\n") == text.count("\n") + 1
    path.write_text(mine)
    registry.add("orders-value", {**record("shop.Purchase", "id"), "aliases": ["shop.Order"]})
    registry.add("invoices-value", {**record("shop.Bill", "order_id"), "aliases": ["shop.Invoice"]})
    code, out, err = kgen("pull")
    assert code == 0, (out, err)
    merged = path.read_text()
    assert "def handle(order: orders.Purchase) -> invoices.Bill | None:" in merged  # `order` is used below
    assert "    return invoices.Invoice(order_id=order.id)\n" in merged
    line = merged[: merged.index("    return invoices.Invoice(")].count("\n") + 1
    assert f"! {FLOW}:{line}: " in out  # which is named, as it has to change
    assert "# before it is written" in merged
    assert kgen("status")[0] == 0


@without_bytewax
def test_edited_it_writes_what_its_types_say(bills):
    path = bills / FLOW
    edited = "    return invoices.Invoice(order_id=order.id)\n"
    path.write_text(path.read_text().replace("    return None\n", edited, 1))
    test = bills / TEST
    more = (
        "    assert all(isinstance(v, invoices.Invoice) for v in kafka.values(invoices.topic))\n"
        "    assert kafka.values(invoices.topic)\n"
    )
    test.write_text(test.read_text().replace("import orders", "import invoices, orders") + more)
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TEST]
    done = subprocess.run(run, cwd=bills, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_line_may_be_edited(bills, kgen, registry, tmp_path):
    """After a change to any line of the flow, a new schema leaves the edit, or a conflict that says so."""
    path = bills / FLOW
    rendered = path.read_text().split("\n")
    for number, line in enumerate(rendered):
        path.write_text("\n".join([*rendered[:number], f"{line}  # mine", *rendered[number + 1 :]]))
        code, out, err = kgen("pull", "--frozen")
        assert (code, path.read_text().count("# mine")) == (0, 1), (line, out, err)


def test_without_its_table_it_goes_unless_it_was_edited(bills, kgen):
    toml = bills / "kgen.toml"
    with_table = toml.read_text()
    toml.write_text(with_table.partition("\n[flows")[0] + "\n")
    assert f"orphan    {FLOW}  kgen.toml has no table [flows.bills] any longer" in kgen("status")[1]
    assert kgen("pull")[0] == 0
    assert not (bills / FLOW).exists()
    assert not (bills / ".kgen/base" / TEST).exists()
    toml.write_text(with_table)
    assert kgen("pull")[0] == 0
    (bills / FLOW).write_text((bills / FLOW).read_text() + "# mine\n")
    toml.write_text(with_table.partition("\n[flows")[0] + "\n")
    assert "yours alone now" in kgen("pull")[1]
    assert (bills / TEST).exists()
    assert kgen("pull", "--check")[0] == kgen("status")[0] == 0


def test_a_topic_that_is_gone_leaves_the_flow_as_it_is(bills, kgen, registry):
    before = (bills / FLOW).read_text()
    registry.deleted |= {("invoices-value", 1)}
    code, out, _ = kgen("pull")
    assert code == 0
    assert '[flows.bills]: to = "invoices" is not a topic that is read' in out
    assert (bills / FLOW).read_text() == before
    registry.deleted.clear()
    assert kgen("pull")[0] == 0
    assert (bills / FLOW).read_text() == before


def test_a_new_topic_gives_way_to_the_flow_that_has_its_name(bills, kgen, registry):
    registry.add("bills-value", record("shop.Due", "id"))
    before = (bills / FLOW).read_text()
    code, out, err = kgen("pull")
    assert code == 0, (out, err)
    assert (bills / FLOW).read_text() == before
    assert [p.name for p in (bills / "streams/_generated").glob("bills_*.py")]


def test_two_flows_of_one_name_are_an_error(bills, kgen):
    toml = bills / "kgen.toml"
    toml.write_text(toml.read_text() + '[flows.orders]\nfrom = "orders"\nto = "invoices"\n')
    code, _, err = kgen("pull")
    assert code == 2
    assert "two flows are called orders: that of the topic orders, and [flows.orders]" in err


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('[flows.x]\nfrom = "orders"', "flows.x.from and flows.x.to must be two topics"),
        ('[flows.x]\nfrom = ["orders"]\nto = "invoices"', "flows.x.from must be text"),
        ('[flows.x]\nform = "orders"\nto = "invoices"', "did you mean flows.x.from?"),
        ('[flows."x y"]\nfrom = "orders"\nto = "invoices"', '"x y" cannot be the name of a flow'),
        ("flows = 3", "flows must be a table"),
    ],
)
def test_wrong_tables_are_refused(table, said):
    with pytest.raises(ConfigError) as caught:
        config.parse(f"{table}\n")
    assert said in f"{caught.value.what} {caught.value.hint}"


def test_a_table_is_added_to_any_text():
    topics = FlowSettings("a", "b")
    for text in ("", "# only this\n", 'package = "x"', "[flows.y]\nfrom = 'c'\nto = 'd' # why\n"):
        added = config.with_flow(text, "z", topics)
        assert added.startswith(text)
        assert config.parse(added).flows["z"] == topics
