"""Ctrl-C at chosen points of a pull, in a process of its own: what is said of the disk is so."""

from __future__ import annotations

import copy
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kgen.cli import app
from kgen.project import interrupts

ORDER = {"type": "record", "name": "shop.Order", "fields": [{"name": "id", "type": "string"}]}
# Waits for a line before the nth call of a function, and then calls it.
HOOK = """
import importlib, sys
module, owner, name, nth = sys.argv[1:5]
place = importlib.import_module(module)
place = getattr(place, owner) if owner else place
real, calls = getattr(place, name), []
def call(*args, **more):
    calls.append(1)
    if len(calls) == int(nth):
        print("here", file=sys.stderr, flush=True)
        sys.stdin.readline()
    return real(*args, **more)
setattr(place, name, call)
from kgen.cli.app import run
sys.exit(run(sys.argv[5:]))
"""
NOTHING, EVERYTHING = "interrupted: nothing was written\n", "interrupted: everything was written\n"
POINTS = {
    "before rendering": (("kgen.render", "", "render", 1), NOTHING),
    "before the plan is made": (("kgen.planning.plan", "", "files", 1), NOTHING),
    "at the first file": (("kgen.project.transaction", "Disk", "write", 1), NOTHING),
    "at the fifth file": (("kgen.project.transaction", "Disk", "write", 5), NOTHING),
    "before the journal": (("kgen.project.transaction", "Disk", "replace", 1), EVERYTHING),
    "half-way through renaming": (("kgen.project.transaction", "Disk", "replace", 4), EVERYTHING),
    "before the journal goes": (("kgen.project.transaction", "_Run", "_end", 1), EVERYTHING),
    "while tidying up": (("kgen.project.transaction", "_Run", "clean", 1), EVERYTHING),
    "while it is shown": (("kgen.planning.report", "", "lines", 1), EVERYTHING),
}
Pressed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pressed(registry) -> Pressed:
    """Pull, press Ctrl-C at a point, and give the exit code and what was printed."""

    def run(root: Path, hook: tuple[str, str, str, int], times: int = 1) -> tuple[int, str, str]:
        command = [sys.executable, "-c", HOOK, *map(str, hook)]
        process = subprocess.Popen(
            [*command, "pull", "--registry", registry.url, "--out", str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's is ignored
        )
        assert process.stderr is not None
        assert process.stderr.readline() == "here\n"
        for _ in range(times):
            os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate("\n", timeout=60)
        return process.returncode, out, err

    return run


@pytest.mark.parametrize("point", POINTS)
def test_a_first_pull(registry, pressed, tmp_path, point):
    registry.add("orders-value", ORDER)
    hook, said = POINTS[point]
    root = tmp_path / "deep/project"
    code, out, err = pressed(root, hook)
    assert (code, err) == (130, said)
    if said == NOTHING:
        assert (out, list(tmp_path.iterdir())) == ("", [])
    else:
        assert app.run(["pull", "--check", "--out", str(root)]) == 0


@pytest.mark.parametrize("point", POINTS)
def test_a_later_pull(registry, pressed, tree, tmp_path, point):
    registry.add("orders-value", ORDER)
    root, full = tmp_path / "project", tmp_path / "full"
    assert app.run(["pull", "--registry", registry.url, "--out", str(root)]) == 0
    before = tree(root)
    later = copy.deepcopy(ORDER)
    later["fields"].append({"name": "note", "type": "string", "default": ""})  # type: ignore[attr-defined]
    registry.add("orders-value", later)
    registry.add("clicks-value", {**ORDER, "name": "shop.Click"})
    shutil.copytree(root, full)
    assert app.run(["pull", "--out", str(full)]) == 0
    hook, said = POINTS[point]
    code, _, err = pressed(root, hook)
    assert (code, err) == (130, said)
    assert tree(root) == (before if said == NOTHING else tree(full))
    assert not (root / ".kgen/tmp/journal.json").exists()


@pytest.mark.parametrize("point", ["at the fifth file", "half-way through renaming"])
def test_pressing_twice_changes_nothing_of_it(registry, pressed, tmp_path, point):
    registry.add("orders-value", ORDER)
    hook, said = POINTS[point]
    root = tmp_path / "project"
    code, _, err = pressed(root, hook, times=2)
    assert (code, err) == (130, said)
    assert root.exists() == (said == EVERYTHING)


@pytest.mark.parametrize(
    ("checks", "steps"), [(True, ["before", "after"]), (False, ["before", "after", "end"])]
)
def test_it_acts_at_a_check_or_at_the_end(checks, steps):
    reached = []

    def work():
        with interrupts.held() as ctrl_c:
            ctrl_c.check()
            reached.append("before")
            signal.raise_signal(signal.SIGINT)
            reached.append("after")
            if checks:
                ctrl_c.check()
            reached.append("end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == steps
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# As the look-up of a name in libc: it comes back neither for a signal nor for a timeout.
STUCK = """
import ctypes, socket, sys
lock, lib = ctypes.create_string_buffer(128), ctypes.CDLL(None)
def look_up(*args):
    print("here", file=sys.stderr, flush=True)
    lib.pthread_mutex_lock(lock)
    lib.pthread_mutex_lock(lock)
socket.getaddrinfo = look_up
from kgen.actions import doctor
doctor._TIMEOUT = 600
from kgen.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


def test_it_ends_the_look_up_of_a_brokers_name(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK, "doctor", "--out", str(tmp_path)],
        env={**os.environ, "KGEN_BROKERS": "one.example:9092"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "interrupted\n")


# Presses when the first module of the command is looked for.
LOADING = """
import os, signal, sys
class Presses:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
from kgen.__main__ import main
sys.meta_path.insert(0, Presses())
sys.modules.pop(sys.argv[1], None)
main()
"""


@pytest.mark.parametrize(
    "module", ["kgen.project.interrupts", "kgen_runtime.reporting.std_streams", "kgen.cli.app"]
)
def test_nothing_that_loads_leaves_a_traceback(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADING, module], capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


# Presses again as soon as the first one acts, and all through what follows, also as the interpreter ends.
PRESSING = """
import os, signal, sys
from kgen.project import transaction
from kgen import __main__ as command

real, begun = transaction.Disk.write, []
def press_always(frame, event, arg):
    os.kill(os.getpid(), signal.SIGINT)
def write(*args, **more):
    if len(begun) == 3:
        os.kill(os.getpid(), signal.SIGINT)
        sys.setprofile(press_always)
    begun.append(1)
    return real(*args, **more)
transaction.Disk.write = write
sys.argv = ["kgen", *sys.argv[1:]]
command.main()
"""


def test_pressing_all_the_time_leaves_no_traceback_and_nothing_half_written(registry, tmp_path):
    registry.add("orders-value", ORDER)
    done = subprocess.run(
        [sys.executable, "-c", PRESSING, "pull", "--registry", registry.url, "--out", str(tmp_path / "p")],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "Traceback" not in done.stderr
    assert "KeyboardInterrupt" not in done.stderr
    assert (done.returncode, done.stdout) == (130, "")
    assert not (tmp_path / "p").exists()


def test_what_a_finalizer_swallows_acts_at_the_next_place():
    script = (
        "import signal, time\n"
        "from kgen.project.interrupts import CtrlC\n"
        "CtrlC().take()\n"
        "class Swallows:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
        "try:\n"
        "    Swallows()\n"
        "    time.sleep(30)\n"
        "except KeyboardInterrupt:\n"
        "    print('acts')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.stdout, done.stderr) == ("acts\n", "")
