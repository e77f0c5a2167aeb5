"""The recovery folder: made once, checked, and used by one run."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.recovery import InconsistentPartitionsError, MissingPartitionsError, NoPartitionsError
from bytewax.testing import TestingSink, TestingSource

import kgen_runtime as rt
from kgen_runtime import run, testing
from kgen_runtime.recovery import file_systems
from kgen_runtime.recovery.folder import explained


def flow(step: str = "in") -> Dataflow:
    built = Dataflow("flow")
    op.output("out", op.input(step, built, TestingSource([1, 2])), TestingSink([]))
    return built


def test_partitions_are_made_on_first_use(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    rt.Recovery(folder, partitions=3).prepare()
    assert sorted(file.name for file in folder.glob("part-*")) == [f"part-{i}.sqlite3" for i in range(3)]
    rt.Recovery(folder, partitions=5).prepare()  # fixed by then
    assert len(list(folder.glob("part-*.sqlite3"))) == 3


def test_a_missing_partition_is_reported(tmp_path: Path) -> None:
    rt.Recovery(tmp_path).prepare()
    (tmp_path / "part-2.sqlite3").unlink()
    with pytest.raises(rt.RecoveryError, match="partitions 2 of 4 are missing") as caught:
        rt.Recovery(tmp_path).prepare()
    assert str(tmp_path) in str(caught.value)


def test_a_missing_partition_is_reported_without_kgens_note_too(tmp_path: Path) -> None:
    rt.Recovery(tmp_path).prepare()
    (tmp_path / "kgen.json").unlink()
    rt.Recovery(tmp_path).prepare()  # made by bytewax.recovery, as far as one can see
    (tmp_path / "part-0.sqlite3").unlink()
    with pytest.raises(rt.RecoveryError, match="partitions 0 of 4"):
        rt.Recovery(tmp_path).prepare()


def test_partitions_that_are_all_missing_are_reported(tmp_path: Path) -> None:
    """Made anew, the folder would have everything read again."""
    rt.Recovery(tmp_path).prepare()
    for file in tmp_path.glob("part-*"):
        file.unlink()
    with pytest.raises(rt.RecoveryError, match="partitions 0, 1, 2, 3 of 4 are missing") as caught:
        rt.Recovery(tmp_path).prepare()
    assert "Restore the whole folder" in str(caught.value)
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "5", '{"format": 1}', '{"format": "x", "partitions": 4}', "[" * 100_000]
)
def test_a_damaged_note_is_reported(tmp_path: Path, text: str) -> None:
    rt.Recovery(tmp_path).prepare()
    (tmp_path / "kgen.json").write_text(text)
    with pytest.raises(rt.RecoveryError, match="damaged") as caught:
        rt.Recovery(tmp_path).prepare()
    assert str(tmp_path / "kgen.json") in str(caught.value)
    assert caught.value.hint


def test_a_folder_that_is_read_only_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rt.Recovery(tmp_path).prepare()
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path / "part-1.sqlite3")
    with pytest.raises(rt.RecoveryError, match=r"part-1.sqlite3 is read-only"):
        rt.Recovery(tmp_path).prepare()


def crash_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends at a move of the making."""
    calls = itertools.count()
    replace = Path.replace

    def crashing(path: Path, target: Path) -> Path:
        if next(calls) == call:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", crashing)


@pytest.mark.parametrize("call", range(6))
def test_a_folder_is_made_whole_after_a_crash_at_any_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    with monkeypatch.context() as crashing:
        crash_at(call, crashing)
        with pytest.raises(KeyboardInterrupt):
            rt.Recovery(tmp_path).prepare()
    with rt.Recovery(tmp_path).lock():
        rt.Recovery(tmp_path).prepare()
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == [
        "kgen.json",
        *(f"part-{i}.sqlite3" for i in range(4)),
    ]
    rt.Recovery(tmp_path).prepare()


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")  # reading such a one may write files beside it
        db.execute("CREATE TABLE photos (name TEXT)")


@pytest.mark.parametrize("sign", ["part-0.sqlite3", "part-x.sqlite3", "kgen.json"])
@pytest.mark.parametrize("beside", [(), (".making",), ("README",)])
def test_another_programs_files_of_such_names_stay_and_nothing_is_written(
    tmp_path: Path, sign: str, beside: tuple[str, ...]
) -> None:
    foreign_database(tmp_path / sign) if sign.endswith("3") else (tmp_path / sign).write_text('{"name": "x"}')
    for name in beside:
        (tmp_path / name).touch()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for use in (rt.Recovery(tmp_path).prepare, rt.Recovery(tmp_path).lock().__enter__):
        with pytest.raises(rt.RecoveryError, match=r"not a recovery partition|another program's") as caught:
            use()
        assert sign in str(caught.value)
    assert run.main(["no_such_module", "--processes", "2", "-r", str(tmp_path)]) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_foreign_file_called_making_does_not_make_a_recovery_folder(tmp_path: Path) -> None:
    (tmp_path / ".making").touch()
    with pytest.raises(rt.RecoveryError, match="not a recovery folder"), rt.Recovery(tmp_path).lock():
        pass


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    rt.Recovery(tmp_path).prepare()
    (tmp_path / "kgen.json").write_text(json.dumps({"format": 2, "partitions": 4}))
    with pytest.raises(rt.RecoveryError, match="format 2"):
        rt.Recovery(tmp_path).prepare()


def test_a_file_that_is_not_a_partition_is_reported(tmp_path: Path) -> None:
    rt.Recovery(tmp_path).prepare()
    (tmp_path / "part-1.sqlite3").write_bytes(b"not a database" * 100)
    with pytest.raises(rt.RecoveryError, match="not a recovery partition"):
        rt.Recovery(tmp_path).prepare()


def test_what_a_killed_run_has_left_in_the_log_of_a_partition_is_read(tmp_path: Path) -> None:
    made = tmp_path / "made"
    rt.Recovery(made).prepare()
    with closing(sqlite3.connect(made / "part-0.sqlite3")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        row = db.execute("SELECT * FROM parts").fetchone()
        db.execute("DELETE FROM parts")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute(f"INSERT INTO parts VALUES ({', '.join('?' * len(row))})", row)
        db.commit()
        shutil.copytree(made, tmp_path / "left")  # as a kill leaves it: the row is in the log alone
    rt.Recovery(tmp_path / "left").prepare()


@pytest.mark.parametrize("broken", ["DROP TABLE parts", "DELETE FROM parts", "DROP TABLE snaps"])
def test_a_partition_that_lacks_something_is_reported(tmp_path: Path, broken: str) -> None:
    recovery = rt.Recovery(tmp_path)
    recovery.prepare()
    with closing(sqlite3.connect(tmp_path / "part-1.sqlite3")) as db, db:
        db.execute(broken)
    use = (lambda: recovery.unknown_steps(flow())) if "snaps" in broken else recovery.prepare
    with pytest.raises(rt.RecoveryError, match="not a recovery partition"):
        use()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(rt.RecoveryError, match=r"cannot be used: .*file is a file"):
        rt.Recovery(tmp_path / "file" / "folder").prepare()


@pytest.mark.parametrize("below", ["", "folder"])
def test_a_link_that_leads_nowhere_is_reported(tmp_path: Path, below: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "absent" / "folder")
    with pytest.raises(rt.RecoveryError, match=r"cannot be used: .*link is a link that leads nowhere"):
        rt.Recovery(tmp_path / "link" / below).prepare()


def test_a_name_that_is_too_long_is_reported(tmp_path: Path) -> None:
    with pytest.raises(rt.RecoveryError, match="cannot be used: File name too long"):
        rt.Recovery(tmp_path / ("x" * 300)).prepare()


def test_a_device_is_reported(tmp_path: Path) -> None:
    with pytest.raises(rt.RecoveryError, match=r"cannot be used: /dev/null is a file"):
        rt.Recovery("/dev/null").prepare()


def test_two_runs_on_one_folder_are_refused(tmp_path: Path) -> None:
    with rt.Recovery(tmp_path).lock():
        said = r"another run uses the recovery folder \(process \d+\)"
        with pytest.raises(rt.RecoveryError, match=said), rt.Recovery(tmp_path).lock():
            pass
        with rt.Recovery(tmp_path).lock("other"):
            pass
    with rt.Recovery(tmp_path).lock():
        pass


def test_steps_that_are_gone_are_named(tmp_path: Path) -> None:
    recovery = rt.Recovery(tmp_path)
    testing.run(flow(), recovery=recovery, epoch_interval=timedelta(0))
    assert recovery.unknown_steps(flow()) == []
    assert recovery.unknown_steps(flow("renamed")) == ["flow.in"]


def test_a_flow_does_not_begin_again_below_the_folder_that_has_its_state(tmp_path: Path) -> None:
    above, below = tmp_path / ".recovery", rt.Recovery(tmp_path / ".recovery" / "orders")
    below.refuse_if_above(flow())
    testing.run(flow(), recovery=rt.Recovery(above), epoch_interval=timedelta(0))
    below.refuse_if_above(flow("another"))
    for _ in range(2):  # also when its partitions were made
        with pytest.raises(rt.RecoveryError, match="has state of this flow") as caught:
            below.refuse_if_above(flow())
        assert f"--recovery {above}" in (caught.value.hint or "")
        below.prepare()
    testing.run(flow(), recovery=below, epoch_interval=timedelta(0))
    below.refuse_if_above(flow())


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NoPartitionsError("x"), "no partitions"),
        (MissingPartitionsError("x"), "missing"),
        (InconsistentPartitionsError("x"), "different times"),
        (
            RuntimeError('Key StateKey("orders/3") is not in this worker\'s routing map'),
            "partition that is gone",
        ),
    ],
)
def test_bytewax_errors_are_explained(error: Any, says: str) -> None:
    known = explained(error)
    assert known is not None
    assert says in known.what
    assert known.hint
    assert explained(ValueError("other")) is None


def test_an_empty_path_is_reported() -> None:
    with pytest.raises(rt.ConfigError, match="is empty"):
        rt.Recovery("")


def test_a_folder_that_another_run_uses_is_reported_to_a_test(tmp_path: Path) -> None:
    recovery = rt.Recovery(tmp_path)
    with recovery.lock(), pytest.raises(rt.RecoveryError, match="another run uses"):
        testing.run(flow(), recovery=recovery)
    testing.run(flow(), recovery=recovery)
    testing.run(flow(), recovery=recovery)


def test_a_path_that_is_not_a_folder_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    said = r"cannot be used: .*file is a file"
    with pytest.raises(rt.RecoveryError, match=said) as caught, rt.Recovery(file).lock():
        pass
    assert caught.value.hint


@pytest.mark.parametrize("other", ["passwd", ".hidden", "some.sqlite3", "starts.db"])
def test_a_folder_with_other_files_is_refused_before_anything_is_written(tmp_path: Path, other: str) -> None:
    (tmp_path / other).write_text("not the runner's")
    (tmp_path / "sub").mkdir()
    with pytest.raises(rt.RecoveryError, match="not a recovery folder") as caught:
        rt.Recovery(tmp_path).prepare()
    assert other in caught.value.what
    assert "empty folder" in str(caught.value.hint)
    with pytest.raises(rt.RecoveryError, match="not a recovery folder"), rt.Recovery(tmp_path).lock():
        pass
    assert run.main(["no_such_module", "--processes", "2", "-r", str(tmp_path)]) == 2
    assert {path.name for path in tmp_path.iterdir()} == {other, "sub"}


def test_the_names_of_other_files_are_shown_bounded_and_escaped(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"a\n{number:02}").touch()
    with pytest.raises(rt.RecoveryError) as caught:
        rt.Recovery(tmp_path).prepare()
    assert caught.value.what.endswith("('a\\n00', 'a\\n01', 'a\\n02' and 17 more)")


def test_a_new_volume_and_a_recovery_folder_with_notes_of_its_owner_are_taken(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    with rt.Recovery(tmp_path).lock():
        rt.Recovery(tmp_path).prepare()
    (tmp_path / "README").touch()
    with rt.Recovery(tmp_path).lock():
        rt.Recovery(tmp_path).prepare()


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux alone shows it")
@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ("/ ext4|{} nfs4", "nfs4"),
        ("/ nfs4|{} ext4", None),
        ("/ overlay|{}/a\\040b/deep cifs", "cifs"),
        ("/ ext4|{} nfs|{} xfs", None),
        ("/ ext4|{} fuse.sshfs", "fuse.sshfs"),
        ("/ ext4|{} fuse.mergerfs", None),
        ("/ ext4|{}x nfs4", None),
        ("nonsense", None),
    ],
)
def test_a_network_file_system_is_warned_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    mounts: str,
    kind: str | None,
) -> None:
    place = tmp_path.resolve()
    lines = [line.format(place).split(" ") for line in mounts.split("|")]
    text = [f"22 27 0:1 / {line[0]} rw - {line[-1]} none rw\n" for line in lines]
    (tmp_path / "mounts").write_text("".join(text) if len(text) > 1 else mounts)
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "mounts")
    rt.Recovery(tmp_path / "a b" / "deep" / "recovery").prepare()
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == (kind is not None)
    assert all(f"a file system that machines share ({kind})" in each for each in said)


def test_a_disk_without_room_is_reported_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody knows how much there is, it is tried."""
    left = {"total": 1 << 30, "used": 1 << 30, "free": 100_000}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(**left))
    with pytest.raises(rt.RecoveryError, match="the disk of the recovery folder is full: 97 KiB") as caught:
        rt.Recovery(tmp_path).prepare()
    assert "Make room" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    left["total"] = 0
    rt.Recovery(tmp_path).prepare()


class PanicException(BaseException):
    """As the one of Bytewax's engine is called."""


def test_a_panic_of_the_engine_on_a_full_disk_is_reported_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def panics(*args: object, **options: object) -> None:
        left["free"] = 1 << 20
        raise PanicException("called `Result::unwrap()` on an `Err` value")

    left = {"total": 1 << 30, "used": 0, "free": 1 << 30}
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(**left))
    monkeypatch.setattr(run, "cli_main", panics)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "full_flow.py").write_text("from bytewax.dataflow import Dataflow\nflow = Dataflow('f')\n")
    code = run.main(["full_flow", "--recovery", str(tmp_path / "recovery"), "--quiet"])
    assert code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the disk of the recovery folder is full: 1,024 KiB of it are free\n  at ")
    assert "PanicException" not in said
