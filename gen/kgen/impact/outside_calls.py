"""Calls of functions that lie outside of the project, by their names: a function of Python or its standard
library is a line in the `HANDLERS` of `builtin_calls` or `stdlib_calls`.
"""

from __future__ import annotations

import ast

from . import builtin_calls, stdlib_calls, step_calls
from .analysis import Analysis
from .call_arguments import Arguments
from .kinds import Kind
from .outer_call import Call
from .scopes import Scope


def result(analysis: Analysis, scope: Scope, node: ast.AST, name: str, given: Arguments) -> Kind:
    """What an external function gives. Its callbacks are called with what it calls them with."""
    call = Call(analysis, scope, node, name, given)
    package, _, function = name.rpartition(".")
    same = f"{_PACKAGES.get(package, package)}.{function}"
    if function in ("setattr", "delattr"):  # pytest's `monkeypatch`, too
        same = f"builtins.{function}"
    if handler := _HANDLERS.get(name) or _HANDLERS.get(same):
        return handler(call)
    if package == "kgen_runtime":
        return step_calls.runtime(call, function)
    if package.startswith(("bytewax.operators", "kgen_runtime.windowing")):
        return step_calls.operator(call, function)
    return analysis.calls.outside(scope, node, name, given)


_PACKAGES = {"typing_extensions": "typing"}
_HANDLERS = {**builtin_calls.HANDLERS, **stdlib_calls.HANDLERS}
