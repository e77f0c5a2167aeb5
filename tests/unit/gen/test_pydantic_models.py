"""JSON Schemas as pydantic models: what datamodel-code-generator is given, and what of its text is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kgen.errors import ConfigError, SchemaError
from kgen.project import config
from kgen.pydantic_models import pydantic_texts
from kgen.pydantic_models.one_schema import one_schema
from kgen.pydantic_models.pydantic_texts import ModelText, PydanticModelError, checked, model_texts

HEAD = "from kgen_runtime.serde.pydantic_model import JsonModel\nfrom pydantic import Field\n"


def whole(schema: Any, **references: Any) -> dict[str, Any]:
    return one_schema(json.dumps(schema), {name: json.dumps(it) for name, it in references.items()})


def test_references_lead_into_the_schema_itself() -> None:
    found = whole(
        {
            "properties": {"a": {"$ref": "money"}, "b": {"$ref": "#/definitions/x"}, "c": {"$ref": "#"}},
            "definitions": {"x": {"type": "integer"}},
        },
        money={"properties": {"of": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"type": "null"}}},
    )
    assert found["properties"] == {
        "a": {"$ref": "#/$defs/money"},
        "b": {"$ref": "#/$defs/x"},
        "c": {"$ref": "#"},
    }
    other = found["$defs"]["money"]["properties"]["of"]["$ref"]
    assert found["$defs"][other.rpartition("/")[2]] == {"type": "null"}
    assert found["$defs"]["x"] == {"type": "integer"}


@pytest.mark.parametrize("reference", ["http://127.0.0.1/x.json", "file:///etc/passwd", "../x", "x#/a"])
def test_nothing_is_fetched(reference: str) -> None:
    with pytest.raises(SchemaError, match=r"leads to no schema here"):
        whole({"type": "object", "properties": {"a": {"$ref": reference}}})


def test_keywords_that_instruct_the_generator_are_left_out() -> None:
    found = whole(
        {
            "title": "A",
            "type": "object",
            "customTypePath": "os.system",
            "customBasePath": "os.system",
            "x-python-import": {"module": "os", "name": "system"},
            "properties": {"a": {"type": "string", "customTypePath": "os.system", "format": "email"}},
            "if": {"$ref": "http://127.0.0.1"},
        }
    )
    assert found == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"type": "string"}},
    }


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "integer", "default": 1}, True),
        ({"type": "integer", "default": "1"}, False),
        ({"type": "integer", "default": True}, False),
        ({"type": "string", "format": "date", "default": "2024-01-01"}, False),
        ({"type": "array", "items": {"type": "string"}, "default": ["a"]}, True),
        ({"type": "array", "items": {"type": "string"}, "default": [1]}, False),
        ({"enum": ["a", "b"], "default": "b"}, True),
        ({"enum": ["a", "b"], "default": "c"}, False),
    ],
)
def test_a_default_is_kept_if_it_is_of_the_type(schema: dict[str, Any], kept: bool) -> None:
    found = whole({"type": "object", "properties": {"a": schema}})
    assert ("default" in found["properties"]["a"]) is kept


@pytest.mark.parametrize(
    ("schema", "kept"),
    [
        ({"type": "string", "const": ["list"]}, {}),
        ({"type": "string", "const": "list"}, {"const": "list"}),
        ({"type": ["string", "array"], "const": ["list"]}, {"const": ["list"]}),
        ({"type": "boolean", "const": 1}, {}),
        ({"type": "number", "const": 1}, {"const": 1}),
        ({"type": "integer", "enum": ["1", True, 2]}, {"enum": [2]}),
        ({"type": "string", "enum": [1, None]}, {}),
        ({"type": "string", "enum": ["a", None], "nullable": True}, {"enum": ["a", None]}),
        ({"enum": [1, None, "a"]}, {"enum": [1, None, "a"]}),
    ],
)
def test_constants_of_another_type_are_left_out(schema: dict[str, Any], kept: dict[str, Any]) -> None:
    """Of a list for a string the generator wrote `list[str] = None`, which type checkers refuse."""
    found = whole({"type": "object", "properties": {"a": schema}})["properties"]["a"]
    assert {name: found[name] for name in ("const", "enum") if name in found} == kept


@pytest.mark.parametrize(
    ("pattern", "kept"), [("^a+$", True), ("(?=a)a", False), (r"(a)\1", False), ("(", False)]
)
def test_a_pattern_is_kept_if_it_cannot_backtrack(pattern: str, kept: bool) -> None:
    assert ("pattern" in whole({"type": "string", "pattern": pattern})) is kept


def test_models_have_what_the_schema_says() -> None:
    schema = whole(
        {
            "type": "object",
            "description": 'The end """ \\ of it\n"""\nimport os',
            "properties": {
                "x-id": {"type": "integer", "minimum": 1, "description": '"""\nimport os'},
                "class": {"type": ["string", "null"]},
                "st": {"enum": ['a"\nimport os', "b"], "default": "b"},
                "__init__": {"type": "string", "pattern": '^"\\)\n'},
            },
            "required": ["x-id", "class"],
        }
    )
    (found,) = model_texts([("Order", schema)])
    assert isinstance(found, ModelText)
    assert "x_id: Annotated[int, Field(" in found.body
    assert 'alias="x-id"' in found.body
    assert 'class_: Annotated[str | None, Field(alias="class")]\n' in found.body
    assert found.classes == ("OrderSt", "Order")


@pytest.mark.parametrize(
    "text",
    [
        "class A(JsonModel):\n    a: int = print(1)\n",
        "class A(JsonModel):\n    a: print(1)\n",
        "class A(JsonModel):\n    def f(self): pass\n",
        "class A(JsonModel, metaclass=print): pass\n",
        "@print\nclass A(JsonModel): pass\n",
        "class A(print(1)): pass\n",
        "class A(JsonModel):\n    a = Field.__class__\n",
        "class A(JsonModel):\n    a: int = (lambda: 1)()\n",
        "class A(JsonModel):\n    a: int = [x for x in ()]\n",
        "class A(JsonModel): pass\nprint(1)\n",
        "class A(JsonModel): pass\nA.model_rebuild(print(1))\n",
        "class A(JsonModel): pass\nimport os\n",
        "from os import system\nclass A(JsonModel): pass\n",
        "from os import system as Field\nclass A(JsonModel):\n    a: int = Field(1)\n",
        "class A(JsonModel): pass\nclass A(JsonModel): pass\n",
        "class Field(JsonModel): pass\nclass A(JsonModel): pass\n",
        "class B(JsonModel): pass\n",
        "class A(JsonModel)",
    ],
)
def test_other_code_is_not_taken(text: str) -> None:
    with pytest.raises(PydanticModelError):
        checked(HEAD + text, "A")


def test_a_schema_that_ends_the_generator_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    real = pydantic_texts._run

    def dies_at_bad(keys: Any) -> Any:
        good = list(keys)[: next((i for i, key in enumerate(keys) if key[0] == "Bad"), len(keys))]
        answers = real(good)[0] if good else []
        return answers, "" if len(answers) == len(keys) else "it died"

    monkeypatch.setattr(pydantic_texts, "_run", dies_at_bad)
    schema = whole({"type": "object", "properties": {"unique": {"type": "integer"}}})
    found = model_texts([("Good", schema), ("Bad", schema), ("Better", schema)])
    assert [type(it) for it in found] == [ModelText, PydanticModelError, ModelText]


def test_the_setting() -> None:
    assert config.parse("").json_models == "dataclasses"
    assert config.parse('[models]\njson = "pydantic"').json_models == "pydantic"
    with pytest.raises(ConfigError, match=r"models\.json must be"):
        config.parse('[models]\njson = "attrs"')
    with pytest.raises(ConfigError, match=r"unknown setting models\.avro"):
        config.parse('[models]\navro = "pydantic"')


def test_a_default_of_another_type_than_the_property_is_left_out() -> None:
    symbols = {"enum": ["a", "b"], "default": "a"}
    found = whole(
        {"properties": {"x": {"type": "array", **symbols}, "y": {"type": "string", **symbols}, "z": symbols}}
    )
    assert "default" not in found["properties"]["x"]
    assert [found["properties"][name]["default"] for name in "yz"] == ["a", "a"]
