"""`[models] json = "pydantic"` through `kgen pull`: the same flow, impact and merge as with dataclasses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kgen.actions.catalog import read_catalog
from kgen.actions.inputs import Workspace

STRING = {"type": "string"}


def titled(title: str, name: str) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": {name: STRING}}


USES = """

def use(order: orders.Order) -> str:
    return f"{order.total} {order.id}"
"""


def order(**properties: Any) -> dict[str, Any]:
    every = {"id": STRING, "total": {"type": "integer", "minimum": -1_000_000_000}, **properties}
    found = {name: it for name, it in every.items() if it is not None}
    return {"title": "Order", "type": "object", "properties": found, "required": ["id"]}


@pytest.fixture
def project(tmp_path: Path, registry: Any, kgen: Any) -> Path:
    registry.add("address", titled("Address", "city"), kind="JSON")
    lines = {"type": "array", "items": {"type": "object", "properties": {"at": {"$ref": "address.json"}}}}
    registry.add("orders-key", titled("Key", "id"), kind="JSON")
    references = [("address.json", "address", 1)]
    registry.add("orders-value", order(lines=lines), kind="JSON", references=references)
    registry.add("visits-value", titled("Visit", "n"), kind="JSON")
    root = tmp_path / "p"
    root.mkdir()
    text = f'package = "streams"\n[registry]\nurl = "{registry.url}"\n[models]\njson = "pydantic"\n'
    (root / "kgen.toml").write_text(text)
    code, _, err = kgen("pull")
    assert code == 0, err
    return root


def test_a_pull_is_whole_and_stable(project: Path, kgen: Any) -> None:
    assert (project / "streams/_generated/orders_models.py").exists()
    assert "rt.PydanticSerde(" in (project / "streams/_generated/orders.py").read_text()
    assert "datamodel_code_generator = " in (project / "kgen.lock").read_text()
    for arguments in (("pull", "--check"), ("pull", "--frozen"), ("status",)):
        code, out, err = kgen(*arguments)
        assert code == 0, (arguments, out, err)
    code = "from streams._generated import orders as o; print(o.Order(id='a', total=1), o.Address(), o.Key)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True
    )
    assert "total=1" in done.stdout


def test_impact_names_the_lines_and_a_merge_keeps_edits(project: Path, registry: Any, kgen: Any) -> None:
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + USES)
    number = next(i for i, line in enumerate(flow.read_text().splitlines(), 1) if "order.total" in line)
    registry.add("orders-value", order(total=None, amount={"type": "integer"}), kind="JSON")
    code, out, err = kgen("pull")
    assert code == 0, err
    assert [line for line in out.splitlines() if f"flows/orders.py:{number}" in line and "total" in line], out
    assert not [line for line in out.splitlines() if "order.id" in line or "visits.py" in line]
    assert USES in flow.read_text()
    assert "amount: int | None = None" in (project / "streams/_generated/orders_models.py").read_text()


def test_a_catalog_names_the_lines_that_use_fields(project: Path, registry: Any, kgen: Any) -> None:
    flow = project / "streams/flows/orders.py"
    inner = """

def places(order: orders.Order) -> list[str | None]:
    return [line.at.city for line in order.lines or () if line.at and order.odd_name]
"""
    lines = {"type": "array", "items": {"type": "object", "properties": {"at": {"$ref": "address.json"}}}}
    references = [("address.json", "address", 1)]
    more = order(lines=lines, **{"odd-name": STRING})
    registry.add("orders-value", more, kind="JSON", references=references)
    assert kgen("pull")[0] == 0
    flow.write_text(flow.read_text() + USES + inner)
    texts = flow.read_text().splitlines()
    catalog, _ = read_catalog(Workspace(project))
    used = {
        row.path: {texts[use.line - 1].strip().split("[")[0] for use in row.uses}
        for row in catalog.by_name["orders-value"].rows
    }
    assert {path for path, found in used.items() if found} == {
        "id",
        "total",
        "lines",
        "lines[].at",
        "lines[].at.city",
        "odd-name",
    }
    assert used["total"] == {'return f"{order.total} {order.id}"'}
    assert {it.title: it.python for it in catalog.by_name["orders-value"].types}["Address"] == (
        "streams._generated.orders_models.Address"
    )


def test_another_version_of_the_generator(project: Path, kgen: Any) -> None:
    lock = project / "kgen.lock"
    before = lock.read_text()
    now = next(line for line in before.splitlines() if line.startswith("datamodel_code_generator"))
    lock.write_text(before.replace(now, 'datamodel_code_generator = "0.1.0"'))
    code, _, err = kgen("pull", "--frozen")
    assert code != 0
    assert "pip install datamodel-code-generator==0.1.0" in err
    assert kgen("pull", "--check")[0] == 1
    code, out, _ = kgen("pull")
    assert code == 0
    assert "datamodel-code-generator 0.1.0 -> " in out
    assert lock.read_text() == before


def test_a_topic_may_be_validated_besides(project: Path, kgen: Any) -> None:
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text() + "[topics.orders]\nvalidate = true\n")
    code, _, err = kgen("pull")
    assert code == 0, err
    assert "    Order,\n    validate=True,\n)" in (project / "streams/_generated/orders.py").read_text()


def test_there_and_back(project: Path, kgen: Any) -> None:
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text().replace('"pydantic"', '"dataclasses"'))
    code, out, err = kgen("pull")
    assert code == 0, (out, err)
    assert "~ value of orders: Order (pydantic model) -> Order (dataclass)\n" in out
    assert "~ key of orders: Key (pydantic model) -> Key (dataclass)\n" in out
    assert not (project / "streams/_generated/orders_models.py").exists()
    assert "datamodel_code_generator" not in (project / "kgen.lock").read_text()


KEEPS = """

def keep(stream: op.KeyedStream[orders.Order]) -> None:
    op.collect("last", stream, timeout=TIMEOUT, max_size=3)
"""


def test_the_plan_says_that_pydantic_objects_are_kept_as_they_are(
    project: Path, registry: Any, kgen: Any
) -> None:
    flow = project / "streams/flows/orders.py"
    flow.write_text(flow.read_text() + "\n\nfrom bytewax import operators as op\n" + KEEPS)
    registry.add("orders-value", order(more=STRING), kind="JSON")
    code, out, err = kgen("pull")
    assert code == 0, err
    changes = "Order, which changes: what was kept of it is loaded as it was, without what came since"
    assert f"step last keeps state of {changes}\n" in out
