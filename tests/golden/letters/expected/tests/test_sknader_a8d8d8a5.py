"""Runs the flow of the topic `søknader` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from streams._generated import sknader_a8d8d8a5
from streams.flows.sknader_a8d8d8a5 import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory(
        {sknader_a8d8d8a5.topic: testing.samples(sknader_a8d8d8a5.topic, n=20)},
    )
    testing.run(build(kafka))
    assert not kafka.dead_letters
