"""The environment of templates that write HTML: everything is escaped that is not marked as markup."""

from __future__ import annotations

from functools import lru_cache

import jinja2

from kgen_runtime.reporting.printable import escaped


@lru_cache(maxsize=1)
def html_environment() -> jinja2.Environment:
    """The one environment, with the filters `visible` (one line, without characters that cannot be seen) and
    `paragraphs` (of a doc).
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kgen_templates", ""),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update({"visible": visible, "paragraphs": paragraphs})
    return environment


def visible(text: object) -> str:
    """One line of characters that can be seen; others, such as those that turn the direction of text, are
    written as escapes.
    """
    shown = str(text)
    return shown if shown.isprintable() else escaped(shown)


def paragraphs(text: str, limit: int = 20_000) -> list[list[str]]:
    """The paragraphs of a doc, each as parts of which every second one stands between backticks; line breaks
    within a paragraph are spaces.
    """
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    found = (" ".join(part.split()) for part in cut.replace("\r\n", "\n").split("\n\n"))
    shown = (visible(part) for part in found if part)
    return [part.split("`") if part.count("`") % 2 == 0 else [part] for part in shown]
