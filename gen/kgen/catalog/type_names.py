"""A type on one line, as words of which those that name a type can be links."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from kgen_runtime.codec.avro.schema import tree as avro
from kgen_runtime.codec.json.schema import json_tree

from ..model.trees import AnyNode
from .entries import TypeWord

_NULLS = (avro.Primitive("null"), json_tree.JsonScalar("null"))
_MOST = 40  # values of a constant, branches of a union


def words(node: AnyNode, title: Callable[[str], str]) -> tuple[TypeWord, ...]:
    """`array<`, `Line`, `>`: the type without the null that it takes, if it is not null alone. `title` gives
    what a full name is called.
    """
    if isinstance(node, avro.Primitive):
        return _scalar_words(node)
    return tuple(_merged(_words(without_null(node), title)))


@lru_cache(maxsize=1_024)
def _scalar_words(node: avro.Primitive) -> tuple[TypeWord, ...]:
    return (TypeWord(_scalar(node)),)


def takes_null(node: AnyNode) -> bool:
    """Whether null is one of its values beside others."""
    if isinstance(node, json_tree.Constant):
        return None in node.values and len(node.values) > 1
    return isinstance(node, (avro.Union, json_tree.JsonUnion)) and any(
        it in _NULLS or takes_null(it) for it in node.branches
    )


def without_null(node: AnyNode) -> AnyNode:
    """The type without null."""
    if isinstance(node, json_tree.Constant) and takes_null(node):
        return json_tree.Constant(tuple(value for value in node.values if value is not None))
    if isinstance(node, avro.Union) and takes_null(node):
        left = tuple(it for it in node.branches if it not in _NULLS)
        return left[0] if len(left) == 1 else avro.Union(left)
    if isinstance(node, json_tree.JsonUnion) and takes_null(node):
        rest = tuple(it for it in node.branches if it not in _NULLS)
        return rest[0] if len(rest) == 1 else json_tree.JsonUnion(rest, node.tag)
    return node


def _words(node: AnyNode, title: Callable[[str], str]) -> Iterator[TypeWord]:
    if isinstance(node, (avro.Ref, json_tree.JsonRef)):
        yield TypeWord(title(node.name), node.name)
    elif isinstance(node, (avro.Array, json_tree.JsonArray)):
        yield from _around("array<", _words(node.items, title))
    elif isinstance(node, (avro.Map, json_tree.JsonMap)):
        yield from _around("map<", _words(node.values, title))
    elif isinstance(node, (avro.Union, json_tree.JsonUnion)):
        yield from _listed(node.branches, title, " | ")
        if not node.branches:
            yield TypeWord("nothing")
    elif isinstance(node, json_tree.JsonTuple):
        rest = () if isinstance(node.rest, json_tree.Nothing) else (node.rest,)
        yield TypeWord("[")
        yield from _listed(node.items, title, ", ")
        for each in rest:
            yield TypeWord(", …")
            yield from _words(each, title)
        yield TypeWord("]")
    else:
        yield TypeWord(_scalar(node))


def _around(opening: str, inner: Iterable[TypeWord]) -> Iterator[TypeWord]:
    yield TypeWord(opening)
    yield from inner
    yield TypeWord(">")


def _listed(nodes: tuple[AnyNode, ...], title: Callable[[str], str], between: str) -> Iterator[TypeWord]:
    for number, node in enumerate(nodes[:_MOST]):
        if number:
            yield TypeWord(between)
        yield from _words(node, title)
    if len(nodes) > _MOST:
        yield TypeWord(f"{between}… {len(nodes) - _MOST} more")


def _scalar(node: AnyNode) -> str:
    if isinstance(node, avro.Primitive):
        return f"{node.type} ({logical(node.logical)})" if node.logical else node.type
    if isinstance(node, json_tree.JsonScalar):
        scale = "" if node.scale is None else f" {node.scale}"
        return node.type + (f" ({node.format}{scale})" if node.format else "")
    if isinstance(node, json_tree.Constant):
        shown = [json.dumps(value, ensure_ascii=False, default=str) for value in node.values[:_MOST]]
        return " | ".join(shown) + (" | …" if len(node.values) > _MOST else "")
    return "anything" if isinstance(node, json_tree.Anything) else "nothing"


def logical(found: avro.Logical) -> str:
    """`decimal 12, 2`."""
    return f"{found.name} {found.precision}, {found.scale}" if found.precision else found.name


def _merged(parts: Iterable[TypeWord]) -> Iterator[TypeWord]:
    """Words without a name are joined."""
    text = ""
    for part in parts:
        if part.names:
            if text:
                yield TypeWord(text)
            text = ""
            yield part
        else:
            text += part.text
    if text:
        yield TypeWord(text)
