"""Apache Kafka's jars, fetched once by Maven into the git-ignored `.cache/`."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"


def missing() -> str | None:
    """What this machine lacks to run Kafka, or None."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java 17 or later on the PATH"
    if not folder().is_dir() and shutil.which("mvn") is None:
        return "Apache Kafka's jars are not in .cache/ and Maven is not on the PATH to fetch them"
    return None


def folder() -> Path:
    """Where the jars of this pom.xml are, or will be."""
    return CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:16]


def version() -> str:
    """Apache Kafka's, as this pom.xml has it."""
    found = re.search(r"<artifactId>kafka_[^<]*</artifactId>\s*<version>([^<]+)<", POM.read_text())
    assert found is not None
    return found[1]


def fetch() -> Path:
    """The folder of jars; runs Maven the first time. Several processes may ask at once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder().is_dir():
            _copy(folder())
    return folder()


def _copy(target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"]
    run = subprocess.run(
        [*command, "-DincludeScope=runtime", f"-DoutputDirectory={partial}"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    if run.returncode:
        raise RuntimeError(f"Maven could not fetch Apache Kafka:\n{run.stdout}\n{run.stderr}")
    partial.rename(target)
