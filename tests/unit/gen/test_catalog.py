"""`kgen catalog`: what is in a catalog, and the folder that it is written to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.locked_project import Given, snapshot_of, write_project

from kgen.actions import whole_folder
from kgen.actions.catalog import read_catalog
from kgen.actions.inputs import Workspace
from kgen.catalog.entries import Catalog, FieldRow, SubjectEntry
from kgen.catalog.field_rows import field_rows
from kgen.catalog.page_names import ROWS, field_anchors, subject_page
from kgen.catalog.site import pretty, site
from kgen.errors import ConfigError
from kgen.html_environment import paragraphs
from kgen.model.library import Library

Kgen = Callable[..., tuple[int, str, str]]


def record(name: str, *fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


ADDRESS = record(
    "Address",
    field("street", "string", **{"confluent:tags": ["PII"]}),
    field("country", "string", doc="ISO 3166 code."),
    namespace="shop",
)
LINE = record("Line", field("sku", "string"), field("count", "int", default=1))
EVENTS = [record("Paid", field("at", "long")), record("Sent", field("at", "long"))]


def order(*more: dict[str, Any]) -> dict[str, Any]:
    return record(
        "Order",
        field("id", "string", doc="Unique.", owner="team-a"),
        field("lines", {"type": "array", "items": LINE}),
        field("to", ["null", "shop.Address"], default=None),
        *more,
        namespace="shop",
        doc="An order.",
    )


SUBJECTS = {
    "address": ADDRESS,
    "orders-key": '"string"',
    "orders-value": Given(
        [order(), order(field("events", {"type": "map", "values": EVENTS}, default={}))],
        references={"shop.Address": ("address", 1)},
    ),
}
FLOW = '''"""Bills orders."""
import kgen_runtime as rt
from bytewax.dataflow import Dataflow
from shop._generated import orders

BILLS = rt.Topic("bills", key=orders.key, value=orders.value)

def bill(order: orders.Order) -> orders.Order:
    print(order.id, order.lines[0].sku)
    return orders.Order(id="1", lines=[], to=None, events={})

def build(kafka: rt.Kafka, out: rt.Topic) -> Dataflow:
    late = rt.Topic(f"{BILLS.name}.late", key=orders.key, value=orders.value)
    flow = Dataflow("billing")
    read = rt.source("read", flow, orders.topic, kafka)
    done = rt.map_value("bill", read.oks, bill)
    rt.sink("bills", done.oks, BILLS, kafka)
    rt.sink("late", done.oks, topic=late, kafka=kafka)
    rt.sink("unknown", done.oks, out, kafka)
    rt.route("errs", read.errs, policy=rt.DeadLetter(orders.topic.name + ".dlq", kafka))
    return flow
'''


@pytest.fixture
def project(tmp_path: Path, kgen: Kgen) -> Path:
    root = tmp_path / "p"
    write_project(root, SUBJECTS)
    assert kgen("pull", "--frozen", "--quiet")[0] == 0
    return root


def catalog_of(root: Path) -> Catalog:
    return read_catalog(Workspace(root))[0]


def rows_of(subject: SubjectEntry) -> dict[str, str]:
    return {row.path: row.type for row in subject.rows}


# ------------------------------------------------------------------------------------------------ entries


def test_fields_have_their_paths_types_docs_and_tags(project: Path) -> None:
    orders = catalog_of(project).by_name["orders-value"]
    assert rows_of(orders) == {
        "id": "string",
        "lines": "array<Line>",
        "lines[].sku": "string",
        "lines[].count": "int",
        "to": "Address",
        "to.street": "string",
        "to.country": "string",
        "events": "map<Paid | Sent>",
        "events{}(Paid).at": "long",
        "events{}(Sent).at": "long",
    }
    rows = {row.path: row for row in orders.rows}
    assert (rows["to"].nullable, rows["to"].default, rows["to"].required) == (True, "null", False)
    assert (rows["id"].doc, rows["id"].extras.properties) == ("Unique.", (("owner", "team-a"),))
    assert rows["to.street"].extras.tags == ("PII",)
    assert [row.path for _, row in catalog_of(project).tags["PII"] if isinstance(row, FieldRow)] == [
        "street",
        "to.street",
    ]


def test_versions_say_what_they_changed_and_who_reads_whom(project: Path) -> None:
    first, second = catalog_of(project).by_name["orders-value"].versions
    assert (first.before, first.changes, first.backward) == (None, (), None)
    assert second.before == 1
    assert [change.kind for change in second.changes] == ["type added", "type added", "field added"]
    assert (second.backward, second.forward) == ((), ())


def test_references_lead_both_ways(project: Path) -> None:
    catalog = catalog_of(project)
    assert [(it.subject, it.version) for it in catalog.by_name["orders-value"].latest.references] == [
        ("address", 1)
    ]
    assert catalog.by_name["address"].used_by == (("orders-value", 2),)


def test_lines_that_use_fields_and_flows_with_their_topics(project: Path) -> None:
    (project / "shop" / "billing.py").write_text(FLOW)
    catalog = catalog_of(project)
    rows = {row.path: row for row in catalog.by_name["orders-value"].rows}
    own = {
        path: [(use.line, use.access) for use in row.uses if use.path == "shop/billing.py"]
        for path, row in rows.items()
    }
    assert own["id"] == [(9, "read"), (10, "written")]
    assert own["lines[].sku"] == [(9, "read")]
    assert own["lines[].count"] == []
    (billing,) = (flow for flow in catalog.flows if flow.name == "billing")
    assert [(call.line, call.access, call.topic) for call in billing.calls] == [
        (15, "reads", "orders"),
        (17, "writes", "bills"),
        (18, "writes", "bills.late"),
        (19, "writes", ""),
        (20, "writes dead letters", "orders.dlq"),
    ]
    topics = {topic.name: topic for topic in catalog.topics}
    assert topics["bills.late"].value.subject == "orders-value"
    assert [use.flow.name for use in topics["orders"].readers] == ["billing", "orders"]


@pytest.mark.parametrize("text", ["def (", "\0", "import kgen_runtime\n" + "(" * 500])
def test_a_file_that_does_not_parse_is_noted(project: Path, text: str) -> None:
    (project / "shop" / "odd.py").write_text(text)
    catalog = catalog_of(project)
    assert any("shop/odd.py:" in note for note in catalog.notes)
    assert [flow.name for flow in catalog.flows] == ["orders"]


def test_a_project_without_generated_code_has_fields_and_no_uses(tmp_path: Path) -> None:
    write_project(tmp_path / "p", SUBJECTS)
    catalog = catalog_of(tmp_path / "p")
    assert len(catalog.by_name["orders-value"].rows) == 10
    assert not any(subject.uses for subject in catalog.subjects)
    assert [topic.name for topic in catalog.topics] == ["orders"]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    subjects = {**SUBJECTS, "p-value": Given(["struct A {}"], "PROTOBUF"), "bad-value": '{"type": "record"}'}
    write_project(tmp_path / "p", subjects)
    catalog = catalog_of(tmp_path / "p")
    assert "v1 cannot be read: Expected top-level statement" in catalog.by_name["p-value"].unread
    assert "v1 cannot be read" in catalog.by_name["bad-value"].unread
    assert len(catalog.notes) == 2
    pages = site(catalog)
    assert pages[subject_page("bad-value")]
    assert '<span class="pill protobuf">Protobuf</span>' in pages[subject_page("p-value")]


def test_the_list_of_a_page_is_in_its_order(tmp_path: Path) -> None:
    write_project(tmp_path / "p", SUBJECTS)
    page = str(site(catalog_of(tmp_path / "p"))[subject_page("orders-value")])
    listed = re.findall(r'href="#(\w+)"', page.partition('class="side"')[2])
    named = [each for each in re.findall(r'<h2 id="(\w+)"', page) if each in listed]
    assert len(named) > 3
    assert [each for each in listed if each in named] == named


# ------------------------------------------------------------------------------------------------- fields


def library_rows(schema: Any, kind: Any = "AVRO") -> tuple[FieldRow, ...]:
    library = Library(snapshot_of({"s": Given([schema], kind)}))
    unit = library.unit(("s", 1))
    return field_rows(unit, lambda name: name.rpartition(".")[2], {})


def test_a_type_in_itself_ends() -> None:
    node = record("Node", field("next", ["null", "Node"]), field("all", {"type": "array", "items": "Node"}))
    rows = library_rows(node)
    assert [(row.path, row.same_as, row.recursive) for row in rows] == [
        ("next", "Node", True),
        ("all", "Node", True),
    ]


def test_types_that_double_at_every_step_do_not_make_more_rows_than_fields() -> None:
    inner: Any = record("T0", field("x", "int"))
    for number in range(1, 20):
        inner = record(f"T{number}", field("a", inner), field("b", f"T{number - 1}"))
    assert len(library_rows(inner)) < 500


def test_a_value_without_fields_is_one_row() -> None:
    assert [(row.path, row.type, row.nullable) for row in library_rows(["null", "string"])] == [
        ("", "string", True)
    ]


def test_json_schema() -> None:
    schema = {
        "type": "object",
        "required": ["n"],
        "additionalProperties": {"type": "integer"},
        "properties": {"n": {"type": "number", "minimum": 0}, "of": {"$ref": "#"}},
    }
    rows = library_rows(schema, "JSON")
    assert (rows[0].path, rows[0].type, rows[0].required) == ("n", "number", True)
    assert [row.path for row in rows] == ["n", "of", "{}"]
    assert rows[1].recursive


def test_constraints_of_json_schema_are_shown(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number", "minimum": 0, "x-unit": "kg"}}}
    write_project(tmp_path / "p", {"w-value": Given([schema], "JSON")})
    (row,) = catalog_of(tmp_path / "p").by_name["w-value"].rows
    assert row.extras.constraints == ("minimum 0",)
    assert row.extras.properties == (("x-unit", "kg"),)


@given(st.lists(st.text(max_size=12), max_size=30))
def test_no_two_fields_of_a_page_have_one_anchor(paths: list[str]) -> None:
    rows = [FieldRow(path, path, 0, (), True, False, "T") for path in [*paths, *paths]]
    anchors = list(field_anchors(rows))
    assert len(set(anchors)) == len(anchors) == 2 * len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9_.()\[\]{}-]+", anchor) for anchor in anchors)


# -------------------------------------------------------------------------------------------------- pages

EVIL = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>\u202e\x1b[31m\ud800"
ODD = (
    "a/b/../../c-value",
    "Orders-value",
    "orders-value",
    "con",
    "..",
    "long" * 90,
    "ü-value",
    ":.x:o-value",
)


class Reading(HTMLParser):
    """What a browser would make of a page: its elements, the targets of its links, its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)


def hostile(root: Path) -> Path:
    evil = record(
        "Evil",
        field(
            "x",
            ["null", "string"],
            default=None,
            doc=EVIL[:-1],
            **{"confluent:tags": [EVIL[:-1]], "p": EVIL[:-1]},
        ),
        doc=EVIL[:-1],
    )
    odd = {"type": "object", "properties": {EVIL[:-1]: {"type": "string"}, "a\tb\nc": {"type": "string"}}}
    plain = record("Plain", field("x", "int"))
    subjects = dict.fromkeys(ODD, plain)
    write_project(root, {**subjects, "evil": evil, "odd": Given([odd], "JSON"), EVIL[:-1] + "-value": plain})
    return root


def test_nothing_of_a_schema_becomes_markup_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    files = site(catalog_of(hostile(tmp_path / "p")))
    assert len({name.lower() for name in files}) == len(files)
    assert all(re.fullmatch(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]{1,90})?", name) for name in files)
    pages = {name: Reading(text) for name, text in files.items() if name.endswith(".html")}
    for name, page in pages.items():
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert len(set(page.ids)) == len(page.ids)
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", files[name])
        for link in page.links:
            path, _, anchor = link.partition("#")
            target = name
            if path:
                parts = [*name.split("/")[:-1], *path.split("/")]
                while ".." in parts:
                    at = parts.index("..")
                    del parts[at - 1 : at + 1]
                target = "/".join(parts)
            assert target in files, (name, link)
            assert not anchor or anchor in pages[target].ids, (name, link)


def test_many_fields_are_on_several_pages(tmp_path: Path) -> None:
    wide = record("Wide", *(field(f"f{n}", "int") for n in range(2 * ROWS + 1)))
    write_project(tmp_path / "p", {"wide-value": wide})
    files = site(catalog_of(tmp_path / "p"))
    first, second, third = (files[subject_page("wide-value", n)] for n in (1, 2, 3))
    assert 'id="f.f0"' in first
    assert f'id="f.f{ROWS}"' in second
    assert f'id="f.f{2 * ROWS}"' in third
    assert 'rel="next"' in first
    assert 'rel="next"' not in third
    assert 'id="versions"' not in second


def test_the_same_project_gives_the_same_bytes(project: Path) -> None:
    assert site(catalog_of(project)) == site(catalog_of(project))


# ------------------------------------------------------------------------------------------------ command


def test_the_command_writes_a_folder_and_replaces_it(project: Path, kgen: Kgen, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    code, out, _ = kgen("catalog", "--html", str(folder), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["files"] == sum(path.is_file() for path in folder.rglob("*"))
    assert (found["subjects"], found["topics"], found["flows"], found["fields"]) == (3, 2, 1, 13)
    (folder / "subjects" / "address.html").write_text("edited")
    assert kgen("catalog", "--html", str(folder), "--quiet") == (0, "", "")
    assert "edited" not in (folder / "subjects" / "address.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "site"]


def test_a_folder_with_something_else_is_refused_and_stays(project: Path, kgen: Kgen, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    assert kgen("catalog", "--html", str(folder))[0] == 0
    (folder / "subjects" / "mine.txt").write_text("kept")
    (folder / "empty").mkdir()
    code, _, err = kgen("catalog", "--html", str(folder))
    assert code == 2
    assert "holds what is not of a catalog: empty and subjects/mine.txt" in err
    assert (folder / "subjects" / "mine.txt").read_text() == "kept"
    code, _, err = kgen("catalog", "--html", str(project))
    assert code == 2
    assert "is not of a catalog" in err
    assert kgen("catalog", "--html", str(project / "kgen.toml"))[0] == 2
    assert kgen("catalog", "--html", str(tmp_path / "absent" / "site"))[0] == 2


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site"
    whole_folder.write_folder(target, {"a.html": b"old", "catalog.json": b"{}"}, "--html")
    rename = Path.rename

    def refuses(self: Path, to: Path) -> Path:
        if self.name.endswith(".new"):
            raise OSError(5, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(ConfigError, match="cannot be written: Input/output error"):
        whole_folder.write_folder(target, {"a.html": b"new"}, "--html")
    assert (target / "a.html").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_without_a_lock_or_a_wish_it_says_what_to_do(tmp_path: Path, kgen: Kgen) -> None:
    (tmp_path / "p").mkdir()
    code, _, err = kgen("catalog")
    assert code == 2
    assert "kgen catalog --html catalog" in err
    code, _, err = kgen("catalog", "--html", str(tmp_path / "site"))
    assert code == 2
    assert "kgen pull" in err
    assert not (tmp_path / "site").exists()


def test_docs_are_paragraphs_with_code_and_nothing_else() -> None:
    assert paragraphs("A `b<c>` d\ne.\n\n\r\n\r\nOf `one.\n\n") == (
        "<p>A <code>b&lt;c&gt;</code> d e.</p><p>Of `one.</p>"
    )
    assert paragraphs("<b>\u202e") == "<p>&lt;b&gt;\\u202e</p>"
    assert paragraphs("abc", limit=2) == "<p>ab…</p>"


def test_the_text_of_a_schema_has_a_line_for_each_of_its_lines(tmp_path: Path, kgen: Kgen) -> None:
    root = tmp_path / "p"
    write_project(root, {"a-value": record("A", field("x", "int", doc="</pre>\u202e"))})
    text = site(catalog_of(root))["subjects/a-value.html"]
    shown = text.partition('<pre class="bound" tabindex="0">')[2].partition("</pre>")[0]
    assert shown.splitlines()[:3] == [
        "{",
        "  &#34;type&#34;: &#34;record&#34;,",
        "  &#34;name&#34;: &#34;A&#34;,",
    ]
    assert "&lt;/pre&gt;\\u202e" in shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_schema_is_indented_as_json_does(value: Any) -> None:
    text = json.dumps(value)
    assert pretty(text) == json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def test_only_the_classes_that_code_reaches_are_read_and_no_line_is_lost(tmp_path: Path, kgen: Kgen) -> None:
    """Two topics; the code of one uses fields of the other too, through a module of its own."""
    doc = "First.\n\ndef topic(): pass\nclass R0:\n    x = 1\n"
    subjects = {f"t{n}-value": record(f"R{n}", field("id", "string", doc=doc), doc=doc) for n in range(3)}
    root = tmp_path / "p"
    write_project(root, subjects)
    assert kgen("pull", "--frozen", "--quiet")[0] == 0
    (root / "shop" / "names.py").write_text("from ._generated.t1 import R1\n")
    flow = root / "shop" / "flows" / "t0.py"
    more = "\n\ndef seen(it: names.R1, own: t0.R0) -> str:\n    return it.id + own.id\n"
    text = flow.read_text().replace(
        "from .._generated import t0", "from .. import names\nfrom .._generated import t0"
    )
    flow.write_text(text + more)
    catalog, _ = read_catalog(Workspace(root))
    line = len(flow.read_text().splitlines())
    used = {subject.name: subject.rows[0].uses for subject in catalog.subjects}
    assert {name: [use.line for use in uses] for name, uses in used.items()} == {
        "t0-value": [line],
        "t1-value": [line],
        "t2-value": [],
    }
    topics = {
        topic.name: [use.flow.module for use in topic.readers] for topic in catalog.topics if topic.module
    }
    assert topics == {f"t{n}": [f"shop.flows.t{n}"] for n in range(3)}
