"""The projects that pages begin with, each with a local broker and registry of the page's own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

from kgen.dev import Dev, up
from kgen.dev.seed import seed

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Prepared:
    """What `<!-- project: NAME -->` gives a page: a broker and a registry.

    With `orders`, also the topics of that example, with sample messages, pulled into the page's folder.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._registries: dict[str, str] = {}
        self._pages = contextlib.ExitStack()

    def project(self, name: str, folder: Path) -> Dev:
        """Prepare `folder`. The broker and the registry last until `close`."""
        dev = self._pages.enter_context(up())
        if name == "empty":
            return dev
        seed(dev.brokers, dev.registry, _EXAMPLES / name / "registry")
        pulled = self._cache / name
        if not pulled.exists():
            pulled.mkdir()
            command = [sys.executable, "-m", "kgen", "pull", "--registry", dev.registry]
            subprocess.run(command, cwd=pulled, check=True, capture_output=True)
            self._registries[name] = dev.registry
        shutil.copytree(pulled, folder, dirs_exist_ok=True)
        for path in (folder / "kgen.toml", folder / "kgen.lock"):
            text = path.read_text(encoding="utf-8").replace(self._registries[name], dev.registry)
            path.write_text(text, encoding="utf-8")
        return dev

    def close(self) -> None:
        """Stop the broker and the registry of a page."""
        self._pages.close()
