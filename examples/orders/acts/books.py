"""Counts what came out: reads every topic back and finds out what became of each message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from kgen.dev import Dev
from kgen.dev.topics import read
from kgen_runtime import Message, RawMessage, SchemaStore, Topic
from kgen_runtime.serde import RegistryClient

from shop._generated import enriched_orders, orders
from shop.flows.orders import DEAD_LETTERS, total, wanted

Place: TypeAlias = "tuple[int, int]"  # partition, offset in the topic `orders`
V = TypeVar("V")


@dataclass(frozen=True)
class Books:
    """What became of the messages in the topic `orders`, all of it read back from the broker."""

    read: int
    enriched: list[enriched_orders.EnrichedOrder]  # each order once
    repeated: int  # written again after a crash: delivery is at least once
    filtered: int
    dead: list[DeadLetter]
    lost: list[str]  # what should have come out somewhere and did not
    wrong_totals: list[str]  # customers whose last total is not the sum of their orders

    @property
    def settled(self) -> bool:
        """Whether every message has come out somewhere."""
        return self.read == len(self.enriched) + self.filtered + len(self.dead)

    @property
    def accounts(self) -> dict[str, enriched_orders.EnrichedOrder]:
        """Each customer's last order, which shows how the account stands."""
        return {o.customer_id: o for o in sorted(self.enriched, key=lambda o: o.customer_orders)}

    @property
    def balanced(self) -> bool:
        """Whether every message has come out, none in the wrong place, and every total is right."""
        return self.settled and not self.lost and not self.wrong_totals


@dataclass(frozen=True)
class DeadLetter:
    """A message that was put aside, and why."""

    place: Place
    stage: str
    message: str


def written(dev: Dev) -> int:
    """How many messages the flow has written so far."""
    return len(read(dev.brokers, enriched_orders.topic.name)) + len(read(dev.brokers, DEAD_LETTERS))


def keep(dev: Dev) -> Books:
    """Read the three topics back."""
    inputs = read(dev.brokers, orders.topic.name)
    outputs = [out for _, out in _decoded(enriched_orders.topic, read(dev.brokers, "enriched-orders"), dev)]
    dead = _dead_letters(read(dev.brokers, DEAD_LETTERS))
    put_aside = {letter.place for letter in dead}
    good = [each for each in _decoded(orders.topic, inputs, dev) if each[0] not in put_aside]
    expected = [order for _, order in good if order and wanted(Message(value=order))]
    enriched = {out.order_id: out for out in outputs if out}
    return Books(
        read=len(inputs),
        enriched=list(enriched.values()),
        repeated=len(outputs) - len(enriched),
        filtered=sum(order is not None for _, order in good) - len(expected),
        dead=dead,
        lost=[f"{place}" for place, order in good if order is None]
        + [order.order_id for order in expected if order.order_id not in enriched],
        wrong_totals=_wrong_totals(expected, enriched.values()),
    )


def _decoded(topic: Topic[Any, V], messages: Sequence[RawMessage], dev: Dev) -> list[tuple[Place, V | None]]:
    """Where each message stands, and its value; None where it has none that can be read."""
    client = RegistryClient(dev.registry)
    try:
        decoder = topic.value.decoder(SchemaStore(client), "value")
        decoded = decoder.decode_many([m.value for m in messages], [m.headers for m in messages])
    finally:
        client.close()
    return [((m.partition or 0, m.offset or 0), value) for m, value in zip(messages, decoded.values)]


def _dead_letters(messages: Iterable[RawMessage]) -> list[DeadLetter]:
    """Each once, in the order in which they were produced."""
    letters = (_dead_letter(dict(m.headers)) for m in messages)
    return sorted({letter.place: letter for letter in letters}.values(), key=lambda letter: letter.place)


def _dead_letter(headers: dict[str, bytes | None]) -> DeadLetter:
    def text(name: str) -> str:
        return (headers[f"__kgen.error.{name}"] or b"").decode()

    return DeadLetter((int(text("partition")), int(text("offset"))), text("stage"), text("message"))


def _wrong_totals(
    expected: Iterable[orders.Order], enriched: Iterable[enriched_orders.EnrichedOrder]
) -> list[str]:
    """Customers whose last enriched order does not show what they ordered and spent in all."""
    totals: defaultdict[str, list[Decimal]] = defaultdict(list)
    shown: dict[str, tuple[int, Decimal]] = {}
    for order in expected:
        totals[order.customer_id].append(total(order))
    for out in enriched:
        so_far = (out.customer_orders, out.customer_total)
        shown[out.customer_id] = max(so_far, shown.get(out.customer_id, so_far))
    return sorted(name for name, each in totals.items() if shown.get(name) != (len(each), sum(each)))
