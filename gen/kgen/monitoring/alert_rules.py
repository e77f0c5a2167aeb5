"""Alert rules on the metrics of flows, as the file that Prometheus reads."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

_HEAD: Final = """\
# Alert rules for kgen's flows, for `rule_files:` of Prometheus. The thresholds are where to begin: set them
# to what your flows do on a good day. That a process is gone, your own rule on `up` says: the job's name is
# yours.
"""


class Alert(NamedTuple):
    """Fires once `query` has given something for as long as `lasts`."""

    name: str
    query: str
    lasts: str
    severity: str
    summary: str
    what_to_do: str


def _rose(metric: str, by: str, window: str = "10m") -> str:
    """Whether a counter has grown, also one that was not there before: `increase` sees nothing of that."""
    grown, new = f"increase({metric}[{window}])", f"{metric} unless {metric} offset {window}"
    return f"sum by ({by}) ({grown}) > 0 or sum by ({by}) ({new}) > 0"


ALERTS: Final = (
    Alert(
        "KgenFlowStuck",
        # All topics together: one that was read to its end (stop="end") has no more epochs.
        "sum by (job, instance) (rate(kgen_epochs_total[5m])) == 0",
        "5m",
        "critical",
        "{{ $labels.instance }} has closed no epoch for 10 minutes.",
        "A step hangs, or waits for a broker or the registry: the runner's log says which. Where epochs are "
        "minutes long, set both times above that.",
    ),
    Alert(
        "KgenBehind",
        "max by (job, topic) (kgen_lag_seconds) > 300",
        "10m",
        "warning",
        "The flow reads messages of {{ $labels.topic }} that are {{ $value | humanizeDuration }} old.",
        "Is it still catching up? More workers, up to one a partition, or a faster step.",
    ),
    Alert(
        "KgenLagGrows",
        "sum by (job, topic) (kgen_lag_messages) > 10000"
        " and sum by (job, topic) (deriv(kgen_lag_messages[15m])) > 0",
        "15m",
        "warning",
        "{{ $value | humanize }} messages of {{ $labels.topic }} are left, and they become more.",
        "More is written than the flow reads: more workers, up to one a partition, or a faster step.",
    ),
    Alert(
        "KgenWaitsForRegistry",
        "sum by (job, step) (kgen_waiting_for_registry_messages) > 0",
        "2m",
        "critical",
        "Messages of step {{ $labels.step }} wait for the schema registry.",
        "Is the registry up, and may the flow read from it? Reading goes on when it answers.",
    ),
    Alert(
        "KgenMessagesGone",
        _rose("kgen_gaps_total", "job, topic"),
        "0m",
        "critical",
        "Messages of {{ $labels.topic }} were gone from the broker before they were read.",
        "Retention was shorter than the flow was behind, or the topic was recreated.",
    ),
    Alert(
        "KgenStepFails",
        "sum by (job, flow, step) (rate(kgen_step_failed_items_total[10m]))"
        " / sum by (job, flow, step) (rate(kgen_step_taken_items_total[10m])) > 0.01",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of the items of step {{ $labels.step }} fail.",
        "kgen dlq list has them by cause.",
    ),
    Alert(
        "KgenLate",
        # Of what the flow takes: Bytewax's own windows do not count what they take.
        "sum by (job, flow, step) (rate(kgen_late_items_total[10m])) / on (job, flow) group_left ()"
        " max by (job, flow) (sum by (job, flow, step) (rate(kgen_step_taken_items_total[10m]))) > 0.01",
        "10m",
        "warning",
        "{{ $value | humanizePercentage }} of what the flow takes comes too late for {{ $labels.step }}.",
        "Have the windows wait longer, or look for the producer whose clock is behind.",
    ),
    Alert(
        "KgenRefused",
        _rose("kgen_refused_messages_total", "job, topic"),
        "0m",
        "warning",
        "The broker refused messages for {{ $labels.topic }}.",
        "They are too large, or have no key in a compacted topic: the dead letters say which.",
    ),
    Alert(
        "KgenProducerFull",
        "sum by (job, topic) (rate(kgen_queue_full_seconds_total[5m])) > 0.5",
        "10m",
        "warning",
        "The flow waits half of its time for room in the producer's queue for {{ $labels.topic }}.",
        "The brokers take less than the flow makes.",
    ),
    Alert(
        "KgenLongEpochs",
        "histogram_quantile(0.9, sum by (job, flow, step, le) (rate(kgen_epoch_seconds_bucket[15m]))) > 60",
        "15m",
        "warning",
        "Epochs of step {{ $labels.step }} take {{ $value | humanizeDuration }}.",
        "After a crash so much is done again. Slow batches, deliveries, or the disk?",
    ),
)


def alert_rules() -> str:
    """The file, as YAML."""
    import yaml  # only for those who write it

    text: str = yaml.safe_dump(_groups(), sort_keys=False, width=1_000, allow_unicode=True)
    return _HEAD + text


def _groups() -> dict[str, Any]:
    rules = [
        {
            "alert": each.name,
            "expr": each.query,
            "for": each.lasts,
            "labels": {"severity": each.severity},
            "annotations": {"summary": each.summary, "description": each.what_to_do},
        }
        for each in ALERTS
    ]
    return {"groups": [{"name": "kgen", "rules": rules}]}
