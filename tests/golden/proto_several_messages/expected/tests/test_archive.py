"""Runs the flow of the topic `archive` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from streams._generated import archive
from streams.flows.archive import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory({archive.topic: testing.samples(archive.topic, n=20)})
    testing.run(build(kafka))
    assert not kafka.dead_letters
