"""What reading a module walks over."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from kgen.impact.module_source import syntax_nodes

_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)
ROOT = Path(__file__).resolve().parents[3]
ODD = """
async def f(a, /, b: int = 1, *args: str, c=None, d, **more) -> None:
    global x
    async for a.b[0] in {**more, 1: f"{a!r:>{b}}"}: await (yield)
    lambda *, k, m=2: (k := m)
    match a:
        case {"k": [1, *rest], **left} | P(x=1, y=None) if not a <= b is c: return -a @ b
    try: import a.b as c; from . import d
    except* (A, B) as e: raise e from None
    del a; assert a, "x"
@d(1)
class C(B, metaclass=M): x: int
"""


def _checked(text: str) -> None:
    tree = ast.parse(text)
    expected = [id(node) for node in ast.walk(tree) if not isinstance(node, _SHARED)]
    assert sorted(map(id, syntax_nodes(tree))) == sorted(expected)


def test_every_node_is_walked_over() -> None:
    paths = [*(ROOT / "gen" / "kgen" / "impact").glob("*.py"), *Path(ast.__file__).parent.glob("a[r-s]*.py")]
    for path in paths:
        _checked(path.read_text("utf-8"))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.11 and 3.12")
def test_every_node_of_odd_syntax_is_walked_over() -> None:
    _checked(ODD + "type T[Q: int, *A, **K] = list[A]\ndef g[X: int](x: X) -> X: nonlocal_ = x\n")
