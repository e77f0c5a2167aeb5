"""Subjects with data contract rules: refused, unless kgen.toml says that their rules are to be ignored."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from kgen.compat import contract_rules
from kgen.errors import ConfigError, RulesError
from kgen.model.subject_filter import wanted
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen.project import config, lockfile

CARD = {"type": "record", "name": "Card", "fields": [{"name": "number", "type": "string"}]}
ENCRYPT = {"name": "card", "kind": "TRANSFORM", "type": "ENCRYPT", "mode": "WRITEREAD", "tags": ["PII"]}
RULES: dict[str, Any] = {"ruleSet": {"domainRules": [ENCRYPT]}}


@pytest.fixture
def pull(kgen, registry):
    return lambda *arguments: kgen("pull", "--registry", registry.url, *arguments)


def configure(folder: Path, rules: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "kgen.toml").write_text(rules)


@pytest.mark.parametrize(
    "rules",
    [
        {"domainRules": [ENCRYPT]},
        {"encodingRules": [{"name": "all", "type": "ENCRYPT_PAYLOAD"}]},
        {"domainRules": [{"name": "valid", "kind": "CONDITION", "type": "CEL"}]},
        {"migrationRules": [{"name": "up", "type": "JSONATA"}]},
        {"domainRules": [{"name": "new", "type": "OF_TOMORROW"}]},
    ],
)
def test_a_subject_with_rules_is_refused_and_nothing_is_written(pull, registry, tmp_path, rules):
    registry.add("orders-value", '"string"')
    registry.add("cards-value", CARD, ruleSet=rules)
    code, _, err = pull()
    assert code == 4
    assert "cards-value v1" in err
    assert next(iter(rules.values()))[0]["name"] in err
    assert '"cards-value" = "ignore"' in err
    assert not (tmp_path / "p").exists()
    assert pull("--subject", "*", "--subject", "!cards-value")[0] == 0


def test_rules_on_an_earlier_version_count_too(pull, registry):
    registry.add("cards-value", CARD, **RULES)
    registry.add("cards-value", {**CARD, "doc": "plain"})
    code, _, err = pull()
    assert code == 4
    assert "cards-value v1: ENCRYPT card" in err
    assert pull("--latest")[0] == 0


def test_a_locked_subject_that_gets_rules_is_refused(pull, kgen, registry, tmp_path, tree):
    registry.add("cards-value", CARD)
    assert pull()[0] == 0
    before = tree(tmp_path / "p")
    registry.add("cards-value", {**CARD, "doc": "secret"}, **RULES)
    assert kgen("pull")[0] == 4
    assert tree(tmp_path / "p") == before


def test_tags_metadata_and_disabled_rules_are_pulled(pull, registry, tmp_path):
    metadata = {"tags": {"Card.number": ["PII"]}, "properties": {"owner": "shop"}}
    registry.add(
        "cards-value", CARD, metadata=metadata, ruleSet={"domainRules": [{**ENCRYPT, "disabled": True}]}
    )
    assert pull()[0] == 0
    assert "rules =" not in (tmp_path / "p/kgen.toml").read_text()
    assert 'rules="ignore"' not in (tmp_path / "p/streams/_generated/_schemas.py").read_text()


@pytest.mark.parametrize(
    "rules",
    ['rules = "ignore"', '[rules]\n"cards-*" = "ignore"', '[rules]\n"*" = "ignore"\norders-value = "refuse"'],
)
def test_rules_that_are_ignored_are_locked_and_the_generated_code_knows(pull, registry, tmp_path, rules):
    registry.add("cards-value", CARD, **RULES)
    registry.add("orders-value", CARD)
    configure(tmp_path / "p", rules)
    assert pull()[0] == 0
    version = lockfile.load(tmp_path / "p").subject("cards-value").latest
    assert version.rules == ("ENCRYPT card",)
    assert len(version.rule_set) == 64  # type: ignore[arg-type]
    text = (tmp_path / "p/streams/_generated/_schemas.py").read_text()
    count = 2 if rules == 'rules = "ignore"' else 1
    assert text.count('rules="ignore"') == count
    assert pull("--check")[0] == 0


def test_frozen_knows_the_rules_from_the_lock(pull, kgen, registry, tmp_path):
    registry.add("cards-value", CARD, **RULES)
    configure(tmp_path / "p", 'rules = "ignore"')
    assert pull()[0] == 0
    assert kgen("pull", "--frozen")[0] == 0
    configure(tmp_path / "p", "")
    code, _, err = kgen("pull", "--frozen")
    assert code == 4
    assert "cards-value v1: ENCRYPT card" in err


def test_other_rules_under_the_same_version_are_a_change_of_the_lock(pull, registry, tmp_path):
    registry.add("cards-value", CARD, **RULES)
    configure(tmp_path / "p", 'rules = "ignore"')
    assert pull()[0] == 0
    assert pull("--locked")[0] == 0
    registry.subjects["cards-value"][1]["ruleSet"] = {"domainRules": [{**ENCRYPT, "name": "number"}]}
    code, out, _ = pull("--locked")
    assert code == 1
    assert "other data contract rules" in out
    assert pull()[0] == 0
    assert lockfile.load(tmp_path / "p").subject("cards-value").latest.rules == ("ENCRYPT number",)


def test_a_diff_shows_what_a_pull_refuses(pull, kgen, registry):
    registry.add("cards-value", CARD)
    assert pull()[0] == 0
    registry.add("cards-value", {**CARD, "doc": "secret"}, **RULES)
    code, out, _ = kgen("diff")
    assert code == 0
    assert "cards-value v1 -> v2" in out


def test_a_name_that_would_drive_the_terminal_is_escaped(pull, registry):
    registry.add("cards-value", CARD, ruleSet={"domainRules": [{**ENCRYPT, "name": "\x1b[31mred\n"}]})
    code, _, err = pull()
    assert code == 4
    assert "\x1b" not in err
    assert len(err.splitlines()) == 3


@pytest.mark.parametrize(
    "text", ['rules = "execute"', "rules = 3", "rules = ['a']", '[rules]\na = "no"', "[rules]\na = 1"]
)
def test_wrong_settings_are_refused(text):
    with pytest.raises(ConfigError, match="rules must be"):
        config.parse(text)


def test_a_subject_that_is_refused_by_name_is_refused_though_all_are_ignored():
    found = config.parse('[rules]\n"*" = "ignore"\n"cards-*" = "refuse"').ignore_rules
    assert (wanted("orders-value", found), wanted("cards-value", found)) == (True, False)
    assert not wanted("a", config.parse('[rules]\n"cards-*" = "refuse"').ignore_rules)
    assert not wanted("a", config.parse("").ignore_rules)
    assert json.dumps(config.parse('rules = "refuse"').ignore_rules) == "[]"


def test_the_hints_name_odd_subjects_so_that_they_can_be_followed():
    subject = "it's [1]*"
    version = SchemaVersion(subject, 1, 1, "AVRO", '"string"', rules=("r",))
    with pytest.raises(RulesError) as caught:
        contract_rules.refuse_rules(Snapshot("", (Subject(subject, (version,)),)), ())
    hint = str(caught.value.hint)
    flag = hint[hint.index("--subject") : hint.index("), or have it read")]
    _, pattern = shlex.split(flag)
    assert not wanted(subject, [pattern])
    assert wanted("it's 1x", [pattern])
    line = hint[hint.index('"', hint.index("as if it had none")) : hint.index(" under [rules]")]
    ignored = config.parse(f"[rules]\n{line}").ignore_rules
    assert (wanted(subject, ignored), wanted("it's 1x", ignored)) == (True, False)
