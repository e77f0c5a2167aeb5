"""`kgen dev --watch`: what changes in the seed folder is registered and gets messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from kgen_runtime.errors import KgenError

from ..model.settings import TopicSettings
from ..progress_callback import ProgressCallback, silent
from .seed import NO_TABLES, seed
from .stop_request import StopRequest

_PAUSE: Final = 0.5
"""Seconds between looks: a file that is being written is the same twice before it is read."""
_MOST_FILES: Final = 20_000


class SeedWatch:
    """Takes what is in a folder, and then what changes there. What is wrong is noted, and looked at again
    when something changes; the rest is taken. `changed` is called when something was registered. `tables`: as
    in `seed`.
    """

    def __init__(
        self,
        brokers: str,
        registry: str,
        folder: Path,
        note: Callable[[str], None],
        changed: Callable[[], None],
        tables: Mapping[str, TopicSettings] = NO_TABLES,
    ) -> None:
        self._brokers = brokers
        self._registry = registry
        self._folder = folder
        self._note = note
        self._changed = changed
        self._tables = tables
        self._seen = self._files()
        self._known: frozenset[int] = frozenset()

    def take(self, progress: ProgressCallback = silent) -> bool:
        """Register what is new, and make messages of it; whether there was something."""
        try:
            seeded = seed(
                self._brokers,
                self._registry,
                self._folder,
                progress,
                known=self._known,
                tables=self._tables,
                refused=self._refused,
            )
        except KgenError as error:
            self._refused(error)
            return False
        new = seeded.ids - self._known
        self._known |= seeded.ids
        for line in seeded.lines():
            self._note(line)
        return bool(new)

    def run(self, stop: StopRequest) -> None:
        """Watch the folder from what it was when this was made, until `stop`. `changed` is called at once if
        something was taken before.
        """
        if self._known:
            self._changed()
        before = self._seen
        while not stop.wait(_PAUSE):
            now = self._files()
            if now != self._seen and now == before:
                self._note_gone(now)
                if self.take():
                    self._changed()
                self._seen = now
            before = now

    def _files(self) -> dict[Path, tuple[int, int]]:
        found: dict[Path, tuple[int, int]] = {}
        try:
            for path in sorted(self._folder.rglob("*"))[:_MOST_FILES]:
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
        except OSError:
            pass  # it goes while it is looked at: the next look is another
        return found

    def _note_gone(self, now: dict[Path, tuple[int, int]]) -> None:
        for path in [path for path in self._seen if path not in now and path.suffix]:
            self._note(f"{path} is gone: the registry keeps what was registered")

    def _refused(self, error: KgenError) -> None:
        self._note(f"error: {error.what}")
        if error.where:
            self._note(f"  at {error.where}")
        if error.hint:
            self._note(f"  hint: {error.hint}")
