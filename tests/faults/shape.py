"""What a flow under test looks like: said by the test, read by the process that runs it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

ENV = "KGEN_FAULT_SHAPE"

RAISES, WRONG, AGAIN = 27, 37, 47
"""The last two digits of numbers that fail: always in a step, in the sink, and the first time in a step."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One topic to another, with `steps` steps in between. The rest are the arguments of source and sink."""

    source: str
    sink: str
    steps: int = 2
    delivery: str = "at-least-once"
    start: str = "earliest"
    stop: str = "end"
    batch_size: int = 200
    on_gap: str = "fail"
    on_new_partitions: str = "fail"
    group_id: str | None = None
    dead_letters: str | None = None
    """The topic of a `rt.DeadLetter`; `rt.Crash()` where it is None."""
    avro: bool = False
    """Values are Avro strings, framed with schema ids."""
    policy: str = "dead-letter"
    """One of `flow.POLICIES`, where there are dead letters."""
    poison: bool = False
    """The steps fail for some messages: see `flow.handle`."""
    registry: str = ""
    """The URL of one that the step asks about one value in a thousand."""

    def env(self) -> Mapping[str, str]:
        """For the process that runs the flow."""
        return {ENV: json.dumps(asdict(self))}

    @classmethod
    def from_env(cls) -> Shape:
        """In the process that runs the flow."""
        return cls(**json.loads(os.environ[ENV]))
