"""JSON Schemas in the style of those that are in use: of CloudEvents, OpenLineage, Snowplow, Mozilla's
pipeline, Google's CloudEvents, CDEvents, GitHub's webhooks, Debezium, Confluent's Java serializer, pydantic,
OpenAPI, Jackson, OpenTelemetry. Written for the tests.
"""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent


def _schemas() -> dict[str, tuple[str, dict[str, str]]]:
    found = {}
    for path in sorted(_FOLDER.glob("*.json")):
        if not path.name.endswith(".references.json"):
            beside = path.with_name(f"{path.stem}.references.json")
            listed = json.loads(beside.read_text("utf-8")) if beside.exists() else {}
            references = {name: json.dumps(schema) for name, schema in listed.items()}
            found[path.stem] = path.read_text("utf-8"), references
    return found


JSON_SCHEMAS = _schemas()
"""Name -> text, and the texts that it refers to by name."""
