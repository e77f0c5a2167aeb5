"""The schemas inside generated code: texts byte for byte, unpacked for those who ask."""

from __future__ import annotations

import base64
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from kgen.model import Settings, build
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.render import render
from kgen_runtime import VendoredSchemas, VendoredSubject, VendoredVersion
from kgen_runtime.errors import SchemaError

REPO = Path(__file__).resolve().parents[3]
COUNTRY = '{"type": "enum", "name": "Country", "symbols": ["CH"]}\r\n'
ADDRESS = '{"type":"record", "name": "Address", "fields": [{"name": "c", "type": "Country"}] }'
FIELDS = '{"name":  "to", "type": "Address"}'
ORDERS = [
    f'{{"type": "record", "name": "Order",\t"fields": [{FIELDS}], "doc": "{at} \'\\"☃"}}' for at in range(3)
]


def snapshot() -> Snapshot:
    country = SchemaVersion("country", 4, 1, "AVRO", COUNTRY)
    address = SchemaVersion("address", 2, 2, "AVRO", ADDRESS, (Reference("Country", "country", 4),))
    orders = tuple(
        SchemaVersion(
            "orders-value", at + 1, at + 3, "AVRO", text, (Reference("Address", "address", 2),), "g"
        )
        for at, text in enumerate(ORDERS)
    )
    return Snapshot("http://registry", (Subject("orders-value", orders),), (address, country))


def package(root: Path, name: str) -> dict[str, str]:
    return render(build(snapshot(), Settings(name, "0.1.0")))


def packed(*texts: str) -> str:
    return base64.b64encode(zlib.compress("\0".join(texts).encode())).decode()


CODE = """
import {0}._generated.orders as orders
schemas = orders.value.schemas
assert [v.text for v in schemas.versions] == {1!r}, schemas
assert {{v.references for v in schemas.versions}} == {{({2!r}, {3!r})}}, schemas
assert [(v.version, v.id, v.guid) for v in schemas.versions] == [(1, 3, "g"), (2, 4, "g"), (3, 5, "g")]
"""


def test_an_imported_zip_has_the_texts_byte_for_byte(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "app.zip", "w") as app:
        for path, text in package(tmp_path, "zipped").items():
            app.writestr(path, text)
    code = CODE.format("zipped", ORDERS, COUNTRY, ADDRESS)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'app.zip')!r})\n{code}"]
    subprocess.run(command, check=True, cwd=REPO / "runtime", timeout=60)


def test_only_python_files_are_generated_so_that_every_wheel_holds_them() -> None:
    assert {path.rpartition(".")[2] for path in render(build(snapshot(), Settings("p", "0.1.0")))} == {"py"}


def test_no_line_is_long_and_each_text_stands_once() -> None:
    text = render(build(snapshot(), Settings("p", "0.1.0")))["p/_generated/_schemas.py"]
    assert max(map(len, text.splitlines())) < 120
    assert text.count("rt.VendoredSubject(") == 3


def test_a_subject_is_unpacked_when_it_is_asked_for() -> None:
    broken = VendoredSubject("b", (VendoredVersion(1, id=2),), "no base64!")
    good = VendoredSubject("a", (VendoredVersion(1, id=1),), packed('"string"'))
    schemas = VendoredSchemas(good, broken)
    assert schemas.subject("a").latest.text == '"string"'
    with pytest.raises(SchemaError, match="generated schemas are damaged"):
        schemas.subject("b")


@pytest.mark.parametrize(
    "content", [packed("a", "b"), packed("a")[:-8], "eA==", base64.b64encode(b"x").decode()]
)
def test_damaged_texts_are_an_error_with_a_way_out(content: str) -> None:
    schemas = VendoredSchemas(VendoredSubject("a", (VendoredVersion(1, id=1),), content))
    with pytest.raises(SchemaError) as caught:
        schemas.subject("a")
    assert caught.value.where == "a"
    assert "kgen pull --frozen" in str(caught.value.hint)


def test_references_come_before_those_that_need_them_each_once() -> None:
    def version(number: int, *references: tuple[str, int]) -> VendoredVersion:
        return VendoredVersion(number, id=number, references=references, read=False)

    user = VendoredVersion(1, id=9, references=(("b", 1), ("c", 1), ("a", 2)))
    schemas = VendoredSchemas(
        VendoredSubject("a", (version(1), version(2)), packed("a1", "a2")),
        VendoredSubject("b", (version(1, ("a", 1)),), packed("b1")),
        VendoredSubject("c", (version(1, ("b", 1), ("a", 2)),), packed("c1")),
        VendoredSubject("user", (user,), packed("user")),
    )
    assert schemas.subject("user").latest.references == ("a1", "b1", "a2", "c1")
    assert schemas.subject("a").versions == ()


def test_json_schemas_keep_what_their_texts_call_each_other() -> None:
    """Each reference once, what it needs before it, under the name that the text which refers to it has."""
    address = VendoredVersion(2, id=2, references=(("country", 4, "c.json"),), type="JSON", read=False)
    order = VendoredVersion(
        1, id=3, references=(("address", 2, "a.json"), ("country", 4, "c.json")), type="JSON"
    )
    schemas = VendoredSchemas(
        VendoredSubject("address", (address,), packed("{}")),
        VendoredSubject("country", (VendoredVersion(4, id=1, type="JSON", read=False),), packed("true")),
        VendoredSubject("orders-value", (order,), packed("[]")),
    )
    latest = schemas.subject("orders-value").latest
    assert (latest.type, latest.names, latest.references) == ("JSON", ("c.json", "a.json"), ("true", "{}"))
