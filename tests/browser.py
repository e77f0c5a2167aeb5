"""A headless Chromium for tests of pages: loaded over its pipe of the DevTools protocol, without a port."""

from __future__ import annotations

import base64
import fcntl
import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "get-browser.sh"


def chromium() -> str:
    """The path of one. Skips the test if there is none, but in CI, where that is a failure."""
    found = subprocess.run(["sh", str(SCRIPT)], capture_output=True, text=True, timeout=300, check=False)
    if found.returncode == 0:
        return found.stdout.split("\n")[0]
    if os.environ.get("CI"):
        pytest.fail(f"the tests of pages must run in CI: {found.stderr}")
    pytest.skip(found.stderr.strip())


class Tab:
    """A page in the browser. What it asked for and what its policy refused are in `requests`, `refused`."""

    def __init__(self, to: int, answers: int) -> None:
        self.requests: list[str] = []
        self.refused: list[str] = []
        self._to = to
        self._answers = answers
        self._ids = itertools.count(1)
        self._buffer = b""
        self._session: str | None = None
        self._loaded = False
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def open(self, path: Path, width: int, height: int = 900, *, dark: bool = False, query: str = "") -> None:
        """Load a file, on a screen of this size, with what stands after the `?` of its address."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self._loaded = False
        self.ask("Page.navigate", url=f"{path.as_uri()}{query and '?'}{quote(query, safe='=&')}")
        while not self._loaded:
            self._take()

    def run(self, expression: str) -> Any:
        """The value of JavaScript in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, path: Path) -> bytes:
        """The whole page as PNG, also in a file."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8_000), "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path.read_bytes()

    def ask(self, method: str, **params: Any) -> Any:
        """The answer to a command of the protocol."""
        number = next(self._ids)
        command = {"id": number, "method": method, "params": params}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._to, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._take()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _take(self) -> dict[str, Any]:
        end = time.monotonic() + 60
        while b"\0" not in self._buffer:
            assert time.monotonic() < end
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser has gone"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        method, params = message.get("method"), message.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded":
            self.refused.append(params["entry"]["text"])
        elif method == "Page.loadEventFired":
            self._loaded = True
        return message


@contextmanager
def opened(folder: Path) -> Iterator[Tab]:
    """A browser with one page, for as long as the block lasts; its profile is in the folder."""
    command = [
        chromium(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
    ]
    command += ["--no-first-run", "--disable-extensions", "--disable-background-networking"]
    command += ["--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank"]
    takes, to = os.pipe()
    answers, gives = os.pipe()

    def as_three_and_four() -> None:
        high = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (takes, gives)]  # neither is 3 or 4 then
        for number, each in enumerate(high, 3):
            os.dup2(each, number)

    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=as_three_and_four,
        close_fds=False,
        start_new_session=True,
    ) as process:
        os.close(takes)
        os.close(gives)
        try:
            yield Tab(to, answers)
        finally:
            os.close(to)
            os.close(answers)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
