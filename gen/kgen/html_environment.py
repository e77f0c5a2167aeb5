"""The environment of templates that write HTML: everything is escaped that is not marked as markup."""

from __future__ import annotations

import re
from functools import lru_cache

import jinja2
from markupsafe import Markup, escape

from kgen_runtime.reporting.printable import escaped

from .template_environment import template_environment

_PARAGRAPH = Markup("<p>"), Markup("</p>")
_SPECIAL = re.compile("[&<>\"']").search
_CODE = Markup("<code>"), Markup("</code>")


@lru_cache(maxsize=1)
def html_environment() -> jinja2.Environment:
    """The one environment, with the filters `visible` (one line, without characters that cannot be seen),
    `html` (the same as markup) and `paragraphs` (a doc as markup).
    """
    filters = {"html": html, "visible": visible, "paragraphs": paragraphs}
    return template_environment(filters, autoescape=True, keep_trailing_newline=False)


def visible(text: object) -> str:
    """One line of characters that can be seen; others, such as those that turn the direction of text, are
    written as escapes.
    """
    shown = str(text)
    return shown if shown.isprintable() else escaped(shown)


def html(text: object) -> str:
    """The same as markup that is a plain string: for what a page has very many of."""
    shown = visible(text)
    return str(escape(shown)) if _SPECIAL(shown) else shown


def visible_lines(text: str) -> str:
    """The same of several lines, which stay lines."""
    if text.replace("\n", "").isprintable():
        return text
    return "\n".join(map(visible, text.split("\n")))


def paragraphs(text: str, limit: int = 20_000) -> Markup:
    """A doc as paragraphs: what stands between backticks is code, line breaks within a paragraph are spaces.
    What is beyond `limit` characters is left out.
    """
    if len(text) <= limit and "\n" not in text:  # most docs
        line = visible(" ".join(text.split()))
        return _paragraph(line) if line else Markup("")
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    found = (" ".join(part.split()) for part in cut.replace("\r\n", "\n").split("\n\n"))
    made = [_paragraph(visible(part)) for part in found if part]
    return made[0] if len(made) == 1 else Markup("").join(made)


def _paragraph(text: str) -> Markup:
    if "`" not in text:  # most docs: to join parts of markup takes longer than to escape them
        return Markup(f"<p>{html(text)}</p>")  # noqa: S704 - escaped
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:
        return _PARAGRAPH[0] + Markup("`").join(parts) + _PARAGRAPH[1]
    parts[1::2] = (_CODE[0] + part + _CODE[1] for part in parts[1::2])
    return _PARAGRAPH[0] + Markup("").join(parts) + _PARAGRAPH[1]
