"""`:.:NAME` is NAME: Confluent's default context may be written out, for every part of kgen."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kgen.errors import ConfigError
from kgen.project import config, lockfile

ADDRESS = {"type": "record", "name": "shop.Address", "fields": [{"name": "city", "type": "string"}]}


def pulled(registry, kgen, root: Path, settings: str) -> str:
    root.mkdir()
    (root / "kgen.toml").write_text(f'{settings}\n[registry]\nurl = "{registry.url}"\n')
    code, out, err = kgen("pull")
    assert code == 0, err
    assert kgen("pull", "--check")[0] == 0
    return str(out)


def config_of(root: Path) -> config.Config:
    found = config.load(root)
    assert found is not None
    return found


def test_the_default_context_may_be_written_out_in_kgen_toml(registry, kgen, tmp_path) -> None:
    """The same bytes as without it."""
    settings = """
        [pins]
        "{0}orders-value" = 1
        [topics."{0}orders"]
        key = ["{0}orders-key", "int"]
        value = "{0}orders-value"
        [topics.again]
        topic = "{0}orders"
        context = "."
        [rules]
        "{0}orders-*" = "ignore"
        "*" = "refuse"
    """
    registry.add("orders-value", '"string"')
    registry.add("orders-key", '"string"')
    texts = []
    for context in ("", ":.:"):
        root = tmp_path / "p"
        pulled(
            registry,
            kgen,
            root,
            f'subjects = ["{context}orders-*", "!{context}x"]' + settings.format(context),
        )
        assert "is not used" not in kgen("pull")[1]
        files = [
            p for p in root.rglob("*") if p.is_file() and p.name != "kgen.toml" and ".kgen" not in p.parts
        ]
        texts.append({p.relative_to(root): p.read_bytes() for p in files})
        shutil.rmtree(root)
    assert texts[0] == texts[1]
    assert any(path.name == "orders.py" for path in texts[0])


def test_a_registry_may_list_the_default_context_written_out(registry, kgen, tmp_path) -> None:
    registry.add("orders-value", '"string"')
    registry.override("/subjects", (200, [":.:orders-value", ":.staging:orders-value"]))
    assert kgen("pull", "--registry", registry.url, "--subject", ":.:*")[0] == 0
    locked = lockfile.load(tmp_path / "p")
    assert locked is not None
    assert [s.name for s in locked.snapshot.subjects] == ["orders-value"]


def test_one_who_may_not_list_subjects_may_write_the_default_context(registry, kgen, tmp_path) -> None:
    registry.add("orders-value", '"string"')
    registry.override("/subjects", (403, {"error_code": 403, "message": "no"}))
    arguments = ("--subject", ":.:orders-value", "--subject", ":.:none-value")
    code, out, err = kgen("pull", "--registry", registry.url, *arguments)
    assert code == 0, err
    assert "no subject matches :.:none-value" in out


@pytest.mark.parametrize("written", ["address", ":.:address"])
@pytest.mark.parametrize("asked", ["address", ":.:address"])
def test_pins_of_the_default_context(registry, kgen, tmp_path, written: str, asked: str) -> None:
    for doc in ("first", "second", "third"):
        registry.add("address", {**ADDRESS, "doc": doc})
    pulled(registry, kgen, tmp_path / "p", f'[pins]\n"{written}" = 1')
    assert kgen("pull", "--at", f"{asked}=2")[0] == 0
    assert config_of(tmp_path / "p").pins == {"address": 2}
    assert kgen("pull", "--at", f"{asked}=latest")[0] == 0
    assert config_of(tmp_path / "p").pins == {}
    assert kgen("pull", "--at", f"{asked}=1")[0] == 0
    assert config_of(tmp_path / "p").pins == {"address": 1}


def test_the_default_context_in_arguments(registry, kgen, tmp_path) -> None:
    registry.add("address", ADDRESS)
    pulled(registry, kgen, tmp_path / "p", "")
    registry.add("address", {**ADDRESS, "doc": "second"})
    for command in (["sample"], ["diff"]):
        written = kgen(*command, ":.:address")
        assert written[0] == 0, written
        assert written == kgen(*command, "address")
    assert kgen("diff", ":.:address", "1..2") == kgen("diff", "address", "1..2")


def test_an_incompatible_version_is_taken_by_the_name_with_the_default_context(
    registry, kgen, tmp_path
) -> None:
    registry.add("x-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    registry.add("x-value", '"long"')
    assert kgen("pull")[0] == 4
    assert kgen("pull", "--allow-incompatible", ":.:x-value")[0] == 0


def test_a_name_twice_in_one_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="the same subject"):
        config.parse('[pins]\nx = 1\n":.:x" = 2')
