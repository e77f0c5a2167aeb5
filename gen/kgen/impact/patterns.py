"""Patterns of `match`: what they bind, and what they ask of what is matched."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .analysis import Analysis
from .kinds import NO_OBJECT, Class, External, Instance, Kind, Many, either
from .scopes import Scope


@dataclass
class Patterns:
    """Reads patterns."""

    analysis: Analysis

    def match(self, node: ast.pattern, subject: Kind, scope: Scope) -> None:
        """Bind what a pattern names, and report what it asks of the subject."""
        if isinstance(node, ast.MatchClass):
            self._class_pattern(node, subject, scope)
        elif isinstance(node, ast.MatchValue):
            self.analysis.expressions.kind(node.value, scope)
        elif isinstance(node, ast.MatchAs):
            if node.pattern:
                self.match(node.pattern, subject, scope)
            if node.name:
                matched = self.matched(node.pattern, scope) if node.pattern else None
                self.analysis.bind(scope, node.name, subject if matched in (None, NO_OBJECT) else matched)
        elif isinstance(node, ast.MatchOr):
            for child in node.patterns:
                self.match(child, subject, scope)
        elif isinstance(node, ast.MatchSequence):
            self._sequence(node, subject, scope)
        elif isinstance(node, ast.MatchMapping):
            self._mapping(node, subject, scope)

    def _sequence(self, node: ast.MatchSequence, subject: Kind, scope: Scope) -> None:
        whole = self.analysis.objects.item(scope, ast.Pass(lineno=node.lineno), subject)
        parts = self.analysis.objects.parts(scope, node, subject, len(node.patterns))
        has_star = any(isinstance(child, ast.MatchStar) for child in node.patterns)
        for child, part in zip(node.patterns, parts):
            if isinstance(child, ast.MatchStar):
                if child.name:
                    self.analysis.bind(scope, child.name, Many(whole))
            else:
                self.match(child, whole if has_star else part, scope)

    def _mapping(self, node: ast.MatchMapping, subject: Kind, scope: Scope) -> None:
        for key, child in zip(node.keys, node.patterns):
            self.match(
                child,
                self.analysis.objects.subscript(
                    scope, key, subject, self.analysis.expressions.kind(key, scope)
                ),
                scope,
            )
        if node.rest:
            self.analysis.bind(scope, node.rest, subject)

    def matched(self, node: ast.pattern | None, scope: Scope) -> Kind:
        """What a subject is that matches: of a class, if the pattern names one."""
        if isinstance(node, ast.MatchAs):
            return self.matched(node.pattern, scope)
        options = node.patterns if isinstance(node, ast.MatchOr) else [node]
        found = [
            self.analysis.expressions.kind(o.cls, scope) if isinstance(o, ast.MatchClass) else None
            for o in options
        ]
        return either(*(Instance(k) if isinstance(k, Class) else None for k in found))

    def _class_pattern(self, node: ast.MatchClass, subject: Kind, scope: Scope) -> None:
        kind = self.analysis.expressions.kind(node.cls, scope)
        if isinstance(kind, Class):
            subject = Instance(kind)
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns):
            found = self.analysis.objects.attribute(scope, pattern, subject, name) if name else None
            self.match(pattern, found, scope)
        parts = self.analysis.objects.parts(scope, node, subject, len(node.patterns))
        for pattern, part in zip(node.patterns, parts):
            self.match(pattern, subject if isinstance(kind, External) else part, scope)
