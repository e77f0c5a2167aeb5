"""What changed is taken from the models; a module's text gives the same outline, where that is needed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from tests.golden.test_golden import CASES, project_of
from tests.unit.merge.schemas import CHANGES, first_model, model_after
from tests.unit.model.pulls import Project_, record, snapshot, version

from kgen.impact import generated_changes, model_outlines, text_outlines
from kgen.model.project import Project
from kgen.render import render

PLAIN = re.compile(r"[\w.:-]+")  # subjects that a comment can hold as they are
GOLDEN = [case for case in CASES if not (case / "expected" / "error.txt").exists()]


def texts_of(project: Project) -> dict[str, str]:
    return {path: text for path, text in render(project).items() if "/_generated/" in path}


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case.name)
def test_a_golden_model_and_its_text_have_one_outline(case: Path) -> None:
    project = project_of(case)
    from_text = text_outlines(texts_of(project))
    for path, outline in model_outlines(project).items():
        if all(map(PLAIN.fullmatch, outline.sources)):
            assert outline.sources == from_text[path].sources
        assert replace(outline, sources={}) == replace(from_text.pop(path), sources={})
    assert not from_text


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_model_and_its_text_have_one_outline(change: str) -> None:
    project = model_after(change)
    assert model_outlines(project) == text_outlines(texts_of(project))


@pytest.mark.parametrize("change", CHANGES)
def test_the_changes_are_those_of_the_texts(change: str) -> None:
    before, after = first_model(), model_after(change)
    from_texts = generated_changes(text_outlines(texts_of(before)), text_outlines(texts_of(after)))
    assert generated_changes(model_outlines(before), model_outlines(after)) == from_texts


def test_a_renamed_field_is_followed_in_a_module_without_a_topic_whose_class_name_is_not_its_alone() -> None:
    """Only the serdes of topics said what a class is called in schemas: `Address` was any of two."""
    pulls = Project_()
    other = version("b", record("b.Address", "town"))
    before = pulls.pull(snapshot(version("a", record("a.Address", "city")), other))
    renamed = record("a.Address", "place")
    renamed["fields"][0]["aliases"] = ["city"]
    after = pulls.pull(snapshot(version("a", renamed, 2), other))
    found = generated_changes(model_outlines(before), model_outlines(after), {"a.Address.city": "place"})
    assert list(map(str, found)) == ["Address.city renamed to place in v2"]


def test_a_field_that_has_another_name_beside_one_called_field_keeps_its_name_in_the_schema() -> None:
    """`field` is written `dataclasses.field` there."""
    [path] = [p for p in model_outlines(_shadowing()) if p.endswith("/a.py")]
    for outlines in (model_outlines(_shadowing()), text_outlines(texts_of(_shadowing()))):
        found = outlines[path].classes["Odd"].fields["class_"]
        assert (found.wire, found.required) == ("class", True)


def _shadowing() -> Project:
    return Project_().pull(snapshot(version("a", record("a.Odd", "class", "field"))))
