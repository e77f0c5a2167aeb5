"""The environment of kgen's templates, whatever they write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2


def template_environment(
    filters: Mapping[str, Any], *, autoescape: bool = False, keep_trailing_newline: bool = True
) -> jinja2.Environment:
    """One with these filters. Without `autoescape` whatever is not kgen's own has to go through them."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kgen_templates", ""),
        undefined=jinja2.StrictUndefined,
        autoescape=autoescape,  # noqa: S701 - what writes HTML asks for it
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
        auto_reload=False,
    )
    environment.filters.update(filters)
    return environment
