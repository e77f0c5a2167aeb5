"""`[topics.x] flow = false`: a topic that flows write, without a flow and a test of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

INVOICE = {
    "type": "record",
    "name": "shop.Invoice",
    "fields": [{"name": "order_id", "type": "string"}],
}
FLOW, TEST = "streams/flows/invoices.py", "tests/test_invoices.py"


@pytest.fixture
def project(registry, kgen, tmp_path):
    registry.add("invoices-value", INVOICE)
    registry.add("orders-value", {**INVOICE, "name": "shop.Order"})
    code, _, err = kgen("pull", "--registry", registry.url)
    assert code == 0
    assert '[topics."NAME"] flow = false in kgen.toml' in err  # said once, at the first pull
    assert "flow = false" not in "".join(kgen("pull")[1:])
    return tmp_path / "p"


def turn(project, flow: bool) -> None:
    path = project / "kgen.toml"
    before = path.read_text().partition("\n[topics")[0]
    path.write_text(f"{before}\n[topics.invoices]\nflow = {json.dumps(flow)}\n")


def base(project, path):
    return project / ".kgen" / "base" / path


def test_unedited_files_go_and_come_back(project, kgen, tree):
    before = tree(project)
    turn(project, False)
    code, out, _ = kgen("status")
    assert code == 1
    assert f"orphan    {FLOW}  flow = false" in out
    code, out, _ = kgen("pull", "--frozen", "--dry-run")
    assert (code, out.count("flow = false for the topic")) == (0, 2)
    assert (project / FLOW).exists()
    assert "invoices-value v1 (BACKWARD)  flow and test removed" in kgen("pull")[1]
    assert not (project / FLOW).exists()
    assert not (project / TEST).exists()
    assert not base(project, FLOW).exists()
    assert (project / "streams/_generated/invoices.py").exists()
    assert kgen("pull", "--check")[0] == kgen("status")[0] == kgen("pull", "--frozen", "--check")[0] == 0
    turn(project, True)
    assert "flow and test written" in kgen("pull")[1]
    after = tree(project)
    assert {**after, "kgen.toml": b""} == {**before, "kgen.toml": b""}


@pytest.mark.parametrize("edited", [FLOW, TEST])
def test_edited_files_stay_with_their_pair_and_that_is_said_once(project, kgen, edited):
    path = project / edited
    path.write_text(path.read_text() + "\n# mine\n")
    turn(project, False)
    code, out, _ = kgen("pull")
    assert code == 0
    assert f"! {FLOW}  flow = false" in out
    assert "yours alone now: delete it if you do not need it" in out
    assert path.read_text().endswith("# mine\n")
    assert (project / FLOW).exists()
    assert (project / TEST).exists()
    assert not base(project, edited).exists()
    assert kgen("pull")[1] == "nothing changed\n"
    assert kgen("status")[0] == 0


def test_a_flow_that_stayed_is_merged_again_when_it_is_wanted_again(project, kgen, registry):
    path = project / FLOW
    path.write_text(path.read_text().replace("    return invoice\n", "    return invoice  # mine\n"))
    turn(project, False)
    assert kgen("pull")[0] == 0
    turn(project, True)
    assert kgen("pull")[0] == 0
    registry.add("invoices-value", {**INVOICE, "name": "shop.Bill"})
    assert kgen("pull", "--allow-incompatible", "invoices-value")[0] == 0
    text = path.read_text()
    assert "# mine" in text
    assert "invoices.Bill" in text


def test_deleted_files_stay_deleted_and_nothing_is_said(project, kgen):
    (project / FLOW).unlink()
    (project / TEST).unlink()
    turn(project, False)
    code, out, _ = kgen("pull")
    assert code == 0
    assert "!" not in out
    assert kgen("pull", "--check")[0] == 0


def test_other_line_ends_do_not_count_as_an_edit(project, kgen):
    for path in (project / FLOW, project / TEST):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    turn(project, False)
    assert kgen("pull")[0] == 0
    assert not (project / FLOW).exists()


def test_an_open_conflict_is_solved_first(project, kgen):
    path = project / FLOW
    rendered = path.read_text()
    base(project, FLOW).write_text(rendered.replace('Dataflow("invoices")', 'Dataflow("older")'))
    path.write_text(rendered.replace('Dataflow("invoices")', 'Dataflow("mine")'))
    assert kgen("pull")[0] == 3
    before = path.read_text()
    turn(project, False)
    assert kgen("pull")[0] == 0
    assert (path.read_text(), base(project, FLOW).exists()) == (before, True)
    assert f"kgen resolve {FLOW}" in kgen("status")[1]
    assert kgen("resolve", "--mine", FLOW)[0] == 0
    assert "yours alone now" in kgen("pull")[1]


def test_it_is_true_or_false(project, kgen):
    path = project / "kgen.toml"
    path.write_text(path.read_text() + '\n[topics.invoices]\nflow = "no"\n')
    code, _, err = kgen("pull")
    assert code == 2
    assert "topics.invoices.flow must be true or false" in err


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_another_flow_writes_to_it(project, kgen):
    turn(project, False)
    assert kgen("pull")[0] == 0
    path = project / "streams/flows/orders.py"
    text = path.read_text().replace("import orders", "import invoices, orders")
    text = text.replace("-> orders.Order:", "-> invoices.Invoice:")
    text = text.replace("    return order\n", "    return invoices.Invoice(order_id=order.order_id)\n")
    sink = (
        '    unsent = rt.sink("out", handled.oks, invoices.topic, kafka)\n'
        '    rt.route("out_errs", unsent, policy=rt.DeadLetter("orders.dlq", kafka))\n    op.inspect('
    )
    path.write_text(text.replace("    op.inspect(", sink))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
