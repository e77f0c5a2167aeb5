"""How a command line can end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import kgen
from kgen.cli import app, console
from kgen.cli import pull_command as pull_command
from kgen.project import transaction


def test_the_version_is_that_of_the_distribution(capsys):
    import importlib.metadata

    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out == f"kgen {kgen.__version__}\n"
    assert importlib.metadata.version("kgen-streams") == kgen.__version__


def _helps(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """The words of a command and its help, of all commands."""
    context = command.context_class(command, info_name=" ".join(("kgen", *words)))
    yield " ".join(words), command.get_help(context)
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _helps(command.get_command(context, name), (*words, name))


def test_help_names_what_options_take() -> None:
    """A word in capitals or the choices, not the name of a type in Python: `--out DIR`, not `--out <dir>`."""
    helps = dict(_helps(typer.main.get_command(app.app)))
    assert len(helps) > 30
    named = {name: re.findall(r"^  -.*?(<[^>|]*>)", text, re.MULTILINE) for name, text in helps.items()}
    assert not {name: found for name, found in named.items() if found}


@pytest.mark.parametrize(
    "arguments", [["nonesuch"], ["pull", "--nonesuch"], ["pull", "--conflict", "x"], ["resolve"]]
)
def test_wrong_usage(capsys, arguments):
    assert app.run(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "--help" in err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["pull", "--help"], ["doctor", "--help"]])
def test_help(capsys, arguments):
    assert app.run(arguments) == 0
    assert "Usage: kgen" in capsys.readouterr().out


@pytest.mark.parametrize("name", app._COMMANDS)
def test_the_list_of_commands_has_the_first_sentence_of_each(name: str) -> None:
    assert app._COMMANDS[name] == app._load(name).get_short_help_str(1_000)


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = """
import sys
from kgen.cli.app import run
run(["--help"])
assert not [name for name in sys.modules if name.endswith("_command")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_bug_is_an_error_without_a_traceback(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(pull_command.pull, "run", lambda *_: 1 / 0)  # type: ignore[attr-defined]
    assert app.run(["pull", "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "unexpected ZeroDivisionError" in err
    assert "please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("KGEN_DEBUG", "1")
    assert app.run(["pull", "--out", str(tmp_path)]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt(capsys, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pull_command.pull, "run", interrupted)  # type: ignore[attr-defined]
    assert app.run(["pull", "--out", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_errors_as_json(capsys, tmp_path):
    assert app.run(["pull", "--json", "--out", str(tmp_path)]) == 2
    got = json.loads(capsys.readouterr().out)
    assert got["version"] == 1
    assert got["error"]["kind"] == "ConfigError"
    assert got["error"]["hint"] == (
        f"kgen pull --registry URL: it would write kgen.toml and the package streams into {tmp_path}"
    )


def test_a_closed_pipe(tmp_path):
    script = f"{sys.executable} -m kgen doctor --out {tmp_path}; echo code $? >&2"
    done = subprocess.run(f"({script}) | head -c 0", shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert "code 141" in done.stderr


def test_ctrl_c_while_the_registry_is_silent(registry, tmp_path):
    import threading

    asked, go = threading.Event(), threading.Event()

    def silent():
        asked.set()
        go.wait(30)
        return 200, []

    registry.override("*", silent)
    command = [sys.executable, "-m", "kgen", "pull", "--registry", registry.url, "--out", str(tmp_path / "p")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's is ignored
    )
    assert asked.wait(30)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    go.set()
    assert (process.returncode, err) == (130, "interrupted: nothing was written\n")
    assert not (tmp_path / "p").exists()


def test_without_the_extra(tmp_path):
    code = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda n, *a: None if n == 'typer' else find(n, *a)\n"
        "from kgen.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "pip install 'kgen-streams[gen]'" in done.stderr


def test_what_a_registry_sends_cannot_drive_the_terminal():
    assert console.safe("a\x1b[31mb\rc\nd\u202ee é") == "a\\x1b[31mb\\rc\\nd\\u202ee é"


def test_progress_is_for_terminals_after_a_while_and_leaves_the_data_alone(
    registry, capsys, monkeypatch, tmp_path
):
    record = {"type": "record", "name": "A", "fields": []}
    registry.add("a-value", record)
    monkeypatch.setattr(console, "_PATIENCE", 0)
    monkeypatch.setattr(console, "_PAUSE", 0)
    pull = ["pull", "--json", "--registry", registry.url, "--out"]
    assert app.run([*pull, str(tmp_path / "no terminal")]) == 0
    assert "\r" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert app.run([*pull, str(tmp_path / "quiet"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert app.run([*pull, str(tmp_path / "shown")]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["written"] is True
    bar, _, after = err.rpartition("\r")
    shown = [line.strip() for line in bar.split("\r")]
    for what in ("1/1 subjects read", "1/1 modules rendered", "files checked", "files written"):
        assert any(line.endswith(what) for line in shown), what
    assert (shown[-1], after.startswith("next: ")) == ("", True)  # cleared


def test_nothing_is_reported_before_it_is_written(registry, capsys, monkeypatch, tmp_path):
    registry.add("a-value", {"type": "record", "name": "A", "fields": []})
    apply, said = transaction.apply, []

    def slow(*arguments, **more):
        said.append(capsys.readouterr().out)
        apply(*arguments, **more)

    monkeypatch.setattr(transaction, "apply", slow)
    assert app.run(["pull", "--registry", registry.url, "--out", str(tmp_path / "p")]) == 0
    assert said == [""]
    assert "+ a-value v1" in capsys.readouterr().out


def test_colours_only_on_a_terminal(capsys, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console.Console().line("+ a")
    assert "\x1b[32m" in capsys.readouterr().out
    console.Console(color=False).line("+ a")
    assert capsys.readouterr().out == "+ a\n"
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    console.Console().line("+ a")
    assert capsys.readouterr().out == "+ a\n"


def test_progress_past_a_second_on_a_terminal(capsys, monkeypatch):
    shown = console.Console()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown.progress(1, 10)
    assert capsys.readouterr().err == ""
    shown._due -= 2
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown.progress(5, 10)
    assert "5/10 subjects" in capsys.readouterr().err


def test_doctor(registry, capsys, tmp_path, monkeypatch):
    registry.add("a-value", '"string"')
    code = app.run(["doctor", "--registry", registry.url, "--out", str(tmp_path), "--json"])
    got = json.loads(capsys.readouterr().out)
    findings = {f["name"]: f for f in got["findings"]}
    assert code == (0 if got["ok"] else 2)
    assert findings["registry"]["detail"] == f"{registry.url} (1 subject; from --registry)"
    assert findings["brokers"]["state"] == "warning"
    assert findings["codec"]["detail"]
    port = registry.url.rpartition(":")[2]
    monkeypatch.setenv("KGEN_BROKERS", f"127.0.0.1:{port}")
    assert app.run(["doctor", "--out", str(tmp_path)]) == 0
    assert f"ok  brokers          127.0.0.1:{port}" in capsys.readouterr().out


FLOW = """
from bytewax.dataflow import Dataflow
import kgen_runtime as rt
from kgen_runtime import testing

class Broker(testing.Memory):
    def find_topic(self, topic):
        return None if topic.endswith(".dlq") else super().find_topic(topic)

    def creates_topics(self):
        return False

kafka = Broker()
orders, out = (rt.Topic(name, key=rt.StringSerde(), value=rt.StringSerde()) for name in ("orders", "out"))
flow = Dataflow("orders")
read = rt.source("orders", flow, orders, kafka)
unsent = rt.sink("out", read.oks, out, kafka)
rt.route("errs", read.errs, policy=rt.DeadLetter("orders.dlq", kafka))
rt.route("unsent", unsent, policy=rt.DeadLetter("out.dlq", kafka, create=False))
"""


@pytest.mark.skipif("sys.version_info >= (3, 13)", reason="Bytewax has no build for this Python")
def test_doctor_looks_at_what_a_flow_reads_and_writes(capsys, tmp_path, monkeypatch):
    (tmp_path / "with_letters.py").write_text(FLOW)
    (tmp_path / "unfinished.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    assert app.run(["doctor", "with_letters:flow", "--json"]) == 2
    findings = [list(f.values()) for f in json.loads(capsys.readouterr().out)["findings"]]
    at = findings.index(["flow", "ok", "with_letters:flow (orders)", ""])
    assert [each[:3] for each in findings[at + 1 :]] == [
        ["topic orders", "ok", "read, 1 partition(s) (step orders.orders)"],
        ["topic out", "ok", "written, 1 partition(s) (step orders.out)"],
        ["topic orders.dlq", "ok", "will be created, with 1 partition(s) (step orders.errs.dead_letter)"],
        ["topic out.dlq", "error", "the topic is not on the broker (step orders.unsent.dead_letter)"],
    ]
    for name, expected in (
        ("unfinished:flow", "ZeroDivisionError: division by zero (at unfinished.py:1)"),
        ("no_such:flow", "no module named no_such"),
    ):
        assert app.run(["doctor", name]) == 2
        assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("compiled", "hint"),
    [(True, "slower: unset KGEN_CODEC"), (False, "slower: install a C compiler and reinstall kgen")],
)
def test_doctor_and_the_slower_codec(capsys, tmp_path, monkeypatch, compiled, hint):
    monkeypatch.setattr("kgen_runtime.codec.ENGINE", "python")
    monkeypatch.setattr("kgen_runtime.codec.has_native", lambda: compiled)
    app.run(["doctor", "--out", str(tmp_path), "--json"])
    findings = {f["name"]: f for f in json.loads(capsys.readouterr().out)["findings"]}
    assert (findings["codec"]["state"], findings["codec"]["hint"]) == ("warning", hint)


@pytest.mark.parametrize("brokers", ["127.0.0.1:1", "nonsense", "a:b"])
def test_doctor_and_brokers_that_are_not_there(capsys, tmp_path, monkeypatch, brokers):
    monkeypatch.setenv("KGEN_BROKERS", brokers)
    assert app.run(["doctor", "--out", str(tmp_path)]) == 2
    assert "!!  brokers" in capsys.readouterr().out


def test_doctor_takes_brokers_as_flows_do(capsys, tmp_path, monkeypatch):
    """Without a port, in brackets, with a protocol; what a flow refuses, and shows of it, it does too."""
    asked = []

    def connect(place, timeout):
        asked.append(place)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr("socket.create_connection", connect)
    monkeypatch.setenv("KGEN_BROKERS", "one.example, ssl://[::1]:9093,")
    assert app.run(["doctor", "--out", str(tmp_path)]) == 2
    assert sorted(asked) == [("::1", 9093), ("one.example", 9092)]
    assert "not reachable: one.example (refused), ssl://[::1]:9093 (refused)" in capsys.readouterr().out
    monkeypatch.setenv("KGEN_BROKERS", "user:secret@one.example:9092")
    assert app.run(["doctor", "--out", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert "the brokers have an '@'" in out
    assert "secret" not in out


def test_doctor_waits_for_the_look_up_of_a_brokers_name_for_a_bounded_time(capsys, tmp_path, monkeypatch):
    release, ended = threading.Event(), []

    def look_up(*args):
        ended.append(release.wait(20))
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    monkeypatch.setattr("kgen.actions.doctor._TIMEOUT", 0.1)
    monkeypatch.setattr("socket.getaddrinfo", look_up)
    monkeypatch.setenv("KGEN_BROKERS", "one.example:9092,two.example:9092")
    code = app.run(["doctor", "--out", str(tmp_path)])
    assert not ended
    release.set()
    assert code == 2
    why = "no connection within 0.1 s"
    assert f"not reachable: one.example:9092 ({why}), two.example:9092 ({why})" in capsys.readouterr().out


def test_doctor_and_a_registry_that_is_not_there(capsys, tmp_path):
    assert app.run(["doctor", "--registry", "http://127.0.0.1:1", "--out", str(tmp_path)]) == 2
    assert "!!  registry" in capsys.readouterr().out


def test_ctrl_c_while_the_command_line_loads_leaves_no_traceback(capsys, monkeypatch):
    from kgen.__main__ import main

    def interrupt(_name):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["kgen", "status"])
    monkeypatch.setattr("importlib.util.find_spec", interrupt)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as left:
            main()
    finally:
        signal.signal(signal.SIGINT, handler)  # the command's ends the process
    assert left.value.code == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("command", [[], ["dlq"], ["new"]])
def test_lists_of_commands_are_not_cut(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run([*command, "--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]
