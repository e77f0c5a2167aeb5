"""The line after `next:` runs what was written, where the user is."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from kgen.actions import inputs
from kgen.cli import next_line


@pytest.fixture(autouse=True)
def kgen_on_path(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kgen").write_text("#!/bin/sh\n")
    (folder / "kgen").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("KGEN_BROKERS", "kafka:9092")
    return folder


RUN = "kgen run acme.streams.flows.orders:flow --recovery .recovery/orders"


def test_in_the_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert next_line.run_line(tmp_path, "acme.streams", "orders") == RUN


@pytest.mark.parametrize(("here", "goes"), [("", "cd 'my shop'"), ("my shop/acme/streams", "cd ../..")])
def test_elsewhere_it_goes_to_the_project_first(tmp_path, monkeypatch, here, goes):
    root = tmp_path / "my shop"
    (root / "acme" / "streams").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / here)
    line = next_line.run_line(root, "acme.streams", "orders")
    assert line == f"{goes} && {RUN}"
    assert Path(shlex.split(line)[1]).samefile(root)


@pytest.mark.parametrize(
    ("settings", "brokers"), [("", "localhost:9092"), ('[kafka]\nbrokers = "a:1,b:2"\n', "a:1,b:2")]
)
def test_it_names_brokers_if_the_environment_has_none(tmp_path, monkeypatch, settings, brokers):
    monkeypatch.delenv("KGEN_BROKERS")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kgen.toml").write_text(settings)
    assert next_line.run_line(tmp_path, "acme.streams", "orders") == f"KGEN_BROKERS={brokers} {RUN}"


@pytest.mark.parametrize("present", ["", "kafka:9092", "127.0.0.1:56647"])
def test_of_a_pull_of_kgen_dev_it_names_the_brokers_of_that(tmp_path, monkeypatch, present):
    monkeypatch.setenv("KGEN_BROKERS", present)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kgen.toml").write_text('[kafka]\nbrokers = "a:1"\n')
    monkeypatch.setattr("os.environ", inputs.environ_of_dev("127.0.0.1:56647"))
    line = next_line.run_line(tmp_path, "acme.streams", "orders")
    assert line == (RUN if present.startswith("127") else f"KGEN_BROKERS=127.0.0.1:56647 {RUN}")


def test_without_the_command_it_names_the_module(tmp_path, monkeypatch, kgen_on_path):
    monkeypatch.chdir(tmp_path)
    (kgen_on_path / "kgen").unlink()
    line = next_line.run_line(tmp_path, "acme.streams", "orders")
    assert line == RUN.replace("kgen run", "python -m kgen_runtime.run")
    assert "kgen_runtime" in sys.modules
