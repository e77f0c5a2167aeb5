"""Golden cases: `case.json` (what the registry holds) beside `expected/` (the project it becomes, or
`error.txt`).

Every rendering, of the cases and of the real schemas of the corpus, also imports and passes `mypy --strict`
and ruff.
`KGEN_UPDATE_GOLDEN=1 python -m pytest tests/golden` writes the expected files anew.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kgen.errors import KgenError, SchemaError
from kgen.model import Names, Project, Settings, TopicSettings, build
from kgen.model.library import Library
from kgen.model.settings import FlowSettings
from kgen.model.subjects import Reference, SchemaVersion, Snapshot, Subject
from kgen.project.generated_files import state
from kgen.render import kind, render

HERE = Path(__file__).parent
REPO = HERE.parent.parent
CORPUS = REPO.parent / "shared" / "corpus"
CASES = sorted(path.parent for path in HERE.glob("*/case.json"))
REFERENCES = {"player": (Reference("avro.examples.baseball.Position", "position-value", 1),)}
"""What the corpus schemas refer to."""


needs_bytewax = pytest.mark.skipif(
    importlib.util.find_spec("bytewax") is None, reason="Bytewax has no build for this Python"
)


def project_of(case: Path, package: str = "streams") -> Project:
    data = json.loads((case / "case.json").read_text(encoding="utf-8"))
    topics = {topic: TopicSettings(**words) for topic, words in data.get("topics", {}).items()}
    flows = {name: FlowSettings(*words) for name, words in data.get("flows", {}).items()}
    settings = Settings(
        package,
        "0.1.0",
        topics,
        flows=flows,
        out_of_range=data.get("out_of_range", "error"),
        extras=data.get("extras", "drop"),
    )
    before: Library | None = None
    names = Names(by_subject=data.get("locked", {}))
    for pulled in data.get("earlier", []):  # the versions of pulls before this one: [["address", 1], …]
        snapshot = snapshot_of(data, [tuple(pair) for pair in pulled])
        names, before = build(snapshot, settings, names, before).names, Library(snapshot)
    return build(snapshot_of(data), settings, names, before)


def snapshot_of(data: dict[str, Any], pulled: list[tuple[str, int]] | None = None) -> Snapshot:
    versions = [version_of(item) for item in data["schemas"]]
    versions = [v for v in versions if pulled is None or (v.subject, v.version) in pulled]
    reached = {
        (reference.subject, reference.version) for version in versions for reference in version.references
    }
    names = sorted({version.subject for version in versions} - set(data.get("referenced", ())))
    subjects = (Subject(name, tuple(v for v in versions if v.subject == name)) for name in names)
    referenced = tuple(v for v in versions if (v.subject, v.version) in reached)
    return Snapshot("http://registry", tuple(subjects), referenced)


def version_of(item: dict[str, Any]) -> SchemaVersion:
    type_ = item.get("type", "AVRO")
    as_it_is = item.get("text") or (type_ != "AVRO" and isinstance(item["schema"], str))
    text = item["schema"] if as_it_is else json.dumps(item["schema"])
    references = tuple(Reference(**reference) for reference in item.get("references", ()))
    return SchemaVersion(
        item["subject"], item["version"], item["id"], type_, text, references, item.get("guid")
    )


def rendered(case: Path) -> dict[str, str]:
    try:
        project = project_of(case)
    except KgenError as error:
        return {"error.txt": f"{type(error).__name__}: {error}\n"}
    skipped = "".join(f"{skip.subject!r}: {skip.reason}\n" for skip in project.skipped)
    return {**render(project), **({"skipped.txt": skipped} if skipped else {})}


def write_tree(files: dict[str, str], root: Path) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def read_tree(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_renders_as_committed(case: Path) -> None:
    files = rendered(case)
    if os.environ.get("KGEN_UPDATE_GOLDEN") == "1":
        shutil.rmtree(case / "expected", ignore_errors=True)
        write_tree(files, case / "expected")
    assert read_tree(case / "expected") == files


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_command_that_runs_a_flow_is_never_broken(case: Path) -> None:
    for path in (case / "expected/streams/flows").glob("[!_]*.py"):
        command = (
            f"python -m kgen_runtime.run streams.flows.{path.stem}:flow --recovery .recovery/{path.stem}"
        )
        lines = path.read_text(encoding="utf-8").splitlines()
        assert f"Run: {command}" in lines or f"    {command}" in lines, path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_generated_files_carry_their_hash_and_others_none(case: Path) -> None:
    for path, text in rendered(case).items():
        if path.endswith(".py"):
            expected = "intact" if kind(path) == "generated" else "foreign"
            assert state(text.encode()) == expected


def test_what_is_not_python_is_an_error_that_names_the_subject() -> None:
    project = project_of(HERE / "orders")
    [module] = [it for it in project.modules if it.name == "orders"]
    broken = replace(module.records[0].fields[0], annotation="list[")
    records = (replace(module.records[0], fields=(broken,)), *module.records[1:])
    modules = tuple(replace(it, records=records) if it is module else it for it in project.modules)
    with pytest.raises(SchemaError, match=r"orders\.py is not Python: line \d+: ") as caught:
        render(replace(project, modules=modules))
    assert caught.value.where == "orders-key, orders-value"
    assert "--subject '!orders-key'" in str(caught.value.hint)
    named = tuple(replace(it, sources=(replace(it.sources[0], subject="it's [1]-value"),)) for it in modules)
    with pytest.raises(SchemaError) as caught:
        render(replace(project, modules=named))
    hint = str(caught.value.hint)
    _, pattern = shlex.split(hint[hint.index("--subject") : hint.index(";")])
    assert pattern == "!it's [[]1]-value"


def corpus_project() -> Project | None:
    """All real schemas as one registry; None where the corpus is not at hand."""
    subjects = []
    for number, path in enumerate(sorted(CORPUS.glob("*/*.avsc")), 1):
        name = f"{path.stem}-value"
        version = SchemaVersion(
            name, 1, number, "AVRO", path.read_text(encoding="utf-8"), REFERENCES.get(path.stem, ())
        )
        subjects.append(Subject(name, (version,)))
    snapshot = Snapshot("http://registry", tuple(sorted(subjects, key=lambda it: it.name)))
    return build(snapshot, Settings("corpus", "0.1.0")) if subjects else None


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every rendering, each a package of its own with its tests inside: one run of a tool sees them all."""
    root = tmp_path_factory.mktemp("rendered")
    good = [case for case in CASES if not (case / "expected" / "error.txt").exists()]
    projects = [project_of(case, f"case_{case.name}") for case in good] + [corpus_project()]
    projects.append(project_of(HERE / "orders", "acme.streams"))
    for project in filter(None, projects):
        files = render(project).items()
        inside = {f"{project.folder}/{p}" if p.startswith("tests/") else p: text for p, text in files}
        write_tree(inside, root)
    return root


def run(folder: Path, module: str, *args: str) -> None:
    env = os.environ | {"MYPYPATH": str(REPO / "runtime"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", module, *args],
        cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@needs_bytewax
def test_passes_mypy_strict(tree: Path) -> None:
    cache = tree.parent / "mypy-cache"
    run(
        tree, "mypy", "--strict", "--warn-unreachable", "--config-file=", "--python-version=3.10",
        "--follow-imports=silent", f"--cache-dir={cache}", ".",
    )  # fmt: skip


@pytest.mark.parametrize(
    "args", [["check"], ["check", "--select=E4,E7,E9,F,W,I"], ["format", "--check", "--diff"]], ids=" ".join
)
def test_passes_ruff(tree: Path, args: list[str]) -> None:
    run(tree, "ruff", *args, "--isolated", "--no-cache", ".")


@needs_bytewax
def test_its_own_tests_pass(tree: Path) -> None:
    """Flows run on sample messages of every version, from bytes to classes and through to the end."""
    run(tree, "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".", ".")


@needs_bytewax
def test_the_comment_about_the_sink_builds_when_taken(tmp_path: Path) -> None:
    """Uncommented as it stands, each flow is written to a topic, type-checks, and runs on its samples."""
    projects = [project_of(HERE / case, f"taken_{case}") for case in ("orders", "keys", "odd_names")]
    for project in projects:
        files = render(project).items()
        inside = {f"{project.folder}/{p}" if p.startswith("tests/") else p: text for p, text in files}
        write_tree({p: taken(text) if "/flows/" in p else text for p, text in inside.items()}, tmp_path)
    flows = [path.read_text() for path in tmp_path.glob("*/flows/*.py") if path.stem != "__init__"]
    assert all('\n    unsent = rt.sink("out", handled.oks, out, kafka)\n' in text for text in flows)
    run(
        tmp_path,
        "mypy",
        "--strict",
        "--config-file=",
        "--follow-imports=silent",
        f"--cache-dir={tmp_path}/.c",
        ".",
    )
    run(tmp_path, "pytest", "-q", "-x", "-W", "error", "-p", "no:cacheprovider", "--rootdir", ".", ".")


def taken(flow: str) -> str:
    """A flow whose comment about writing the results is no comment any more."""
    head, mark, rest = flow.partition("    # To write the results")
    first, _, lines = rest.partition("\n")
    code, end, tail = lines.partition("    op.inspect(")
    return f"{head}{mark}{first}\n{code.replace('    # ', '    ')}{end}{tail}"


def test_keys_without_a_schema_say_what_to_do_about_them() -> None:
    case = HERE / "a_topic_that_others_refer_to"
    module = render(project_of(case))["streams/_generated/orders.py"]
    head, _, _ = module.partition("\nkey: rt.Serde[bytes]")
    assert "No schema describes the keys" in head
    assert head.endswith('\n# [topics."orders"]')
    data = json.loads((case / "case.json").read_text(encoding="utf-8"))
    settings = Settings("streams", "0.1.0", {"orders": TopicSettings(key="string")})
    plain = render(build(snapshot_of(data), settings))["streams/_generated/orders.py"]
    assert "No schema describes" not in plain


def test_passes_ruff_as_kgen_itself_does(tree: Path) -> None:
    """The stricter rules of this repository, but for names and docs, which are the schema's. Of functions
    that do not return, ruff knows `typing.assert_never` alone.
    """
    config = str(REPO / "pyproject.toml")
    run(tree, "ruff", "check", "--no-cache", f"--config={config}", "--ignore=E501,D1,N,S,RET503", ".")


@pytest.fixture
def importable(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tree)
    before = set(sys.modules)
    yield tree
    for name in set(sys.modules) - before:
        if name.startswith(("case_", "corpus")):
            del sys.modules[name]


def modules_below(root: Path, part: str) -> list[str]:
    paths = sorted(path for path in root.glob(f"*/{part}/*.py") if path.name != "__init__.py")
    return [".".join(path.relative_to(root).with_suffix("").parts) for path in paths]


@needs_bytewax
def test_every_module_imports(importable: Path) -> None:
    names = modules_below(importable, "_generated") + modules_below(importable, "flows")
    assert len(names) > 100
    for name in names:
        importlib.import_module(name)


@needs_bytewax
def test_flows_say_what_is_missing_when_they_run_not_when_they_are_imported(
    importable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KGEN_BROKERS", raising=False)
    module = importlib.import_module("case_orders.flows.orders")
    assert module.flow is not None
