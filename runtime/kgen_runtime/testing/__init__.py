"""Running flows without a broker: topics in memory, and sample messages for them.

kafka = testing.Memory({orders.topic: testing.samples(orders.topic)})
testing.run(build(kafka))
assert not kafka.dead_letters

kafka = testing.Memory({clicks.topic: [Click(page="/"), rt.Message("key", Click(page="/about"))]})
testing.run(build(kafka))
assert kafka.values(visits.topic) == [Visit(page="/"), Visit(page="/about")]
"""

from __future__ import annotations

from .flow_runs import run
from .memory import Memory
from .sample_messages import samples

__all__ = ["Memory", "run", "samples"]
