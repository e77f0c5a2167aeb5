"""What a topic's key and value are, and its name, are a contract with user code: changes are said, and the
lines that use them are named.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FLOW = "streams/flows/orders.py"
ORDER = {"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}
KEY = {"type": "record", "name": "shop.OrderKey", "fields": [{"name": "id", "type": "string"}]}
BILLS = """\
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from bytewax import operators as op
from ._generated import bills, orders

Plain = rt.Message[bytes, orders.Order]


def by_key(m: rt.Message[bytes, orders.Order]) -> str:
    return "".join(["#", m.key.decode()])


def anything(m: rt.Message[object, orders.Order]) -> str:
    return m.value.id


def bill(order: orders.Order) -> bills.Bill:
    return bills.Bill(id=order.id)


def build(kafka: rt.Kafka) -> Dataflow:
    flow = Dataflow("bills")
    read = rt.source("orders", flow, orders.topic, kafka)
    keyed = op.key_on("by key", read.oks, lambda m: m.key.decode())
    billed = rt.map_value("bill", read.oks, bill)
    rt.route("errs", read.errs, rt.sink("out", billed.oks, bills.topic, kafka), policy=rt.Crash())
    return flow


def back(kafka: rt.Kafka) -> Dataflow:
    flow = Dataflow("back")
    read = rt.source("orders", flow, orders.topic, kafka)
    rt.route("errs", read.errs, rt.sink("out", read.oks, orders.topic, kafka), policy=rt.Crash())
    return flow


def keys(kafka: rt.Kafka) -> list[str]:
    return [message.key.hex() for message in rt.read(orders.topic, kafka)]
"""
BROKEN = {
    "Plain = rt.Message[bytes, orders.Order]",
    "def by_key(m: rt.Message[bytes, orders.Order]) -> str:",
    '    return "".join(["#", m.key.decode()])',
    '    keyed = op.key_on("by key", read.oks, lambda m: m.key.decode())',
    '    rt.route("errs", read.errs, rt.sink("out", billed.oks, bills.topic, kafka), policy=rt.Crash())',
    "    return [message.key.hex() for message in rt.read(orders.topic, kafka)]",
}


@pytest.fixture
def project(tmp_path, registry, kgen):
    registry.add("orders-value", ORDER)
    registry.add("bills-value", {**ORDER, "name": "shop.Bill"})
    assert kgen("pull", "--registry", registry.url)[0] == 0
    (tmp_path / "p/streams/bills.py").write_text(BILLS)
    return tmp_path / "p"


def named(found: list[dict[str, Any]], path: str, text: str) -> set[str]:
    """The lines of a file that are named, as text."""
    lines = text.splitlines()
    return {lines[use["line"] - 1] for use in found if use["path"] == path}


def put(project: Path, line: str, table: str) -> None:
    config = project / "kgen.toml"
    config.write_text(f"{config.read_text()}\n{table}\n{line}\n")


SAID = (
    "key of orders: bytes -> OrderKey; plain keys will be dead letters; "
    'to stay, put `key = "bytes"` under `[topics.orders]` in kgen.toml; '
    'if they are text, `key = ["orders-key", "string"]` there reads both'
)


def test_a_key_that_gets_a_schema_is_said_and_the_lines_that_use_it_are_named(project, registry, kgen):
    registry.add("orders-key", KEY)
    code, out, _ = kgen("pull", "--check")
    assert code == 1
    assert f"~ {SAID}" in out.splitlines()
    code, out, _ = kgen("diff")
    assert f"~ {SAID}" in out.splitlines()
    for command in (("diff", "--json"), ("pull", "--dry-run", "--json"), ("pull", "--json")):
        found = json.loads(kgen(*command)[1])
        assert found["topics"] == [
            {"topic": "orders", "part": "key", "before": "bytes", "after": "OrderKey", "text": SAID}
        ]
        assert named(found["impact"], "streams/bills.py", BILLS) == BROKEN
        assert {use["what"] for use in found["impact"]} == {"orders.key: bytes -> OrderKey in v1"}
    assert kgen("pull")[1] == "nothing changed\n"
    assert json.loads(kgen("pull", "--json")[1])["topics"] == []


def test_the_hint_keeps_the_key_as_it_is(project, registry, kgen):
    """The very words of the hint, before the pull and after it."""
    registry.add("orders-key", KEY)
    before = (project / "streams/_generated/orders.py").read_text()
    assert "key: rt.Serde[bytes] = rt.BytesSerde()" in before
    hint = re.search(r"put `(.*?)` under `(.*?)` in kgen.toml", kgen("pull", "--dry-run")[1])
    assert hint
    text = (project / "kgen.toml").read_text()
    put(project, hint[1], hint[2])
    found = json.loads(kgen("pull", "--json")[1])
    assert (found["topics"], found["impact"]) == ([], [])
    assert "key: rt.Serde[bytes] = rt.BytesSerde()" in (project / "streams/_generated/orders.py").read_text()
    (project / "kgen.toml").write_text(text)
    assert "~ key of orders: bytes -> OrderKey" in kgen("pull")[1]
    put(project, hint[1], hint[2])
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ key of orders: OrderKey -> bytes; keys come as bytes, the schema's id at their head" in out
    assert "key: rt.Serde[bytes] = rt.BytesSerde()" in (project / "streams/_generated/orders.py").read_text()


@pytest.mark.parametrize("topic", ["orders.v1", 'a "b" ö', "x]y", "back\\slash"])
def test_the_hint_works_for_any_name(registry, kgen, tmp_path, topic):
    registry.add(f"{topic}-value", ORDER)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    registry.add(f"{topic}-key", KEY)
    hint = re.search(r"put `(.*?)` under `(.*?)` in kgen.toml", kgen("pull", "--dry-run")[1])
    assert hint
    put(tmp_path / "p", hint[1], hint[2])
    assert json.loads(kgen("pull", "--json")[1])["topics"] == []


def test_the_hint_names_the_table_of_a_topic_that_has_another_name_there(registry, kgen, tmp_path):
    """The topic is `orders`, and so is another module: its table would change that one."""
    for subject in ("orders-value", ":.staging:orders-value"):
        registry.add(subject, ORDER)
    config = tmp_path / "p/kgen.toml"
    config.parent.mkdir()
    staged = '[topics.staged]\ntopic = "orders"\ncontext = ".staging"\n'
    config.write_text(f'[registry]\nurl = "{registry.url}"\n{staged}')
    assert kgen("pull")[0] == 0
    registry.add(":.staging:orders-key", KEY)
    out = kgen("pull", "--dry-run")[1]
    hint = re.search(r"put `(.*?)` under `(.*?)` in kgen.toml", out)
    assert hint
    assert hint[2] == "[topics.staged]"
    config.write_text(config.read_text().replace(hint[2], f"{hint[2]}\n{hint[1]}"))
    assert json.loads(kgen("pull", "--json")[1])["topics"] == []


def test_a_key_that_a_table_with_another_name_changes_is_not_the_registrys_doing(registry, kgen, tmp_path):
    registry.add("orders-key", KEY)
    registry.add("orders-value", ORDER)
    config = tmp_path / "p/kgen.toml"
    config.parent.mkdir()
    text = f'[registry]\nurl = "{registry.url}"\n[topics.mine]\ntopic = "orders"\n'
    config.write_text(f'{text}key = "long"\n')
    assert kgen("pull")[0] == 0
    config.write_text(f'{text}key = "orders-key"\n')
    out = kgen("pull")[1]
    assert "plain keys will be dead letters" in out
    assert "to stay" not in out


def test_a_key_whose_schema_goes_is_said(project, registry, kgen):
    registry.add("orders-key", KEY)
    assert kgen("pull")[0] == 0
    (project / "streams/keys.py").write_text(
        "import kgen_runtime as rt\nfrom ._generated import orders\n\n\n"
        "def id_of(m: rt.Message[orders.OrderKey, orders.Order]) -> str:\n    return m.key.id\n"
    )
    del registry.subjects["orders-key"]
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ key of orders: OrderKey -> bytes; keys come as bytes, the schema's id at their head" in out
    assert "! streams/keys.py:6: orders.key: OrderKey -> bytes" in out
    assert "to stay" not in out


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("string", "key of orders: bytes -> str; keys that are bytes will be dead letters"),
        ("long", "key of orders: bytes -> int (long); keys that are bytes will be dead letters"),
    ],
)
def test_a_key_that_kgen_toml_changes_is_said(project, kgen, key, said):
    put(project, f'key = "{key}"', "[topics.orders]")
    code, out, _ = kgen("pull")
    assert code == 0
    assert f"~ {said}" in out.splitlines()
    line = BILLS.partition("lambda m")[0].count("\n") + 1
    assert f"! streams/bills.py:{line}: orders.key: bytes ->" in out


def test_another_format_with_the_same_python_type_is_said(project, kgen):
    put(project, 'key = "int"', "[topics.orders]")
    kgen("pull")
    config = project / "kgen.toml"
    config.write_text(config.read_text().replace('"int"', '"long"'))
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ key of orders: int (int) -> int (long); keys that are int will be dead letters" in out


def test_another_subject_for_a_key_is_said(project, registry, kgen):
    registry.add("orders-key", KEY)
    registry.add("ids", KEY)
    assert kgen("pull")[0] == 0
    put(project, 'key = "ids"', "[topics.orders]")
    out = kgen("pull")[1]
    assert "~ key of orders: OrderKey -> ShopOrderKey; from the subject ids (was orders-key)" in out


def test_a_value_whose_schema_goes_is_said(project, registry, kgen):
    registry.add("orders-key", KEY)
    assert kgen("pull")[0] == 0
    del registry.subjects["orders-value"]
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ value of orders: Order -> bytes; values come as bytes, the schema's id at their head" in out
    line = BILLS.partition("m.value.id")[0].count("\n") + 1
    assert f"! streams/bills.py:{line}: " in out


def test_a_value_that_becomes_a_union_is_said_with_all_its_types(project, registry, kgen):
    registry.add("orders-value", [ORDER, {**KEY, "name": "shop.Cancel"}])
    out = kgen("pull")[1]
    assert "~ value of orders: Order -> Cancel | Order" in out


def test_a_topic_whose_name_changes_in_case_alone_is_not_read_by_the_old_flow(registry, kgen, tmp_path):
    registry.add("Orders-value", ORDER)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    registry.rename("Orders-value", "orders-value")
    code, out, _ = kgen("pull")
    assert code == 0
    assert "Orders-value is gone and orders-value has its schema: renamed?" in out
    assert not (tmp_path / "p/streams/_generated/orders.py").exists()
    assert f"! {FLOW}:" in out


def test_another_topic_under_a_modules_name_is_said(registry, kgen, tmp_path):
    """Where the lock does not say what the module was for, flows would read another topic without a word."""
    registry.add("Orders-value", ORDER)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    lock = tmp_path / "p/kgen.lock"
    text, count = re.subn(r"(?s)\n\[modules\]\n.*?(?=\n\[)", "", lock.read_text())
    assert count == 1
    lock.write_text(text)
    registry.rename("Orders-value", "orders-value")
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ the topic is orders now (was Orders): flows read and write that one" in out
    text = (tmp_path / "p" / FLOW).read_text()
    line = text.partition("orders.topic")[0].count("\n") + 1
    assert f"! {FLOW}:{line}: orders.topic: Orders -> orders" in out


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_plain_text_and_a_schema_are_both_read_where_the_hint_is_followed(project, registry, kgen):
    registry.add("orders-key", KEY)
    said = kgen("pull", "--dry-run")[1]
    hint, table = re.search(r"`(key = \[.*?\])` there", said), re.search(r"under `(.*?)` in", said)
    assert hint
    assert table
    put(project, hint[1], table[1])
    code, out, _ = kgen("pull")
    assert code == 0
    assert "~ key of orders: bytes -> OrderKey | str; keys with a schema and plain ones are both read" in out
    text = (project / "streams/_generated/orders.py").read_text()
    assert "Key: TypeAlias = OrderKey | str" in text
    assert "key: rt.Serde[Key] = rt.EitherSerde(" in text
    assert kgen("pull")[1] == "nothing changed\n"
    (project / "streams/bills.py").unlink()
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(run, cwd=project, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    config = project / "kgen.toml"
    config.write_text(config.read_text().replace(hint[1], 'key = "orders-key"'))
    assert "~ key of orders: OrderKey | str -> OrderKey; plain keys will be dead letters" in kgen("pull")[1]


def test_text_with_a_schema_is_not_offered_beside_plain_text(project, registry, kgen):
    registry.add("orders-key", '"string"')
    out = kgen("pull")[1]
    assert "~ key of orders: bytes -> str; plain keys will be dead letters; to stay, put" in out
    assert "reads both" not in out


@pytest.mark.parametrize(
    "key",
    [
        '["orders-key", "bytes"]',
        '["orders-key", "long"]',
        '["orders-key", "none"]',
        '["orders-key"]',
        '["orders-key", "string", "int"]',
        '[1, "string"]',
        '["orders-key", ["string"]]',
        '["orders-kez", "string"]',
    ],
)
def test_formats_that_cannot_be_distinguished_are_refused(project, registry, kgen, tree, key):
    registry.add("orders-key", KEY)
    put(project, f"key = {key}", "[topics.orders]")
    before = tree(project)
    code, _, err = kgen("pull")
    assert code == 2
    assert "unexpected" not in err
    assert len(err.splitlines()) == 3
    assert tree(project) == before


@pytest.mark.parametrize(("schema", "format_"), [('"string"', "string"), (["null", "int"], "int")])
def test_two_formats_of_one_python_type_are_refused(project, registry, kgen, schema, format_):
    """What is written could not be told apart."""
    registry.add("orders-key", schema)
    put(project, f'key = ["orders-key", "{format_}"]', "[topics.orders]")
    code, _, err = kgen("pull")
    assert code == 2
    assert "cannot be read in two formats" in err


def test_a_table_that_names_a_subject_new_to_the_project_is_read_while_another_subject_goes(
    project, registry, kgen
):
    """What is locked was put together under the new settings, which name what it does not hold."""
    registry.add("ids", KEY)
    del registry.subjects["bills-value"]
    put(project, 'key = "ids"', "[topics.orders]")
    code, out, err = kgen("pull")
    assert (code, err) == (0, "")
    assert "~ key of orders: bytes -> OrderKey; plain keys will be dead letters" in out
    assert "! streams/bills.py:4: bills removed" in out


def test_a_subject_whose_name_no_comment_can_hold_is_known_by_the_models(registry, kgen, tmp_path):
    """The subjects of a module were read from the comment at its head, up to the first space."""
    registry.add("our orders-value", ORDER)
    assert kgen("pull", "--registry", registry.url)[0] == 0
    [flow] = [it for it in (tmp_path / "p/streams/flows").glob("*.py") if it.name != "__init__.py"]
    line = '    op.stateful_map("last", read.oks, lambda last, message: (message, message))\n'
    text = flow.read_text()
    at = text.index("    handled = ")
    flow.write_text(text[:at] + line + text[at:])
    registry.add("our orders-value", {**ORDER, "fields": []})
    out = kgen("pull")[1]
    number = flow.read_text().splitlines().index(line.rstrip()) + 1
    assert f"! streams/flows/{flow.name}:{number}: step last keeps state of Order, which changes: " in out
