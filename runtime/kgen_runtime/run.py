"""Running a flow: `python -m kgen_runtime.run MODULE:FLOW [--workers N] [--processes N] [--recovery DIR]`.

As `python -m bytewax.run`, with recovery partitions made on first use, several local processes, and a stop
that keeps everything. Exit codes: 0 the flow ended or was stopped cleanly (SIGTERM, SIGINT); 2 an error; 65
too much failed (`rt.Breaker`); 75 it was stopped to be started again (`on_new_partitions`); 130 interrupted
by a second signal.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext

from .runner import needs_bytewax  # noqa: F401 - reports if there is none

# isort: split
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig
from bytewax.run import cli_main

from ._bytewax import cluster_addresses, is_panic
from .codec import ENGINE
from .consumer.source import sources
from .producer.eligibility import check_interval, topics_written
from .recovery.folder import Recovery, disk_full_error, lock_name, stored_positions
from .reporting import std_streams
from .routing.route import check
from .runner import arguments, log_format
from .runner.clock_watch import watch
from .runner.control_channel import ProcessReport
from .runner.descriptors import check_descriptors, raise_limit
from .runner.error_report import CutOffError, leave, report_error, reraise_hidden_error
from .runner.exchange import pack_exchanges
from .runner.flow_import import load
from .runner.health import RunHealth
from .runner.health_endpoint import served
from .runner.late_counts import count_late
from .runner.local_cluster import check_port, run_cluster
from .runner.peer_connections import wait_for_local
from .runner.peer_identity import PeerIdentity
from .runner.peer_watch import run_together
from .runner.preflight import prepare
from .runner.run_report import About, RunReport
from .runner.shutdown import (
    DONE,
    FAILED,
    INTERRUPTED,
    DrainedExit,
    ProcessShutdown,
    exit_code,
    handle_signals_before_run,
)
from .state.current_folder import kept_in
from .stop import STOP

log = logging.getLogger("kgen_runtime.run")


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments say; the exit code."""
    try:
        code = _main(argv)
    except SystemExit:  # of the arguments' help, too
        if _lost_output():
            return FAILED
        raise
    return (code or FAILED) if _lost_output(code) else code


def _lost_output(code: int = DONE) -> bool:
    """Whether what steps have printed could not be written, which is reported if no error was."""
    lost = std_streams.lost_output()
    if lost is not None and code != FAILED:
        report_error(lost)
    return lost is not None


def _main(argv: Sequence[str] | None) -> int:
    args = arguments.parse(argv)
    log_format.configure(args.log_format, args.log_level, args.process_id, args.flow)
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
    if is_panic(error) or isinstance(error, CutOffError):
        error = disk_full_error(args.recovery) or error
    if isinstance(error, CutOffError) and args.control is not None:
        # Another process reports the reason to the one that started this.
        args.control.send(ProcessReport.CUT_OFF)
        leave(FAILED)
    report_error(error, args.control)
    if args.addresses is not None:
        leave(FAILED)
    return FAILED


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
    with ExitStack() as stack:
        health = RunHealth()
        if args.health is not None:
            stack.enter_context(health)
            stack.enter_context(served(health, args.health))
        return _run_watched(args, health)


def _run_watched(args: argparse.Namespace, health: RunHealth) -> int:
    flow = check(load(args.flow))
    check_interval(flow, args.epoch_interval)
    check_descriptors(flow, args.workers)
    with ExitStack() as stack:
        config = _recovery(args, flow, stack)
        drain = config is not None
        stack.enter_context(kept_in(args.recovery, stored_positions(args.recovery)))
        stack.enter_context(
            ProcessShutdown(
                drain=drain, epoch=args.epoch_interval, control=args.control, process=args.process_id
            )
        )
        health.checking()
        prepare(flow)
        health.running(reads=any(sources(flow)))
        with nullcontext() if args.quiet else RunReport(_about(args, flow)):
            _run_flow(args, flow, config)
    for source in sources(flow):
        source.commit_ended()
    if STOP.failure is not None:
        report_error(STOP.failure, args.control)
    return exit_code()


def _recovery(args: argparse.Namespace, flow: Dataflow, stack: ExitStack) -> RecoveryConfig | None:
    """The recovery folder, ready for use. In a cluster the first process makes it."""
    if args.recovery is None:
        return None
    recovery = Recovery(args.recovery, backup_interval=args.backup_interval)
    if args.control is None:
        stack.enter_context(recovery.lock(lock_name(args.process_id)))
    if not args.process_id:
        recovery.prepare()
        if args.addresses is not None and args.control is None:
            recovery.mark()
        recovery.refuse_if_above(flow)
        recovery.upgrade_state()
        for step in recovery.unknown_steps(flow):
            log.warning(
                "%s has state of step %s, which the flow does not have: was it renamed, or is it the folder "
                "of another flow? Each has its own.",
                args.recovery,
                step,
            )
    return recovery.config(prepared=True)


def _run_flow(args: argparse.Namespace, flow: Dataflow, config: RecoveryConfig | None) -> None:
    try:
        if args.addresses and args.control is None:
            with run_together(_identity(args, flow), args.recovery):
                _run_bytewax(args, flow, config)
        else:
            if args.addresses:
                lower = args.addresses.split(";")[: args.process_id]
                wait_for_local([int(address.rpartition(":")[2]) for address in lower])
            _run_bytewax(args, flow, config)
    except DrainedExit:
        log.info("stopped: what was read is durable")


def _identity(args: argparse.Namespace, flow: Dataflow) -> PeerIdentity:
    """What the other processes of the cluster get to know of this one."""
    return PeerIdentity.of_this(
        flow,
        args.flow,
        args.process_id,
        args.addresses,
        args.workers,
        args.epoch_interval.total_seconds(),
        args.recovery,
    )


def _run_bytewax(args: argparse.Namespace, flow: Dataflow, config: RecoveryConfig | None) -> None:
    if args.addresses:
        pack_exchanges(flow)
    with reraise_hidden_error(args.control) if args.addresses else nullcontext():
        cli_main(  # type: ignore[no-untyped-call]
            flow,
            workers_per_process=args.workers,
            process_id=args.process_id,
            addresses=cluster_addresses(args.addresses),
            epoch_interval=args.epoch_interval,
            recovery_config=config,
        )


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
        connects=args.control is not None and any(sources(flow)),  # on other hosts, each is waited for
    )


if __name__ == "__main__":
    sys.exit(main())
