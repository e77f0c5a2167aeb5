"""Releases of public projects, pulled one after another by a user who edits flows and keeps state.

At each release what changed is registered, messages of the new versions are written, `kgen pull` runs, mypy
looks at the user's lines, and the flows go on from their recovery folders. No edit may be lost, every line
that mypy objects to must have been named, every flow must start, and kept state must equal what today's code
reads from the messages it came from. State that today's code cannot read may be refused, and only that.
"""

from __future__ import annotations

import ast
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from mypy import api

from kgen.dev import RegistryServer
from kgen_runtime.codec import make_writer
from kgen_runtime.codec.avro.sample_values import sample
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.serde.framing import id_prefix
from tests.histories.releases import HISTORIES, History, missing

REPO = Path(__file__).parents[2]
DRIVE = Path(__file__).with_name("drive.py")
MINE = '''"""What the user adds to every flow."""

from __future__ import annotations

from typing import Any

import kgen_runtime as rt

SEEN: list[str | None] = []
State = tuple[object, rt.Message[Any, Any]]


def remember(last: State | None, message: rt.Message[Any, Any]) -> tuple[State, str | None]:
    """Keeps the last value and its message; gives what it kept before."""
    if last is not None and last[1].value is not None:
        assert repr(last[1].value) == repr(last[0])
    return (message.value, message), None if last is None else repr(last[0])


def see(step: str, item: tuple[str, str | None]) -> None:
    """For the test."""
    SEEN.append(item[1])
'''
STEPS = """\\1    keyed = op.map("keyed", handled.oks, lambda m: ("all", m))  # mine: a key
    kept = op.stateful_map("kept", keyed, mine.remember)  # mine: state
"""
USES = {"str": "{}.upper()", "int": "{} + 1", "float": "{} * 2.0", "bytes": "len({})", "bool": "not {}"}
EACH = 3  # messages a topic and release


class Story:
    """A registry, a project, and what has been seen so far."""

    def __init__(self, history: History, registry: str, root: Path) -> None:
        self.history, self.registry, self.root = history, registry, root
        self.project = root / "project"
        self.schemas: dict[str, str] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.before: dict[str, int] = {}  # by topic, messages read so far
        self.rng = random.Random(1)
        self.counts = dict.fromkeys(
            ("versions", "refused by the gate", "lines", "named", "false", "states", "refused"), 0
        )

    def topic(self, record: str) -> str:
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", record.rpartition(".")[2]).lower()

    def register(self, release: str) -> None:
        for record, text in self.history.schemas(release).items():
            if json.loads(text) == json.loads(self.schemas.get(record, "null")):
                continue
            self.schemas[record] = text
            self.counts["versions"] += 1
            topic = self.topic(record)
            answer = requests.post(
                f"{self.registry}/subjects/{topic}-value/versions", json={"schema": text}, timeout=60
            )
            assert answer.ok, answer.text
            self.write(topic, text, answer.json()["id"])

    def write(self, topic: str, text: str, id_: int) -> None:
        schema = parse(text)
        there = self.messages.setdefault(topic, [])
        for _ in range(EACH):
            value = make_writer(schema).encode(sample(schema, self.rng), id_prefix(id_))
            there.append({"offset": len(there), "value": value.hex()})

    def pull(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "kgen", "pull", "--json", "--out", str(self.project)]
        if not (self.project / "kgen.toml").exists():
            command += ["--registry", self.registry]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode == 4:
            self.counts["refused by the gate"] += 1
            allowed = [f"--allow-incompatible={self.topic(record)}-value" for record in self.schemas]
            done = subprocess.run([*command, *allowed], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        plan: dict[str, Any] = json.loads(done.stdout)
        return plan

    # ------------------------------------------------------------------------------------------- the user

    def flows(self) -> list[Path]:
        return [p for p in sorted((self.project / "streams/flows").glob("*.py")) if p.stem != "__init__"]

    def edit(self) -> None:
        """The flows that are new, and a line for every field that has none yet."""
        mine = self.project / "streams/mine.py"
        mine.write_text(MINE, encoding="utf-8")
        for flow in self.flows():
            text = flow.read_text(encoding="utf-8")
            if "mine" not in text:
                flow.write_text(self.edited(text), encoding="utf-8")
        self.report()

    def edited(self, text: str) -> str:
        for pattern, new in (
            (r"^from \.\._generated", "from .. import mine\nfrom .._generated"),
            (r"^(    handled = .*\n(?:        .*\n|    \)\n)*)", STEPS),
            (
                r'^    op.inspect\("show", handled.oks\)',
                '    op.inspect("seen", kept, mine.see)  # mine: shown',
            ),
        ):
            text, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
            assert count, pattern
        return text

    def report(self) -> None:
        """`streams/reports.py`: a function for each field of each class."""
        reports = self.project / "streams/reports.py"
        text = reports.read_text(encoding="utf-8") if reports.exists() else ""
        modules = [p.stem for p in self.flows()]
        for module in modules:
            line = f"from ._generated import {module}\n"
            text = text if line in text else line + text
            for cls, name, annotation in self.fields(module):
                function = f"def {module}_{cls}_{name}("
                if function not in text:
                    use = USES.get(annotation, "{}").format(f"it.{name}")
                    text += f"\n\n{function}it: {module}.{cls}) -> object:\n    return {use}\n"
        reports.write_text(text, encoding="utf-8")

    def fields(self, module: str) -> Iterator[tuple[str, str, str]]:
        tree = ast.parse((self.project / f"streams/_generated/{module}.py").read_text(encoding="utf-8"))
        for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
            for item in cls.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    yield cls.name, item.target.id, ast.unparse(item.annotation)

    def fix(self, lines: set[int]) -> None:
        """The functions that mypy objects to go."""
        reports = self.project / "streams/reports.py"
        text = reports.read_text(encoding="utf-8")
        gone: set[int] = set()
        for node in ast.parse(text).body:
            assert node.end_lineno is not None
            span = set(range(node.lineno, node.end_lineno + 1))
            if span & lines:
                gone |= span
        kept = [line for at, line in enumerate(text.splitlines(), 1) if at not in gone]
        reports.write_text("\n".join(kept) + "\n", encoding="utf-8")

    # ------------------------------------------------------------------------------------------- the judges

    def objections(self) -> set[tuple[str, int]]:
        settings = self.root / "mypy.ini"
        settings.write_text(f"[mypy]\ncheck_untyped_defs = true\nmypy_path = {REPO / 'runtime'}\n")
        out, _, _ = api.run(
            [
                "--config-file",
                str(settings),
                "--cache-dir",
                str(self.root / ".mypy"),
                str(self.project / "streams"),
            ]
        )
        found = re.findall(r"^(\S+\.py):(\d+): error: ", out, re.MULTILINE)
        places = {
            (Path(p).resolve().relative_to(self.project.resolve()).as_posix(), int(n)) for p, n in found
        }
        return {place for place in places if "/_generated/" not in place[0]}

    def look(self, plan: dict[str, Any]) -> None:
        """Every line that mypy objects to was named; then the user fixes them."""
        named = {(use["path"], use["line"]) for use in plan["impact"]}
        objections = self.objections()
        self.counts["lines"] += len(objections)
        self.counts["named"] += len(named)
        self.counts["false"] += len(
            [n for n in named if n[0] == "streams/reports.py" and n not in objections]
        )
        assert not objections - named, sorted(objections - named)
        assert {path for path, _ in objections} <= {"streams/reports.py"}, objections
        self.fix({line for _, line in objections})

    def run(self) -> None:
        """The flows go on, and what they had kept is what today's code reads from the messages."""
        topics = {topic: {"name": topic, "messages": kept} for topic, kept in self.messages.items()}
        results = self.drive(topics)
        for module, result in results.items():
            before = self.before.get(module, 0)
            expected = result["expected"]
            if "refused" in result:
                assert before, result
                assert expected[before - 1] is None, result["refused"]
                self.counts["refused"] += 1
                shutil.rmtree(self.root / "recovery" / module)
                result = self.drive({module: topics[module]})[module]
                before = 0
            assert len(result["dead"]) == expected[before:].count(None), result["dead"]
            self.compare(result["seen"], expected, before)
            self.before[module] = len(expected)

    def compare(self, seen: list[str | None], expected: list[str | None], before: int) -> None:
        """Each message sees the one before it as its state; those that cannot be read leave it as it was."""
        state = next((e for e in reversed(expected[:before]) if e is not None), None)
        wanted = []
        for value in expected[before:]:
            if value is not None:
                wanted.append(state)
                state = value
        assert seen == wanted
        self.counts["states"] += len(seen)

    def drive(self, topics: dict[str, Any]) -> dict[str, Any]:
        messages = self.root / "messages.json"
        messages.write_text(json.dumps(topics))
        command = [
            sys.executable,
            "-W",
            "error",
            str(DRIVE),
            str(self.project),
            str(messages),
            str(self.root / "recovery"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-4000:]
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def release(self, release: str) -> None:
        self.register(release)
        edited = {p: p.read_text(encoding="utf-8") for p in self.flows()} if self.project.exists() else {}
        plan = self.pull()
        for path, text in edited.items():
            lost = [
                line
                for line in text.splitlines()
                if "mine" in line and line not in path.read_text(encoding="utf-8")
            ]
            assert not lost, (path, lost)
            ast.parse(path.read_text(encoding="utf-8"))
        if edited:
            self.look(plan)
        self.edit()
        assert not self.objections()
        self.run()


@pytest.mark.histories
@pytest.mark.parametrize("history", HISTORIES, ids=lambda it: it.name)
def test_a_public_history_breaks_nothing(
    history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lacking = missing(history)
    assert lacking is None, lacking
    with RegistryServer(0) as registry:
        story = Story(history, registry.url, tmp_path)
        story.before = {}
        requests.put(f"{registry.url}/config", json={"compatibility": "NONE"}, timeout=10).raise_for_status()
        for release in history.releases:
            story.release(release)
    with capsys.disabled():
        print(
            f"\n{history.name}: {len(history.releases)} releases, {len(story.messages)} topics,", story.counts
        )
    assert story.counts["states"] > len(history.releases)
    assert story.counts["lines"] > 0
