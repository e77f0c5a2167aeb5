"""The offsets that a recovery folder holds, for those who only look: nothing is locked, made or changed."""

from __future__ import annotations

import io
import pickle
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

from .._bytewax import loaded_rows, partition_files, partition_reader, resume_epoch
from ..errors import RecoveryError

StoredOffsets: TypeAlias = "dict[tuple[str, str, int], int]"
"""The next offset by step, topic and partition."""

_BATCH: Final = 1_000
_STEP: Final = ".kafka"
"""How the ids of the steps with positions end."""


def stored_offsets(folder: Path) -> StoredOffsets:
    """Where a run would go on, as of the last committed epoch. Raises `RecoveryError` if the folder has no
    recovery partitions, or they cannot be read.
    """
    files = partition_files(folder)
    if not files:
        raise RecoveryError(
            "no recovery partitions are there", where=str(folder), hint="Is it the flow's recovery folder?"
        )
    found: StoredOffsets = {}
    try:
        with ExitStack() as stack:
            parts = [stack.enter_context(partition_reader(file)) for file in files]
            epoch = resume_epoch(parts)
            for part in parts:
                _add(part, epoch, found)
    except (sqlite3.Error, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise RecoveryError(
            f"the recovery folder cannot be read: {error}", where=str(folder), hint="Is it the right one?"
        ) from error
    return found


def _add(part: sqlite3.Connection, epoch: int, found: StoredOffsets) -> None:
    last = -1
    while rows := loaded_rows(part, epoch, last, _BATCH):
        last = rows[-1][0]
        for _, step, key, data in rows:
            topic, _, number = key.rpartition("/")
            if step.endswith(_STEP) and topic and number.isdigit():
                offset = _PlainUnpickler(io.BytesIO(data)).load()
                offset = offset[0] if isinstance(offset, tuple) else offset
                if isinstance(offset, int):
                    found[step, topic, int(number)] = offset


class _PlainUnpickler(pickle.Unpickler):
    """Numbers, texts and tuples: a folder that is only looked at runs no code."""

    def find_class(self, module: str, name: str, /) -> Any:
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")
