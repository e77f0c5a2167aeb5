"""The policy that is another one for each stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import bytewax.operators as op
from bytewax.dataflow import Stream

from ..errors import FlowError
from ..flow.argument_checks import check_failure, check_policies, checked, explaining
from ..messages import Failure, Stage
from ..reporting.shown_argument import shown
from .policy import Policies, Policy, joined_wishes, pass_on
from .step_keeper import StepWishes

REST: Final = "*"
_STAGES: Final = tuple(stage.value for stage in Stage)
_FORM: Final = 'rt.ByStage({"decode": rt.DeadLetter(...), "process": rt.Crash(), "*": rt.Drop()})'


class ByStage(Policy):
    """Another policy, or several, for each stage that messages fail in: `framing`, `unknown-schema`,
    `unexpected-type`, `decode`, `validate`, `process`, `late`, `serialize`, `produce`, `oversize`; `*`
    is for those not named.

    Ordering: failures of one stage keep theirs. Delivery: that of the policy of the stage.

    Raises `FlowError` for what is not a stage or a policy, and if a stage has no policy.
    """

    name = "by_stage"

    @checked
    def __init__(self, policies: Mapping[str | Stage, Policies]) -> None:
        if not isinstance(policies, Mapping):
            raise FlowError(f"rt.ByStage: {shown(policies)} is not a dict", hint=f"Pass {_FORM[11:-1]}.")
        given: dict[str, list[Policy]] = {
            _stage(stage): check_policies(policy, f"rt.ByStage: {_stage(stage)}=")
            for stage, policy in policies.items()
        }
        missing = [] if REST in given else [stage for stage in _STAGES if stage not in given]
        if missing:
            raise FlowError(
                f"rt.ByStage: no policy for what fails in {', '.join(missing)}",
                hint='"*": rt.Crash() is the strictest policy for all other stages.',
            )
        self._policies = given

    def build(self, step_id: str, up: Stream[Failure]) -> None:
        """A step that picks out the failures of its stages, for each policy."""
        groups: dict[tuple[int, ...], list[str]] = {}
        for stage, policies in self._policies.items():
            groups.setdefault(tuple(map(id, policies)), []).append(stage)
        for stages in groups.values():
            name = f"{step_id}_{'rest' if stages[0] == REST else stages[0]}"
            picked = explaining(name, self._picker(stages), check_failure)
            pass_on(self._policies[stages[0]], op.flat_map_batch(name, up, picked))

    def wishes(self) -> StepWishes:
        """Those of the policy for `process`: the other stages are not code that can be tried again."""
        here = Stage.PROCESS.value if Stage.PROCESS.value in self._policies else REST
        for stage, policies in self._policies.items():
            if stage not in (here, REST) and joined_wishes(policies).rule is not None:
                raise FlowError(
                    f"rt.ByStage: what fails in {stage} cannot be tried again",
                    hint="rt.Retry is for the stage process, where code of yours runs.",
                )
        wishes = [joined_wishes(policies) for policies in self._policies.values()]
        parking = next((each.parking for each in wishes if each.parking is not None), None)
        return StepWishes(joined_wishes(self._policies[here]).rule, parking)

    def _picker(self, names: list[str]) -> Callable[[list[Failure]], list[Failure]]:
        rest = [stage for stage in _STAGES if stage not in self._policies] if REST in names else []
        stages = frozenset(Stage(name) for name in (*names, *rest) if name != REST)
        return lambda failures: [failure for failure in failures if failure.stage in stages]


def _stage(stage: Any) -> str:
    name = stage.value if isinstance(stage, Stage) else stage
    if name != REST and name not in _STAGES:
        raise FlowError(f"rt.ByStage: {shown(stage)} is not a stage", hint=f"Use {', '.join(_STAGES)} or *.")
    return str(name)
