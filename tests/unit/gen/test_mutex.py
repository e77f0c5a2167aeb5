from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from kgen.errors import OutputError
from kgen.project import mutex

HOLD = """
import sys
from pathlib import Path
from kgen.project import mutex as guard
with guard.exclusive(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_the_second_says_so_and_gives_up_in_time(tmp_path, holder):
    said = []
    with pytest.raises(OutputError, match="another kgen"), mutex.exclusive(tmp_path, said.append, wait=0.1):
        pass
    assert said == ["another kgen is writing here; waiting for it"]


def test_readers_wait_for_a_writer_too(tmp_path, holder):
    with pytest.raises(OutputError), mutex.shared(tmp_path, lambda _: None, wait=0.1):
        pass


def test_the_second_goes_on_when_the_first_dies(tmp_path, holder):
    waiting, entered = threading.Event(), threading.Event()

    def second() -> None:
        with mutex.exclusive(tmp_path, lambda _: waiting.set()):
            entered.set()

    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(20)
    assert not entered.is_set()
    holder.kill()
    thread.join(20)
    assert entered.is_set()


def test_reading_leaves_no_trace(tmp_path):
    with mutex.shared(tmp_path, print):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_folder_ignores_itself(tmp_path):
    with mutex.exclusive(tmp_path, print):
        assert (tmp_path / ".kgen/tmp/.gitignore").read_text() == "*\n"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not writable"), mutex.exclusive(tmp_path / "file" / "p", print):
        pass


def test_a_link_out_of_the_project(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "p" / ".kgen").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="leads out"), mutex.exclusive(tmp_path / "p", print):
        pass
    assert list((tmp_path / "elsewhere").iterdir()) == []
