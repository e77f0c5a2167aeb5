"""What watches flows from outside: a dashboard and alerts on the metrics of `kgen_runtime.metrics`.

`dashboard.py` has Grafana's, `alert_rules.py` Prometheus'. Both are tables of queries; a test holds each of
these to what a running flow exposes.
"""
