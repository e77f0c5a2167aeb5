"""Ways to reach a field, and lines that reach none: a project for each change of the schema, and what really
fails in it, found by running it and by mypy.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen.impact import Use, generated_changes, impact, model_outlines
from kgen.model import Settings, build
from kgen.model.project import Project
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen.render import render

HERE = Path(__file__).parent
WAYS = HERE / "ways"
REPO = HERE.parents[2]
Line = tuple[str, int]  # path and number

RECORD: dict[str, Any] = {
    "type": "record",
    "name": "shop.Order",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "amount", "type": "double"},
        {"name": "note", "type": "string"},
        {
            "name": "ship_to",
            "type": {
                "type": "record",
                "name": "Address",
                "fields": [{"name": "street", "type": "string"}, {"name": "city", "type": "string"}],
            },
        },
        {
            "name": "lines",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Line",
                    "fields": [
                        {"name": "sku", "type": "string"},
                        {"name": "quantity", "type": "int"},
                        {"name": "price", "type": "double"},
                    ],
                },
            },
        },
        {"name": "by_sku", "type": {"type": "map", "values": "Line"}},
        {"name": "bill_to", "type": ["null", "Address"], "default": None},
    ],
}
FIELDS = {"amount": "gross", "price": "cost", "city": "town"}
"""The fields that change, in three records, and what they are called once they are renamed."""
RENAMES = {"shop.Order.amount": "gross", "shop.Line.price": "cost", "shop.Address.city": "town"}


def _records(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "record":
            yield schema
        for value in schema.values():
            yield from _records(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _records(value)


def _changed(change: str) -> dict[str, Any]:
    schema = copy.deepcopy(RECORD)
    for record in list(_records(schema)):
        if change == "required":
            record["fields"].append({"name": "origin", "type": "string"})
        for field in list(record["fields"]):
            if field["name"] not in FIELDS:
                continue
            if change == "removed":
                record["fields"].remove(field)
            elif change == "renamed":
                field.update(name=FIELDS[field["name"]], aliases=[field["name"]])
            elif change == "retyped":
                field["type"] = "boolean" if field["type"] == "string" else "string"
            elif change == "nullable":
                field["type"] = ["null", field["type"]]
    return schema


def model(change: str) -> Project:
    """The model after a change; `none` for before."""
    schema = RECORD if change == "none" else _changed(change)
    version = SchemaVersion("orders-value", 1 + (change != "none"), 7, "AVRO", json.dumps(schema), ())
    snapshot = Snapshot("http://registry", (Subject("orders-value", (version,)),), ())
    return build(snapshot, Settings("streams", "0.1.0", {}))


def modules(change: str) -> dict[str, str]:
    """The generated modules after a change."""
    return {path: text for path, text in render(model(change)).items() if "/_generated/" in path}


@dataclass(frozen=True)
class Way:
    """One way, or one piece of innocent code: a title, and its files."""

    name: str
    title: str
    files: Mapping[str, str]  # path: text


HEAD = (WAYS / "head.txt").read_text(encoding="utf-8")


def ways(*names: str) -> list[Way]:
    """Those of some files of `ways/`."""
    return [way for name in names for way in _ways(name)]


def _ways(name: str) -> Iterator[Way]:
    text = (WAYS / f"{name}.txt").read_text(encoding="utf-8")
    for number, part in enumerate(re.split(r"^#: ", text, flags=re.MULTILINE)[1:], 1):
        title, _, body = part.partition("\n")
        pieces = re.split(r"^#\+ (.*)\n", body, flags=re.MULTILINE)
        files = {"main.py": HEAD + pieces[0]} if pieces[0].strip() else {}
        for path, content in zip(pieces[1::2], pieces[2::2]):
            files[path] = (HEAD if path == "main.py" else "") + content
        folder = f"ways/{name}_{number:03}"
        packages = {f"{Path(folder, path).parent.as_posix()}/__init__.py": "" for path in files}
        whole = {**packages, **{f"{folder}/{path}": content for path, content in files.items()}}
        yield Way(f"{name}_{number:03}", title, whole)


def files_of(found: list[Way]) -> dict[str, str]:
    """The files of the user's."""
    return {"ways/__init__.py": "", **{p: t for way in found for p, t in way.files.items()}}


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write a project."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def named(found: list[Way], change: str) -> tuple[Use, ...]:
    """What kgen names."""
    renames = RENAMES if change == "renamed" else {}
    changes = generated_changes(model_outlines(model("none")), model_outlines(model(change)), renames)
    return impact(changes, modules("none"), files_of(found), modules(change))


def run(root: Path, found: list[Way], change: str) -> dict[str, Line | None]:
    """By name of a way, the line of it that raised."""
    write(root, {"streams/__init__.py": "", **modules(change), **files_of(found)})
    names = [way.name for way in found if any("def run(" in text for text in way.files.values())]
    command = [sys.executable, "-B", "-W", "ignore", str(HERE / "ways_runner.py"), str(root), *names]
    paths = f"{REPO}/gen:{REPO}/runtime:{REPO}/templates"
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = json.loads(done.stdout.splitlines()[-1])
    return {name: (line[0], line[1]) if line else None for name, line in lines.items()}


def mypy(root: Path, found: list[Way], change: str) -> set[tuple[Line, str]]:
    """Lines and messages."""
    write(root, {"streams/__init__.py": "", **modules(change), **files_of(found)})
    command = [
        *(sys.executable, "-m", "mypy", "--check-untyped-defs", "--config-file=", "--no-error-summary"),
        *("--ignore-missing-imports", "--hide-error-context", "--follow-imports=silent", "ways"),
        *("--python-version", "3.12", "--cache-dir", str(root.parent / "cache"), "--allow-redefinition"),
    ]
    paths = f"{REPO}/gen:{REPO}/runtime:{REPO}/templates:{root}"
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=root, env={**os.environ, "MYPYPATH": paths}, check=False
    )
    assert done.returncode < 2, done.stdout + done.stderr
    shown = re.findall(r"^(ways/[^:]+):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return {((path, int(line)), message) for path, line, message in shown}
