"""Projects for the tests of `kgen deploy`: a package with two flows, and a kgen.toml."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_OPERATOR = Path(__file__).resolve().parents[2] / "prometheus_operator"
TOML = '[kafka]\nbrokers = "kafka-1:9092,kafka-2:9092"\n[registry]\nurl = "https://registry.example.com"\n'


def make(root: Path, toml: str = "", flows: tuple[str, ...] = ("orders", "daily_totals")) -> Path:
    """A project whose kgen.toml has brokers and a registry, and `toml` after these."""
    folder = root / "streams" / "flows"
    folder.mkdir(parents=True)
    for package in (folder.parent, folder):
        (package / "__init__.py").write_text("")
    for name in flows:
        (folder / f"{name}.py").write_text("def build(kafka): ...\n\n\nflow = build(None)\n")
    (root / "kgen.toml").write_text(f"{TOML}{toml}", encoding="utf-8")
    return root


def documents(path: Path) -> list[Any]:
    """Those of a YAML file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def operator_resource(plural: str) -> Any:
    """Validates an object of Prometheus' operator, in which nothing is that its schema does not name."""
    schema = json.loads((_OPERATOR / f"{plural}.json").read_text())
    return jsonschema.Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _closed(value) for key, value in schema.items()}
    if found.get("type") == "object" and found.get("properties"):
        found.setdefault("additionalProperties", False)
    return found


def unit_words(text: str) -> list[str]:
    """The words of a value in a unit, as systemd.syntax(7) has them, of its specifiers `%%` alone."""
    words, word, quoted, at = [], "", False, 0
    for each in _PARTS.findall(text):
        at += len(each)
        if each == '"':
            quoted = not quoted
        elif each == " " and not quoted:
            words.append(word)
            word = ""
        else:
            word += _ESCAPES.get(each, each)
    assert at == len(text)
    assert not quoted
    return [*words, word]


_PARTS = re.compile(r"\\.|%%|%[Sid]|[^%\\]", re.DOTALL)
_ESCAPES = {"%%": "%", r"\n": "\n", r"\t": "\t", r"\"": '"', "\\\\": "\\"}
Kgen = Callable[..., tuple[int, str, str]]
