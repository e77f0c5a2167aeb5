"""Reading many files of a project: the same content, and the same refusals, as one at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgen.errors import OutputError
from kgen.project import paths
from kgen.project.file_reader import FileReader


def test_it_reads_what_paths_reads(tmp_path: Path) -> None:
    root = tmp_path / "p"
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "c.py").write_bytes(b"x = 1\r\n")
    (root / "a" / "empty.py").write_bytes(b"")
    (root / "a" / "linked.py").symlink_to(root / "a" / "b" / "c.py")
    (root / "inside").symlink_to(root / "a" / "b")
    read = FileReader(root)
    for path in ("a/b/c.py", "a/empty.py", "a/linked.py", "inside/c.py", "a/none.py", "none/x.py", "top.py"):
        assert read(path) == paths.read(root, path), path


@pytest.mark.parametrize(
    "path", ["out/x.py", "../x.py", "a/../../x.py", "/etc/hosts", "link.py", "a", "a/f/x"]
)
def test_it_refuses_what_paths_refuses(tmp_path: Path, path: str) -> None:
    root = tmp_path / "p"
    (root / "a").mkdir(parents=True)
    (root / "a" / "f").write_bytes(b"a file")
    (tmp_path / "x.py").write_bytes(b"outside")
    (root / "out").symlink_to(tmp_path)
    (root / "link.py").symlink_to(tmp_path / "x.py")
    with pytest.raises(OutputError) as found:
        FileReader(root)(path)
    with pytest.raises(OutputError) as wanted:
        paths.read(root, path)
    assert str(found.value) == str(wanted.value)
