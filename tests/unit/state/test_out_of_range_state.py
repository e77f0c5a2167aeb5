"""Kept records that hold what Python has no value for: they read back, whatever the setting is by then."""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any

import pytest
from tests.unit.state.projects import module, project, record

import kgen_runtime as rt
from kgen_runtime.codec import has_native

DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2}


def stamp(unit: str) -> dict[str, str]:
    return {"type": "long", "logicalType": f"timestamp-{unit}"}


DATE = {"type": "int", "logicalType": "date"}
BEFORE = record(
    "shop.Contract",
    ("id", "long"),
    ("signed", ["null", DATE], None),
    ("ends", stamp("millis")),
    ("fees", {"type": "array", "items": DECIMAL}),
)
AFTER = record(
    "shop.Contract",
    ("fees", {"type": "array", "items": DECIMAL}),
    ("ends", stamp("micros")),
    ("signed", ["null", DATE], None),
    ("renewed", DATE, 2_932_897),
)
VALUES = {
    "signed": rt.OutOfRange(2_932_897, "date"),
    "ends": rt.OutOfRange(2**63 - 1, "timestamp-millis"),
    "fees": [rt.OutOfRange(b"\x7f\xff\xff", "decimal", 2)],
}


def contract(contracts: Any, **more: Any) -> Any:
    return contracts.Contract(id=7, **{**VALUES, **more})


def forms(contracts: Any) -> list[bytes]:
    """As Avro binary, and with its values as they are, because something else holds a list of it."""
    value = contract(contracts, fees=list(VALUES["fees"]))  # type: ignore[call-overload]
    held = value.fees
    shared = pickle.dumps(value)
    del held
    return [pickle.dumps(value), shared]


@pytest.mark.parametrize("choice", ["error", "raw"])
def test_a_record_comes_back_as_it_was(tmp_path: Path, choice: Any) -> None:
    with project(tmp_path, {"contracts-value": [BEFORE]}, out_of_range=choice):
        contracts = module("contracts")
        packed, shared = forms(contracts)
        asked = {arg for _, arg, _ in pickletools.genops(packed) if isinstance(arg, str)}
        assert ("restore" in asked) is has_native()  # as Avro binary
        for data in (packed, shared):
            assert pickle.loads(data) == contract(contracts)


def test_it_is_read_after_a_change_of_the_schema(tmp_path: Path) -> None:
    with project(tmp_path, {"contracts-value": [BEFORE]}, out_of_range="raw"):
        kept = forms(module("contracts"))
    with project(tmp_path, {"contracts-value": [BEFORE, AFTER]}):
        contracts = module("contracts")
        for data in kept:
            again = pickle.loads(data)
            assert again == contracts.Contract(**VALUES, renewed=rt.OutOfRange(2_932_897, "date"))


def test_what_a_reader_of_today_has_no_value_for_was_kept_before(tmp_path: Path) -> None:
    with project(tmp_path, {"contracts-value": [BEFORE]}, out_of_range="raw"):
        kept = forms(module("contracts"))
    with project(tmp_path, {"contracts-value": [BEFORE]}, out_of_range="error"):
        for data in kept:
            assert pickle.loads(data) == contract(module("contracts"))
