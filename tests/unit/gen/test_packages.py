"""A package inside of another: `acme.streams`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kgen.cli import app
from kgen.cli.next_line import run_line
from kgen.cli.pull_command import _WITHOUT_FLOW
from kgen.project.from_here import command_from_here

ORDER = {"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}
CLICK = {"type": "record", "name": "web.Click", "fields": [{"name": "url", "type": "string"}]}


@pytest.fixture
def project(registry, tmp_path, capsys):
    registry.add("orders-value", ORDER)
    registry.add("clicks-value", CLICK)
    pull = ["pull", "--registry", registry.url, "--package", "acme.streams", "--out", str(tmp_path)]
    assert app.run(pull) == 0
    again = command_from_here(tmp_path, "kgen pull")
    assert capsys.readouterr().err.endswith(
        f"next: {run_line(tmp_path, 'acme.streams', 'clicks')}\n{_WITHOUT_FLOW}{again}\n"
    )
    return tmp_path


def python(project, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_it_stands_in_folders_and_its_tests_pass(project):
    files = {p.relative_to(project).as_posix() for p in (project / "acme").rglob("*.py")}
    assert {"acme/__init__.py", "acme/streams/_generated/orders.py", "acme/streams/flows/orders.py"} <= files
    done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_its_flows_run(project):
    run = ("-m", "kgen_runtime.run", "acme.streams.flows.orders:flow")
    assert "KGEN_BROKERS" in python(project, *run).stderr
    (project / "acme/__init__.py").unlink()  # others share the namespace
    assert "KGEN_BROKERS" in python(project, *run).stderr
    assert app.run(["pull", "--out", str(project)]) == 0
    assert not (project / "acme/__init__.py").exists()


def test_later_pulls_merge_name_lines_and_clean_up(project, registry, capsys):
    flow = project / "acme/streams/flows/orders.py"
    flow.write_text(flow.read_text().replace("    return order\n", "    print(order.id)\n    return order\n"))
    renamed = {**ORDER, "fields": [{"name": "key", "type": "string", "aliases": ["id"]}]}
    registry.add("orders-value", renamed)
    del registry.subjects["clicks-value"]
    assert app.run(["pull", "--json", "--out", str(project)]) == 0
    made = json.loads(capsys.readouterr().out)
    named = [(u["path"], u["line"]) for u in made["impact"] if "orders" in u["path"]]
    line = flow.read_text().splitlines().index("    print(order.id)") + 1
    assert named == [("acme/streams/flows/orders.py", line)]
    assert not (project / "acme/streams/_generated/clicks.py").exists()
    effects = {s["subject"]: s["effects"] for s in made["subjects"]}
    assert effects["orders-value"] == ["models rewritten"]
    assert app.run(["status", "--out", str(project)]) in (0, 1)
    assert "stale" not in capsys.readouterr().out


def test_another_package_takes_the_generated_files_along(project, capsys):
    settings = project / "kgen.toml"
    settings.write_text(settings.read_text().replace("acme.streams", "acme.flows"))
    assert app.run(["pull", "--out", str(project)]) == 0
    capsys.readouterr()
    assert not (project / "acme/streams/_generated").exists()
    assert (project / "acme/flows/flows/orders.py").exists()
    assert (project / "acme/streams/flows/orders.py").exists()  # yours


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_a_subject_whose_topic_no_client_can_name_is_a_library(registry, tmp_path, capsys):
    registry.add("clicks-value", CLICK)
    registry.add("a\0b-value", ORDER)
    assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path)]) == 0
    assert [p.name for p in (tmp_path / "streams/flows").glob("[!_]*.py")] == ["clicks.py"]
    assert "shop.Order" in "".join(p.read_text() for p in (tmp_path / "streams/_generated").glob("a_b_*.py"))
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
