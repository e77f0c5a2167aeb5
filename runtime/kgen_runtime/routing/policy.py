"""What a policy is: what `rt.route` does with failures."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Final, TypeAlias, TypeVar  # noqa: UP035 - on Python 3.10 Bytewax takes the other for a class

import bytewax.operators as op
from bytewax.dataflow import Stream, operator
from bytewax.inputs import AbortExecution
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from ..errors import FlowError, KgenError, ProcessingError, named_text
from ..flow.argument_checks import check_failure, check_function, explaining
from ..flow.failures import MAX_TRACEBACK, class_name, shown_class
from ..messages import Failure
from ..metrics import handled
from ..recovery.folder import hold_for_bytewaxs_runner
from ..reporting.call_site import failed_line, step_line
from ..reporting.printable import bounded, escaped
from ..reporting.progress import PROGRESS
from .step_keeper import StepWishes

X = TypeVar("X")


_trial: Final[ContextVar[Policy | None]] = ContextVar("kgen_trial", default=None)
"""What every route that is being built gets instead of its policies."""
_step_names: Final[ContextVar[Counter[str]]] = ContextVar("kgen_step_names")
"""How often each name of a policy was given to a step, in the route that is being built."""


@contextmanager
def instead_of_policies(policy: Policy) -> Iterator[None]:
    """While entered, every `route` that is built has this policy alone."""
    token = _trial.set(policy)
    try:
        yield
    finally:
        _trial.reset(token)


def policies_in_force(given: list[Policy]) -> list[Policy]:
    """Those that a route was given, unless there is another `instead_of_policies`."""
    instead = _trial.get()
    return given if instead is None else [instead]


class Policy:
    """What `route` does with failures. A policy of your own is a subclass with a `handle`:

        class Page(rt.Policy):
            name = "page"

            def handle(self, failures: list[rt.Failure]) -> None:
                pager.send(f"{len(failures)} messages failed, the first: {failures[0].message}")

    or one with a `build`, which adds steps of Bytewax's. One object serves all workers of a process, each in
    a thread of its own. Delivery: an epoch is not committed before its failures were handled; after a crash
    those of the last epoch come again.
    """

    name: str = "policy"
    """The id of its step inside `route`: in recovery stores, never to change. A second policy of that name
    has a number behind it.
    """

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """Add the steps to the flow: by default one that calls `handle`. Called inside the scope of the
        `route` step.
        """
        consume(step_id, up, self._counted)

    def handle(self, failures: list[Failure]) -> None:
        """Do with a batch of failures what the policy is for.

        What it raises stops the flow, with nothing of the epoch committed.
        """
        raise NotImplementedError

    def wishes(self) -> StepWishes:
        """What it asks of the steps that feed the route; nothing by default."""
        return StepWishes()

    def _counted(self, failures: list[Failure]) -> None:
        count(self, failures)
        self.handle(failures)


Policies: TypeAlias = "Policy | Sequence[Policy]"


def build_all(policies: Sequence[Policy], up: Stream[Failure]) -> None:
    """The steps of the policies of a route: each gets every failure."""
    token = _step_names.set(Counter())
    try:
        pass_on(policies, up)
    finally:
        _step_names.reset(token)


def joined_wishes(policies: Sequence[Policy]) -> StepWishes:
    """Of policies that each get every failure. Raises `FlowError` if two of them contradict each other."""
    wishes = [each.wishes() for each in policies]
    rules = [each.rule for each in wishes if each.rule is not None]
    if len(rules) > 1:
        raise FlowError(
            "two rt.Retry for the same failures", hint="One is enough: it may have several then=."
        )
    return StepWishes(
        rules[0] if rules else None, next((each.parking for each in wishes if each.parking is not None), None)
    )


def pass_on(policies: Sequence[Policy], up: Stream[Failure]) -> None:
    """Add the steps of policies inside the `build` of another one.

    Their ids are the same as without that one around them: what a dead letter has written, and what it holds
    in the recovery store, is under its id. Raises `FlowError` for one without `handle` or `build`.
    """
    names = _step_names.get()
    for each in policies:
        if type(each).build is Policy.build and type(each).handle is Policy.handle:
            name = type(each).__name__
            raise FlowError(
                f"policy {name} does nothing", hint=f"Give {name} a method handle(self, failures)."
            )
        check_function(f"policy {type(each).__name__}", "handle", each.handle)
        names[each.name] += 1
        number = names[each.name]
        each.build(each.name if number == 1 else f"{each.name}_{number}", up)


def count(policy: Policy, failures: Sequence[Failure], target: str = "") -> None:
    """For metrics and the runner's report: a policy has seen these."""
    handled(policy.name, (failure.stage.value for failure in failures))
    PROGRESS.handled(policy.name, failures, target)


def described(failure: Failure, more: str = "") -> str:
    """One line on a failure, with `more` at its end, and its traceback where there is one. Texts of others
    can neither drive a terminal nor look like lines of the log.
    """
    raw = failure.original
    at = f"{raw.topic or 'made in the flow'}" + (
        f"/{raw.partition} offset {raw.offset}" if raw.offset is not None else ""
    )
    why = f"{shown_class(failure.error_class)}: {failure.message}{more}"
    text = escaped(f"{failure.step} {failure.stage.value} {at}: {why}")
    below = "\n".join(map(escaped, failure.traceback.split("\n")))
    return f"{text}\n{below}" if below else text


def _policy_error(step_id: str, error: Exception) -> ProcessingError:
    """Of a policy that raised: nobody is left to give the failures to."""
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    line = failed_line(lines) or step_line(step_id)
    made = ProcessingError(
        f"a policy raised {named_text(class_name(error), error)}",
        where=f"{line}, step {step_id}" if line else f"step {step_id}",
        hint="Nothing of this epoch is committed. A policy has to take every failure that it is given.",
    )
    made.traceback = bounded(lines, MAX_TRACEBACK)
    return made


class _Nothing(StatefulSinkPartition[Any, None]):
    def write_batch(self, values: list[Any]) -> None:
        """There is nothing to write."""

    def snapshot(self) -> None:
        """There is no state."""


class _End(FixedPartitionedSink[Any, None]):
    """Gets nothing. Being stateful, it makes Bytewax's recovery wait for the steps before it: a plain
    branch may lag behind the commit of its epoch, and what it had yet to do would be lost in a crash.
    """

    def list_parts(self) -> list[str]:
        return ["end"]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> _Nothing:
        return _Nothing()


@operator
def consume(step_id: str, up: Stream[X], act: Callable[[list[X]], None]) -> None:
    """Act on every batch, before its epoch is committed."""
    hold_for_bytewaxs_runner()  # a flow may have no source of kgen's
    explained = explaining(step_id, act, check_failure)

    def acted(items: list[X]) -> list[Any]:
        try:
            explained(items)
        except (KgenError, AbortExecution):
            raise
        except Exception as error:
            raise _policy_error(step_id, error) from error
        return []

    nothing: Stream[tuple[str, Any]] = op.flat_map_batch("act", up, acted)
    op.output("end", nothing, _End())
