"""Runs the flow of the topic `prefix/a b/c` on sample messages of every known schema
version. Yours to edit: `kgen pull` merges schema changes into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from streams._generated import prefix_a_b_c_554a5db8
from streams.flows.prefix_a_b_c_554a5db8 import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory(
        {
            prefix_a_b_c_554a5db8.topic: testing.samples(
                prefix_a_b_c_554a5db8.topic,
                n=20,
            ),
        },
    )
    testing.run(build(kafka))
    assert not kafka.dead_letters
