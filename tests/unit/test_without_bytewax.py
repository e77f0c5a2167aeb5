"""What works without Bytewax, and what the rest reports. Each runs in a process in which importing Bytewax
fails.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgen_runtime as rt
from kgen.cli.app import _COMMANDS
from kgen.dev import Dev
from kgen_runtime import serde

ROOT = Path(__file__).resolve().parents[2]
ORDERS = ROOT / "examples" / "orders"
BLOCKER = """
import importlib.abc, importlib.util, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "bytewax":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *args: None if name == "bytewax" else find_spec(name, *args)
"""
NO_BUILD = "Bytewax has no build for this Python"


@pytest.fixture
def blocked(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python that has no Bytewax."""
    folder = tmp_path / "blocked"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BLOCKER)
    paths = [str(folder), str(ORDERS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def python(env: dict[str, str], *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=env, cwd=cwd, capture_output=True, text=True, timeout=120
    )


def out_of(env: dict[str, str], code: str) -> str:
    done = python(env, "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_bytewax_is_blocked_in_these_tests(blocked: dict[str, str]) -> None:
    assert "No module named 'bytewax'" in python(blocked, "-c", "import bytewax.operators").stderr


@pytest.mark.parametrize(
    "module", ["kgen_runtime", "kgen_runtime.codec", "kgen_runtime.serde", "kgen.cli.app"]
)
def test_a_module_is_imported_without_bytewax(blocked: dict[str, str], module: str) -> None:
    out_of(blocked, f"import {module}")


@pytest.mark.parametrize(
    "name",
    ["AvroSerde", "Kafka", "Message", "Topic", "of_branch", "read", "Writer", "to_json", "DecodeError"],
)
def test_a_public_name_that_needs_no_dataflow_is_there(blocked: dict[str, str], name: str) -> None:
    assert out_of(blocked, f"import kgen_runtime as rt; print(rt.{name}.__name__)") == name


def test_generated_code_reads_what_it_wrote(blocked: dict[str, str]) -> None:
    code = """
import kgen_runtime as rt
from shop._generated import orders
store = rt.SchemaStore(None)
data = orders.key.encoder(store, "key").encode("o-1")
print(orders.topic.name, orders.key.decoder(store, "key").decode_many([data]).values)
"""
    assert out_of(blocked, code) == "orders ['o-1']"


def test_a_value_becomes_json(blocked: dict[str, str]) -> None:
    code = """
import kgen_runtime as rt
from shop._generated import address
print(rt.to_json(address.Address(street="a", city="b", country="DE")))
"""
    assert json.loads(out_of(blocked, code))["city"] == "b"


@pytest.mark.broker
def test_a_topic_is_written_and_read(blocked: dict[str, str], dev: Dev) -> None:
    code = """
import kgen_runtime as rt
topic = rt.Topic("without-bytewax", key=rt.StringSerde(), value=rt.IntSerde())
with rt.Writer(topic, rt.Kafka.from_env(), create=1) as writer:
    writer.send(7, key="k")
print([message.value for message in rt.read(topic, rt.Kafka.from_env())])
"""
    assert out_of({**blocked, "KGEN_BROKERS": dev.brokers}, code) == "[7]"


@pytest.mark.parametrize("command", _COMMANDS)
def test_a_command_of_the_generator_shows_its_help(blocked: dict[str, str], command: str) -> None:
    done = python(blocked, "-m", "kgen", command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"kgen {command}" in done.stdout


def test_the_generator_works_on_a_project(blocked: dict[str, str]) -> None:
    done = python(blocked, "-m", "kgen", "pull", "--frozen", "--check", "--json", "--out", str(ORDERS))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["written"] is False


def test_doctor_says_that_flows_cannot_run_here(blocked: dict[str, str], tmp_path: Path) -> None:
    env = {**blocked, "KGEN_REGISTRY_URL": "", "KGEN_BROKERS": ""}
    done = python(env, "-m", "kgen", "doctor", "--json", "shop.flows.orders:flow", cwd=tmp_path)
    findings = {each["name"]: each for each in json.loads(done.stdout)["findings"]}
    assert done.returncode == 2
    assert findings["flow"]["state"] == "error"
    assert "Bytewax" in findings["flow"]["detail"]
    assert "3.12" in findings["flow"]["hint"]


@pytest.mark.parametrize("name", ["source", "sink", "deserialize", "DeadLetter", "Recovery"])
def test_a_name_of_dataflows_says_what_is_missing_and_what_to_do(blocked: dict[str, str], name: str) -> None:
    code = f"""
import kgen_runtime as rt
try:
    rt.{name}
except rt.ConfigError as e:
    print(e)
"""
    what, where, hint = out_of(blocked, code).splitlines()
    assert what == "dataflows need Bytewax, which is not installed"
    assert where == "  at kgen_runtime.{}, Python {}.{}".format(name, *sys.version_info[:2])
    assert hint.startswith("  hint: ")
    assert "3.12" in hint


@pytest.mark.parametrize("arguments", [(), ("--log-format", "json")], ids=["text", "json"])
def test_the_runner_says_it_too_and_exits_with_2(blocked: dict[str, str], arguments: tuple[str, ...]) -> None:
    done = python(blocked, "-m", "kgen_runtime.run", "shop.flows.orders:flow", *arguments)
    assert done.returncode == 2
    if arguments:
        assert json.loads(done.stderr)["what"] == "dataflows need Bytewax, which is not installed"
    else:
        assert done.stderr.startswith(
            "error: dataflows need Bytewax, which is not installed\n  at kgen_runtime.run"
        )


def test_an_import_that_fails_within_bytewax_is_not_taken_for_a_missing_bytewax(tmp_path: Path) -> None:
    (tmp_path / "bytewax.py").write_text("import not_there_at_all")
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = python(env, "-c", "import kgen_runtime as rt; rt.source")
    assert "ModuleNotFoundError: No module named 'not_there_at_all'" in done.stderr


def test_nothing_heavy_is_loaded_for_what_does_not_need_it(blocked: dict[str, str]) -> None:
    heavy = {"bytewax", "confluent_kafka", "requests", "jinja2", "typer", "prometheus_client", "fastavro"}
    code = f"import sys, kgen.__main__, kgen_runtime.codec; print(sorted({heavy!r} & set(sys.modules)))"
    assert out_of(blocked, code) == "[]"


def test_a_flow_loads_neither_an_http_client_nor_what_its_steps_do_not_need() -> None:
    pytest.importorskip("bytewax", reason=NO_BUILD)
    unneeded = {
        "requests",
        "bytewax.connectors.kafka",
        "bytewax.operators.windowing",
        "kgen_runtime.codec.json.schema.json_tree",
        "kgen_runtime.codec.protobuf.schema.proto_tree",
        "kgen_runtime.serde.json_serde",
        "kgen_runtime.serde.protobuf_serde",
    }
    used = (
        "rt.source, rt.map_value, rt.sink, rt.route, rt.check, rt.AvroSerde, rt.Kafka('host:1', registry='x')"
    )
    code = (
        f"import sys, kgen_runtime.run, kgen_runtime as rt; {used}; "
        f"print(sorted({unneeded!r} & set(sys.modules)))"
    )
    assert out_of(dict(os.environ), code) == "[]"


def test_source_and_sink_stay_functions_after_their_modules_were_imported() -> None:
    pytest.importorskip("bytewax", reason=NO_BUILD)
    code = "import kgen_runtime.run, kgen_runtime as rt; print(callable(rt.source), callable(rt.sink))"
    assert out_of(dict(os.environ), code) == "True True"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kgen_runtime' has no attribute 'sauce'"):
        rt.sauce  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_is_listed_and_found() -> None:
    assert set(rt.__all__) <= set(dir(rt))
    pytest.importorskip("bytewax", reason=NO_BUILD)
    assert all(getattr(rt, name) is not None for name in rt.__all__)


def test_type_checkers_see_the_imports_that_are_made() -> None:
    tree = ast.parse(Path(rt.__file__).read_text(encoding="utf-8"))
    (checked,) = (
        each for each in tree.body if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
    )
    # mypy has signatures of its own for some.
    (for_mypy,) = (each for each in checked.body if isinstance(each, ast.If))
    imports = [each for each in (*checked.body, *for_mypy.orelse) if isinstance(each, ast.ImportFrom)]
    assert {each.module for each in for_mypy.body if isinstance(each, ast.ImportFrom)} == {
        "steps.mypy_signatures"
    }
    seen = {
        alias.name: f"{'.' * each.level}{each.module or alias.name}"
        for each in imports
        for alias in each.names
    }
    assert seen == rt._MODULES


def test_type_checkers_see_the_imports_that_are_made_of_serdes() -> None:
    tree = ast.parse(Path(serde.__file__).read_text(encoding="utf-8"))
    (checked,) = (
        each for each in tree.body if isinstance(each, ast.If) and ast.unparse(each.test) == "TYPE_CHECKING"
    )
    imports = [each for each in checked.body if isinstance(each, ast.ImportFrom)]
    seen = {alias.name: f".{each.module}" for each in imports for alias in each.names}
    assert seen == serde._MODULES
    assert set(seen) == set(serde.__all__)
