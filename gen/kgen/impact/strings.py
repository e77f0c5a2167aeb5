"""Names in strings: what `attrgetter("a.b")`, `"{0.a}".format(x)` and such ask objects for."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from .analysis import Analysis
from .call_arguments import Arguments
from .kinds import NO_OBJECT, SCALAR, Getter, Instance, Kind, Text, Tuple, either, has_names, members
from .scopes import Scope

FILLS = {"format", "format_map", "substitute", "safe_substitute"}
"""The methods that fill a string in."""
_STEP = re.compile(r"\.([^.\[]+)|\[([^\]]*)\]")
_DIGITS = 4  # of a number in a format string


@dataclass
class Strings:
    """Asks objects for what strings name."""

    analysis: Analysis

    def get(self, scope: Scope, node: ast.AST, getter: Getter, given: Arguments) -> Kind:
        """What calling a getter gives."""
        if getter.how == "format":
            for text in getter.names:
                self.fill(scope, node, str(text), given)
            return SCALAR
        found = tuple(self._get(scope, node, getter.how, name, given.get(0)) for name in getter.names)
        return found[0] if len(found) == 1 else Tuple(found)

    def _get(self, scope: Scope, node: ast.AST, how: str, name: str | int, owner: Kind) -> Kind:
        if how == "item":
            number = name if isinstance(name, int) else None
            key = Text(name) if isinstance(name, str) else SCALAR
            return self.analysis.objects.subscript(scope, node, owner, key, number)
        if how == "method":
            func = ast.copy_location(ast.Attribute(ast.Constant(None), str(name), ast.Load()), node)
            found = (self.analysis.calls.method(scope, node, func, m, Arguments()) for m in members(owner))
            return either(*found)
        for part in str(name).split("."):
            owner = self.analysis.objects.attribute(scope, node, owner, part)
        return owner

    def fill(self, scope: Scope, node: ast.AST, template: str, given: Arguments) -> None:
        """A string is filled in: `"{0.a}".format(x)`, `"%(a)s" % x`, a Template's `$a`."""
        for number, (name, rest) in enumerate(_fields(template)):
            place = name or str(number)
            is_number = place.isdecimal() and len(place) <= _DIGITS
            whole = given.get(int(place)) if is_number else self._named(scope, node, given, place)
            self._follow(scope, node, whole, rest)
        if any(map(has_names, given.all)):
            self.analysis.report.suspect(scope.text, node, "load", words(template))

    def _named(self, scope: Scope, node: ast.AST, given: Arguments, name: str) -> Kind:
        """What a name in a template stands for: a keyword, or an item of a mapping of the user's own."""
        found = given.get(len(given.args), name)
        owners = [m for m in members(given.get(0)) if isinstance(m, Instance)] if found == NO_OBJECT else []
        if owners:
            self.analysis.report.suspect(scope.text, node, "load", [name])
        items = (self.analysis.objects.subscript(scope, node, m, Text(name), None) for m in owners)
        return either(*items) if owners else found

    def _follow(self, scope: Scope, node: ast.AST, owner: Kind, rest: str) -> None:
        for attribute, item in _STEP.findall(rest):
            if attribute:
                owner = self.analysis.objects.attribute(scope, node, owner, attribute)
            else:
                number = int(item) if item.isdecimal() and len(item) <= _DIGITS else None
                owner = self.analysis.objects.subscript(scope, node, owner, Text(item), number)


def _fields(template: str) -> Iterator[tuple[str, str]]:
    """The fields of a format string: `0` and `.a[b]` of `{0.a[b]}`, those in specifications too."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return
    for _, name, specification, _ in parts:
        if name is not None:
            end = next((n for n, letter in enumerate(name) if letter in ".["), len(name))
            yield name[:end], name[end:]
            if "{" in (specification or ""):
                yield from _fields(str(specification))


def words(text: str) -> list[str]:
    """The words of a text that may be names."""
    return re.findall(r"\w+", text)
