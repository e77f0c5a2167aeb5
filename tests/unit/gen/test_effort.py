"""How the work of a pull grows with the number of subjects, in lines that run, not in time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import kgen
from kgen.actions import pull
from kgen.actions.inputs import Flags, Workspace
from kgen.actions.prepare import PlanRequest

OURS = str(Path(kgen.__file__).parent)
FEW = 10
MORE = 4


def lines_run(work: Callable[[], object]) -> Counter[CodeType]:
    """How many lines each function of kgen ran in this thread; a loop on one line counts for each turn."""
    found: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        found[frame.f_code] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return found


ADDRESS = {"type": "record", "name": "shop.Address", "fields": [{"name": "city", "type": "string"}]}


def order(number: int, *fields: str) -> dict[str, Any]:
    own = [{"name": name, "type": "string", "default": ""} for name in fields]
    every = [{"name": "to", "type": "shop.Address"}, *own]
    return {"type": "record", "name": f"space{number % 5}.Record{number}", "fields": every}


def effort(registry: Any, root: Path, subjects: int) -> dict[str, Counter[CodeType]]:
    """The lines that pulls run: the first, one without changes, and one where each subject has a version
    more.
    """
    registry.subjects.clear()
    registry.add("address", ADDRESS)
    for number in range(subjects):
        registry.add(f"topic{number}-key", '"string"')
        for fields in ([], ["a"]):
            reference = ("shop.Address", "address", 1)
            registry.add(f"topic{number}-value", order(number, *fields), references=[reference])
    first = lines_run(lambda: pull.run(PlanRequest(Workspace(root), Flags(registry.url))))
    again = lines_run(lambda: pull.run(PlanRequest(Workspace(root))))
    for number in range(subjects):
        registry.add(f"topic{number}-value", order(number, "a", "b"), references=[reference])
    return {
        "first": first,
        "again": again,
        "changed": lines_run(lambda: pull.run(PlanRequest(Workspace(root)))),
    }


def test_the_work_of_a_pull_grows_as_the_number_of_subjects(registry, tmp_path):
    few = effort(registry, tmp_path / "few", FEW)
    many = effort(registry, tmp_path / "many", MORE * FEW)
    for which, counts in many.items():
        assert sum(counts.values()) > 10_000
        grown = {
            f"{code.co_filename}:{code.co_firstlineno} {code.co_name}": (few[which][code], count)
            for code, count in counts.items()
            if count > 1.3 * MORE * few[which][code] + 500
        }
        assert not grown, which
