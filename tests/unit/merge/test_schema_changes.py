"""Real schema changes through the model and the templates, against every user edit: nothing is lost, nothing
clashes, and what the type checker then objects to was named by the impact analysis.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from mypy import api
from tests.unit.merge.edits import EDITS
from tests.unit.merge.schemas import CHANGES, after, first, first_model, model_after, owned
from tests.unit.merge.test_matrix import tokens

from kgen.impact import generated_changes, impact, model_outlines
from kgen.merge import merge

FLOW, TEST = "streams/flows/orders.py", "tests/test_orders.py"
RENAMES = {
    "renamed": {"shop.Order.amount": "total"},
    "root renamed": {"shop.Order": "shop.Purchase"},
    "moved": {"shop.Order": "store.Order"},
}
TEST_EDITS = {
    "more samples": lambda text: text.replace("n=20", "n=200"),
    "another test": lambda text: text + "\n\ndef test_mine() -> None:\n    assert build\n",
    "marked": lambda text: text.replace("def test_", "@pytest.mark.slow\ndef test_").replace(
        "from kgen_runtime", "import pytest\nfrom kgen_runtime"
    ),
    "deleted": lambda text: text[: text.index("def test_")],
}


def edited(edit: str) -> str:
    return EDITS[edit](first()[FLOW])


@pytest.mark.parametrize("change", CHANGES)
def test_every_edit_of_a_flow_survives(change: str) -> None:
    for edit in EDITS:
        ours = edited(edit)
        merged = merge(first()[FLOW], ours, after(change)[FLOW], path=FLOW)
        assert not merged.conflicts, edit
        ast.parse(merged.text.removeprefix("\ufeff"))
        added = tokens(ours) - tokens(first()[FLOW])
        lost = added - tokens(merged.text)
        assert not lost or (edit.startswith("renamed") and set(added) <= set(tokens(merged.text))), edit
        if after(change)[FLOW] == first()[FLOW]:
            assert merged.text == ours


@pytest.mark.parametrize("change", CHANGES)
def test_every_edit_of_a_test_survives(change: str) -> None:
    for edit in TEST_EDITS.values():
        ours = edit(first()[TEST])
        merged = merge(first()[TEST], ours, after(change)[TEST], path=TEST)
        assert not merged.conflicts
        assert not (tokens(ours) - tokens(first()[TEST])) - tokens(merged.text)


def project(root: Path, files: dict[str, str]) -> dict[str, str]:
    """Write the generated files, and each edit of the flow as a module of its own."""
    for path, text in files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8", newline="")
    return {path: text for path, text in files.items() if "/flows/edit_" in path}


def flows(change: str | None) -> dict[str, str]:
    files = dict(first() if change is None else after(change))
    for number, edit in enumerate(EDITS):
        merged = merge(first()[FLOW], edited(edit), files[FLOW], path=FLOW)
        files[f"streams/flows/edit_{number}.py"] = merged.text
    return files


def objections(root: Path) -> Iterator[tuple[str, int, str]]:
    """What mypy says: file, line and the message with the line's text."""
    settings = root / "mypy.ini"
    settings.write_text("[mypy]\ncheck_untyped_defs = true\n")
    command = [
        "--config-file",
        str(settings),
        "--cache-dir",
        str(root / ".mypy_cache"),
        str(root / "streams"),
    ]
    out, _, _ = api.run(command)
    for path, line, message in re.findall(r"^(\S+\.py):(\d+): error: (.*)$", out, re.MULTILINE):
        name = Path(path).resolve().relative_to(root.resolve()).as_posix()
        text = (root / name).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        yield name, int(line), f"{message} | {text.strip()}"


@pytest.mark.slow
def test_what_the_type_checker_objects_to_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, flows(None))
    known = {(path, text) for path, _, text in objections(tmp_path)}
    named = 0
    for change in CHANGES:
        files = project(tmp_path, flows(change))
        outlines = model_outlines(first_model()), model_outlines(model_after(change))
        affected = generated_changes(*outlines, RENAMES.get(change, {}))
        uses = {(u.path, u.line) for u in impact(affected, first_generated(), files, generated(change))}
        new = [o for o in objections(tmp_path) if (o[0], o[2]) not in known and "edit_" in o[0]]
        assert not [o for o in new if o[:2] not in uses], (change, sorted(uses))
        named += len(new)
    assert named > 20


def generated(change: str) -> dict[str, str]:
    return {p: t for p, t in after(change).items() if p not in owned(after(change))}


def first_generated() -> dict[str, str]:
    return {p: t for p, t in first().items() if p not in owned(first())}
