"""Running a flow to its end in this process."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from datetime import timedelta

from bytewax.dataflow import Dataflow
from bytewax.testing import cluster_main

from ..consumer.source import sources
from ..flow.argument_checks import checked
from ..recovery.folder import Recovery, stored_positions
from ..state.current_folder import kept_in
from .memory import Memory


@checked
def run(flow: Dataflow, *, recovery: Recovery | None = None, epoch_interval: timedelta | None = None) -> None:
    """Run a flow to its end, with one worker in a thread of its own.

    Nothing is reported beyond the log. Raises Bytewax's error where a step fails, what failed among its
    causes; `RecoveryError` where the recovery folder cannot be used, or another run uses it; and
    `ConfigError` where a source reads a topic that `Memory` was not given.
    """
    for source in sources(flow):
        if isinstance(source.kafka, Memory):
            source.kafka.check_source(source)
    folder = None if recovery is None else recovery.path
    with nullcontext() if recovery is None else recovery.lock(), ExitStack() as stack:
        config = None if recovery is None else recovery.config()
        stack.enter_context(kept_in(folder, stored_positions(folder)))
        # In a thread of its own, as the runner has it: in this one each error is a panic with a backtrace.
        cluster_main(  # type: ignore[no-untyped-call]
            flow,
            [],
            0,
            epoch_interval=epoch_interval,
            recovery_config=config,
            worker_count_per_proc=1,
        )
