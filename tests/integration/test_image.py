"""The image that `kgen deploy` writes a Dockerfile of: its steps by hand, then a pod's command in it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from packaging.requirements import Requirement
from tests.integration.deployed import ROOT, pods
from tests.integration.test_runtime import Topics, values
from tests.kafka.processes import free_port, spawn, tail, wait_for

from kgen.cli import app

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

FLOW = (ROOT / "tests/integration/runtime_flow.py").read_text(encoding="utf-8")
METADATA = "Metadata-Version: 2.1\nName: streams\nVersion: 1.0\nRequires-Dist: kgen-streams\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def missing() -> str | None:
    """What this machine lacks for layers, or None."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        return "layers are overlays in a mount namespace, which need Linux, root and util-linux"
    command = 'mount -t tmpfs none /mnt && cd /mnt && mkdir u w && mount -t overlay o -o "$0" /mnt'
    layer = ["sh", "-c", command, "lowerdir=/,upperdir=u,workdir=w"]
    done = subprocess.run(["unshare", "--mount", *layer], capture_output=True, text=True)
    return done.stderr.strip() or None


def project(root: Path) -> Path:
    """One whose package is a wheel already."""
    (root / "streams/flows").mkdir(parents=True)
    (root / "streams/flows/orders.py").write_text(FLOW)
    (root / "kgen.toml").write_text("[deploy.orders]\nepoch_interval = 0.2\n")
    (root / "dist").mkdir()
    with zipfile.ZipFile(root / "dist/streams-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {
            "streams/flows/orders.py": FLOW,
            "streams-1.0.dist-info/METADATA": METADATA,
            "streams-1.0.dist-info/WHEEL": WHEEL,
            "streams-1.0.dist-info/RECORD": "",
        }.items():
            wheel.writestr(name, text)
    return root


def needed(name: str) -> Iterator[str]:
    """The distributions of the base install of one, itself among them."""
    yield name
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from needed(requirement.name)


def base_install(folder: Path) -> Path:
    """Links to what that is, but for kgen's own code, next to `site`, where the packages of this
    environment are.
    """
    folder.mkdir()
    for name in set(needed("kgen-streams")):
        for file in metadata.files(name) or ():
            top = file.parts[0]
            if top != ".." and not top.endswith(".pth") and not (folder / top).is_symlink():
                (folder / top).symlink_to(Path("../site", top))
    return folder


def test_its_steps_give_what_runs_as_another_user_on_files_that_it_cannot_write(
    dev: Dev, tmp_path: Path
) -> None:
    """With what the base install needs, and no more."""
    if reason := missing():
        pytest.skip(reason)
    root, place, recovery = project(tmp_path / "p"), tmp_path / "layers", tmp_path / "recovery"
    assert app.run(["deploy", "k8s", "--out", str(root), "--quiet"]) == 0
    (pod,) = pods(root / "deploy/orders/k8s.yaml", tmp_path)
    topics = Topics(dev.brokers, "image")
    shape = json.dumps({"from": topics.make("in", 4), "to": topics.make("out"), "numbers": True})
    health = f"127.0.0.1:{free_port()}"
    mounts = {
        "/base/packages:": base_install(tmp_path / "packages"),
        "/base/site:": Path(requests.__file__).parents[1],
        "/base/runtime:": ROOT / "runtime",
        "/recovery": recovery,
    }
    given = {
        "context": str(root),
        "dockerfile": str(root / "deploy/Dockerfile"),
        "place": str(place),
        "command": list(pod.command),
        "env": {
            **pod.env,
            "KGEN_HEALTH": health,
            "BYTEWAX_DATAFLOW_API_PORT": str(free_port()),
            "KGEN_BROKERS": dev.brokers,
            "SHAPE": shape,
            "PYTHONPATH": "/base/packages:/base/runtime",
        },
        "mounts": {there: str(here) for there, here in mounts.items()},
    }
    place.mkdir()
    recovery.mkdir()
    shutil.chown(recovery, 10001, 10001)
    topics.fill("image.in", 70)
    log = tmp_path / "log"
    command = ["unshare", "--mount", sys.executable, "-m", "tests.integration.image_steps"]
    process = spawn([*command, json.dumps(given)], log, cwd=ROOT)
    try:
        wait_for(lambda: process.poll() is not None or ready(health), "it", explain=lambda: tail(log))
        assert process.poll() is None, tail(log)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert {"Uid:\t10001\t10001\t10001\t10001", "CapBnd:\t0000000000000000"} <= set(status.splitlines())
        (mount,) = (line for line in mounted(process.pid) if line[4] == "/")
        assert "ro" in mount[5].split(",")
        found = values(topics.read("image.out", 70))
        assert set(found) == {f"k{key}={n}" for key in range(7) for n in range(1, 11)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, tail(log)
    finally:
        process.kill()
        process.wait()
    owners = {path.stat().st_uid for path in recovery.iterdir()}
    assert owners == {10001}


def ready(health: str) -> bool:
    try:
        return requests.get(f"http://{health}/readyz", timeout=10).ok
    except requests.ConnectionError:
        return False


def mounted(pid: int) -> list[list[str]]:
    """What that process sees mounted."""
    return [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
