"""Runs ways one after another, and prints for each the line of it that raised, as JSON."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import importlib
import inspect
import io
import json
import sys
import traceback
import types
import typing
from pathlib import Path
from typing import Any


def sample(type_: Any) -> Any:
    """A value of a type; None where it may be None."""
    origin, args = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        return None if type(None) in args else sample(args[0])
    if origin is list:
        return [sample(args[0])]
    if origin is dict:
        return {"a": sample(args[1])}
    if dataclasses.is_dataclass(type_):
        hints = typing.get_type_hints(type_)
        return type_(**{field.name: sample(hints[field.name]) for field in dataclasses.fields(type_)})  # type: ignore[operator]
    return {str: "x", float: 1.5, int: 3, bool: True}[type_]


def place(error: BaseException, root: Path) -> tuple[str, int] | None:
    """The innermost line of the user's, of the error that caused the others."""
    chain = [error]
    while (cause := chain[-1].__cause__) and cause not in chain:
        chain.append(cause)
    for one in reversed(chain):
        frames = traceback.extract_tb(one.__traceback__)
        own = [f for f in frames if Path(f.filename).is_relative_to(root / "ways")]
        if own:
            return Path(own[-1].filename).relative_to(root).as_posix(), own[-1].lineno or 0
    return None


def run(root: Path, name: str) -> tuple[str, int] | None:
    """Run one way."""
    try:
        module = importlib.import_module(f"ways.{name}.main")
        orders = importlib.import_module("streams._generated.orders")
        found = module.run(sample(orders.Order))
        if inspect.iscoroutine(found):
            asyncio.run(found)
    except BaseException as error:
        return place(error, root) or (repr(error), 0)
    return None


def main() -> None:
    """`root names…`."""
    root = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(root))
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        found = {name: run(root, name) for name in sys.argv[2:]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
