"""Runs the flows of a project on messages from a file, in a process of its own; prints what happened as JSON.

    python drive.py PROJECT MESSAGES RECOVERY

MESSAGES holds, by topic, `{"offset": …, "value": hex}`. Flows put what their state gave them into
`mine.SEEN`.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from kgen_runtime import errors, testing
from kgen_runtime.messages import RawMessage
from kgen_runtime.recovery.folder import Recovery
from kgen_runtime.serde.schema_store import SchemaStore


def main(project: str, messages: str, recovery: str) -> dict[str, Any]:
    sys.path.insert(0, project)
    kept: dict[str, list[dict[str, Any]]] = json.loads(Path(messages).read_text())
    return {
        module: run(module, topic["name"], topic["messages"], Path(recovery, module))  # type: ignore[call-overload]
        for module, topic in kept.items()
    }


def run(module: str, topic: str, kept: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    generated = importlib.import_module(f"streams._generated.{module}")
    flow = importlib.import_module(f"streams.flows.{module}")
    mine = importlib.import_module("streams.mine")
    raw = [
        RawMessage(key=None, value=bytes.fromhex(m["value"]), topic=topic, partition=0, offset=m["offset"])
        for m in kept
    ]
    kafka = testing.Memory({generated.topic: raw})
    mine.SEEN.clear()
    expected = decoded(generated.topic, [m.value for m in raw])
    try:
        testing.run(flow.build(kafka), recovery=Recovery(folder, partitions=1))
    except errors.RecoveryError as error:
        return {"refused": str(error), "expected": expected}
    return {
        "seen": list(mine.SEEN),
        "dead": [dict(m.headers)["__kgen.error.message"].decode() for m in kafka.dead_letters],
        "expected": expected,
    }


def decoded(topic: Any, values: list[bytes | None]) -> list[str | None]:
    """What today's code reads from each message itself; None for one that it cannot read."""
    found, _, errors = topic.value.decoder(SchemaStore(None), "value").decode_many(values)
    return [None if index in errors else repr(value) for index, value in enumerate(found)]


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
