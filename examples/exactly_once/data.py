"""Made-up transfers."""

from __future__ import annotations

import random

from ledger._generated.transfers import Transfer


def transfers(number: int, seed: int = 1) -> list[Transfer]:
    """Between 1 and 10,000 of 50 accounts."""
    rng = random.Random(seed)
    return [
        Transfer(
            transfer_id=f"T-{each:06}",
            account_id=f"A-{rng.randrange(50):02}",
            cents=rng.randint(100, 1_000_000),
        )
        for each in range(number)
    ]
