"""The runner: arguments, finding the flow, telling errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.kafka.processes import free_addresses

import kgen_runtime as rt
from kgen_runtime import run
from kgen_runtime.runner import arguments
from kgen_runtime.runner.flow_import import load
from kgen_runtime.runner.shutdown import INTERRUPTED, RESTART

FLOW = """
    import bytewax.operators as op
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, TestingSource
    import kgen_runtime as rt

    def make(items=(1, 2)):
        flow = Dataflow("flow")
        op.output("out", op.map("act", op.input("in", flow, TestingSource(items)), act), TestingSink([]))
        return flow

    def act(item):
        if item == "kgen":
            raise rt.ConfigError("what", where="where", hint="hint")
        if item == "user":
            raise KeyError("what the user's code raised")
        return item

    flow = make()
    fails = make(["kgen"])
    bug = make(["user"])
    number = 5

    def build(kafka):
        return flow
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    name = f"flow_of_{request.node.name.partition('[')[0]}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize("flow", ["{}", "{}:flow", "{}:make", "{}.py", "{}.py:make"])
def test_the_flow_is_found(module: str, flow: str) -> None:
    assert load(flow.format(module)).flow_id == "flow"


@pytest.mark.parametrize("module", ["shop_above.flows.orders", "shop_above.flows"])
def test_a_run_from_a_subfolder_names_the_folder_to_run_it_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    below = tmp_path / "shop_above" / "flows"
    below.mkdir(parents=True)
    (below / "orders.py").write_text("")
    monkeypatch.chdir(below)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(rt.ConfigError, match="no module named shop_above") as caught:
        load(f"{module}:flow")
    assert caught.value.hint == f"Run it in {tmp_path}, which holds shop_above."
    with pytest.raises(rt.ConfigError) as caught:
        load("shop_above.flows.order:flow")
    assert caught.value.hint is not None
    assert str(tmp_path) not in caught.value.hint


@pytest.mark.parametrize(
    "flow",
    [
        *("{}:number", "{}:absent", "{}:build"),
        *("no_such_module:flow", "bytewax.no_such:flow", "no/such/file.py", "", ":flow", ".flows:flow"),
    ],
)
def test_what_is_not_a_flow_is_reported(module: str, flow: str) -> None:
    with pytest.raises(rt.ConfigError):
        load(flow.format(module))


def test_an_attribute_that_is_absent_is_named_with_the_near_one(module: str) -> None:
    for name, hint in (
        ("flo", f"Did you mean {module}:flow?"),
        ("mak", f"Did you mean {module}:make?"),
        ("zzz", f"It has {module}:flow, {module}:fails, {module}:bug."),
    ):
        with pytest.raises(rt.ConfigError, match=f"{module} has no {name}") as caught:
            load(f"{module}:{name}")
        assert caught.value.hint == hint


def test_a_colon_without_a_name_is_refused(module: str) -> None:
    with pytest.raises(rt.ConfigError, match="names no flow after the colon") as caught:
        load(f"{module}:")
    assert caught.value.hint == f"{module}:flow, for example."


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("import os\nflow = = 1\n", 2, "not valid Python: invalid syntax"),
        ("x = 1\nimport no_such_library\n", 2, "cannot be imported: No module named 'no_such_library'"),
        ("from os import no_such_name\n", 1, "cannot import name 'no_such_name' from 'os'"),
        ("import sys\nsys.exit(0)\n", 2, "exits while it is imported"),
        ("x = 1\nraise SystemExit('no brokers')\n", 2, "exits while it is imported: no brokers"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_file_that_cannot_be_imported_is_named_with_its_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    text: str,
    line: int,
    what: str,
    nested: bool,
) -> None:
    (tmp_path / "imported_wrong.py").write_text(text)
    (tmp_path / "imports_wrong.py").write_text("import imported_wrong\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert run.main(["imports_wrong:flow" if nested else "imported_wrong:flow"]) == 2
    said = capfd.readouterr().err
    assert what in said
    assert f"\n  at imported_wrong.py:{line}\n  hint: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("below", "name"), [("relatives/flows", "orders:flow"), ("relatives", "flows.orders:flow")]
)
def test_a_name_without_its_packages_is_answered_with_the_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, name: str
) -> None:
    folder = tmp_path / "relatives" / "flows"
    folder.mkdir(parents=True)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
    (folder / "orders.py").write_text("from .._generated import orders\n")
    monkeypatch.chdir(tmp_path / below)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for known in ("orders", "flows", "flows.orders"):
        monkeypatch.delitem(sys.modules, known, raising=False)
    with pytest.raises(rt.ConfigError, match="its name leaves out") as caught:
        load(name)
    assert caught.value.hint == f"Name it relatives.flows.orders:flow, and run it in {tmp_path}."
    sys.modules.pop("flows", None)


def test_a_bug_while_the_file_is_imported_has_a_traceback_and_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "divides.py").write_text("x = 1\nx / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert run.main(["divides:flow"]) == 2
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert "error: ZeroDivisionError: division by zero\n  at divides.py:2\n" in said


def test_a_flow_in_a_package_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "found_by_file" / "flows"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "orders.py").write_text(textwrap.dedent(FLOW))
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    assert load(str(package / "orders.py")).flow_id == "flow"


def test_a_flow_runs_to_its_end(module: str, tmp_path: Path) -> None:
    assert run.main([module]) == 0
    assert run.main([f"{module}:make", "--recovery", str(tmp_path / "r"), "--workers", "2"]) == 0
    assert len(list((tmp_path / "r").glob("part-*.sqlite3"))) == 4


def test_an_error_is_what_where_and_hint(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run.main([f"{module}:fails"]) == 2
    said = capfd.readouterr().err
    assert "error: what\n  at where\n  hint: hint\n" in said
    assert "Traceback" not in said
    assert "panicked" not in said


def test_a_bug_of_the_user_has_a_traceback(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run.main([f"{module}:bug"]) == 2
    said = capfd.readouterr().err
    assert "in act" in said
    assert "KeyError" in said
    assert "step flow.act" in said


def test_a_locked_recovery_folder_is_reported(
    module: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with rt.Recovery(tmp_path / "r").lock():
        assert run.main([module, "--recovery", str(tmp_path / "r")]) == 2
    assert "another run uses the recovery folder" in capfd.readouterr().err


def test_a_renamed_step_is_named(module: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = str(tmp_path / "r")
    assert run.main([module, "-r", folder]) == 0
    source = tmp_path / f"{module}.py"
    renamed = tmp_path / f"{module}_renamed.py"
    renamed.write_text(source.read_text().replace('"in"', '"source"'))
    assert run.main([renamed.stem, "-r", folder]) == 0
    assert "has state of step flow.in, which the flow does not have" in caplog.text


def test_arguments_have_bytewaxs_names_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    args = arguments.parse(["m:f", "-w", "2", "-r", "dir", "-s", "0.5", "-b", "3"])
    assert (args.workers, args.recovery, args.epoch_interval) == (2, Path("dir"), timedelta(seconds=0.5))
    assert args.backup_interval == timedelta(seconds=3)
    monkeypatch.setenv("BYTEWAX_RECOVERY_DIRECTORY", "other")
    monkeypatch.setenv("BYTEWAX_WORKERS_PER_PROCESS", "3")
    args = arguments.parse(["m:f"])
    assert (args.workers, args.recovery) == (3, Path("other"))


@pytest.mark.parametrize(
    "given",
    [
        ["m", "-w", "0"],
        ["m", "-s", "soon"],
        ["m", "-p", "2", "-i", "0", "-a", "x:1"],
        ["m", "-i", "0"],
        ["m", "-a", "x:1"],
        ["m", "-i", "2", "-a", "x:1;y:1"],
        ["m", "-i", "-1", "-a", "x:1;y:1"],
        ["m", "-i", "0", "-a", "nonsense"],
        ["m", "-i", "0", "-a", "x:1;y:65536"],
        ["m", "-i", "0", "-a", "x:1;"],
        ["m", "-i", "0", "-a", ":1"],
        ["m", "-s", "inf"],
        ["m", "-s", "nan"],
        ["m", "-s", "1e300"],
        ["m", "-s", "-5"],
        ["m", "-b", "-5"],
        ["m", "--log-level", "FOO"],
        ["m", "-r", ""],
        [],
    ],
)
def test_invalid_arguments_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments.parse(given)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_empty_name_of_the_recovery_folder_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Partitions would be made in the folder that we are in."""
    monkeypatch.setenv("BYTEWAX_RECOVERY_DIRECTORY", "")
    with pytest.raises(SystemExit):
        arguments.parse(["m"])
    assert "the name of the recovery folder is empty" in capsys.readouterr().err


def test_an_address_may_be_a_name_or_a_number() -> None:
    given = ["m", "-i", "1", "-a", "host.example:2101;[::1]:2101;10.0.0.1:65535", "--log-level", "warning"]
    args = arguments.parse(given)
    assert (args.process_id, args.log_level) == (1, "WARNING")


@pytest.mark.parametrize(("port", "processes"), [("abc", "1"), ("abc", "2"), ("0", "1"), ("65535", "2")])
def test_a_port_that_is_none_is_reported(
    module: str,
    port: str,
    processes: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BYTEWAX_DATAFLOW_API_PORT", port)
    assert run.main([module, "-p", processes]) == 2
    said = capfd.readouterr().err
    assert f"error: {port!r} is not a port" in said
    assert "at BYTEWAX_DATAFLOW_API_PORT\n  hint:" in said


SLOW = """
    import os
    import time
    from pathlib import Path
    from bytewax.dataflow import Dataflow
    import kgen_runtime as rt
    from kgen_runtime import testing
    from kgen_runtime.consumer.kafka_source import KafkaSource
    from kgen_runtime.stop import STOP

    class Away(rt.StringSerde):
        def encoder(self, store, role):
            return self

        def encode(self, value):
            Path("begun").touch()
            raise rt.RegistryUnavailable("no answer")

    text = rt.StringSerde()
    orders, out = rt.Topic("orders", key=text, value=text), rt.Topic("out", key=text, value=Away())

    def waits():
        flow = Dataflow("flow")
        kafka = testing.Memory({orders: testing.samples(orders, 100)})
        read = rt.source("read", flow, orders, kafka)
        errs = rt.sink("write", read.oks, out, kafka)
        rt.route("errs", read.errs, errs, policy=rt.Crash())
        return flow

    def hangs():
        flow = Dataflow("flow")
        kafka = testing.Memory({orders: testing.samples(orders, 100)})
        read = rt.source("read", flow, orders, kafka)
        slow = rt.map_value("slow", read.oks, sleep)
        rt.route("errs", read.errs, slow.errs, policy=rt.Crash())
        errs = rt.sink("write", slow.oks, orders, kafka)
        rt.route("more", errs, policy=rt.Crash())
        return flow

    def sleep(value, seconds=60):
        Path("begun").touch()
        time.sleep(seconds)

    def imports():
        sleep("")

    def ends():
        KafkaSource.commit_ended = lambda source: sleep("", 1)
        flow = Dataflow("flow")
        kafka = testing.Memory({orders: testing.samples(orders, 10)})
        read = rt.source("read", flow, orders, kafka)
        errs = rt.sink("write", read.oks, orders, kafka)
        rt.route("errs", read.errs, errs, policy=rt.Crash())
        return flow

    def restarts():
        flow = Dataflow("flow")
        kafka = testing.Memory({orders: testing.samples(orders, 100)})
        kafka.ends = False
        read = rt.source("read", flow, orders, kafka)
        asks = rt.map_value("asks", read.oks, ask_for_a_restart)
        rt.route("errs", read.errs, asks.errs, policy=rt.Crash())
        rt.route("more", rt.sink("write", asks.oks, orders, kafka), policy=rt.Crash())
        return flow

    def idles():
        flow = Dataflow("flow")
        kafka = testing.Memory({orders: testing.samples(orders, 1)})
        kafka.ends = False
        read = rt.source("read", flow, orders, kafka)
        seen = rt.map_value("seen", read.oks, lambda value: sleep(value, 0) or value)
        rt.route("errs", read.errs, seen.errs, policy=rt.Crash())
        rt.route("more", rt.sink("write", seen.oks, orders, kafka), policy=rt.Crash())
        return flow

    def ask_for_a_restart(value):
        STOP.request(restart=True)
        Path("begun").touch()
        return value

    def names_itself():
        Path(f"pid.{os.getpid()}").touch()
        return hangs()

    def begins():
        Path("begun").touch()
        return hangs()
"""


@contextmanager
def slow_run(
    folder: Path, flow: str, *args: str, runner: str = "kgen_runtime.run"
) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, once it has come so far that it touched the file `begun`."""
    (folder / "slow_flow.py").write_text(textwrap.dedent(SLOW))
    command = [sys.executable, "-m", runner, f"slow_flow:{flow}", *args]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 60
            while not (folder / "begun").exists():
                assert time.monotonic() < end
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("recovery", [["--recovery", "r", "--epoch-interval", "0.2"], []], ids=["r", "no"])
def test_a_stop_while_the_sink_waits_for_the_registry(
    tmp_path: Path, processes: str, recovery: list[str]
) -> None:
    with slow_run(tmp_path, "waits", "--processes", processes, *recovery) as process:
        time.sleep(1.7)  # a wait of two seconds has begun
        process.terminate()
        asked = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "panicked" not in said
    assert ("cannot be made durable" if recovery else "is not written") in said
    assert time.monotonic() - asked < 10


def test_a_step_that_hangs_does_not_keep_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytewax waits for its workers: the runner must not wait for Bytewax."""
    (tmp_path / "sitecustomize.py").write_text(
        "from datetime import timedelta\nfrom kgen_runtime.runner import shutdown as leaving\n"
        "leaving.DRAIN_TIME = timedelta(seconds=0.5)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with slow_run(tmp_path, "hangs", "--recovery", "r", "--epoch-interval", "0.2") as process:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "not everything was durable in time" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("recovery", [["--recovery", "r"], []], ids=["r", "no"])
def test_a_stop_while_the_other_processes_are_absent(
    tmp_path: Path, number: signal.Signals, recovery: list[str]
) -> None:
    """The main thread, where Python runs handlers, is then inside Bytewax."""
    addresses = ";".join(free_addresses(2))
    args = ["--process-id", "1", "--addresses", addresses]
    with slow_run(tmp_path, "begins", *args, *recovery) as process:
        time.sleep(1)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "stopped before anything was read" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_flow_is_imported(tmp_path: Path, number: signal.Signals) -> None:
    with slow_run(tmp_path, "imports") as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "stopped before anything was read" in said
    assert "Traceback" not in said


LOADING = """
    import os, signal, sys

    class Finder:
        def find_spec(self, name, path, target=None):
            if name == "kgen_runtime.codec":
                os.kill(os.getpid(), {signal})

    if "--process-id" not in sys.orig_argv:
        if {alone}:
            sys.meta_path.insert(0, Finder())
    else:
        os.kill(os.getpid(), {signal})
        if sys.orig_argv[sys.orig_argv.index("--process-id") + 1] == "1":
            os.kill(os.getppid(), {signal})
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_stop_while_the_runner_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, processes: str
) -> None:
    """For two processes: a signal to all of them, once they are started."""
    text = textwrap.dedent(LOADING).format(signal=int(number), alone=processes == "1")
    (tmp_path / "sitecustomize.py").write_text(text)
    (tmp_path / "slow_flow.py").write_text(textwrap.dedent(SLOW))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [sys.executable, "-m", "kgen_runtime.run", "slow_flow:hangs", "--processes", processes]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "stopped before anything was read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "begun").exists()


def test_a_run_of_bytewaxs_own_runner_keeps_others_away(tmp_path: Path) -> None:
    """Bytewax itself locks nothing: two runs would leave a folder that no third can use."""
    recovery = rt.Recovery(tmp_path / "r")
    recovery.prepare()
    args = ["--recovery-directory", "r", "--snapshot-interval", "1", "--backup-interval", "0"]
    refused = pytest.raises(rt.RecoveryError, match="another run uses")
    with slow_run(tmp_path, "hangs", *args, runner="bytewax.run"), refused, recovery.lock():
        pass
    with recovery.lock():
        command = [sys.executable, "-m", "bytewax.run", "slow_flow:hangs", *args]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "another run uses the recovery folder" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SQLite has other locks there")
@pytest.mark.parametrize("runner", ["kgen_runtime.run", "bytewax.run"])
def test_bytewaxs_locks_on_the_folder_are_not_dropped(tmp_path: Path, runner: str) -> None:
    """Closing a file drops all locks that the process has on it, those of Bytewax's SQLite too. The next
    process to open the folder then took it for unused and cut off what the run had mapped: SIGBUS.
    """
    import fcntl

    rt.Recovery(tmp_path / "r").prepare()
    with slow_run(tmp_path, "hangs", "-r", "r", "-s", "1", "-b", "0", runner=runner):
        for file in (tmp_path / "r").glob("part-*.sqlite3-shm"):
            with file.open("rb+") as opened, pytest.raises(OSError):  # the byte that says: in use
                fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 128)
        assert len(list((tmp_path / "r").glob("part-*.sqlite3-shm"))) == 4


def test_the_processes_of_one_run_of_bytewaxs_own_runner_share_the_folder(tmp_path: Path) -> None:
    rt.Recovery(tmp_path / "r").prepare()
    (tmp_path / "slow_flow.py").write_text(textwrap.dedent(SLOW))
    addresses = ";".join(free_addresses(2))
    command = [sys.executable, "-m", "bytewax.run", "slow_flow:ends", "-r", "r", "-s", "1", "-b", "0"]
    command += ["-a", addresses, "-i"]
    with (
        subprocess.Popen([*command, "0"], cwd=tmp_path) as one,
        subprocess.Popen([*command, "1"], cwd=tmp_path) as other,
    ):
        assert (one.wait(60), other.wait(60)) == (0, 0)


def test_a_signal_after_the_run_does_not_cut_it_short(tmp_path: Path) -> None:
    with slow_run(tmp_path, "ends", "--recovery", "r") as process:
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "stopped" not in said


def test_the_first_signal_during_a_stop_for_a_restart_does_not_cut_it_short(tmp_path: Path) -> None:
    """A stop that the flow itself asks for is not a first signal."""
    with slow_run(tmp_path, "restarts", "--recovery", "r", "--epoch-interval", "2") as process:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == RESTART, said


@pytest.mark.parametrize("args", [[], ["--recovery", "r"]], ids=["no", "r"])
def test_a_second_signal_interrupts(tmp_path: Path, args: list[str]) -> None:
    with slow_run(tmp_path, "hangs", *args) as process:
        process.terminate()
        assert process.stderr is not None
        for line in process.stderr:
            if "SIGTERM: stopping" in line:
                assert "a second SIGTERM ends it at once" in line
                assert ("the next run repeats the last epoch" in line) == bool(args)
                break
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED


@pytest.fixture
def sigint_ignored() -> Iterator[None]:
    """As in `cmd &` of a script, for the processes started meanwhile."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_ignored")
@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("recovery", [["--recovery", "r", "--epoch-interval", "0.2"], []], ids=["r", "no"])
def test_a_sigint_that_was_ignored_at_the_start_stays_ignored(
    tmp_path: Path, processes: str, recovery: list[str]
) -> None:
    """And a stop by SIGTERM is as clean as any, though the runner wakes its main thread by a signal."""
    with slow_run(tmp_path, "idles", "--processes", processes, *recovery) as process:
        process.send_signal(signal.SIGINT)
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "SIGINT" not in said
    assert "Traceback" not in said


@pytest.mark.usefixtures("sigint_ignored")
def test_an_ignored_sigint_stays_ignored_while_the_flow_is_imported(tmp_path: Path) -> None:
    with slow_run(tmp_path, "imports") as process:
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("ends", ["killed", "interrupted twice"])
def test_the_processes_of_a_cluster_do_not_outlive_the_one_that_started_them(
    tmp_path: Path, ends: str
) -> None:
    """Though a step of each hangs."""
    with slow_run(tmp_path, "names_itself", "--processes", "2") as process:
        found = [int(path.suffix[1:]) for path in tmp_path.glob("pid.*")]
        if ends == "killed":
            process.kill()
        else:
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        process.wait(30)
        assert len(found) == 2
        end = time.monotonic() + 30
        while any(map(alive, found)):
            assert time.monotonic() < end
            time.sleep(0.02)
    assert process.returncode == (-signal.SIGKILL if ends == "killed" else INTERRUPTED)


@pytest.mark.parametrize("argument", ["x", "99999"])
def test_a_channel_that_is_none_is_refused(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments.parse(["m", "--control", argument])
    assert "is not a control channel" in capsys.readouterr().err
