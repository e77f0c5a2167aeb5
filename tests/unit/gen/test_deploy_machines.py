"""`kgen deploy compose` and `systemd`, and the Dockerfile, held to the tools of those who read them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gen.deploy_projects import Kgen, make, unit_words

from kgen.deploy.quoting import compose_text, unit_argument, unit_text
from kgen_runtime.runner import arguments

VALUE = "a: b # c\nd\t'\"$x ${y} $$ %h %% \\n {{ x }} größe 😀"
SEVERAL = f"""
[deploy.on]
flow = "streams.flows.orders:flow"
image = "registry.example.com:5000/orders:1.10"
processes = 3
epoch_interval = 0.5
secret = "orders"
venv = "{sys.prefix}"

[deploy.on.env]
"on" = "1.10"
A = {yaml.dump(VALUE, default_style='"', allow_unicode=True, width=1000).strip()}

[deploy.on.secret_files]
KGEN_KAFKA_SSL_KEY_LOCATION = "client.key"
KGEN_REGISTRY_CA = "ca.pem"
"""
ONE = f'[deploy.orders]\nrecovery = false\nvenv = "{sys.prefix}"\n'
HOSTS = f"""
[deploy.orders]
hosts = ["orders-0.example.com", "10.0.0.7", "[fd00::7]"]
venv = "{sys.prefix}"
memory = "1Gi"
"""
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"))
TOOLS = Path(sys.executable).parent


def run(*command: Any) -> tuple[int, str]:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def composed(path: Path) -> Any:
    """As Compose reads it, with the variables of an environment that has none."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(each) for key, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return re.sub(r"\$(\$|\w+|\{[^}]*\})", _variable, value) if isinstance(value, str) else value

    return plain(yaml.safe_load(path.read_text(encoding="utf-8")))


def _variable(found: re.Match[str]) -> str:
    return "$" if found[1] == "$" else ""


@pytest.mark.parametrize("toml", [ONE, SEVERAL])
def test_it_is_what_compose_takes(tmp_path: Path, kgen: Kgen, toml: str) -> None:
    root = make(tmp_path / "p", toml)
    assert kgen("deploy", "compose")[0] == 0
    (path,) = (root / "deploy").rglob("compose.yaml")
    found = composed(path)
    schema = get_builtin_schema("vendor.compose-spec")
    jsonschema.validators.validator_for(schema)(schema).validate(found)
    assert (found.get("volumes") is None) == ("false" in toml)
    build = found["x-flow"]["build"]
    assert (path.parent / build["context"]).resolve() == root.resolve()
    assert (root / build["dockerfile"]).is_file()


def test_compose_has_a_service_for_each_process(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", SEVERAL)
    kgen("deploy", "compose", "--to", "ops/deep")
    found = composed(root / "ops/deep/on/compose.yaml")
    assert list(found["services"]) == ["on-0", "on-1", "on-2"]
    for number, service in enumerate(found["services"].values()):
        env = service["environment"]
        assert env["BYTEWAX_PROCESS_ID"] == str(number)
        assert env["BYTEWAX_ADDRESSES"] == "on-0:2101;on-1:2101;on-2:2101"
        assert (env["on"], env["A"]) == ("1.10", VALUE)
        assert env["KGEN_KAFKA_SSL_KEY_LOCATION"] == "/secrets/client.key"
        assert service["volumes"] == ["recovery:/recovery", "/etc/orders-files:/secrets:ro"]
        assert service["env_file"] == [{"path": "/etc/orders.env", "format": "raw"}]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["stop_grace_period"] == "61s"
        assert service["image"] == "registry.example.com:5000/orders:1.10"
    context = found["x-flow"]["build"]["context"]
    assert (root / "ops/deep/on" / context).resolve() == root.resolve()


@given(TEXTS)
def test_a_text_stays_itself_in_compose(text: str) -> None:
    read = yaml.safe_load(compose_text(text))
    assert re.sub(r"\$(\$|\w+|\{[^}]*\})", _variable, read) == text


@given(TEXTS, TEXTS)
def test_a_text_stays_itself_in_a_unit(first: str, second: str) -> None:
    assert unit_words(unit_text(first)) == [first]
    words = unit_words(f"{unit_argument(first)} {unit_argument(second)}")
    assert [word.replace("$$", "$") for word in words] == [first, second]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("toml", [ONE, SEVERAL, HOSTS])
def test_systemd_takes_the_unit_and_finds_it_closed(tmp_path: Path, kgen: Kgen, toml: str) -> None:
    root = make(tmp_path / "p", toml)
    assert kgen("deploy", "systemd")[0] == 0
    (path,) = (root / "deploy").rglob("*.service")
    if "@" in path.name:
        path = path.rename(path.with_name(path.name.replace("@", "@2")))
    assert run("systemd-analyze", "verify", path) == (0, "")
    code, out = run("systemd-analyze", "security", "--offline=yes", "--threshold=20", path)
    assert code == 0, out


def test_the_unit_runs_all_processes(tmp_path: Path, kgen: Kgen, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make(tmp_path / "p", SEVERAL)
    monkeypatch.chdir(root)
    code, out, err = kgen("deploy", "systemd")
    assert (code, out) == (0, "+ deploy/on/on.service\n")
    assert "sudo cp deploy/on/on.service /etc/systemd/system/" in err
    text = (root / "deploy/on/on.service").read_text(encoding="utf-8")
    lines = [line.partition("=")[::2] for line in text.splitlines() if "=" in line]
    values = dict(lines)
    assert unit_words(values["ExecStart"])[:4] == [
        f"{sys.prefix}/bin/python",
        "-m",
        "kgen_runtime.run",
        "streams.flows.orders:flow",
    ]
    assert values["ExecStart"].endswith("--recovery %S/on --processes 3")
    assert values["StateDirectory"] == "on"
    assert values["EnvironmentFile"] == "/etc/orders.env"
    assert values["RestartPreventExitStatus"] == "65"
    assert float(values["TimeoutStopSec"]) > 30.5
    env = [word for name, value in lines if name == "Environment" for word in unit_words(value)]
    assert f"A={VALUE}" in env
    assert "KGEN_KAFKA_SSL_KEY_LOCATION=%d/client.key" in env
    given = [value for name, value in lines if name == "LoadCredential"]
    assert given == ["client.key:/etc/orders-files/client.key", "ca.pem:/etc/orders-files/ca.pem"]


def test_on_several_hosts_a_unit_runs_one_of_the_processes(tmp_path: Path, kgen: Kgen) -> None:
    """Which one, says its name on that host. The runner takes what the unit gives it."""
    root = make(tmp_path / "p", f"{HOSTS}\n[deploy.daily_totals]\n")
    code, out, err = kgen("deploy", "systemd")
    assert (code, out) == (
        0,
        "+ deploy/orders/orders@.service\n+ deploy/daily-totals/daily-totals.service\n",
    )
    assert "enable daily-totals.service && sudo systemctl restart daily-totals.service\n" in err
    assert "NUMBER being 0 on orders-0.example.com, 1 on 10.0.0.7, 2 on [fd00::7]: sudo cp " in err
    assert "deploy/orders/orders@.service /etc/systemd/system/" in err
    assert err.strip().endswith("enable orders@NUMBER && sudo systemctl restart orders@NUMBER")
    text = (root / "deploy/orders/orders@.service").read_text(encoding="utf-8")
    values = dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    words = unit_words(values["ExecStart"].replace("%i", "2"))
    args = arguments.parse(words[3:])
    assert args.process_id == 2
    assert args.addresses == "orders-0.example.com:2101;10.0.0.7:2101;[fd00::7]:2101"
    assert values["MemoryMax"] == str(1 << 30)
    assert "KillMode" not in values


def test_flows_of_one_machine_share_no_port(tmp_path: Path, kgen: Kgen) -> None:
    make(tmp_path / "p", "[deploy.orders]\nprocesses = 2\n[deploy.daily_totals]\nhealth_port = 8081\n")
    _, _, err = kgen("deploy", "systemd")
    said = "daily-totals: {} is a port of orders too: on one machine each needs its own"
    for port in ("health_port 8081", "metrics_port 3030"):
        assert said.format(port) in err
    assert "too" not in kgen("deploy", "k8s")[2]


def test_the_unit_of_another_way_to_run_it_is_named(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", ONE)
    assert "another way" not in kgen("deploy", "systemd")[2]
    (root / "kgen.toml").write_text((root / "kgen.toml").read_text() + 'hosts = ["a", "b"]\n')
    assert "deploy/orders/orders.service is of another way to run it" in kgen("deploy", "systemd")[2]


def test_what_only_this_machine_reaches_is_not_for_other_hosts(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", HOSTS)
    toml = (root / "kgen.toml").read_text()
    (root / "kgen.toml").write_text(toml.replace("https://registry.example.com", "http://localhost:8081"))
    _, _, err = kgen("deploy", "systemd")
    assert "orders: KGEN_REGISTRY_URL is not set (http://localhost:8081 is this machine)" in err
    assert "KGEN_REGISTRY_URL" not in (root / "deploy/orders/orders@.service").read_text()


def test_containers_have_as_many_processes_as_there_are_hosts(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", HOSTS)
    assert kgen("deploy", "compose", "orders")[0] == 0
    assert len(composed(root / "deploy/orders/compose.yaml")["services"]) == 3


@pytest.mark.parametrize(
    ("hosts", "error"),
    [
        ('["a", "b"]\nprocesses = 3', "hosts has 2, and deploy.orders.processes is 3"),
        ('["a"]', "must be a list of 2 hosts or more"),
        ('"a;b"', "must be a list"),
        ('["a", "A"]', "has a host twice"),
        ('["a", "b:2101"]', "without a port"),
        ('["a", "b;c"]', "without a port"),
        ('["a", "b\\n"]', "without a port"),
        ('["a", ""]', "without a port"),
        ('["a", 5]', "without a port"),
    ],
)
def test_hosts_that_cannot_be_are_refused(tmp_path: Path, kgen: Kgen, hosts: str, error: str) -> None:
    make(tmp_path / "p", f"[deploy.orders]\nhosts = {hosts}\n")
    code, out, err = kgen("deploy", "systemd")
    assert (code, out) == (2, "")
    assert error in err


def test_a_flow_beside_its_brokers_keeps_their_addresses(tmp_path: Path, kgen: Kgen) -> None:
    """What is on this machine a unit reaches, and a container does not."""
    root = make(tmp_path / "p", ONE)
    toml = (root / "kgen.toml").read_text()
    (root / "kgen.toml").write_text(toml.replace("kafka-1:9092,kafka-2:9092", "127.0.0.1:9092"))
    _, _, err = kgen("deploy", "systemd")
    assert "not set" not in err
    assert "KGEN_BROKERS=127.0.0.1:9092" in (root / "deploy/orders/orders.service").read_text()
    _, _, err = kgen("deploy", "compose")
    assert "KGEN_BROKERS is not set (127.0.0.1:9092 is this machine)" in err
    assert "KGEN_BROKERS" not in (root / "deploy/orders/compose.yaml").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="hadolint has no wheel for Windows")
def test_the_dockerfile_is_what_hadolint_takes(tmp_path: Path, kgen: Kgen) -> None:
    root = make(tmp_path / "p", ONE)
    assert kgen("deploy", "k8s")[0] == 0
    path = root / "deploy/Dockerfile"
    assert run(TOOLS / "hadolint", "--no-color", "--failure-threshold", "style", path) == (0, "")
    steps = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    stages = [step for step in steps if step[0] == "FROM"]
    assert len(stages) == 2
    last = steps[steps.index(stages[-1]) :]
    assert ["USER", "10001:10001"] in last
    copied = [step for step in steps if step[0] in ("COPY", "ADD")]
    assert copied == [["COPY", "dist/*.whl", "/dist/"], ["COPY", "--from=build", "/opt/flow", "/opt/flow"]]
    ignored = (root / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert [line for line in ignored if not line.startswith("#")] == ["*", "!dist", "dist/*", "!dist/*.whl"]


def test_a_secret_is_nowhere(tmp_path: Path, kgen: Kgen, monkeypatch: pytest.MonkeyPatch, tree) -> None:
    """Not what the environment has, either."""
    for name in ("KGEN_KAFKA_SASL_PASSWORD", "KGEN_REGISTRY_PASSWORD", "KGEN_REGISTRY_TOKEN", "KGEN_BROKERS"):
        monkeypatch.setenv(name, "hunter2")
    root = make(tmp_path / "p", SEVERAL)
    for platform in ("k8s", "compose", "systemd"):
        code, out, err = kgen("deploy", platform)
        assert code == 0
        assert "hunter2" not in out + err
    assert not [path for path, content in tree(root).items() if b"hunter2" in content]
