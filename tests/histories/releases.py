"""Public projects whose releases carry Avro schemas, fetched from the package registries into `.cache/`.

Each release becomes `{record's full name: schema text}`. Nothing of them is kept in this repository: a
wheel holds `.avsc` files, a jar the classes that Avro's compiler made, each with its schema as a constant.
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CACHE = Path(__file__).parents[2] / ".cache" / "histories"
_UTF8 = 1
_ATTEMPTS = 3
_PIECE = 200
"""Characters: longer than any other constant of such a class; only the last piece may be shorter."""
_SIZES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
"""Bytes of a constant after its tag (JVM specification, 4.4)."""


@dataclass(frozen=True)
class History:
    """A project's releases, oldest first. `records` are the full names that become subjects, a topic each."""

    name: str
    kind: Literal["pypi", "maven"]
    package: str
    releases: Sequence[str]
    records: Sequence[str]

    def schemas(self, release: str) -> dict[str, str]:
        """Full name -> schema text of one release; records that it does not have are left out."""
        found = dict(_schemas(self._archive(release)))
        return {name: found[name] for name in self.records if name in found}

    def _archive(self, release: str) -> Path:
        folder = CACHE / f"{self.name}-{release}"
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                partial = folder.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                self._fetch(release, partial)
                partial.rename(folder)
        return next(path for path in sorted(folder.iterdir()) if path.suffix in (".whl", ".jar"))

    def _fetch(self, release: str, folder: Path) -> None:
        if self.kind == "pypi":
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
            command += ["-d", str(folder), f"{self.package}=={release}"]
        else:
            command = ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={self.package}:{release}"]
            command += [f"-DoutputDirectory={folder}"]
        for _ in range(_ATTEMPTS):
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if not done.returncode:
                return
        raise RuntimeError(f"{self.package} {release} could not be fetched:\n{done.stdout}\n{done.stderr}")


def missing(history: History) -> str | None:
    """What this machine lacks to fetch the releases, or None."""
    if history.kind == "maven" and shutil.which("mvn") is None:
        return "Maven is not on the PATH"
    return None


def _schemas(archive: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(archive) as file:
        for name in sorted(file.namelist()):
            if name.endswith(".avsc") and archive.suffix == ".whl":
                yield from _record(file.read(name).decode())
            elif name.endswith(".class"):
                yield from _record(_schema_constant(file.read(name)))


def _record(text: str) -> Iterator[tuple[str, str]]:
    data = json.loads(text or "null")
    if isinstance(data, dict) and data.get("type") == "record":
        name, namespace = data["name"], data.get("namespace")
        yield (name if "." in name or not namespace else f"{namespace}.{name}"), text


def _schema_constant(data: bytes) -> str:
    """The schema of a class that Avro's compiler made, or nothing. A long one is cut into several
    constants, in order.
    """
    text = ""
    for constant in _constants(data):
        if constant.startswith('{"type":"record"') or (text and len(constant) > _PIECE):
            text += constant
            with suppress(json.JSONDecodeError):
                json.loads(text)
                return text
    return ""


def _constants(data: bytes) -> Iterator[str]:
    """The strings of a class file's constant pool."""
    count, at, index = int.from_bytes(data[8:10], "big"), 10, 1
    while index < count:
        tag = data[at]
        if tag == _UTF8:
            size = int.from_bytes(data[at + 1 : at + 3], "big")
            yield _modified_utf8(data[at + 3 : at + 3 + size])
            at += 3 + size
        else:
            at += 1 + _SIZES[tag]
        index += 2 if tag in (5, 6) else 1  # longs and doubles count as two


def _modified_utf8(data: bytes) -> str:
    return re.sub(rb"\xc0\x80", b"\0", data).decode("utf-8", "replace")


_BDG = "org.bdgenomics.formats.avro"
_HUDI = "org.apache.hudi.avro.model"
_DATAHUB = "com.linkedin.pegasus2avro"
HISTORIES = (
    History(
        "bdg-formats",
        "maven",
        "org.bdgenomics.bdg-formats:bdg-formats",
        ["0.2.0", "0.4.0", "0.7.0", "0.8.0", "0.10.0", "0.11.0", "0.11.3", "0.12.0", "0.13.0", "0.15.0"],
        [f"{_BDG}.{n}" for n in ["AlignmentRecord", "Genotype", "Variant", "Fragment", "Feature", "Contig"]],
    ),
    History(
        "hudi",
        "maven",
        "org.apache.hudi:hudi-common",
        [
            "0.5.3",
            "0.6.0",
            "0.7.0",
            "0.8.0",
            "0.9.0",
            "0.10.1",
            "0.11.1",
            "0.12.3",
            "0.13.1",
            "0.14.1",
            "1.0.0",
        ],
        [
            f"{_HUDI}.Hoodie{n}"
            for n in ["ArchivedMetaEntry", "RestoreMetadata", "CleanerPlan", "MetadataRecord"]
        ],
    ),
    History(
        "datahub",
        "pypi",
        "acryl-datahub",
        ["0.8.29", "0.8.41", "0.8.45", "0.9.6", "0.10.5", "0.11.0", "0.13.0", "0.15.0", "1.2.0", "1.6.0"],
        [
            f"{_DATAHUB}.schema.SchemaMetadata",
            f"{_DATAHUB}.mxe.MetadataChangeProposal",
            f"{_DATAHUB}.dashboard.DashboardInfo",
            f"{_DATAHUB}.chart.ChartInfo",
            f"{_DATAHUB}.identity.CorpUserInfo",
            f"{_DATAHUB}.assertion.AssertionInfo",
        ],
    ),
)
