"""What must hold of the sources; of the import directions, import-linter takes care (`pyproject.toml`)."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest
from tests.parsed import nodes, parsed

ROOT = Path(__file__).resolve().parents[2]


def modules(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, folder
    return found


def test_only_the_command_line_prints() -> None:
    def prints(path: Path) -> bool:
        calls = (n.func for n in nodes(path) if isinstance(n, ast.Call))
        return any(isinstance(f, ast.Name) and f.id == "print" for f in calls)

    assert {p.name for p in modules("gen/kgen") if prints(p)} <= {"app.py", "__main__.py"}


TREES = {"kgen": "gen", "kgen_runtime": "runtime"}


def named(tree: str) -> dict[str, Path]:
    """The modules of a tree, by their full names."""
    base = ROOT / TREES[tree]
    found = {}
    for path in modules(f"{TREES[tree]}/{tree}"):
        parts = path.relative_to(base).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(path: Path, late: bool) -> tuple[ast.AST, ...]:
    """The import statements of a file; with `late`, those in functions."""
    every = nodes(path)
    inside = (n for n in every if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))) if late else ()
    looked_at = {id(n): n for outer in inside for n in ast.walk(outer)}.values() if late else every
    return tuple(n for n in looked_at if isinstance(n, (ast.Import, ast.ImportFrom)))


def imported(name: str, path: Path, known: dict[str, Path], *, late: bool = False) -> set[str]:
    """The modules that one imports, wherever that stands: in functions and for types alone too. With `late`,
    those that functions import.
    """
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in imports(path, late):
        if isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found & known.keys() - {name}


@pytest.mark.parametrize("tree", TREES)
def test_no_modules_import_each_other_in_a_circle(tree: str) -> None:
    """Not by imports in functions or for the type checker either: those hide a circle, and leave it there."""
    known = named(tree)
    left = {name: imported(name, path, known) for name, path in known.items()}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        for name in free:
            del left[name]
    assert not left


LATE = {
    "kgen.__main__": {  # where a Ctrl-C at start leaves no traceback
        "kgen.cli.app",
        "kgen.project.interrupts",
        "kgen.project.known_names",
        "kgen_runtime.reporting.std_streams",
        "kgen_runtime.run",
        "kgen_runtime.runner.early_signals",
    },
    "kgen.actions.topic_list": {  # what of it needs Bytewax
        "kgen_runtime.consumer.source",
        "kgen_runtime.recovery.stored_offsets",
        "kgen_runtime.runner.flow_import",
    },
    "kgen.actions.dlq_check": {  # they need Bytewax, the rest of the command does not
        "kgen_runtime.runner.flow_import",
        "kgen_runtime.testing.trial_runs",
    },
    "kgen.actions.doctor": {  # it reports what cannot be imported
        "kgen_runtime.codec",
        "kgen_runtime.kafka.connection",
        "kgen_runtime.runner.preflight",
    },
    "kgen.actions.graph": {"kgen.graph.pictures"},  # it needs Bytewax
    "kgen.actions.loaded_flow": {
        "kgen_runtime.routing.route",
        "kgen_runtime.runner.flow_import",
    },  # these, too
    "kgen.cli.run_command": {"kgen_runtime.run"},  # it needs Bytewax
    "kgen.cli.dev_command": {"kgen.dev"},  # an extra that may not be installed
    # Import time: what most programs never use.
    "kgen_runtime.codec": {
        "kgen_runtime.codec.avro.column_build",
        "kgen_runtime.codec.json.json_build",
        "kgen_runtime.codec.protobuf.proto_build",
    },
    "kgen_runtime.kafka.connection": {"kgen_runtime.serde.registry.client"},  # with its HTTP client
    "kgen_runtime.serde.remote": {"kgen_runtime.serde.message_order"},
    "kgen_runtime.serde.schema_store": {"kgen_runtime.serde.registry.client"},
    "kgen_runtime.serde.schemas": {
        "kgen_runtime.codec.json.schema.json_parser",
        "kgen_runtime.codec.protobuf.schema.proto_descriptor",
        "kgen_runtime.serde.message_order",
    },
    "kgen_runtime.state.registration": {
        "kgen_runtime.state.json_homes",
        "kgen_runtime.state.json_records",
        "kgen_runtime.state.proto_homes",
        "kgen_runtime.state.proto_records",
    },
    "kgen.protobuf.proto_parser": {"kgen.protobuf.descriptor_walk"},  # another
}
"""Modules that functions import late, and why."""


def test_functions_import_own_modules_only_where_that_has_a_reason() -> None:
    every = {**named("kgen"), **named("kgen_runtime")}
    found = {name: imported(name, path, every, late=True) for name, path in every.items()}
    assert {name: others for name, others in found.items() if others} == LATE


def test_the_runtimes_top_is_small_enough_to_read() -> None:
    assert len([*(ROOT / "runtime/kgen_runtime").glob("*.py")]) <= 12


def test_no_two_modules_have_one_name() -> None:
    names = Counter(
        path.stem
        for tree in TREES
        for path in named(tree).values()
        if path.stem not in ("__init__", "__main__")
    )
    assert {name for name, count in names.items() if count > 1} == {"errors"}  # one of each distribution part


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for tree in TREES:
        for name, path in named(tree).items():
            for node in nodes(path):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(name)
    assert not {name: found for name, found in places.items() if len(found) > 1}


@pytest.mark.parametrize("tree", TREES)
def test_no_name_of_a_package_hides_a_module_in_it(tree: str) -> None:
    """As `from .source import source` in an `__init__` would."""
    known = named(tree)
    for name, path in known.items():
        if path.name == "__init__.py":
            inside = {other.rpartition(".")[2] for other in known if other.rpartition(".")[0] == name}
            taken = {
                alias.asname or alias.name
                for node in parsed(path).body
                if isinstance(node, ast.ImportFrom) and node.module
                for alias in node.names
                if f"{name}.{node.module}.{alias.name}" not in known
            }
            assert not taken & inside, name


def test_every_folder_of_modules_is_a_package() -> None:
    """Those are what an install finds: `make test` runs on an editable one, which has them all."""
    for folder in (*TREES.values(), "templates"):
        for path in modules(folder):
            assert (path.parent / "__init__.py").exists(), path


def defined(path: Path) -> set[str]:
    """The names at a module's top."""
    found: set[str] = set()
    for node in parsed(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        else:
            found |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return found


def test_what_the_native_engine_imports_is_there() -> None:
    """Its sources are read by no checker of types, and compile also where a name was changed."""
    native = ROOT / "runtime/kgen_runtime/codec/native"
    lines = re.compile(r"^ *from (\.+)([\w.]*) import (\([^)]*\)|.*)$", re.MULTILINE)
    seen = 0
    for source in sorted(native.glob("*.p[yx][xi]")):
        for dots, module, names in lines.findall(source.read_text(encoding="utf-8")):
            folder = native.parents[len(dots) - 2] if len(dots) > 1 else native
            target = folder.joinpath(*module.split(".")) if module else folder
            file = target / "__init__.py" if target.is_dir() else target.with_suffix(".py")
            if not file.exists():
                assert target.with_suffix(".pyx").exists(), (source.name, module)
                continue
            for name in re.findall(r"(\w+)(?: as \w+)?", names):
                known = name in defined(file) or (target / f"{name}.py").exists()
                assert known, f"{source.name} imports {name} of {module}"
                seen += 1
    assert seen


BYTEWAX_INSIDES = re.compile(
    r"\b(_op_cls|substeps|ups_names|dwn_names|stream_ids)\b|\.unwrap_late"  # the steps of a flow
    r"|(FROM|UPDATE|INTO) (snaps|exs|fronts|parts|commits)\b|part-\*"  # the recovery folder
    r"|\"PanicException|__init__ = |['\"]routing map|\"bytewax\.run\""  # its errors and its runner
    r"|from bytewax(\.\w+)*( import |\.)_"
)


def test_one_module_knows_the_insides_of_bytewax() -> None:
    """The rest imports its public names alone."""
    paths = [*modules("runtime"), *modules("gen")]
    assert [path.name for path in paths if BYTEWAX_INSIDES.search(path.read_text("utf-8"))] == ["_bytewax.py"]


LIBRDKAFKA_INSIDES = re.compile(
    r"librdkafka #\d|RD_KAFKAP_|metadata\.recovery\.strategy|_DESTROY_BROKER|SIGSEGV"
)


def test_one_module_knows_the_insides_of_librdkafka() -> None:
    paths = modules("runtime")
    found = [path.name for path in paths if LIBRDKAFKA_INSIDES.search(path.read_text("utf-8"))]
    assert found == ["_librdkafka.py"]


def test_each_bench_can_be_run() -> None:
    benches = sorted((ROOT / "tests" / "bench").glob("bench_*.py"))
    assert benches
    for path in benches:
        tree = parsed(path)
        assert "run" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path.name
