"""Lines of kgen.toml that name what is not there are reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def registry(registry):
    for subject in ("orders-value", ":.staging:orders-value", "spare-value"):
        registry.add(subject, '"string"')
    return registry


def pulled(registry, kgen, root: Path, settings: str) -> str:
    root.mkdir()
    (root / "kgen.toml").write_text(f'{settings}\n[registry]\nurl = "{registry.url}"\n')
    code, out, err = kgen("pull")
    assert code == 0, err
    assert kgen("pull", "--check")[0] == 0
    return str(out)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            '[topics.ordres]\nkey = "string"',
            "no subject ordres-value or ordres-key was read; did you mean orders?",
        ),
        (
            '[topics.zzz]\nkey = "string"',
            "zzz]: it is not used: no subject zzz-value or zzz-key was read; the topics are orders and spare",
        ),
        (
            '[topics.staged]\ntopic = "ordesr"\ncontext = ".staging"',
            "ordesr-key was read; did you mean orders?",
        ),
        (
            '[topics.orders]\ncontext = ".stagign"',
            "no subject of the topic orders is in the context .stagign; it is in . and .staging",
        ),
        ('[topics.orders]\ncontext = ".stagign"\nkey = "string"\nvalue = "string"', "the context .stagign"),
        (
            '[topics.spare]\ncontext = ".staging"',
            "no subject of the topic spare is in the context .staging; it is in .",
        ),
        (
            '[topics.lonely]\nkey = "string"',
            "it makes no topic: no subject lonely-value was read, and value is not set",
        ),
        ('[rules]\n"ordres-*" = "ignore"', "[rules]: no subject matches ordres-*"),
    ],
)
def test_what_kgen_toml_names_and_nothing_has_is_reported(registry, kgen, tmp_path, table, said) -> None:
    if "lonely" in table:
        registry.add("lonely-key", '"string"')
    out = pulled(registry, kgen, tmp_path / "p", table)
    assert said in out
    code, out, _ = kgen("pull")
    assert (code, said in out, "nothing changed" in out) == (0, True, True)
    code, _, err = kgen("status")
    assert (code, said in err) == (0, True)
    assert said in json.loads(kgen("status", "--json")[1])["notes"][-1]
    _, out, _ = kgen("doctor")
    assert said in out
    assert "hint: correct the name in kgen.toml" in out


@pytest.mark.parametrize(
    "table",
    [
        '[topics.raw]\nvalue = "string"',
        '[topics.orders]\nkey = "string"',
        '[topics.staged]\ntopic = "orders"\ncontext = ".staging"',
        '[topics.orders]\ncontext = "."',
        '[rules]\n"orders-*" = "ignore"',
        'rules = "ignore"',
    ],
)
def test_what_is_used_is_not_reported(registry, kgen, tmp_path, table) -> None:
    assert "kgen.toml, [" not in pulled(registry, kgen, tmp_path / "p", table)
    assert "settings" not in kgen("doctor")[1]
