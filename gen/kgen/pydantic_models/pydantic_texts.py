"""Schemas as Python: datamodel-code-generator is run, and its text is checked before anything takes it."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..errors import ConfigError
from ..model.names import import_key

DISTRIBUTION: Final = "datamodel-code-generator"
_START = 60.0
_EACH = 2.0
"""Seconds for a start, and further ones for each schema; usually it takes 1 s and 0.05 s."""
_MOST_TEXT: Final = 16 << 20  # characters of an answer

_MODULES: Final = frozenset(
    {
        *("__future__", "datetime", "decimal", "enum", "typing", "uuid"),
        *("pydantic", "kgen_runtime.serde.pydantic_model"),
    }
)
_CALLS: Final = frozenset({"ConfigDict", "Field", "StringConstraints"})


@dataclass(frozen=True)
class ModelText:
    """What a module of models holds, without its docstring. `classes` are in its order."""

    imports: tuple[str, ...]
    body: str
    classes: tuple[str, ...]
    narrows: bool = False  # a class has a field of its base again, with another type


class PydanticModelError(Exception):
    """A schema that no models are made of; `args[0]` says why."""


def version() -> str:
    """That of datamodel-code-generator."""
    return importlib.metadata.version(DISTRIBUTION)


_known: dict[tuple[str, str], ModelText | PydanticModelError] = {}


def model_texts(
    schemas: Sequence[tuple[str, Mapping[str, object]]],
) -> list[ModelText | PydanticModelError]:
    """For each of `(root class, schema)` its text, or why there is none. Each is made once in a process."""
    keys = [(root, json.dumps(schema)) for root, schema in schemas]
    missing = list(dict.fromkeys(key for key in keys if key not in _known))
    _known.update(_made(missing))
    return [_known[key] for key in keys]


def _made(
    keys: list[tuple[str, str]],
) -> Iterator[tuple[tuple[str, str], ModelText | PydanticModelError]]:
    while keys:
        answers, reason = _run(keys)
        yield from zip(keys, answers)
        keys = keys[len(answers) :]
        if reason and keys:  # the one that it was at: the others are tried without it
            yield keys[0], PydanticModelError(reason)
            keys = keys[1:]


def _run(
    keys: Sequence[tuple[str, str]],
) -> tuple[list[ModelText | PydanticModelError], str]:
    """The answers of one process, and why it ended before the last."""
    lines = "".join(f"[{json.dumps(root)}, {schema}]\n" for root, schema in keys)
    seconds = _START + _EACH * len(keys)
    with tempfile.TemporaryDirectory() as folder:  # it would read the settings of a project around it
        command = [sys.executable, "-m", "kgen.pydantic_models.worker"]
        own = {name: value for name, value in os.environ.items() if not name.startswith("KGEN_")}
        environment = {**own, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"}
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and nothing of a schema
                command,
                input=lines.encode(),
                capture_output=True,
                cwd=folder,
                env=environment,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            output, reason = expired.stdout or b"", f"it took {DISTRIBUTION} more than {seconds:.0f} s"
        else:
            output, reason = done.stdout, f"{DISTRIBUTION} ended with exit code {done.returncode}"
    whole = output[: output.rfind(b"\n") + 1].decode("utf-8", "replace").splitlines()
    answers = [_answer(root, line) for (root, _), line in zip(keys, whole)]
    return answers, reason if len(answers) < len(keys) else ""


def _answer(root: str, line: str) -> ModelText | PydanticModelError:
    answer = json.loads(line)
    if "error" in answer:
        return PydanticModelError(str(answer["error"]))
    try:
        return checked(str(answer["text"]), root)
    except PydanticModelError as error:
        return error


def checked(text: str, root: str) -> ModelText:
    """The parts of a text that defines models, with the class `root`, and does nothing else.

    Raises `PydanticModelError` for any other: what is in a schema must not become code.
    """
    try:
        if len(text) > _MOST_TEXT:
            raise PydanticModelError("the models are too large")
        tree = ast.parse(text)
        compile(text, "models", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise PydanticModelError(f"the models are not Python: {error}") from None
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    body = [node for node in tree.body if not isinstance(node, ast.ImportFrom)]
    classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
    if not all(node.module in _MODULES and not node.level for node in imports):
        raise PydanticModelError("the models import what models have no need of")
    if root not in classes:
        raise PydanticModelError(f"the models have no class {root}")
    taken = sorted({name for name in classes if name in names or classes.count(name) > 1})
    if taken:
        raise PydanticModelError(f"{taken[0]} is the name of two models, or of one and what it imports")
    calls = {a.asname or a.name for node in imports for a in node.names if a.name in _CALLS}
    for node in body:
        _check(node, {*classes}, calls)
    lines = text.splitlines()
    first = min((node.lineno for node in body), default=1)
    text = "\n".join(lines[first - 1 :]).strip("\n") + "\n"
    return ModelText(tuple(_import_lines(imports)), text, tuple(classes), _narrows(body))


def _narrows(body: Sequence[ast.stmt]) -> bool:
    fields: dict[str, set[str]] = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            own = {ast.unparse(it.target) for it in node.body if isinstance(it, ast.AnnAssign)}
            above = set().union(*(fields.get(ast.unparse(base), ()) for base in node.bases))
            if own & above:
                return True
            fields[node.name] = own | above
    return False


def _check(node: ast.stmt, classes: set[str], calls: set[str]) -> None:
    """Raises `PydanticModelError` for a statement that is neither a class nor `Model.model_rebuild()`."""
    if isinstance(node, ast.Expr):
        call = node.value
        if isinstance(call, ast.Call) and not call.args and not call.keywords:
            name, _, method = ast.unparse(call.func).partition(".")
            if name in classes and method == "model_rebuild":
                return
    elif isinstance(node, ast.ClassDef) and not node.decorator_list and not node.keywords:
        for base in node.bases:
            _check_expression(base, calls)
        for item in node.body:
            _check_member(item, calls)
        return
    raise PydanticModelError(f"the models have what models do not need: line {node.lineno}")


def _check_member(item: ast.stmt, calls: set[str]) -> None:
    if isinstance(item, ast.Pass) or (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)):
        return
    parts: list[ast.expr | None]
    if isinstance(item, ast.AnnAssign):
        parts = [item.annotation, item.value]
    elif isinstance(item, ast.Assign) and all(isinstance(target, ast.Name) for target in item.targets):
        parts = [item.value]
    else:
        raise PydanticModelError(f"the models have what models do not need: line {item.lineno}")
    for part in parts:
        if part is not None:
            _check_expression(part, calls)


def _check_expression(expression: ast.expr, calls: set[str]) -> None:
    allowed = (
        *(ast.Name, ast.Constant, ast.Subscript, ast.BinOp, ast.BitOr, ast.Tuple, ast.List, ast.Dict),
        *(ast.keyword, ast.UnaryOp, ast.USub, ast.Load, ast.Call, ast.Attribute),
    )
    for node in ast.walk(expression):
        fine = isinstance(node, allowed)
        if isinstance(node, ast.Call):
            fine = isinstance(node.func, ast.Name) and node.func.id in calls
        elif isinstance(node, ast.Attribute):  # a member of an enum
            fine = isinstance(node.value, ast.Name) and not node.attr.startswith("__")
        elif isinstance(node, ast.Name):
            fine = not node.id.startswith("__")
        if not fine:
            raise PydanticModelError(f"the models have what models do not need: line {expression.lineno}")


def _import_lines(nodes: Sequence[ast.ImportFrom]) -> Iterator[str]:
    """The imports, but those of `__future__`, as kgen writes them."""
    for node in sorted(nodes, key=lambda it: it.module or ""):
        if node.module == "__future__":
            continue
        names = sorted(map(ast.unparse, node.names), key=import_key)
        line = f"from {node.module} import {', '.join(names)}"
        if len(line) > 88:
            line = f"from {node.module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        yield line


@lru_cache(maxsize=1)
def require_generator() -> None:
    """Raises `ConfigError` if datamodel-code-generator is not installed."""
    try:
        version()
    except importlib.metadata.PackageNotFoundError:
        what = f'[models] json = "pydantic" needs {DISTRIBUTION}, which is not installed'
        raise ConfigError(what, where="kgen.toml", hint="pip install 'kgen-streams[gen]'") from None
