"""`kgen completion`: what the shells offer, and that no name of a registry becomes a command of theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from kgen.cli import app, completion_scripts
from kgen.project import known_names


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    (root / "kgen.toml").write_text('package = "acme.streams"\n')
    subjects = ["orders-value", "payments-value", "$(touch stolen)", "a b", "`id`", "x;y", "caf\u00e9"]
    lines = [f'[[subject]]\nname = "{each}"\nfolder = "x"' for each in subjects]
    lines[0] += '\n\n[[subject.versions]]\nversion = 1\nid = 1\ntype = "AVRO"'
    lines[0] += '\n\n[[subject.versions]]\nversion = 12\nid = 2\ntype = "JSON"\n'
    topics = '[modules]\n"topic:orders" = "orders"\n"topic:$(touch stolen)" = "t"\n"subject:z" = "z"\n'
    (root / "kgen.lock").write_text("\n".join([topics, *lines]) + "\n")
    flows = root / "acme" / "streams" / "flows"
    flows.mkdir(parents=True)
    for name in ("__init__.py", "orders.py"):
        (flows / name).touch()
    programs = root / "bin"
    programs.mkdir()
    kgen = programs / "kgen"
    kgen.write_text(f'#!/bin/sh\nexec {sys.executable} -m kgen "$@"\n')
    kgen.chmod(0o755)
    return root


@pytest.fixture(scope="module")
def scripts(project):
    for shell in ("bash", "zsh", "fish"):
        made = subprocess.run([project / "bin/kgen", "completion", shell], capture_output=True, check=True)
        (project / shell).write_bytes(made.stdout)
    return project


def run(project: Path, *command: str) -> list[str]:
    env = os.environ | {"PATH": f"{project}/bin:{os.environ['PATH']}", "HOME": str(project)}
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


CASES = [
    (["outd"], {"outdated"}),
    (["dlq", "rep"], {"replay", "report"}),
    (["pull", "--allow"], {"--allow-incompatible"}),
    (["pull", "--conflict", ""], {"file", "inline"}),
    (["pull", "--subject", ""], {"orders-value", "payments-value"}),
    (["pull", "--check", "--subject", "pay"], {"payments-value"}),
    (["new", "flow", "--from", ""], {"orders"}),
    (["dlq", "list", ""], {"orders.dlq"}),
    (["run", ""], {"acme.streams.flows.orders"}),
    (["run", "--proc"], {"--process-id", "--processes"}),
    (["help", "pul"], {"pull"}),
    (["completion", "b"], {"bash"}),
    (["cat", ""], {"orders"}),
    (["produce", ""], {"orders"}),
    (["produce", "orders", "kgen.t"], {"kgen.toml"}),
    (["produce", "--create", "3", "--dry-run", ""], {"orders"}),
    (["produce", "--key-format", "lo"], {"long"}),
    (["topics", ""], {"orders"}),
    (["topics", "orders", ""], {"orders"}),
    (["discover", "--last", "9", "o"], {"orders"}),
    (["diff", ""], {"orders-value", "payments-value"}),
    (["diff", "orders-value", ""], set()),
    (["dlq", "check", ""], {"orders.dlq"}),
    (["dlq", "check", "orders.dlq", ""], {"acme.streams.flows.orders"}),
    (["dlq", "replay", "--to", ""], {"orders"}),
    (["deploy", "k8s", "--to", "b"], {"bin"}),
    (["deploy", "compose", "--to", "kgen.t"], set()),
    (["deploy", "systemd", ""], {"acme.streams.flows.orders"}),
    (["help", "dlq", "rep"], {"replay", "report"}),
    (["help", "dlq", "list", ""], set()),
    (["help", "pull", ""], set()),
    (["cat", "orders", "-n", ""], set()),
    (["run", "--log-level", "W"], {"WARNING"}),
    (["run", "acme.streams.flows.orders", ""], set()),
    (["pull", "--registry", ""], set()),
    (["graph", "x:flow", "--format", "me"], {"mermaid"}),
]


def parameters():
    """The parameters of all commands that take something, with the words that lead to each command."""

    def of(command, path):
        context = command.context_class(command)
        yield from ((it, path) for it in command.get_params(context) if not completion_scripts.is_bare(it))
        for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
            yield from of(command.get_command(context, name), (*path, name))

    return list(of(typer.main.get_command(app.app), ()))


def test_it_is_known_of_every_parameter_what_it_takes():
    found = parameters()
    assert len(found) > 100
    unknown = [(path, it.name) for it, path in found if completion_scripts.values_of(it, path) is None]
    assert unknown == []


def test_no_parameter_is_listed_that_is_gone():
    names = {it.name for it, _ in parameters()}
    pairs = {(path[0], it.name) for it, path in parameters() if path}
    assert set(completion_scripts._TAKES) <= names
    assert set(completion_scripts._TAKES_OF) <= pairs


@pytest.mark.parametrize(("words", "offered"), CASES, ids=[" ".join(words) for words, _ in CASES])
def test_bash_offers(scripts, words, offered):
    line = " ".join(f'"{word}"' for word in ("kgen", *words))
    text = f'. ./bash; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _kgen; echo "${{COMPREPLY[@]}}"'
    assert set(run(scripts, "bash", "--norc", "-c", text)) == offered
    assert not (scripts / "stolen").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
@pytest.mark.parametrize(("words", "offered"), CASES, ids=[" ".join(words) for words, _ in CASES])
def test_fish_offers(scripts, words, offered):
    text = f"source ./fish; complete -C 'kgen {' '.join(words)}' | string replace -r '\\t.*' ''; true"
    found = {word.rstrip("/") for word in run(scripts, "fish", "--no-config", "-c", text)}
    assert found == offered
    assert not (scripts / "stolen").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_reads_its_script(scripts):
    text = "autoload -Uz compinit; compinit -u -D; source ./zsh; echo $_comps[kgen]"
    assert run(scripts, "zsh", "-f", "-c", text) == ["_kgen"]


def zsh_items(project, *words):
    """What `_describe` would get: of each line the word, and what is said of it."""
    line = " ".join(f'"{word}"' for word in ("kgen", *words))
    text = (
        "compdef() { }; compset() { }; _files() { print -rl -- *(${1:+/}) }; "
        '_describe() { print -rl -- "${(@P)@[-1]}" }; '
        f"source ./zsh; words=({line}); CURRENT={len(words) + 1}; _kgen; true"
    )
    env = os.environ | {"PATH": f"{project}/bin:{os.environ['PATH']}", "HOME": str(project)}
    done = subprocess.run(
        ["zsh", "-f", "-c", text], cwd=project, env=env, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return dict(line.partition(":")[::2] for line in done.stdout.splitlines())


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
@pytest.mark.parametrize(("words", "offered"), CASES, ids=[" ".join(words) for words, _ in CASES])
def test_zsh_offers(scripts, words, offered):
    found = zsh_items(scripts, *words)
    assert {name for name in found if name.startswith(words[-1])} == offered
    assert not (scripts / "stolen").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_says_what_words_mean(scripts):
    assert zsh_items(scripts, "dlq", "")["replay"].startswith("Put dead letters back")
    assert zsh_items(scripts, "pull", "--")["--check"].startswith("Write nothing")
    assert zsh_items(scripts, "pull", "--subject=")["orders-value"] == "v12, JSON"
    assert zsh_items(scripts, "pull", "--subject", "")["payments-value"] == ""


def test_names_need_no_module_that_takes_its_time_to_load(scripts):
    text = (
        "import sys; sys.argv = ['kgen', '__complete', 'subjects', 'flows']\n"
        "from kgen.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'typer', 'tomlkit', 'jinja2', 'requests'} & set(sys.modules)))"
    )
    said = run(scripts, sys.executable, "-c", text)
    assert said == ["acme.streams.flows.orders", "orders-value", "payments-value", "[]"]


def test_outside_of_a_project_and_with_damaged_files_there_are_no_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert known_names.write(["subjects", "topics", "flows"]) == 0
    (tmp_path / "kgen.toml").write_bytes(b"\xff")
    (tmp_path / "kgen.lock").write_bytes(b'name = "\\x"\nname = "a"\n\xff')
    assert known_names.write(["subjects", "topics", "letters", "flows", "nonesuch"]) == 0
    assert capsys.readouterr().out == "a\n"


def test_help_and_version(capsys):
    assert app.run(["-V"]) == app.run(["--version"]) == 0
    assert app.run(["help"]) == 0
    assert "outdated" in capsys.readouterr().out
    assert app.run(["help", "dlq", "list"]) == 0
    said = capsys.readouterr().out
    assert app.run(["dlq", "list", "--help"]) == 0
    assert said == capsys.readouterr().out
    assert app.run(["help", "nonesuch"]) == 2
