"""Keeps an eye on the field that v2 renames: whether what was written into it has come out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kgen.dev import Dev
from kgen.dev.topics import read
from kgen_runtime.codec import make_reader
from kgen_runtime.serde.framing import id_prefix

from shop._generated.enriched_orders import EnrichedOrder

from .data import Writer


@dataclass(frozen=True)
class Coupons:
    """What became of the coupons (v1) and vouchers (v2) of the orders that came out."""

    orders: dict[int, int]  # how many came out, by the version that they were written in
    right: int  # orders with one that has come out
    missing: frozenset[str]  # orders of v2 with one that has not
    wrong: list[str]  # any other difference


def compare(dev: Dev, writers: Iterable[Writer], enriched: Iterable[EnrichedOrder]) -> Coupons:
    """Hold the enriched orders against what was written, read as it was written."""
    written = _written(dev, writers)
    versions = {version: 0 for version, _ in written.values()}
    right, missing, wrong = 0, set(), []
    for order in enriched:
        version, coupon = written[order.order_id]
        versions[version] += 1
        if order.coupon == coupon:
            right += coupon is not None
        elif order.coupon is None and version > 1:
            missing.add(order.order_id)
        else:
            wrong.append(order.order_id)
    return Coupons(versions, right, frozenset(missing), wrong)


def _written(dev: Dev, writers: Iterable[Writer]) -> dict[str, tuple[int, str | None]]:
    """For each order: the version that it was written in, and its coupon."""
    found = {}
    messages = [m.value or b"" for m in read(dev.brokers, "orders")]
    for writer in writers:
        prefix = id_prefix(writer.schema.id)
        own = [value for value in messages if value.startswith(prefix)]
        values, errors = make_reader(writer.schema.parse()).decode_many(own, len(prefix))
        for index, order in enumerate(values):
            if index not in errors:
                coupon = order["coupon"] if writer.version == 1 else order["voucher"]
                found[order["order_id"]] = (writer.version, coupon)
    return found
