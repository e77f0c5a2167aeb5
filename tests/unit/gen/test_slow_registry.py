"""A registry that does not come to an end holds neither `kgen` nor what runs beside it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.scripted import Trickle

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


@pytest.fixture
def trickle() -> Iterator[Trickle]:
    server = Trickle(HEAD)
    yield server
    server.close()


def configure(root: Path, url: str, timeout: float) -> None:
    root.mkdir(exist_ok=True)
    (root / "kgen.toml").write_text(f'[registry]\nurl = "{url}"\ntimeout = {timeout}\n')


def begun(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kgen", *arguments, "--out", str(root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("command", [["pull"], ["pull", "--check"], ["outdated"], ["diff"]])
def test_all_that_a_command_asks_has_one_deadline(trickle, registry, kgen, tmp_path, command):
    registry.add("a-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    configure(tmp_path / "p", trickle.url, 0.5)
    code, _, err = kgen(*command)
    assert code == 2
    assert "no complete answer within 0.5 s" in err


def test_the_deadline_is_of_all_requests_together(registry, kgen, tmp_path):
    """Each is answered, but there is no end of them."""
    names = [f"s{n}-value" for n in range(5_000)]
    registry.override("/subjects", (200, names))
    registry.override("*", lambda: (404, {"error_code": 40401, "message": "gone"}))
    configure(tmp_path / "p", registry.url, 0.5)
    code, _, err = kgen("pull")
    assert code == 2
    assert "no complete answer within 0.5 s" in err


def test_doctor_reports_it(trickle, kgen, tmp_path):
    configure(tmp_path / "p", trickle.url, 0.5)
    code, out, _ = kgen("doctor")
    assert code == 2
    assert "no complete answer within 0.5 s" in out


@pytest.mark.parametrize("timeout", ["0", "-1", "true", '"10"', "86400", "nan", "inf"])
def test_a_timeout_that_is_none_is_refused(kgen, tmp_path, timeout):
    configure(tmp_path / "p", "http://h", timeout)
    code, _, err = kgen("pull")
    assert code == 2
    assert "registry.timeout must be a number of seconds" in err


def interrupted(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    return err


@pytest.mark.parametrize("command", ["pull", "outdated", "doctor"])
def test_ctrl_c_ends_a_request(trickle, registry, kgen, tmp_path, command):
    registry.add("a-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    configure(tmp_path / "p", trickle.url, 600)
    process = begun(tmp_path / "p", command)
    assert trickle.asked.wait(30)
    assert interrupted(process).splitlines()[-1].startswith("interrupted")


def hanging(registry, release: threading.Event, count: int) -> threading.Event:
    """So many subjects, whose versions are not answered until `release`; set when all threads wait."""
    asked, waiting = [], threading.Event()

    def hang() -> tuple[int, list[int]]:
        asked.append(1)
        if len(asked) == count:
            waiting.set()
        release.wait(60)
        return 200, [1]

    for n in range(20):
        registry.add(f"s{n}-value", '"string"')
        registry.override(f"/subjects/s{n}-value/versions", hang)
    return waiting


def test_ctrl_c_ends_a_pull_whose_threads_all_wait(registry, tmp_path):
    release = threading.Event()
    waiting = hanging(registry, release, 8)
    process = begun(tmp_path / "p", "pull", "--registry", registry.url)
    assert waiting.wait(30)
    try:
        assert "nothing was written" in interrupted(process)
    finally:
        release.set()
    assert not (tmp_path / "p").exists()


def test_a_failure_does_not_wait_for_the_other_threads(registry, kgen):
    release = threading.Event()
    waiting = hanging(registry, release, 7)

    def refuse() -> tuple[int, dict[str, object]]:
        waiting.wait(30)
        return 401, {"error_code": 401, "message": "no"}

    registry.override("/subjects/s0-value/versions", refuse)
    try:
        code, _, err = kgen("pull", "--registry", registry.url)
    finally:
        release.set()
    assert (code, "401" in err) == (2, True)


@pytest.mark.parametrize("command", ["pull", "diff"])
def test_status_does_not_wait_beside_a_command_that_waits_for_the_registry(
    trickle, registry, kgen, tmp_path, command
):
    registry.add("a-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    configure(tmp_path / "p", trickle.url, 600)
    process = begun(tmp_path / "p", command)
    try:
        assert trickle.asked.wait(30)
        code, out, err = kgen("status")
        assert (code, err) == (0, "")
        assert "everything matches the lock" in out
    finally:
        process.kill()
        process.communicate()


def test_what_changed_meanwhile_is_read_again(registry, kgen, tmp_path):
    registry.add("a-value", '"string"')
    assert kgen("pull", "--registry", registry.url)[0] == 0
    toml = tmp_path / "p/kgen.toml"
    asked = []

    def edit() -> tuple[int, list[str]]:
        """The user takes a subject out while the registry is read."""
        if not asked:
            toml.write_text(toml.read_text().replace('["*"]', '["*", "!b-*"]'))
        asked.append(1)
        return 200, ["a-value", "b-value"]

    registry.add("b-value", '"string"')
    registry.override("/subjects", edit)
    assert kgen("pull")[0] == 0
    assert len(asked) == 2
    assert "b-value" not in (tmp_path / "p/kgen.lock").read_text()


def test_a_long_wait_is_said(trickle, kgen, tmp_path):
    configure(tmp_path / "p", trickle.url, 2.5)
    code, _, err = kgen("pull")
    assert code == 2
    assert "waiting for the schema registry (2 s): GET http://127.0.0.1:" in err
    wait: Callable[..., bool] = trickle.hung_up.wait
    assert wait(20)
