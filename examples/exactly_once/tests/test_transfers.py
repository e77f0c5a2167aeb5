"""Runs the flow of the topic `transfers` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from ledger._generated import bookings, transfers
from ledger.flows.transfers import book, build


def transfer(number: int, cents: int) -> transfers.Transfer:
    return transfers.Transfer(transfer_id=f"T-{number}", account_id="A-1", cents=cents)


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory({transfers.topic: testing.samples(transfers.topic, n=20)})
    testing.run(build(kafka))
    assert not kafka.dead_letters


def test_the_fee_is_half_a_percent_and_a_cent_at_least() -> None:
    assert [book(transfer(1, cents)).fee_cents for cents in (1, 399, 400, 10_000)] == [1, 1, 2, 50]


def test_what_was_booked_is_not_booked_again() -> None:
    """The second run reads all of it once more, as after a crash without a recovery folder."""
    kafka = testing.Memory({transfers.topic: [transfer(number, 100) for number in range(10)]})
    testing.run(build(kafka))
    testing.run(build(kafka))
    assert [each and each.transfer_id for each in kafka.values(bookings.topic)] == [
        f"T-{n}" for n in range(10)
    ]
