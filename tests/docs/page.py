"""A page of the documentation whose code blocks are run, in their order, in a folder of its own.

CONTRIBUTING.md says what a page may hold, and which comments change how a block is run.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import SkipTest

import tomlkit
import yaml
from sybil import Document, Example, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, FencedCodeBlockLexer
from sybil.parsers.markdown.skip import SkipParser

from kgen.project import config

from .console import Console, compare
from .prepared import Prepared

_DIRECTIVES = r"project|file|exit|keeps-running"
_INVISIBLE = r"invisible-code-block"


@dataclass
class Page:
    """What a page is run with."""

    path: Path
    console: Console
    prepared: Prepared
    not_run: list[str] = field(default_factory=list)
    """The reasons of the blocks that were skipped."""
    _next: dict[str, str] = field(default_factory=dict)
    _printed: tuple[int, str] | None = None

    def run(self) -> None:
        """Run its blocks. Raises `SybilFailure` with the line of a block that is wrong, or what it raised."""
        document = Document.parse(str(self.path), SkipParser(), self._comments, self._blocks)
        document.namespace["__name__"] = self.path.stem.replace("-", "_")
        try:
            for example in document.examples():
                try:
                    example.evaluate()
                except SkipTest as e:
                    self.not_run.append(str(e))
                    self._next = {}
        finally:
            self.console.close()
            self._forget()

    def _forget(self) -> None:
        """Code of the page's project is imported again: a command may have changed it."""
        for name, module in list(sys.modules.items()):
            if str(self.console.folder) in str(getattr(module, "__file__", "")):
                del sys.modules[name]

    def _comments(self, document: Document) -> Iterator[Region]:
        for region in DirectiveInHTMLCommentLexer(_DIRECTIVES)(document):
            region.parsed = region.lexemes["directive"], (region.lexemes["arguments"] or "").strip()
            region.evaluator = self._comment
            yield region

    def _blocks(self, document: Document) -> Iterator[Region]:
        lexers = (
            FencedCodeBlockLexer(".*", mapping={"language": "arguments", "source": "source"}),
            DirectiveInHTMLCommentLexer(_INVISIBLE, arguments=".+"),
        )
        for lexer in lexers:
            for region in lexer(document):
                region.parsed = region.lexemes["source"]
                region.evaluator = self._block
                yield region

    def _comment(self, example: Example) -> str | None:
        name, argument = example.parsed
        if name != "project":
            self._next[name] = argument
            return None
        dev = self.prepared.project(argument, self.console.folder)
        self.console.use(dev.brokers, dev.registry)
        self.console.env |= dev.env
        return None

    def _block(self, example: Example) -> str | None:
        """Evaluate a block by its language. Returns what is wrong."""
        language = example.region.lexemes["arguments"].strip()
        options, self._next = self._next, {}
        evaluate = getattr(self, f"_{language}", None)
        if evaluate is None:
            known = "python, console, sh, toml, yaml, json, proto, diff or text"
            return f"{language or 'no language'}: blocks are {known}"
        try:
            return evaluate(example, options)
        except AssertionError as e:
            return str(e) or repr(e)

    def _file(self, options: dict[str, str], text: str) -> bool:
        if not options.get("file"):
            return False
        path = self.console.folder_now / options["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.console.actual(text), encoding="utf-8")
        return True

    def _python(self, example: Example, options: dict[str, str]) -> str | None:
        if self._file(options, example.parsed):
            ast.parse(example.parsed)
            return None
        printed = io.StringIO()
        with self._as_in_the_console(), contextlib.redirect_stdout(printed):
            PythonEvaluator()(example)
        self._printed = example.end, printed.getvalue()
        return None

    @contextlib.contextmanager
    def _as_in_the_console(self) -> Iterator[None]:
        """Python code has the folder and the environment that commands have."""
        env, folder, path = dict(os.environ), Path.cwd(), list(sys.path)
        os.environ.update({k: v for k, v in self.console.env.items() if k.startswith("KGEN_")})
        os.chdir(self.console.folder_now)
        sys.path.insert(0, str(self.console.folder_now))
        try:
            yield
        finally:
            os.chdir(folder)
            sys.path[:] = path
            for name in set(os.environ) - set(env):
                del os.environ[name]
            os.environ.update(env)

    def _text(self, example: Example, options: dict[str, str]) -> str | None:
        end, printed = self._printed or (-1, "")
        between = example.document.text[end : example.start] if end >= 0 else "…"
        if between.strip():
            return "a text block is what the python block just before it printed"
        compare(example.parsed, printed)
        return None

    def _console(self, example: Example, options: dict[str, str]) -> str | None:
        self.console.run(
            example.parsed,
            exit_code=int(options.get("exit", 0)),
            keeps_running="keeps-running" in options,
        )
        self._forget()
        return None

    def _sh(self, example: Example, options: dict[str, str]) -> str | None:
        """Commands for a reader to adapt: their syntax; options are held by the tests of hints."""
        done = subprocess.run(["bash", "-n", "-c", example.parsed], capture_output=True, text=True)
        return done.stderr or None

    def _proto(self, example: Example, options: dict[str, str]) -> str | None:
        """A .proto file, which a command of the page reads."""
        return None if self._file(options, example.parsed) else "of which file it is: <!-- file: PATH -->"

    def _yaml(self, example: Example, options: dict[str, str]) -> str | None:
        yaml.safe_load(example.parsed)
        self._file(options, example.parsed)
        return None

    def _toml(self, example: Example, options: dict[str, str]) -> str | None:
        if options.get("file", "kgen.toml") == "kgen.toml":
            config.parse(example.parsed)
        else:
            tomlkit.parse(example.parsed)
        self._file(options, example.parsed)
        return None

    def _json(self, example: Example, options: dict[str, str]) -> str | None:
        """A JSON text, or one in each line."""
        try:
            json.loads(example.parsed)
        except ValueError:
            for line in example.parsed.splitlines():
                json.loads(line)
        self._file(options, example.parsed)
        return None

    def _diff(self, example: Example, options: dict[str, str]) -> str | None:
        """An edit of a file: what it takes away is there, once."""
        if not options.get("file"):
            return "a diff says of which file it is: <!-- file: PATH -->"
        path = self.console.folder_now / options["file"]
        text = path.read_text(encoding="utf-8")
        lines = example.parsed.splitlines(keepends=True)
        old = "".join(re.sub("^[ -]", "", line) for line in lines if not line.startswith("+"))
        new = "".join(re.sub("^[ +]", "", line) for line in lines if not line.startswith("-"))
        if text.count(old) != 1:
            return f"{options['file']} has {text.count(old)} times what is edited:\n{text}"
        path.write_text(text.replace(old, self.console.actual(new)), encoding="utf-8")
        return None


def run_page(path: Path, folder: Path, prepared: Prepared) -> list[Any]:
    """Run the blocks of a page in a folder. Returns the reasons of those that were not run."""
    page = Page(path, Console(folder), prepared)
    page.run()
    return page.not_run
