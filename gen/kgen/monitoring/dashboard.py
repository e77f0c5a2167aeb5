"""The Grafana dashboard of flows: panels as tables of queries, and the JSON that Grafana imports."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

_JOB: Final = 'job=~"$job"'
_FLOW: Final = 'job=~"$job", flow=~"$flow"'
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS, _STAT_HEIGHT = 8, 7, 24, 4
_QUANTILES: Final = (0.5, 0.99)


class Panel(NamedTuple):
    """A picture of some queries, each with its legend. `unit` is one of Grafana's names of units."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    about: str = ""
    kind: str = "timeseries"


def _rate(metric: str, by: str, labels: str = _JOB) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantiles(metric: str, by: str, labels: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (
            f"histogram_quantile({q}, {_rate(f'{metric}_bucket', f'le, {by}', labels)})",
            f"{{{{{by}}}}} {q:.0%}",
        )
        for q in _QUANTILES
    )


_ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Overview",
        (
            Panel(
                "Read",
                "mps",
                ((f"sum(rate(kgen_read_messages_total{{{_JOB}}}[$__rate_interval]))", ""),),
                kind="stat",
            ),
            Panel(
                "Produced",
                "mps",
                ((f"sum(rate(kgen_produced_messages_total{{{_JOB}}}[$__rate_interval]))", ""),),
                kind="stat",
            ),
            Panel(
                "Failures",
                "mps",
                ((f"sum(rate(kgen_failures_total{{{_JOB}}}[$__rate_interval]))", ""),),
                kind="stat",
            ),
            Panel("Messages left", "short", ((f"sum(kgen_lag_messages{{{_JOB}}})", ""),), kind="stat"),
            Panel("Age of what is read", "s", ((f"max(kgen_lag_seconds{{{_JOB}}})", ""),), kind="stat"),
            Panel("Kept state", "bytes", ((f"max(kgen_recovery_bytes{{{_JOB}}})", ""),), kind="stat"),
        ),
    ),
    (
        "Input",
        (
            Panel("Messages read", "mps", ((_rate("kgen_read_messages_total", "topic"), "{{topic}}"),)),
            Panel("Bytes read", "Bps", ((_rate("kgen_read_bytes_total", "topic"), "{{topic}}"),)),
            Panel(
                "Messages left",
                "short",
                ((f"sum by (topic) (kgen_lag_messages{{{_JOB}}})", "{{topic}}"),),
                "The end of the partitions, as of the last fetch, less what was read.",
            ),
            Panel(
                "Age of the last message read",
                "s",
                (
                    (
                        f"topk(10, max by (topic, partition) (kgen_lag_seconds{{{_JOB}}}))",
                        "{{topic}}/{{partition}}",
                    ),
                ),
                "While messages are left. The ten partitions that are behind most.",
            ),
            Panel(
                "Held for the schema registry",
                "short",
                ((f"sum by (step) (kgen_waiting_for_registry_messages{{{_JOB}}})", "{{step}}"),),
            ),
            Panel(
                "Gaps passed over", "short", ((f"sum by (topic) (kgen_gaps_total{{{_JOB}}})", "{{topic}}"),)
            ),
        ),
    ),
    (
        "Steps",
        (
            Panel("Items taken", "ops", ((_rate("kgen_step_taken_items_total", "step", _FLOW), "{{step}}"),)),
            Panel("Items given", "ops", ((_rate("kgen_step_given_items_total", "step", _FLOW), "{{step}}"),)),
            Panel(
                "Items failed", "ops", ((_rate("kgen_step_failed_items_total", "step", _FLOW), "{{step}}"),)
            ),
            Panel("Items left out", "ops", ((_rate("kgen_filtered_messages_total", "step"), "{{step}}"),)),
            Panel(
                "Late for their window", "ops", ((_rate("kgen_late_items_total", "step", _FLOW), "{{step}}"),)
            ),
            Panel(
                "Keys and open windows",
                "short",
                ((f"sum by (step) (kgen_state_entries{{{_FLOW}}})", "{{step}}"),),
            ),
        ),
    ),
    (
        "Failures",
        (
            Panel(
                "Failures by stage",
                "mps",
                ((_rate("kgen_failures_total", "topic, stage"), "{{topic}} {{stage}}"),),
            ),
            Panel(
                "What became of them",
                "mps",
                ((_rate("kgen_handled_failures_total", "policy, stage"), "{{policy}} {{stage}}"),),
            ),
            Panel(
                "Refused by the broker",
                "mps",
                ((_rate("kgen_refused_messages_total", "topic"), "{{topic}}"),),
            ),
        ),
    ),
    (
        "Output",
        (
            Panel(
                "Messages produced", "mps", ((_rate("kgen_produced_messages_total", "topic"), "{{topic}}"),)
            ),
            Panel("Bytes produced", "Bps", ((_rate("kgen_produced_bytes_total", "topic"), "{{topic}}"),)),
            Panel(
                "Wait for deliveries at the end of an epoch",
                "s",
                _quantiles("kgen_delivery_wait_seconds", "topic", _JOB),
            ),
            Panel(
                "Share of time that the producer's queue is full",
                "percentunit",
                ((_rate("kgen_queue_full_seconds_total", "topic"), "{{topic}}"),),
                "Of all workers together: two that wait all the time make 200 %.",
            ),
        ),
    ),
    (
        "Epochs and process",
        (
            Panel("Length of epochs", "s", _quantiles("kgen_epoch_seconds", "step", _FLOW)),
            Panel(
                "Epochs closed",
                "ops",
                ((_rate("kgen_epochs_total", "topic"), "{{topic}}"),),
                "Of all partitions together. At zero the flow hangs.",
            ),
            Panel(
                "Recovery folder", "bytes", ((f"max by (job) (kgen_recovery_bytes{{{_JOB}}})", "{{job}}"),)
            ),
            Panel("Memory", "bytes", ((f"process_resident_memory_bytes{{{_JOB}}}", "{{instance}}"),)),
            Panel(
                "Processors in use",
                "short",
                ((f"rate(process_cpu_seconds_total{{{_JOB}}}[$__rate_interval])", "{{instance}}"),),
            ),
        ),
    ),
)


def queries() -> list[str]:
    """All that the panels and variables ask of Prometheus; variables of the dashboard stand in them."""
    return [query for _, panels in _ROWS for panel in panels for query, _ in panel.queries]


def dashboard() -> str:
    """The dashboard as JSON, for Grafana 10 and later: Dashboards, New, Import."""
    return json.dumps(_dashboard(), indent=2, ensure_ascii=False) + "\n"


def _dashboard() -> dict[str, Any]:
    return {
        "uid": "kgen-flows",
        "title": "kgen flows",
        "description": "What flows read, write, fail at and wait for.",
        "tags": ["kgen", "kafka"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": _variables()},
        "panels": list(_panels()),
    }


def _variables() -> list[dict[str, Any]]:
    source = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
    return [
        source,
        _variable("job", "label_values(kgen_epochs_total, job)"),
        _variable("flow", f"label_values(kgen_step_taken_items_total{{{_JOB}}}, flow)"),
    ]


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "type": "query",
        "name": name,
        "label": name.capitalize(),
        "datasource": _SOURCE,
        "query": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    y = 0
    for title, panels in _ROWS:
        place = {"x": 0, "y": y, "w": _COLUMNS, "h": 1}
        made.append(
            {
                "id": len(made) + 1,
                "type": "row",
                "title": title,
                "gridPos": place,
                "collapsed": False,
                "panels": [],
            }
        )
        y += 1
        stats = panels[0].kind == "stat"
        width, height = (_COLUMNS // len(panels), _STAT_HEIGHT) if stats else (_WIDTH, _HEIGHT)
        across = _COLUMNS // width
        for number, panel in enumerate(panels):
            at = {"x": number % across * width, "y": y + number // across * height, "w": width, "h": height}
            made.append({"id": len(made) + 1, **_panel(panel), "gridPos": at})
        y += -(-len(panels) // across) * height
    return made


def _panel(panel: Panel) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for number, (query, legend) in enumerate(panel.queries)
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }
