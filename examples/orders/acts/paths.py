"""Where things are in this example."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parents[1]
FLOW = Path("shop/flows/orders.py")
TEST = Path("tests/test_orders.py")
