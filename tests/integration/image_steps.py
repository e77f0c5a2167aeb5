"""The steps of a Dockerfile of `kgen deploy`, done by hand, and then the command of a container.

    unshare --mount python -m tests.integration.image_steps JSON

Each stage is a layer (overlayfs) on the files of this machine, whose Python stands for that of the base
image. The command runs in the last one, which it cannot write: as the user that the Dockerfile names, without
capabilities, with what is mounted. It takes the place of this process.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_INDEX: Final = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1"}
"""Of wheels, what they depend on is mounted."""


class Image:
    """A build: `context` has what is copied, `place` is an empty folder on a file system of its own."""

    def __init__(self, context: Path, place: Path) -> None:
        self._context, self._place = context, place
        self._stages: dict[str, Path] = {}
        self.root = place
        self.env: dict[str, str] = {}
        self.user = "0:0"
        self.folder = "/"

    def build(self, dockerfile: Path) -> None:
        """Raises `ValueError` for a step that is not known here."""
        for line in _lines(dockerfile.read_text(encoding="utf-8")):
            word, _, rest = line.partition(" ")
            step = getattr(self, f"_{word.lower()}", None)
            if step is None:
                raise ValueError(f"not known here: {line}")
            step(rest)

    def _arg(self, rest: str) -> None:
        """The version of Python: it is the one that runs this."""

    def _entrypoint(self, rest: str) -> None:
        """Manifests have it too."""

    def _from(self, rest: str) -> None:
        layer = self._place / str(len(self._stages))
        self.root = layer / "root"
        for each in ("upper", "work", "root"):
            (layer / each).mkdir(parents=True)
        options = f"lowerdir=/,upperdir={layer}/upper,workdir={layer}/work"
        _do("mount", "-t", "overlay", "overlay", "-o", options, self.root)
        for each in ("dev", "proc"):
            _do("mount", "--rbind", f"/{each}", self.root / each)
        for folder in Path(sys.base_prefix).parents:  # that another user finds Python
            (self.root / folder.relative_to("/")).chmod(0o755)
        self._stages[rest.partition(" AS ")[2]] = self.root
        self.env = {"PATH": f"{sys.base_prefix}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        if sources[0].startswith("--from="):
            stage = self._stages[sources[0].partition("=")[2]]
            _do("cp", "-a", f"{stage}{sources[1]}", f"{self.root}{target}")
            return
        there = Path(f"{self.root}{target}")
        there.mkdir(parents=True, exist_ok=True)
        for pattern in sources:
            for path in self._context.glob(pattern):
                shutil.copy(path, there)

    def _run(self, rest: str) -> None:
        _do("chroot", self.root, "/bin/sh", "-c", rest, env=self.env | _INDEX)

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            self.env[name] = value.replace("$PATH", self.env["PATH"])

    def _user(self, rest: str) -> None:
        self.user = rest

    def _workdir(self, rest: str) -> None:
        self.folder = rest

    def start(self, command: list[str], env: Mapping[str, str], mounts: Mapping[str, str]) -> None:
        """In place of this process. `mounts` are folders of this machine by their paths in the container:
        those with a colon behind cannot be written.
        """
        for there, here in mounts.items():
            target = Path(f"{self.root}{there.rstrip(':')}")
            target.mkdir(parents=True, exist_ok=True)
            _do("mount", "--bind", *(["-o", "ro"] if there.endswith(":") else []), here, target)
        _do("mount", "-t", "tmpfs", "-o", "mode=1777", "none", self.root / "tmp")
        _do("mount", "-o", "remount,ro", self.root)
        user, _, group = self.user.partition(":")
        rights = ["--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs"]
        rights += ["--bounding-set=-all", "--inh-caps=-all", "--pdeathsig", "KILL"]
        place = ["chroot", str(self.root), "setpriv", *rights, "env", "-C", self.folder]
        os.execvpe(place[0], [*place, *command], {**self.env, **env})


def _lines(text: str) -> Iterator[str]:
    joined = text.replace("\\\n", " ")
    return (" ".join(line.split()) for line in joined.splitlines() if line and not line.startswith("#"))


def _do(*command: Any, env: Mapping[str, str] | None = None) -> None:
    subprocess.run([str(each) for each in command], check=True, env=env)


def main(given: Mapping[str, Any]) -> None:
    """Build, and run."""
    place = Path(given["place"])
    _do("mount", "-t", "tmpfs", "none", place)
    image = Image(Path(given["context"]), place)
    image.build(Path(given["dockerfile"]))
    image.start(given["command"], given["env"], given["mounts"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
