"""What a command plans for a project, and writes: all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..project import interrupts, mutex, transaction
from ..project.transaction import Write
from .inputs import Workspace

T = TypeVar("T")


def write_planned(workspace: Workspace, plan: Callable[[], tuple[T, list[Write]]], *, dry: bool) -> T:
    """What `plan` makes, with its writes on disk unless `dry`. Meanwhile no other command writes there; what
    an interrupted one has left is ended first.

    Raises `OutputError` if something cannot be written: nothing was.
    """
    root = workspace.root
    if dry:
        with mutex.shared(root, workspace.say):
            return plan()[0]
    with mutex.exclusive(root, workspace.say):
        with interrupts.held():
            transaction.heal(root)
        made, writes = plan()
        with interrupts.held():
            transaction.apply(root, writes)
    return made
