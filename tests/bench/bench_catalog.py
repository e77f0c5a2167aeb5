"""What a catalog of a thousand subjects takes: the making of it, and an answer of its search.

Neither has a peer, so the measure is what a user would bear: ten seconds of a processor, and a frame of the
screen (16 ms) for the slowest of some searches; of a catalog three times as large, for the longest that one
of them holds the page up.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kgen.cli import app
from tests import browser
from tests.bench.harness import Result
from tests.locked_project import Given, write_project

SUBJECTS, FIELDS = 1_000, 40
BEARABLE, FRAME = 10.0, 0.016
SEARCHES = ("o", "id", "e", "order", "order amount", "created email", "zzz", "string", "customer_id_of_it")
_WORDS = ["order", "customer", "payment", "invoice", "shipment", "parcel", "address", "email", "phone"]
_WORDS += ["amount", "currency", "status", "created", "id"]
_TYPES: tuple[Any, ...] = ("string", "long", "double", {"type": "long", "logicalType": "timestamp-millis"})


def run() -> Iterator[Result]:
    """Both measures; the second if there is a browser."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder / "p", {f"{_WORDS[n % 14]}s-{n}-value": _versions(n) for n in range(SUBJECTS)})
        app.run(["pull", "--frozen", "--quiet", "--out", str(folder / "p")])
        seconds = _cpu("catalog", "--html", str(folder / "site"), "--out", str(folder / "p"))
        yield Result(
            "catalog, 1,000 subjects", "kgen catalog", "10 s of CPU", round(BEARABLE / seconds, 2), 1.0
        )
        if subprocess.run(["sh", str(browser.SCRIPT)], capture_output=True, check=False).returncode == 0:
            for title, times, part in (
                ("catalog, search, 40,000 fields", 1, "all"),
                ("catalog, held up by a search, 120,000 fields", 3, "longest"),
            ):
                ratio = round(FRAME / _slowest_search(folder, times, part), 2)
                yield Result(title, "its page", "a frame of 16 ms", ratio, 1.0)


def _cpu(*arguments: str) -> float:
    """Seconds of a processor that a process of `kgen` takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "kgen", *arguments, "--quiet"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _slowest_search(folder: Path, times: int, part: str) -> float:
    """Seconds from a key to the list of what is found, laid out and not yet painted (`all`), or the most of
    them in one go (`longest`), with the subjects so many times: the median of seven times, of the slowest
    search.
    """
    with browser.opened(folder) as tab:
        tab.open(folder / "site" / "index.html", 1280)
        more = f"{{...index, subjects: Array({times}).fill(index.subjects).flat()}}"
        tab.run(f"{{const take = kgenSearchIndex; kgenSearchIndex = index => take({more})}}")
        waits = "new Promise(done => document.querySelector('#search-index').addEventListener('load', done))"
        # In one go: the script that the focus asks for may be there before the next command is.
        loads = f"document.querySelector('.find input').focus(); {waits}"
        tab.ask("Runtime.evaluate", expression=loads, awaitPromise=True)
        timed = f"""(async text => {{
            const box = document.querySelector('.find input'), list = document.querySelector('.hits');
            const channel = new MessageChannel(), times = [];
            // Nobody types so fast that the list before is still to be painted.
            const painted = () => new Promise(done => setTimeout(done, 60));
            for (let round = 0; round < 7; round++) {{
                await painted();
                box.value = text;
                const began = performance.now();
                let last = began, longest = 0;
                const turn = () => new Promise(done => {{
                    channel.port1.onmessage = done;
                    channel.port2.postMessage(0);
                }});
                const pass = () => {{
                    const now = performance.now();
                    longest = Math.max(longest, now - last);
                    last = now;
                }};
                box.dispatchEvent(new Event('input'));
                while (list.ariaBusy === 'true') {{
                    pass();
                    await turn();
                }}
                list.getBoundingClientRect();
                pass();
                const all = last - began;
                times.push({part});
            }}
            return times.sort((a, b) => a - b)[3] / 1000;
        }})"""
        asked = (f"{timed}({text!r})" for text in SEARCHES)
        found = [
            tab.ask("Runtime.evaluate", expression=each, awaitPromise=True, returnByValue=True)
            for each in asked
        ]
        return max(each["result"]["value"] for each in found)


def _versions(number: int) -> Given:
    words = random.Random(number)
    names = dict.fromkeys("_".join(words.sample(_WORDS, 3)) for _ in range(FIELDS))
    fields = [
        {"name": name, "type": _TYPES[n % 4], "doc": f"The {name.replace('_', ' ')} of it."}
        for n, name in enumerate(names)
    ]
    later = {"name": "added_later", "type": ["null", "string"], "default": None}
    versions = [
        {"type": "record", "name": f"R{number}", "namespace": "bench", "fields": each}
        for each in (fields, [*fields, later])
    ]
    return Given(versions)
