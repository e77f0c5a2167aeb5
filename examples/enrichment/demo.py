"""A step asks a slow and flaky service; what fails for long is put aside, and replayed later.

Run it with `make demo EXAMPLE=enrichment`, or `python examples/enrichment/demo.py [--folder DIR]`.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import kgen_runtime as rt

sys.path.append(str(Path(__file__).parents[1]))  # for what the examples share

import data
from backstage.demo_run import Stage, run_demo
from backstage.project import Running, Stuck
from backstage.screen import holds, say, title
from post._generated import parcels, routed_parcels
from service import DepotService, days_of, depot_of, region_of

FLOW, LETTERS = "post.flows.parcels:flow", "parcels.dlq"
PARCELS = 1_000


def play(stage: Stage) -> bool:
    """Run the flow on a service that is down for a region; heal that, replay, and count."""
    sent = data.parcels(PARCELS)
    stage.produce(parcels.topic, [rt.Message(each.parcel_id, each) for each in sent])
    unknown = [each for each in sent if region_of(each.postcode) is None]
    with DepotService() as service, stage.project.running(FLOW, env={"DEPOTS_URL": service.url}) as flow:
        west = [each for each in sent if region_of(each.postcode) == service.down]
        title("the flow asks the service for each parcel's depot")
        _wait(stage, flow, len(sent) - len(west) - len(unknown), len(west) + len(unknown))
        say(f"{len(sent):,} parcels to {len(service.asked)} postcodes: {service.asked.total():,} questions")
        say(f"{service.refused:,} were answered with 503; what was tried again and passed is out")
        listed = stage.project.dlq("list", LETTERS)
        _show(listed)

        title("the service is healed: kgen dlq replay puts back what had no answer")
        service.down = ""
        _show(stage.project.dlq("replay", LETTERS, "--fingerprint", _fingerprint(listed)))
        _wait(stage, flow, len(sent) - len(unknown), len(west) + len(unknown))
        flow.stop()

    title("the sums")
    out = [m.value for m in stage.read(routed_parcels.topic) if m.value is not None]
    right = {
        each.parcel_id: (depot_of(each.postcode), days_of(each.postcode))
        for each in sent
        if each not in unknown
    }
    return holds(
        f"in {len(sent):,} = out {len(out):,} + to nowhere {len(unknown)}",
        len(sent) == len(out) + len(unknown),
    ) & holds(
        f"{len(right):,} parcels, each with the depot of its postcode",
        {each.parcel_id: (each.depot, each.days) for each in out} == right,
    )


def _show(lines: list[str]) -> None:
    for line in filter(str.strip, lines):
        say(line)


def _wait(stage: Stage, flow: Running, out: int, dead: int) -> None:
    def settled() -> bool:
        return stage.count(routed_parcels.topic.name) >= out and stage.count(LETTERS) >= dead

    flow.until(settled, "the last parcel")


def _fingerprint(listed: list[str]) -> str:
    """Of the letters to replay: those that had no answer, not those to nowhere."""
    for line, reason in pairwise(listed):
        if reason.strip().startswith("ConnectionError"):
            return line.split()[0]
    raise Stuck("there is no letter of a service that did not answer")


if __name__ == "__main__":
    sys.exit(run_demo(play, Path(__file__).parent, {"parcels": 3, "routed-parcels": 3, LETTERS: 3}))
