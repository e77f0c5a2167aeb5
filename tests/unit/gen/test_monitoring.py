"""The dashboard and the alerts of `kgen metrics`: each query is held to what a running flow exposes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.kafka.processes import free_port
from tests.unit.gen.deploy_projects import operator_resource

from kgen.actions.monitoring_files import DASHBOARD, RULES
from kgen.cli import app
from kgen.monitoring import dashboard
from kgen.monitoring.alert_rules import ALERTS, alert_rules

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
OF_PROMETHEUS = {"job", "instance"}
SELDOM = {"kgen_gaps_total", "kgen_waiting_for_registry_messages"}
"""What this flow does not come to: these are exposed, and have samples once they have happened."""

FLOW = """
import os, time, urllib.error, urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path
import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, TumblingWindower
from bytewax.testing import TestingSink
import kgen_runtime as rt
from kgen_runtime import testing

URL = f"http://127.0.0.1:{os.environ['BYTEWAX_DATAFLOW_API_PORT']}/metrics"
START = datetime(2024, 1, 1, tzinfo=timezone.utc)
orders = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
out = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())
values = [b"5", b"\\xff", b"left out", b"fails", b"1", b"9", b"7", b"last"]
raws = [rt.RawMessage(key=b"k", value=value, topic="orders", timestamp=1) for value in values]
kafka = testing.Memory({orders: raws})

def handle(value):
    if value == "fails":
        raise ValueError(value)
    return None if value == "left out" else value

def scrape(message):
    if message.value != "last":
        return message
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            text = urllib.request.urlopen(URL, timeout=10).read().decode()
        except urllib.error.URLError:
            time.sleep(0.05)  # it is being started beside the flow
        else:
            Path("scraped").write_text(text)
            return message

flow = Dataflow("flow")
read = rt.source("in", flow, orders, kafka, batch_size=1)
handled = rt.map_value("handle", read.oks, handle)
seen = rt.map("scrape", handled.oks, scrape)
refused = rt.sink("out", seen.oks, out, kafka)
numbers = rt.filter("numbers", seen.oks, lambda message: message.value.isdigit())
keyed = rt.key_on("key", numbers.oks, lambda message: message.key)
counted = rt.stateful_map("count", keyed.oks, lambda count, message: ((count or 0) + 1, message))
clock = EventClock(
    ts_getter=lambda message: START + timedelta(hours=int(message.value)),
    wait_for_system_duration=timedelta(0),
)
windows = rt.windowing.collect_window(
    "window", counted.oks, clock, TumblingWindower(length=timedelta(minutes=1), align_to=START)
)
late = rt.late("late", windows.late)
op.output("windows", windows.down, TestingSink([]))
rt.route_rest("errs", flow, policy=rt.DeadLetter("dlq", kafka))
"""

Exposed = dict[str, set[str]]


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the endpoint of a flow gave while it ran."""
    pytest.importorskip("bytewax")
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "watched.py").write_text(FLOW)
    env = {
        **os.environ,
        "BYTEWAX_DATAFLOW_API_ENABLED": "1",
        "BYTEWAX_DATAFLOW_API_PORT": str(free_port()),
        "BYTEWAX_DATAFLOW_API_CACHE_PATH": str(folder),
    }
    arguments = ["watched:flow", "--recovery", "kept", "--epoch-interval", "0"]
    command = [sys.executable, "-m", "kgen_runtime.run", *arguments]
    run = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return (folder / "scraped").read_text()


@pytest.fixture(scope="module")
def rows() -> dict[str, tuple[str, set[str]]]:
    """The type and the labels of each metric, as the page has them."""
    found = re.findall(r"^\| `(kgen_\w+)` \| (\w+) \| ([^|]*)\|", PAGE, re.MULTILINE)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in found}


@pytest.fixture(scope="module")
def exposed(scraped: str, rows: dict[str, tuple[str, set[str]]]) -> Exposed:
    """Labels by the name of the samples; of what has none yet, as the page says, which another test holds."""
    samples: Exposed = {name: labels for name, (_, labels) in rows.items() if name in SELDOM}
    for family in text_string_to_metric_families(scraped):
        for sample in family.samples:
            samples.setdefault(sample.name, set()).update(sample.labels)
    return samples


def test_the_page_has_what_a_running_flow_exposes(
    scraped: str, rows: dict[str, tuple[str, set[str]]]
) -> None:
    families = {
        f.name: f
        for f in text_string_to_metric_families(scraped)
        if f.name.startswith("kgen_") and not f.name.endswith("_created")
    }
    named = {name + ("_total" if f.type == "counter" else ""): f for name, f in families.items()}
    assert {name: f.type for name, f in named.items()} == {name: kind for name, (kind, _) in rows.items()}
    without = set()
    for name, family in named.items():
        samples = [s for s in family.samples if not s.name.endswith("_created")]
        without |= set() if samples else {name}
        for sample in samples:
            assert set(sample.labels) - {"le"} == rows[name][1], name
    assert without == SELDOM


def selectors(node: Any, by: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every metric that a query asks for, with the labels that it matches or groups by."""
    if isinstance(node, promql_parser.VectorSelector):
        yield str(node.name), {*by, *(matcher.name for matcher in node.matchers.matchers)}
        return
    if isinstance(node, promql_parser.MatrixSelector):
        yield from selectors(node.vector_selector, by)
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        by = (*by, *node.modifier.labels)
    for name in ("lhs", "rhs", "expr"):
        if (below := getattr(node, name, None)) is not None:
            yield from selectors(below, by)
    for below in getattr(node, "args", []):
        yield from selectors(below, by)


def asked(query: str) -> list[tuple[str, set[str]]]:
    text = query.replace("$__rate_interval", "5m")
    found = list(selectors(promql_parser.parse(text)))
    assert found, query
    return found


PANELS = [panel for panel in json.loads(dashboard.dashboard())["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target["expr"])
def test_queries_of_the_dashboard_find_something(target: dict[str, str], exposed: Exposed) -> None:
    legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    for name, labels in asked(target["expr"]):
        assert name in exposed
        assert labels | legend <= exposed[name] | OF_PROMETHEUS, name


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_queries_of_the_alerts_find_something(alert: Any, exposed: Exposed) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.what_to_do))
    for name, labels in asked(alert.query):
        assert name in exposed
        assert labels | named <= exposed[name] | OF_PROMETHEUS, name


def test_alerts_miss_nothing_for_what_is_well_beside_it() -> None:
    """As `promtool test rules` has shown: another process, another topic, a step that counts no items."""
    query = {alert.name: alert.query for alert in ALERTS}
    assert "by (job, instance) (rate(kgen_epochs_total" in query["KgenFlowStuck"]
    assert "(kgen_gaps_total unless kgen_gaps_total offset 10m)" in query["KgenMessagesGone"]
    assert "/ on (job, flow) group_left ()" in query["KgenLate"]


def test_every_metric_is_on_the_dashboard(rows: dict[str, tuple[str, set[str]]]) -> None:
    shown = {name.removesuffix("_bucket") for target in TARGETS for name, _ in asked(target["expr"])}
    assert set(rows) - shown == {"kgen_read_timestamp_seconds"}


def test_variables_of_the_dashboard_ask_for_labels_that_are_there(exposed: Exposed) -> None:
    made = json.loads(dashboard.dashboard())["templating"]["list"]
    queries = [each["query"] for each in made if each["type"] == "query"]
    for query in queries:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert found, query
        ((name, labels),) = asked(found[1])
        assert {*labels, found[2]} <= exposed[name] | OF_PROMETHEUS


def test_the_dashboard_is_one_to_grafana() -> None:
    """To its own model of dashboards: what it does not know it leaves out."""
    models = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="needs CPython 3.11")
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder").JSONEncoder
    made = json.loads(dashboard.dashboard())
    taken = json.loads(json.dumps(models.Dashboard.from_json(made), cls=encoder))
    assert not list(missing(made, taken, ""))


def missing(given: Any, taken: Any, at: str) -> Iterator[str]:
    if isinstance(given, dict):
        for key, value in given.items():
            if not isinstance(taken, dict) or key not in taken:
                yield f"{at}.{key}"
            else:
                yield from missing(value, taken[key], f"{at}.{key}")
    elif isinstance(given, list):
        if not isinstance(taken, list) or len(given) != len(taken):
            yield at
        else:
            for number, value in enumerate(given):
                yield from missing(value, taken[number], f"{at}[{number}]")
    elif given != taken:
        yield f"{at}: {given} became {taken}"


def test_panels_do_not_overlap() -> None:
    taken = set()
    panels = json.loads(dashboard.dashboard())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def metrics(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `kgen metrics`: its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = app.run(["metrics", *map(str, arguments)])
        return (code, *capsys.readouterr())

    return run


def test_the_alerts_are_the_spec_of_a_prometheus_rule() -> None:
    """For Prometheus' operator, which takes no files."""
    head = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "kgen"}}
    operator_resource("prometheusrules").validate({**head, "spec": yaml.safe_load(alert_rules())})


def test_the_command_writes_both_files(tmp_path: Path, metrics: Command) -> None:
    folder = tmp_path / "new" / "watching"
    code, text, _ = metrics(folder, "--json")
    assert code == 0
    assert json.loads(text) == {"version": 1, "files": [str(folder / DASHBOARD), str(folder / RULES)]}
    assert json.loads((folder / DASHBOARD).read_text(encoding="utf-8"))["title"] == "kgen flows"
    (group,) = yaml.safe_load((folder / RULES).read_text(encoding="utf-8"))["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
    assert metrics(folder)[0] == 0  # they are as they were


def test_files_that_were_edited_stay_unless_forced(tmp_path: Path, metrics: Command) -> None:
    metrics(tmp_path)
    rules = tmp_path / RULES
    before = rules.read_text(encoding="utf-8")
    rules.write_text("groups: []\n", encoding="utf-8")
    code, _, text = metrics(tmp_path)
    assert code == 2
    assert "was edited" in text
    assert rules.read_text(encoding="utf-8") == "groups: []\n"
    assert metrics(tmp_path, "--force")[0] == 0
    assert rules.read_text(encoding="utf-8") == before


def test_a_file_in_the_way_is_named(tmp_path: Path, metrics: Command) -> None:
    (tmp_path / "file").write_text("")
    code, _, text = metrics(tmp_path / "file")
    assert code == 2
    assert text.startswith("error: ")
    assert "hint: " in text
