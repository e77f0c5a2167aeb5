"""Runs the flow of the topic `a-topic-with-a-name-that-is-long` on sample messages
of every known schema version. Yours to edit: `kgen pull` merges schema changes
into it.
"""

from __future__ import annotations

from kgen_runtime import testing

from streams._generated import a_topic_with_a_name_that_is_long
from streams.flows.a_topic_with_a_name_that_is_long import build


def test_every_known_version_is_read() -> None:
    """No sample message ends among the dead letters."""
    kafka = testing.Memory(
        {
            a_topic_with_a_name_that_is_long.topic: testing.samples(
                a_topic_with_a_name_that_is_long.topic,
                n=20,
            ),
        },
    )
    testing.run(build(kafka))
    assert not kafka.dead_letters
