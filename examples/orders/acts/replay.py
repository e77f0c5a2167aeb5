"""Between the acts as well: a dead letter is looked at, the flow is fixed, and the letter is put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from backstage.project import Project, Stuck
from backstage.screen import say, title

LETTERS = "shipments.dlq"
FLOW, TEST = Path("shop/flows/shipments.py"), Path("tests/test_shipments.py")
CHOICE = ("--stage", "process")

# What the user changes: what is light may be left at the door, and then nobody signs for it.
FIXES = {
    FLOW: ("if shipment.signed_by is None:", "if shipment.signed_by is None and shipment.weight_kg > 20:"),
    TEST: ("signed_by=None", "signed_by=None, weight_kg=20.5"),
}


def play(project: Project) -> None:
    """List, show, fix, check, replay. Raises `Stuck` if the flow's own tests fail, or other than one letter
    goes back.
    """
    title("kgen dlq list: the dead letters by cause")
    _show(project.dlq("list", LETTERS))
    title("kgen dlq show: one of them")
    _show(_brief(project.dlq("show", LETTERS, *CHOICE)))
    _fix(project)
    title("kgen dlq check: which of them would pass now; nothing is sent")
    _show(project.dlq("check", LETTERS, "shop.flows.shipments:flow"))
    title("kgen dlq replay: it goes back to its topic, as it was, once")
    sent = project.dlq("replay", LETTERS, *CHOICE)
    again = project.dlq("replay", LETTERS, *CHOICE)
    _show(sent)
    if "+ 1 sent to shipments" not in sent or any(line.startswith("+") for line in again):
        raise Stuck(f"kgen dlq replay sent something else: {sent}, then {again}")
    say("the same command again: nothing is left to send")
    title("the flow goes on, fixed")


def _fix(project: Project) -> None:
    title("the line that refused it, fixed by hand")
    for path, (old, new) in FIXES.items():
        line = project.line_of(path, old)
        before, after = project.fix(path, line, old, new)
        say(f"{path}:{line}")
        say(f"    - {before}")
        say(f"    + {after}")
    say(f"python -m pytest: {project.test()}")


def _brief(lines: Iterable[str]) -> Iterator[str]:
    """Without the lines of headers and bytes, of which there are many."""
    left_out = False
    for line in lines:
        if not line.startswith("    "):
            left_out = line.startswith(("  headers", "  value"))
            yield f"{line} …" if left_out else line
        elif not left_out:
            yield line


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        if line.strip():
            say(line)
