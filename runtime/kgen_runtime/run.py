"""Running a flow: `python -m kgen_runtime.run MODULE:FLOW [--workers N] [--processes N] [--recovery DIR]`.

As `python -m bytewax.run`, with recovery partitions made on first use, several local processes, and a stop
that keeps everything. Exit codes: 0 the flow ended or was stopped cleanly (SIGTERM, SIGINT); 2 an error; 75
it was stopped to be started again (`on_new_partitions`); 130 interrupted by a second signal.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from .runner import needs_bytewax  # noqa: F401 - reports if there is none

# isort: split
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

from ._bytewax import cluster_addresses
from .codec import ENGINE
from .consumer.source import sources
from .errors import ConfigError
from .producer.eligibility import check_interval, topics_written
from .recovery.folder import Recovery, lock_name
from .routing.route import check
from .runner import arguments, log_format
from .runner.clock_watch import watch
from .runner.descriptors import check_descriptors, raise_limit
from .runner.error_report import CutOffError, leave, report_error, reraise_hidden_error
from .runner.late_counts import count_late
from .runner.local_cluster import check_port, run_cluster
from .runner.preflight import prepare
from .runner.run_report import About, RunReport
from .runner.shutdown import (
    CUT_OFF,
    DONE,
    FAILED,
    INTERRUPTED,
    RESTART,
    DrainedExit,
    ShutdownController,
    handle_signals_before_run,
)
from .state.current_folder import kept_in
from .stop import STOP

_HINT_FOLDER: Final = "Is the name right? Run it in the folder that holds its package."
_FORM: Final = "python -m kgen_runtime.run package.module:name"

log = logging.getLogger("kgen_runtime.run")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments say; the exit code."""
    args = arguments.parse(argv)
    log_format.configure(args.log_format, args.log_level, args.process_id)
    raise_limit()
    with handle_signals_before_run():
        return _run(args)


def _run(args: argparse.Namespace) -> int:
    try:
        return _run_processes(args) if args.processes > 1 else _run_here(args)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - here errors become text and a code; a panic is not an Exception
        return _failed(args, error)


def _failed(args: argparse.Namespace, error: BaseException) -> int:
    if isinstance(error, CutOffError) and args.control is not None:
        leave(CUT_OFF)  # another process reports the reason to the one that started this
    report_error(error, args.control)
    if args.addresses is not None:
        leave(FAILED)
    return FAILED


def load(name: str) -> Dataflow:
    """The flow called `package.module:attribute` or `path/to/file.py:attribute`. Raises `ConfigError`."""
    module_name, _, attribute = name.partition(":")
    attribute = attribute or "flow"
    if module_name.startswith(".") or not module_name:
        raise ConfigError(f"{name!r} does not begin with the name of a module", hint=_FORM)
    found = getattr(_imported(_importable(module_name)), attribute, None)
    if not isinstance(found, Dataflow) and callable(found):
        _check_call(found, module_name, attribute)
        found = found()
    if not isinstance(found, Dataflow):
        raise ConfigError(
            f"{attribute} is not a Dataflow, nor a function that returns one",
            where=module_name,
            hint=_FORM,
        )
    return found


def _check_call(function: Callable[..., Any], module: str, name: str) -> None:
    needed = [
        each.name
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if needed:
        raise ConfigError(
            f"{name} wants arguments: {', '.join(needed)}",
            where=module,
            hint=f"Name the flow itself, most often {module}:flow.",
        )


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise _absent(error.name, module) from None
        raise  # of something that the user's module imports


def _importable(module: str) -> str:
    """The module's name, its folder being on the path."""
    if module.endswith(".py"):
        return _importable_file(Path(module).resolve())
    sys.path.insert(0, str(Path.cwd()))
    if importlib.util.find_spec(module.partition(".")[0]) is None:
        raise _absent(module, module)
    return module


def _absent(name: str, module: str) -> ConfigError:
    """That `name` is absent, of `module` or a package around it; the hint names a folder above that has
    it.
    """
    parts = module.split(".")
    path = Path(*parts)
    for folder in Path.cwd().parents if all(map(str.isidentifier, parts)) else ():
        if (folder / path).is_dir() or (folder / path).with_suffix(".py").is_file():
            return ConfigError(f"no module named {name}", hint=f"Run it in {folder}, which holds {parts[0]}.")
    return ConfigError(f"no module named {name}", hint=_HINT_FOLDER)


def _importable_file(path: Path) -> str:
    if not path.exists():
        raise ConfigError(f"there is no file {path}")
    parts = [path.stem]
    while (path.parent / "__init__.py").exists():
        path = path.parent
        parts.insert(0, path.name)
    sys.path.insert(0, str(path.parent))
    return ".".join(parts)


def _run_processes(args: argparse.Namespace) -> int:
    with ExitStack() as stack:
        if args.recovery is not None:
            recovery = Recovery(args.recovery)
            stack.enter_context(recovery.lock())
            recovery.prepare()
        return run_cluster(args)


def _run_here(args: argparse.Namespace) -> int:
    watch()
    check_port(1)
    flow = check(load(args.flow))
    check_interval(flow, args.epoch_interval)
    check_descriptors(flow, args.workers)
    with ExitStack() as stack:
        config = _recovery(args, flow, stack)
        drain = config is not None
        stack.enter_context(kept_in(args.recovery))
        stack.enter_context(
            ShutdownController(
                drain=drain, epoch=args.epoch_interval, control=args.control, process=args.process_id
            )
        )
        prepare(flow)
        with nullcontext() if args.quiet else RunReport(_about(args, flow)):
            _run_flow(args, flow, config)
    for source in sources(flow):
        source.commit_ended()
    return RESTART if STOP.restart else DONE


def _recovery(args: argparse.Namespace, flow: Dataflow, stack: ExitStack) -> RecoveryConfig | None:
    """The recovery folder, ready for use. In a cluster the first process makes it."""
    if args.recovery is None:
        return None
    recovery = Recovery(args.recovery, backup_interval=args.backup_interval)
    if args.control is None:
        stack.enter_context(recovery.lock(lock_name(args.process_id)))
    if not args.process_id:
        recovery.prepare()
        recovery.upgrade_state()
        for step in recovery.unknown_steps(flow):
            log.warning(
                "%s has state of step %s, which the flow does not have: was it renamed?", args.recovery, step
            )
    return recovery.config(prepared=True)


def _run_flow(args: argparse.Namespace, flow: Dataflow, config: RecoveryConfig | None) -> None:
    try:
        with reraise_hidden_error(args.control) if args.addresses else nullcontext():
            cli_main(  # type: ignore[no-untyped-call]
                flow,
                workers_per_process=args.workers,
                process_id=args.process_id,
                addresses=cluster_addresses(args.addresses),
                epoch_interval=args.epoch_interval,
                recovery_config=config,
            )
    except DrainedExit:
        log.info("stopped: what was read is durable")


def _about(args: argparse.Namespace, flow: Dataflow) -> About:
    """For the report."""
    count_late(flow)
    addresses = args.addresses.split(";") if args.addresses else [""]
    return About(
        flow=args.flow,
        workers=args.workers,
        processes=len(addresses),
        codec=ENGINE,
        recovery=None if args.recovery is None else str(args.recovery),
        epoch=args.epoch_interval.total_seconds(),
        writes=topics_written(flow),
        connects=len(addresses) > 1 and any(sources(flow)),
    )


if __name__ == "__main__":
    sys.exit(main())
