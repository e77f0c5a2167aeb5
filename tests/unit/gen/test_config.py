from __future__ import annotations

import pytest

from kgen.errors import ConfigError
from kgen.project import config
from kgen.project.config import Config, Registry


def test_the_first_text_reads_back():
    first = Config(
        Registry("http://u:p@host:8081/path?token=x#y"), "shop", ("orders-*", 'a"b'), pins={"a b": 3}
    )
    text = config.first_text(first)
    assert "u:p" not in text
    assert "token=x" not in text
    got = config.parse(text)
    assert got.registry.url == "http://host:8081/path"
    assert (got.package, got.subjects, dict(got.pins)) == ("shop", ("orders-*", 'a"b'), {"a b": 3})
    assert got.all_versions


def test_all_settings():
    got = config.parse(
        """
        package = "shop"
        subjects = ["a-*"]
        all_versions = false
        conflict = "inline"
        [registry]
        url = "http://host"
        user_env = "U"
        password_env = "P"
        ca = "ca.pem"
        [pins]
        a-value = 2
        [topics.orders]
        key = "string"
        value = "orders-shop.Order"
        [topics.payments]
        validate = true
        """
    )
    assert [got.topics[name].validate for name in ("orders", "payments")] == [False, True]
    assert (got.conflict, got.all_versions, got.pins["a-value"]) == ("inline", False, 2)
    assert (got.registry.user_env, got.registry.token_env, got.registry.ca) == (
        "U",
        "KGEN_REGISTRY_TOKEN",
        "ca.pem",
    )
    assert (got.topics["orders"].key, got.topics["orders"].value) == ("string", "orders-shop.Order")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("packge = 'x'", "unknown setting packge", "did you mean package?"),
        ("[registry]\nuser = 'x'", "unknown setting registry.user", "user_env"),
        ("[topics.a]\nkeys = 'x'", "unknown setting topics.a.keys", "topics.a.key"),
        ("[topics.a]\nvalidate = 'yes'", "topics.a.validate must be true or false", ""),
        ("package = 3", "package must be text", ""),
        ("subjects = 'a'", "subjects must be a list", ""),
        ("subjects = [1]", "list of patterns", "orders"),
        ("conflict = 'maybe'", "conflict must be", ""),
        ("[pins]\na = 'x'", "pin of a", ""),
        ("[pins]\na = true", "pin of a", ""),
        ("[pins]\na = 0", "pin of a", ""),
        ("package = 'class'", "cannot be the name of a package", ""),
        ("package = 'a..b'", "cannot be the name of a package", ""),
        ("package = 'a.b.'", "cannot be the name of a package", ""),
        ("package = 'a.class'", "cannot be the name of a package", ""),
        ("package = 'json.streams'", "would hide a module", ""),
        ("package = 'a._generated'", "would hide a module", ""),
        ("package = '../x'", "cannot be the name of a package", ""),
        ("package = 'json'", "would hide a module", ""),
        ("package = 'Bytewax'", "would hide a module", ""),
        ("registry = 3", "registry must be a table", ""),
        ("a = [", "not TOML", ""),
        ("a = 1\na = 2", "not TOML", ""),
    ],
)
def test_wrong_settings(text, message, hint):
    with pytest.raises(ConfigError, match=message) as e:
        config.parse(text)
    assert hint in (e.value.hint or "")


def test_a_parse_error_names_the_line(tmp_path):
    (tmp_path / "kgen.toml").write_text("package = 'x'\n\nsubjects = [\n")
    with pytest.raises(ConfigError) as e:
        config.load(tmp_path)
    assert e.value.where
    assert e.value.where.startswith("kgen.toml:")


def test_a_config_that_is_not_text(tmp_path):
    (tmp_path / "kgen.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        config.load(tmp_path)
    (tmp_path / "kgen.toml").unlink()
    (tmp_path / "kgen.toml").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)


@pytest.mark.parametrize("url", ["host:8081", "ftp://host", "http://", "http://h:x", "http://[::1"])
def test_urls_that_are_none_are_refused_as_the_client_refuses_them(url):
    with pytest.raises(ConfigError, match="not a registry URL") as e:
        config.parse(f"[registry]\nurl = '{url}'")
    assert e.value.where == "kgen.toml, registry.url"
    with pytest.raises(ConfigError, match="not a registry URL"):
        config.first_text(Config(Registry(url)))


@pytest.mark.parametrize("url", ["http://u:p@h", "http://:p@h", "http://u@h"])
def test_credentials_in_the_file_are_refused_and_not_shown(url):
    with pytest.raises(ConfigError, match="holds a user or a password") as e:
        config.parse(f"[registry]\nurl = '{url}'")
    assert "p@" not in str(e.value)


TEXT = """# mine
package = "streams"   # yes
subjects = [
    "a-*",  # these
]

[registry]
url = "http://host"
"""


def test_pins_are_added_and_taken_away_and_the_rest_stays():
    pinned = config.with_pins(TEXT, {"a-value": 3, "b value": 1})
    assert pinned.startswith(TEXT)
    assert dict(config.parse(pinned).pins) == {"a-value": 3, "b value": 1}
    changed = config.with_pins(pinned, {"a-value": 4, "b value": None, "c": None})
    assert dict(config.parse(changed).pins) == {"a-value": 4}
    assert config.with_pins(TEXT, {}) == TEXT


def test_subjects_are_added_and_comments_stay():
    more = config.with_subjects(TEXT, ["b-*"])
    assert config.parse(more).subjects == ("a-*", "b-*")
    for comment in ("# mine", "# yes", "# these"):
        assert comment in more
