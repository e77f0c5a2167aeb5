"""All or nothing: a run that dies between any two steps on the disk leaves, once healed, the old tree or
the new one.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from kgen.errors import OutputError
from kgen.project import mutex, paths, transaction
from kgen.project.transaction import Disk, Write

OLD = {"a.txt": b"a1", "pkg/b.txt": b"b1", "pkg/sub/gone.txt": b"c1", "mine.txt": b"mine"}
NEW = {"a.txt": b"a2", "pkg/b.txt": b"b2", "pkg/new/deep/d.txt": b"d2", "mine.txt": b"mine"}


class Killed(BaseException):
    """What a kill looks like from inside: from here on nothing reaches the disk."""


class Dying(Disk):
    """Dies before step number `at`; a write that dies leaves half of its content."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.steps = 0

    def _step(self) -> bool:
        self.steps += 1
        self.left -= 1
        if self.left < 0:
            raise Killed
        return self.left == 0


def _dying(name: str):
    def method(self, *args):
        last = Dying._step(self)
        if name == "write" and last:
            args[0].write_bytes(args[1][: len(args[1]) // 2])
            self.left = 0
            raise Killed
        return getattr(Disk, name)(self, *args)

    return method


for _name in ("mkdir", "write", "replace", "unlink", "rmdir", "sync", "clear"):
    setattr(Dying, _name, _dying(_name))


def make(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / mutex.FOLDER).mkdir(parents=True)


def changes(root: Path) -> list[Write]:
    every = sorted({*OLD, *NEW})
    made = [Write(p, NEW.get(p), paths.digest(paths.read(root, p))) for p in every]
    return [w for w in made if paths.digest(w.content) != w.before]


def folders(root: Path) -> set[str]:
    found = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_dir()}
    return {f for f in found if not f.startswith(".kgen")}


def count_steps(tmp_path: Path) -> int:
    root = tmp_path / "count"
    make(root, OLD)
    disk = Dying(10**9)
    transaction.apply(root, changes(root), disk)
    return disk.steps


def test_everything_is_applied(tmp_path, tree):
    make(tmp_path, OLD)
    transaction.apply(tmp_path, changes(tmp_path))
    assert tree(tmp_path) == NEW
    assert folders(tmp_path) == {"pkg", "pkg/new", "pkg/new/deep"}
    assert not transaction.interrupted(tmp_path)
    assert list((tmp_path / mutex.FOLDER).iterdir()) == []
    assert transaction.heal(tmp_path) is None


def test_killed_between_any_two_steps(tmp_path, tree):
    steps = count_steps(tmp_path)
    ends = set()
    for at in range(steps):
        root = tmp_path / str(at)
        make(root, OLD)
        with pytest.raises(Killed):
            transaction.apply(root, changes(root), Dying(at))
        before_healing = tree(root)
        healed = transaction.heal(root)
        after = tree(root)
        assert after in (OLD, NEW), at
        assert folders(root) in ({"pkg", "pkg/sub"}, {"pkg", "pkg/new", "pkg/new/deep"})
        if healed is None:
            assert before_healing == after, at
        assert transaction.heal(root) is None
        ends.add((healed, after == NEW))
    assert ends == {(None, False), ("forward", True), (None, True)}


def test_killed_while_healing_too(tmp_path, tree):
    steps = count_steps(tmp_path)
    for at in range(steps):
        for again in range(0, 14, 3):
            root = tmp_path / f"{at}-{again}"
            make(root, OLD)
            with pytest.raises(Killed):
                transaction.apply(root, changes(root), Dying(at))
            try:
                transaction.heal(root, Dying(again))
            except Killed:
                transaction.heal(root)
            assert tree(root) in (OLD, NEW), (at, again)


class Failing(Disk):
    """Refuses the n-th rename, as a full disk or a folder without permission would; then maybe dies while
    undoing.
    """

    def __init__(self, fail: int, die: int | None = None) -> None:
        self.fail, self.die, self.failed = fail, die, False

    def replace(self, source: Path, target: Path) -> None:
        self._count(target)
        super().replace(source, target)

    def unlink(self, path: Path) -> None:
        self._count(path)
        super().unlink(path)

    def _count(self, path: Path) -> None:
        if self.failed and self.die is not None:
            self.die -= 1
            if self.die < 0:
                raise Killed
        self.fail -= 1
        if self.fail == 0:
            self.failed = True
            raise OSError(28, "No space left on device", str(path))


@pytest.mark.parametrize("fail", range(1, 6))
def test_what_fails_is_undone_at_once(tmp_path, tree, fail):
    make(tmp_path, OLD)
    with pytest.raises(OutputError, match="No space left") as e:
        transaction.apply(tmp_path, changes(tmp_path), Failing(fail))
    assert e.value.hint == "everything is as it was before"
    assert tree(tmp_path) == OLD
    assert folders(tmp_path) == {"pkg", "pkg/sub"}
    assert not transaction.interrupted(tmp_path)


@pytest.mark.parametrize("fail", range(2, 6))
@pytest.mark.parametrize("die", range(8))
def test_killed_while_undoing(tmp_path, tree, fail, die):
    make(tmp_path, OLD)
    with pytest.raises((OutputError, Killed)):
        transaction.apply(tmp_path, changes(tmp_path), Failing(fail, die))
    transaction.heal(tmp_path)
    assert tree(tmp_path) in (OLD, NEW)


def interrupt(root: Path, after: int) -> None:
    """Kill a run after some of its files are in place."""
    steps = count_steps(root.parent / f"{root.name}-steps")
    for at in range(steps):
        make(root, OLD) if not root.exists() else None
        with pytest.raises(Killed):
            transaction.apply(root, changes(root), Dying(at))
        journal = transaction.interrupted(root)
        done = sum((root / p).exists() and (root / p).read_bytes() == NEW[p] for p in ("a.txt", "pkg/b.txt"))
        if journal and done >= after:
            return
        transaction.heal(root)
        if not journal:
            continue
        import shutil

        shutil.rmtree(root)
    raise AssertionError("no such step")


def test_an_edit_after_the_kill_is_never_lost(tmp_path, tree):
    root = tmp_path / "p"
    interrupt(root, after=1)
    (root / "pkg/b.txt").write_bytes(b"edited since")
    assert transaction.heal(root) == "back"
    assert tree(root) == {**OLD, "pkg/b.txt": b"edited since"}


def test_an_edit_of_a_file_already_written_stays(tmp_path, tree):
    root = tmp_path / "p"
    interrupt(root, after=1)
    (root / "a.txt").write_bytes(b"edited since")
    assert transaction.heal(root) == "forward"
    assert tree(root) == {**NEW, "a.txt": b"edited since"}


def test_edits_on_both_sides_are_an_error_and_nothing_is_touched(tmp_path, tree):
    root = tmp_path / "p"
    interrupt(root, after=1)
    (root / "a.txt").write_bytes(b"edited 1")
    (root / "pkg/b.txt").write_bytes(b"edited 2")
    before = tree(root)
    with pytest.raises(OutputError, match="edited after a pull had been interrupted"):
        transaction.heal(root)
    assert tree(root) == before


def test_a_damaged_journal_is_an_error(tmp_path):
    make(tmp_path, OLD)
    (tmp_path / mutex.FOLDER / "journal.json").write_text('{"direction": "forward"}')
    with pytest.raises(OutputError, match="journal"):
        transaction.heal(tmp_path)


def test_a_journal_cannot_write_outside(tmp_path):
    make(tmp_path / "p", OLD)
    (tmp_path / "p" / mutex.FOLDER / "journal.json").write_text(
        '{"direction": "forward", "made": [], "steps": '
        '[{"path": "../evil", "stage": null, "backup": null, "before": null, "after": null}]}'
    )
    with pytest.raises(OutputError, match="leaves the project folder"):
        transaction.heal(tmp_path / "p")


def test_a_file_that_changed_since_the_plan(tmp_path, tree):
    make(tmp_path, OLD)
    planned = changes(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"quick edit")
    with pytest.raises(OutputError, match="changed while kgen was running"):
        transaction.apply(tmp_path, planned)
    assert tree(tmp_path) == {**OLD, "a.txt": b"quick edit"}


def test_modes_stay(tmp_path):
    make(tmp_path, OLD)
    (tmp_path / "a.txt").chmod(0o600)
    (tmp_path / "pkg/b.txt").chmod(0o755)
    transaction.apply(tmp_path, changes(tmp_path))
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "pkg/b.txt").stat().st_mode) == 0o755


def test_a_link_inside_the_project_is_followed(tmp_path):
    make(tmp_path, OLD)
    (tmp_path / "link.txt").symlink_to("pkg/b.txt")
    transaction.apply(tmp_path, [Write("link.txt", b"new", paths.digest(b"b1"))])
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "pkg/b.txt").read_bytes() == b"new"


@pytest.mark.parametrize("path", ["../x", "/etc/x", "pkg/../../x", "out/x", "loop", "a.txt/x", "pkg", ""])
def test_places_that_are_refused(tmp_path, tree, path):
    root = tmp_path / "p"
    make(root, OLD)
    (tmp_path / "outside").mkdir()
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "loop").symlink_to("loop")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(OutputError):
        transaction.apply(root, [Write(path, b"x", None), Write("ok.txt", b"x", None)])
    assert {p for p in tmp_path.rglob("*") if "stage" not in p.parts} == before


def test_two_names_of_one_file(tmp_path):
    make(tmp_path, OLD)
    (tmp_path / "link.txt").symlink_to("a.txt")
    with pytest.raises(OutputError, match="same file"):
        transaction.apply(
            tmp_path,
            [Write("a.txt", b"1", paths.digest(b"a1")), Write("link.txt", b"2", paths.digest(b"a1"))],
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_not_writable(tmp_path, tree):
    make(tmp_path, OLD)
    (tmp_path / "pkg").chmod(0o555)
    try:
        with pytest.raises(OutputError, match="not writable"):
            transaction.apply(tmp_path, changes(tmp_path))
        assert tree(tmp_path) == OLD
    finally:
        (tmp_path / "pkg").chmod(0o755)


def test_a_folder_that_the_system_calls_not_writable(tmp_path, tree, monkeypatch):
    make(tmp_path, OLD)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "pkg")
    with pytest.raises(OutputError, match="not writable"):
        transaction.apply(tmp_path, changes(tmp_path))
    assert tree(tmp_path) == OLD
    assert not (tmp_path / mutex.FOLDER / "stage").exists()
