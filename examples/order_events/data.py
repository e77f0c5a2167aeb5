"""Made-up events of orders, and where the orders stand in the end, computed without a flow."""

from __future__ import annotations

import random
from decimal import Decimal

from desk._generated.order_events import OrderCancelled, OrderEventsValue, OrderPaid, OrderPlaced


def events(orders: int, seed: int = 1) -> list[tuple[str, OrderEventsValue]]:
    """Each with the key of its order; those of an order in their order, orders mixed."""
    rng = random.Random(seed)
    stories: list[list[tuple[str, OrderEventsValue]]] = []
    for number in range(orders):
        key, total = f"O-{number:04}", Decimal(rng.randrange(100, 50_000)).scaleb(-2)
        story: list[OrderEventsValue] = [OrderPlaced(customer=f"C-{number % 40}", total=total)]
        first = (total / 3).quantize(Decimal("0.01"))
        story += [OrderPaid(amount=first)] if rng.random() < 0.7 else []
        if rng.random() < 0.2:
            story.append(OrderCancelled(reason=rng.choice([None, "found it cheaper"])))
        elif len(story) == 2:
            story.append(OrderPaid(amount=total - first))
        stories.append([(key, each) for each in story])
    mixed = []
    while stories:
        story_ = rng.choice(stories)
        mixed.append(story_.pop(0))
        if not story_:
            stories.remove(story_)
    return mixed


def states(sent: list[tuple[str, OrderEventsValue]]) -> dict[str, str]:
    """How each order ends: by the last thing that happened to it."""
    paid: dict[str, Decimal] = {}
    found: dict[str, str] = {}
    for key, event in sent:
        match event:
            case OrderPlaced():
                paid[key], found[key] = -event.total, "OPEN"
            case OrderPaid():
                paid[key] += event.amount
                found[key] = "PAID" if paid[key] >= 0 else "OPEN"
            case OrderCancelled():
                found[key] = "CANCELLED"
    return found
