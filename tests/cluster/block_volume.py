"""A block volume, which one machine has at a time: an image with a file system of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SIZE = 64 << 20


class Volume:
    """`folder` is where it is mounted; without loop devices an ordinary folder."""

    def __init__(self, image: Path, folder: Path) -> None:
        self._image, self._folder = image, folder
        folder.mkdir()
        with image.open("wb") as file:
            file.truncate(_SIZE)
        made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True)
        self.is_real = made.returncode == 0 and self._mount()

    def _mount(self) -> bool:
        command = ["mount", "-o", "loop", str(self._image), str(self._folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def move(self) -> None:
        """Take it from one machine and give it to the next; nothing may use it."""
        if self.is_real:
            subprocess.run(["umount", self._folder], check=True, timeout=60)
            assert self._mount()

    def close(self) -> None:
        """Take it away."""
        if self.is_real:
            subprocess.run(["umount", "-l", self._folder], check=True)


@contextmanager
def volume(root: Path, name: str) -> Iterator[Volume]:
    """One at `root / name`, while entered."""
    made = Volume(root / f"{name}.img", root / name)
    try:
        yield made
    finally:
        made.close()
