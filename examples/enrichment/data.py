"""Made-up parcels, of few postcodes."""

from __future__ import annotations

import random

from post._generated.parcels import Parcel


def parcels(number: int, seed: int = 1) -> list[Parcel]:
    """Most go to regions 1 to 3, a few to 4, and some to 9, where no depot delivers."""
    rng = random.Random(seed)
    many = [f"{region}{rng.randrange(1_000):03}" for region in (1, 2, 3) for _ in range(12)]
    few = ["4010", "4020", "4030"]
    return [
        Parcel(
            parcel_id=f"P-{each:05}",
            postcode="9000" if each % 300 == 7 else rng.choice(few if each % 20 == 0 else many),
            weight_kg=rng.randint(1, 200) / 8,
        )
        for each in range(number)
    ]
