"""The JSON Schema of kgen.toml says what `config.py` takes, and the page of the settings names each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kgen.cli import app
from kgen.errors import ConfigError
from kgen.project import config
from kgen.project.config_schema import SCHEMA

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "kgen-toml.md").read_text(encoding="utf-8")
TABLES = ["", "registry", "models", "kafka", "topics.x", "flows.x", "own.x", "deploy.x"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def properties(table: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA
    for part in filter(None, table.split(".")):
        found = (
            found["properties"][part]
            if part in found.get("properties", {})
            else found["additionalProperties"]
        )
    return dict(found["properties"])


@pytest.mark.parametrize("table", TABLES)
def test_it_has_the_settings_that_are_known(table):
    head = f"[{table}]\n" if table else ""
    with pytest.raises(ConfigError) as caught:
        config.parse(f"{head}zzzzzzzzzz = 1\n")
    known = str(caught.value.hint).removeprefix("known: ").split(", ")
    assert sorted(properties(table)) == known


@pytest.mark.parametrize("table", TABLES)
def test_the_page_names_each(table):
    place = (
        table.replace("topics.x", "topics.NAME")
        .replace("flows.x", "flows.NAME")
        .replace("own.x", "own.SUBJECT")
        .replace("deploy.x", "deploy.NAME")
    )
    tables = {"registry", "models", "kafka", "topics", "flows", "own", "deploy"}
    names = {name for name in properties(table) if table or name not in tables}
    lacking = {f"{place}.{name}".lstrip(".") for name in names}
    assert {name for name in lacking if f"`{name}" not in PAGE} == set()


def test_the_example_of_the_page_is_valid():
    text = PAGE.partition("```toml\n")[2].partition("```")[0]
    assert config.parse(text).flows
    VALIDATOR.validate(tomllib.loads(text))
    VALIDATOR.check_schema(SCHEMA)


VALID = [
    'package = "acme.streams_2"',
    'rules = "ignore"',
    '[rules]\n"a-*" = "refuse"',
    '[topics.x]\nkey = ["x-key", "int"]',
    "[registry]\ntimeout = 0.5",
    'conflict = "inline"',
    '[own.x]\ncompatibility = "FULL"\nmetadata = { a = "b" }',
    '[deploy.x]\nrecovery = false\nepoch_interval = 0.5\nmemory = "1Gi"\nenv = { A = "b" }',
]
INVALID = [
    "package = 1",
    'package = "a-b"',
    'package = "a..b"',
    "subjects = [1]",
    'subjects = [""]',
    "all_versions = 1",
    'conflict = "x"',
    "pins = { a = 0 }",
    'pins = { a = "1" }',
    "rules = 1",
    '[rules]\na = "x"',
    '[models]\njson = "x"',
    '[models]\nout_of_range = "x"',
    "[kafka]\nbrokers = 1",
    '[kafka]\nbrokers = "u:p@h:1"',
    "[registry]\ntimeout = 0",
    "[registry]\ntimeout = 86400",
    "[registry]\nurl = 1",
    "[topics]\nx = 1",
    '[topics.x]\nflow = "no"',
    "[topics.x]\nvalidate = 0",
    '[topics.x]\ncontext = "staging"',
    '[topics.x]\ntopic = ""',
    '[topics.x]\nkey = ["x-key"]',
    '[topics.x]\nkey = ["x-key", "bytes"]',
    '[flows.x]\nfrom = "a"',
    '[flows.x]\nfrom = "a"\nto = ""',
    '[own.x]\ncompatibility = "x"',
    "[own.x]\nmetadata = { a = 1 }",
    "[deploy.x]\nprocesses = 0",
    "[deploy.x]\nworkers = 1001",
    "[deploy.x]\nepoch_interval = 86401",
    "[deploy.x]\nrecovery = true",
    '[deploy.x]\nrecovery = "1 Gi"',
    '[deploy.x]\nimage = "A b"',
    '[deploy.x]\nflow = "a b"',
    '[deploy.x]\ncpu = "0"',
    '[deploy.x]\nsecret = "a b"',
    "[deploy.x]\nenv = { A = 1 }",
    '[deploy.x]\npod_monitor = "yes"',
    '[deploy.x]\nvenv = "opt"',
]


@pytest.mark.parametrize("text", VALID)
def test_both_take(text):
    config.parse(text)
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", INVALID)
def test_both_refuse(text):
    with pytest.raises(ConfigError):
        config.parse(text)
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(tomllib.loads(text))


def test_it_is_printed(capsys):
    assert app.run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


def test_the_first_kgen_toml_is_valid():
    first = config.first_text(config.Config(config.Registry("http://localhost:8081"), pins={"a-value": 2}))
    VALIDATOR.validate(tomllib.loads(first))
