"""A flow by the name that a command line gives. Its module is imported, so all that it raises is a user's."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from kgen_runtime.errors import named_text
from kgen_runtime.flow.missing_bytewax import explain_missing
from kgen_runtime.reporting.call_site import failed_line

from ..errors import ConfigError, KgenError
from ..project.import_path import make_importable, prints_to_stderr

if TYPE_CHECKING:
    from bytewax.dataflow import Dataflow


def loaded_flow(name: str, root: Path) -> Dataflow:
    """The flow `package.module:name` of a project, checked as its run checks it. Raises `KgenError` alone."""
    make_importable(root)
    try:
        with explain_missing(name):
            from kgen_runtime.routing.route import check
            from kgen_runtime.runner.flow_import import load
        with prints_to_stderr():
            return check(load(name))
    except KgenError:
        raise
    except Exception as error:
        line = failed_line("".join(traceback.format_exception(error)))
        why = named_text(type(error).__name__, error)
        raise ConfigError(
            f"{name} cannot be imported: {why}" + (f" (at {line})" if line else ""),
            hint=f"python -m kgen_runtime.run {name} shows the whole traceback",
        ) from error
