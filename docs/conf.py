"""How Sphinx makes a site of these pages, which stay plain Markdown: `make docs`.

What a page needs and Markdown has not is added while Sphinx reads it: tables of contents from the links of an
`index.md`, descriptions of the public names from their docstrings.
"""

from __future__ import annotations

import os
import re
from types import ModuleType
from typing import TYPE_CHECKING, Any

import kgen
import kgen_runtime

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "kgen"
release = kgen.__version__
copyright = "the authors of kgen, Apache-2.0"  # noqa: A001 - Sphinx's name for it
root_doc = "index"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r".*")
]  # types in signatures are of many places; names of pages are held by tests
suppress_warnings = ["misc.highlighting_failure"]  # what is shown as JSON or TOML may be shortened
highlight_language = "text"
default_role = "code"

myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False

html_theme = "pydata_sphinx_theme"
html_title = "kgen"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": []}

_LINKS = re.compile(r"^- \[[^\]]+\]\(([\w./-]+)\.md\)", re.MULTILINE)
_COMMENTS = re.compile(
    r"^[ \t]*<!-- *(?:invisible-code-block|project|file|keeps-running|exit|skip)\b.*?-->\n",
    re.DOTALL | re.MULTILINE,
)
_OUTSIDE = re.compile(r"\[([^\]]*)\]\(((?:\.\./)+)((?!\.\.)[^)#\s]+)([^)\s]*)\)")
_NAMES = re.compile(r"^- ((?:`rt\.\w+`(?:, )?)+):")


def _repository() -> str | None:
    """The address of the project's files, if the build knows it, as in setup.py."""
    name = os.environ.get("GITHUB_REPOSITORY")
    return name and f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}/blob/main"


def _read(app: Sphinx, name: str, text: list[str]) -> None:
    """Make MyST of the Markdown of a page."""
    page = _COMMENTS.sub(lambda match: "\n" * match[0].count("\n"), text[0])
    page = _OUTSIDE.sub(lambda match: _outside(name, *match.groups()), page)
    if name.rpartition("/")[2] == "index":
        pages = "\n".join(_LINKS.findall(page))
        page += f"\n```{{toctree}}\n:hidden:\n\n{pages}\n```\n"
    if name == "reference/python":
        page = _described(page)
    text[0] = page


def _described(page: str) -> str:
    """The page of Python names: below the list of a section, what the docstrings say of its names."""
    lines, waiting = [], []
    for line in [*page.splitlines(), "## end"]:
        listed = _NAMES.match(line)
        if waiting and not listed and line.startswith("## "):
            lines += ["", *map(_directive, waiting), ""]
            waiting = []
        if listed:
            waiting += re.findall(r"`rt\.(\w+)`", listed[1])
        lines.append(line)
    return "\n".join(lines[:-1])


def _directive(name: str) -> str:
    """What describes a name of the runtime from its docstring."""
    value = getattr(kgen_runtime, name)
    if isinstance(value, ModuleType):
        kind, options = "automodule", "   :members:\n"
    elif isinstance(value, type):
        kind, options = "autoclass", "   :members:\n"
    elif callable(value) and hasattr(value, "__code__"):
        kind, options = "autofunction", ""
    else:
        kind, options = "autodata", "   :no-value:\n"
    return f"```{{eval-rst}}\n.. {kind}:: kgen_runtime.{name}\n{options}```"


def _outside(page: str, title: str, up: str, path: str, section: str) -> str:
    """A link to a file of the repository that is not a page: to its address, or its title alone."""
    if len(up) // 3 <= page.count("/"):
        return f"[{title}]({up}{path}{section})"
    repository = _repository()
    return f"[{title}]({repository}/{path}{section})" if repository else title


def _docstring(app: Sphinx, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Docstrings have code in single backticks, and lists without an empty line before them, not indented."""
    text: list[str] = []
    item = False
    for line in lines:
        begins = line.startswith("- ")
        if begins and not item and text and text[-1]:
            text.append("")
        item = begins or (item and bool(line))
        indent = "  " if item and not begins and line[:1] != " " else ""
        text.append(indent + re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", line))
    lines[:] = text


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _docstring)
