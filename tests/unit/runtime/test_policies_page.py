"""The code in docs/reference/policies.md runs, and the page names all policies."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bytewax.dataflow import Dataflow

import kgen_runtime as rt
from kgen_runtime import testing
from kgen_runtime.messages import Stage

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def price(value: str) -> str:
    if value == "bad":
        raise ValueError("no price")
    return value


@pytest.mark.parametrize("block", BLOCKS)
def test_its_code_runs(block: str) -> None:
    topic: rt.Topic[str, str] = rt.Topic("orders", key=rt.StringSerde(), value=rt.StringSerde())
    out: rt.Topic[str, str] = rt.Topic("out", key=rt.StringSerde(), value=rt.StringSerde())
    kafka = testing.Memory({topic: [rt.Message("k", value) for value in ("good", "bad", "fine")]})
    flow = Dataflow("flow")
    read = rt.source("in", flow, topic, kafka)
    priced = rt.map_value("price", read.oks, price)
    errs = rt.sink("out", priced.oks, out, kafka)
    pager: list[str] = []
    names: dict[str, Any] = {
        "rt": rt,
        "timedelta": timedelta,
        "pager": pager,
        "kafka": kafka,
        "read": read,
        "priced": priced,
        "errs": errs,
    }
    exec(block, names)
    testing.run(rt.check(flow))
    parks = "park_key" in block
    assert [letter.value for letter in kafka.dead_letters] == [b"bad", b"fine"][: 1 + parks]
    assert pager == (["1 messages failed, the first: no price"] if "pager" in block else [])


def test_it_names_every_policy_and_stage() -> None:
    policies = {name for name in rt.__all__ if isinstance(getattr(rt, name), type)}
    policies = {name for name in policies if issubclass(getattr(rt, name), rt.Policy)} - {"Policy"}
    assert policies == set(re.findall(r"^\| `rt\.(\w+)\(", PAGE, re.MULTILINE))
    assert all(f"`{stage.value}`" in PAGE for stage in Stage)


def test_each_policy_states_its_order_and_its_delivery() -> None:
    for name in re.findall(r"^\| `rt\.(\w+)\(", PAGE, re.MULTILINE):
        text = getattr(rt, name).__doc__ or ""
        assert re.search(r"\b[Dd]elivery\b", text), name
        assert name == "Crash" or "Ordering" in text, name
