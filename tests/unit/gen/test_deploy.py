"""`kgen deploy`: what is written, what is refused, and what becomes of edits."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.unit.gen.conftest import FakeRegistry
from tests.unit.gen.deploy_projects import Kgen, make

from kgen.errors import ConfigError
from kgen.project import config

TABLE = '[deploy.orders]\nimage = "example.com/orders:1"\n'
K8S = "deploy/orders/k8s.yaml"
IMAGE = ["deploy/Dockerfile", "deploy/Dockerfile.dockerignore"]
ADDED = "".join(f"+ {path}\n" for path in (K8S, *IMAGE))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "p", TABLE)


def settings(text: str) -> config.Config:
    return config.parse(text)


def test_it_writes_what_the_tables_name_and_nothing_else(
    root: Path, kgen: Kgen, tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    before = tree(root)
    code, out, err = kgen("deploy", "k8s")
    assert (code, out) == (0, ADDED)
    assert err.splitlines() == [
        "next: pip wheel --no-deps --wheel-dir dist .",
        "then: docker build -f deploy/Dockerfile -t example.com/orders:1 ."
        " && docker push example.com/orders:1",
        f"then: kubectl apply -f {K8S}",
    ]
    added = {K8S, *IMAGE}
    assert tree(root).keys() - before.keys() == {*added, *(f".kgen/base/{path}" for path in added)}
    written = tree(root)
    code, out, err = kgen("deploy", "k8s")
    assert (code, out, err) == (0, "", "nothing to change\n")
    assert tree(root) == written
    assert kgen("deploy", "k8s", "--check")[0] == 0


def test_by_name_and_by_module(root: Path, kgen: Kgen) -> None:
    """A table, a flow without one, a flow as `kgen run` names it: of a table, and of none."""
    for word, name in (
        ("orders", "orders"),
        ("streams.flows.orders:flow", "orders"),
        ("streams.flows.orders", "orders"),
        ("daily_totals", "daily-totals"),
        ("streams.flows.daily_totals:build", "daily-totals"),
    ):
        code, out, _ = kgen("deploy", "k8s", word, "--dry-run", "--json")
        assert code == 0
        found = json.loads(out)["deployments"]
        assert [each["name"] for each in found] == [name]
        assert found[0]["image"] == ("example.com/orders:1" if name == "orders" else name)


def test_nothing_is_written_by_a_dry_run_or_a_check(root: Path, kgen: Kgen, tree) -> None:
    before = tree(root)
    code, out, _ = kgen("deploy", "k8s", "--dry-run", "--json")
    assert code == 0
    answer = json.loads(out)
    assert answer["files"] == [{"path": path, "action": "add", "reason": ""} for path in (K8S, *IMAGE)]
    assert (answer["changes"], answer["written"]) == (True, False)
    assert kgen("deploy", "k8s", "--check")[0] == 1
    assert tree(root) == before


def test_edits_stay_when_it_is_written_again(root: Path, kgen: Kgen) -> None:
    kgen("deploy", "k8s")
    path = root / K8S
    edited = path.read_text().replace("periodSeconds: 10", "periodSeconds: 30")
    path.write_text(f"{edited}# mine\n")
    toml = root / "kgen.toml"
    toml.write_text(toml.read_text().replace("orders:1", "orders:2") + 'memory = "2Gi"\n')
    code, out, _ = kgen("deploy", "k8s")
    assert (code, out) == (0, f"~ {K8S}\n")
    text = path.read_text()
    assert "periodSeconds: 30" in text
    assert text.endswith("# mine\n")
    assert "orders:2" in text
    assert text.count('memory: "2Gi"') == 2


def test_an_edit_of_the_same_line_is_a_conflict_to_resolve(root: Path, kgen: Kgen) -> None:
    kgen("deploy", "k8s")
    path = root / K8S
    mine = path.read_text().replace("terminationGracePeriodSeconds: 70", "terminationGracePeriodSeconds: 300")
    path.write_text(mine)
    toml = root / "kgen.toml"
    toml.write_text(toml.read_text() + "epoch_interval = 30\n")
    code, out, _ = kgen("deploy", "k8s")
    assert code == 3
    solve = f".kgen/conflicts/{K8S}"
    assert out == f"! {K8S}  1 place: solve {solve}\n"
    assert path.read_text() == mine
    solved = re.sub(
        r"<<<<<<< yours\n(.*?)\|{7}.*?>>>>>>> kgen\n", r"\1", (root / solve).read_text(), flags=re.S
    )
    (root / solve).write_text(solved)
    assert kgen("deploy", "k8s")[0] == 3
    assert kgen("resolve", K8S)[0] == 0
    assert "terminationGracePeriodSeconds: 300" in path.read_text()
    assert '"30"' in path.read_text()
    assert kgen("deploy", "k8s", "--check")[0] == 0


def test_what_was_deleted_stays_deleted_unless_asked_for(root: Path, kgen: Kgen) -> None:
    kgen("deploy", "k8s")
    (root / K8S).unlink()
    assert kgen("deploy", "k8s")[0] == 0
    assert not (root / K8S).exists()
    assert kgen("deploy", "k8s", "--recreate")[:2] == (0, f"+ {K8S}\n")


def test_pulls_leave_them_alone(tmp_path: Path, registry: FakeRegistry, kgen: Kgen) -> None:
    """They are no orphans, one that was deleted stays so, and a conflict is shown."""
    root = tmp_path / "p"
    registry.add("orders-value", {"type": "record", "name": "Order", "fields": []})
    assert kgen("pull", "--registry", registry.url)[0] == 0
    assert kgen("deploy", "k8s")[0] == 0
    (root / IMAGE[0]).unlink()
    assert kgen("status")[:2] == (0, "everything matches the lock\n")
    assert kgen("pull", "--frozen")[:2] == (0, "nothing changed\n")
    assert kgen("deploy", "k8s")[:2] == (0, "")
    assert not (root / IMAGE[0]).exists()
    (root / K8S).write_text((root / K8S).read_text().replace("replicas: 1", "replicas: 9"))
    (root / "kgen.toml").write_text((root / "kgen.toml").read_text() + "\n[deploy.orders]\nprocesses = 2\n")
    assert kgen("deploy", "k8s")[0] == 3
    assert kgen("status")[:2] == (1, f"conflict  {K8S}  has an open merge conflict\n")


def test_a_folder_with_other_files_keeps_them(root: Path, kgen: Kgen) -> None:
    """Also one that has a file of that name, which kgen did not write."""
    (root / "ops/orders").mkdir(parents=True)
    (root / "ops/notes.md").write_text("mine")
    (root / "ops/orders/k8s.yaml").write_text("kind: Mine\n")
    code, out, _ = kgen("deploy", "k8s", "--to", "ops")
    assert code == 0
    assert out.startswith("! ops/orders/k8s.yaml  not created by kgen: kept")
    assert (root / "ops/orders/k8s.yaml").read_text() == "kind: Mine\n"
    assert (root / "ops/notes.md").read_text() == "mine"


@pytest.mark.parametrize("folder", ["../elsewhere", "/nowhere", "", ".kgen/base"])
def test_no_folder_outside_of_the_project(root: Path, kgen: Kgen, tree, folder: str) -> None:
    before = tree(root)
    code, _, err = kgen("deploy", "k8s", "--to", folder)
    assert code == 2
    assert f"{folder!r} is not a folder of the project" in err
    assert tree(root) == before
    assert [each.name for each in root.parent.iterdir()] == ["p"]


def test_a_link_out_of_the_project_is_refused(root: Path, kgen: Kgen, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "deploy").symlink_to(tmp_path / "elsewhere")
    code, _, err = kgen("deploy", "k8s")
    assert code == 2
    assert "a link leads out of the project folder" in err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_where_the_folder_should_be(root: Path, kgen: Kgen) -> None:
    (root / "deploy").write_text("")
    code, _, err = kgen("deploy", "k8s")
    assert code == 2
    assert "a file stands where a folder must be" in err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["order"], "no flow called order", "did you mean orders?"),
        (["x"], "no flow called x", "it has orders, daily_totals and größe"),
        (["streams.flows.gone:flow"], "no module streams.flows.gone", "package.module:name"),
        (["streams.flows.orders:flwo"], "streams.flows.orders has no flwo", "streams.flows.orders:flow?"),
        (
            ["größe"],
            "'größe' cannot be the name of a deployment",
            '[deploy.NAME] flow = "streams.flows.größe:flow"',
        ),
        (["streams.flows.broken"], "not valid Python", "correct it first"),
        (["../../etc/passwd"], "is not the name of a flow", "package.module:name"),
    ],
)
def test_flows_that_are_not_there(tmp_path: Path, kgen: Kgen, words, said: str, hint: str) -> None:
    root = make(tmp_path / "p", TABLE, ("orders", "daily_totals", "größe"))
    (root / "streams/flows/__init__.py").with_name("broken.py").write_text("def flow(:\n")
    if words == ["x"]:
        (root / "streams/flows/broken.py").unlink()
    code, out, err = kgen("deploy", "k8s", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert hint in err
    assert not (root / "deploy").exists()


def test_without_tables_it_is_the_only_flow(tmp_path: Path, kgen: Kgen) -> None:
    make(tmp_path / "p", flows=("orders",))
    code, out, err = kgen("deploy", "k8s")
    assert (code, out) == (0, ADDED)
    assert "the image is called orders" in err


def test_without_tables_and_with_several_flows_it_asks(tmp_path: Path, kgen: Kgen) -> None:
    make(tmp_path / "p")
    code, _, err = kgen("deploy", "k8s")
    assert code == 2
    assert "which flow? The project has daily_totals and orders" in err


def test_without_a_project(tmp_path: Path, kgen: Kgen) -> None:
    (tmp_path / "p").mkdir()
    code, _, err = kgen("deploy", "k8s")
    assert code == 2
    assert "there is no kgen.toml" in err
    assert list((tmp_path / "p").iterdir()) == []


def test_what_only_this_machine_reaches_is_left_out_and_named(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", TABLE)
    text = (root / "kgen.toml").read_text()
    for local in ("http://localhost:8081", "http://127.0.0.1", "http://[::1]:8081/x"):
        (root / "kgen.toml").write_text(text.replace("https://registry.example.com", local))
        code, _, err = kgen("deploy", "k8s")
        assert code == 0
        assert f"KGEN_REGISTRY_URL is not set ({local} is this machine)" in err
        assert "KGEN_REGISTRY_URL" not in (root / K8S).read_text()
    assert "kafka-1:9092,kafka-2:9092" in (root / K8S).read_text()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("processes = 0", "deploy.x.processes must be a number from 1 to 1,000"),
        ("processes = 1000000", "deploy.x.processes must be a number from 1 to 1,000"),
        ("processes = true", "deploy.x.processes"),
        ("workers = 1.5", "deploy.x.workers"),
        ("epoch_interval = -1", "deploy.x.epoch_interval must be a number of seconds"),
        ("epoch_interval = nan", "deploy.x.epoch_interval must be a number of seconds"),
        ("epoch_interval = inf", "deploy.x.epoch_interval must be a number of seconds"),
        ('image = "a b"', "deploy.x.image must be the name of an image"),
        ('image = "a\\n"', "deploy.x.image"),
        ('memory = "512MiB"', "deploy.x.memory must be a number of bytes"),
        ('memory = "0"', "deploy.x.memory"),
        ('memory = "٥"', "deploy.x.memory"),
        ('cpu = "0"', "deploy.x.cpu"),
        ("recovery = true", "deploy.x.recovery must be the size of the recovery volume, or false"),
        ('recovery = ""', "deploy.x.recovery"),
        ('flow = "a b"', "deploy.x.flow must be package.module:name"),
        ('secret = "A"', "deploy.x.secret"),
        ('env = { KGEN_KAFKA_SASL_PASSWORD = "hunter2" }', "KGEN_KAFKA_SASL_PASSWORD looks like a secret"),
        ('env = { KGEN_REGISTRY_TOKEN = "hunter2" }', "KGEN_REGISTRY_TOKEN looks like a secret"),
        ('env = { KGEN_KAFKA_SSL_KEY_PEM = "hunter2" }', "KGEN_KAFKA_SSL_KEY_PEM looks like a secret"),
        ('env = { URL = "https://me:hunter2@host" }', "URL looks like a secret"),
        ('env = { BYTEWAX_PROCESS_ID = "1" }', "BYTEWAX_PROCESS_ID is not for env"),
        ('env = { "a b" = "1" }', "'a b' cannot be the name of an environment variable"),
        ('env = { A = "a\\u0000b" }', "A has control characters"),
        ('secret_files = { A = "a.pem" }', "deploy.x.secret_files need deploy.x.secret"),
        (
            'secret = "s"\nsecret_files = { A = "a/b.pem" }',
            "deploy.x.secret_files.A must be the name of a file",
        ),
        (
            'secret = "s"\nsecret_files = { A = "..pem" }',
            "deploy.x.secret_files.A must be the name of a file",
        ),
        ('secret = "s"\nsecret_files = { KGEN_HEALTH = "a" }', "KGEN_HEALTH is not for secret_files"),
        ('secret = "s"\nsecret_files = "a.pem"', "deploy.x.secret_files must be a table of files"),
        (
            'secret = "s"\nsecret_files = { A = "a" }\nenv = { A = "a" }',
            "A is in both deploy.x.env and deploy.x.secret_files",
        ),
        ("env = { A = 1 }", "deploy.x.env must be a table of texts"),
        ("health_port = 0", "deploy.x.health_port must be a port"),
        ("metrics_port = 65000", "deploy.x.metrics_port must be a port"),
        ("health_port = 3030", "deploy.x.health_port 3030 and deploy.x.metrics_port 3030 are too near"),
        ("health_port = 3031\nprocesses = 2", "are too near to each other"),
        ("metrics_port = 2101", "deploy.x.metrics_port is 2101, where the processes of a flow meet"),
        ('venv = "opt/x"', "deploy.x.venv must be the absolute path"),
        ("image_name = 1", "unknown setting deploy.x.image_name"),
    ],
)
def test_settings_that_are_refused(table: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(f"[deploy.x]\n{table}\n")
    assert said in caught.value.what
    assert caught.value.where is not None
    assert "kgen.toml" in caught.value.where
    assert "hunter2" not in f"{caught.value.what} {caught.value.hint}"


@pytest.mark.parametrize("name", ["A", "größe", '"a.b"', "1a", "a-", "x" * 41, '"on\\n"', '"a/../b"'])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(f"[deploy.{name if name.isascii() else json.dumps(name)}]\n")
    assert "cannot be the name of a deployment" in caught.value.what


def test_two_tables_with_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="have one name in a cluster: a-b"):
        settings("[deploy.a_b]\n[deploy.a-b]\n")
