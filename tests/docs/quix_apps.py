"""Apps of Quix Streams, for the page on coming from it: in a folder of its own, as it needs an older client
of Kafka.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PACKAGES: Final = (
    "quixstreams==3.28.1",
    "confluent-kafka==2.12.2",
    "rocksdict==0.3.29",
    "orjson==3.13.0",
    "pydantic==2.13.5",
    "pydantic-core==2.46.5",
    "pydantic-settings==2.15.0",
    "jsonlines==4.0.0",
    "jsonpath-ng==1.16.0",
    "httpx==0.28.1",
    "httpcore==1.0.9",
    "pyrsistent==0.20.0",
    "python-dotenv==1.2.4",
)
"""What is not in the environment of the tests, or in another version."""
_SECONDS: Final = 120.0


def run_until(app: Path, done: Callable[[], bool]) -> bool:
    """Run an app until `done`, and stop it as Ctrl-C does. False if its packages cannot be
    fetched, which counts as an error in CI. Raises `AssertionError` if it ends by itself or takes too long.
    """
    packages = app.parent / "quix"
    uv = shutil.which("uv")
    install = [uv, "pip"] if uv else [sys.executable, "-m", "pip"]
    done_with = subprocess.run(
        [*install, "install", "--quiet", "--no-deps", "--target", str(packages), *_PACKAGES],
        capture_output=True,
        text=True,
    )
    if done_with.returncode:
        assert not os.environ.get("CI"), done_with.stderr
        return False
    log = app.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, app.name],
            cwd=app.parent,
            env={**os.environ, "PYTHONPATH": str(packages)},
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while not done():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
    finally:
        process.terminate()
        process.wait(_SECONDS)
    return True
