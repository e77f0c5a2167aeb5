"""Imported ahead of what imports Bytewax. If that is not installed, the runner reports it and exits with 2,
and other programs get a `ConfigError`.
"""

from __future__ import annotations

import sys

from ..errors import ConfigError
from ..flow.missing_bytewax import explain_missing
from . import arguments, log_format

try:
    with explain_missing("kgen_runtime.run"):
        import bytewax.dataflow  # noqa: F401
except ConfigError as error:
    is_module = getattr(sys.modules["__main__"].__spec__, "name", None) == "kgen_runtime.run"
    if not is_module and not arguments.is_kgen_run():
        raise
    args = arguments.parse(None)
    log_format.configure(args.log_format, args.log_level, args.process_id, args.flow)
    log_format.write_error(f"error: {error}", what=error.what, where=error.where, hint=error.hint)
    sys.exit(2)
