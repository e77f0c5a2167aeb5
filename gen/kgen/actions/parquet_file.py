"""A topic as a Parquet file, in record batches (extra `arrow`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import Failure
from kgen_runtime.standalone.table import RecordBatches

from ..dlq.letter_topics import project_topics
from ..errors import ConfigError
from ..project import config
from ..topic_data.part_formats import PLAIN
from ..topic_data.topic_range import topic_range
from .cat import CatOrder


@dataclass
class ParquetTotals:
    """Rows that were written, and messages that have none because they cannot be read: how many, and the
    first.
    """

    rows: int = 0
    bad: int = 0
    first: Failure | None = None

    def note(self, failure: Failure) -> None:
        """Count a message that cannot be read."""
        self.bad += 1
        self.first = self.first or failure.without_payload()


def write_parquet(kafka: Kafka, order: CatOrder, root: Path, file: Path, totals: ParquetTotals) -> None:
    """Write the messages to `file`, with the columns of `rt.read_table`, in flat memory.

    Raises `ConfigError` without pyarrow, for a topic that neither project nor flags describe, and for what a
    finished file of typed columns cannot have; `SourceError`.
    """
    if order.where is not None or order.follow or order.as_written:
        raise ConfigError(
            "--where, --follow and --as-written do not go with Parquet",
            where="--format parquet",
            hint="Filter what is in the file; or take --format json or csv.",
        )
    topic = _topic(order, root)
    found = topic_range(kafka, order.topic, order.begin, order.until, order.partitions, follow=False)
    with RecordBatches(
        topic,
        kafka,
        start=found.start,
        stop=found.stop,
        limit=order.limit,
        partitions=found.partitions,
        on_failure=totals.note,
        function="kgen cat",
    ) as batches:
        import pyarrow.parquet as pq

        with pq.ParquetWriter(str(file), batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                totals.rows += batch.num_rows


def _topic(order: CatOrder, root: Path) -> Topic[Any, Any]:
    settings = config.load(root)
    known = project_topics(root, settings.package).get(order.topic) if settings is not None else None
    key, value = order.key_format, order.value_format
    plain = [each for each in (key, value) if each is not None and each not in PLAIN]
    if plain or (known is None and value is None):
        raise ConfigError(
            "nothing says which columns the topic has",
            where=f"topic {order.topic}",
            hint=f"Take it into a project (kgen pull), or --value-format {', '.join(PLAIN)}.",
        )
    return Topic(
        order.topic,
        PLAIN[key]() if key is not None else known.key if known is not None else PLAIN["bytes"](),
        PLAIN[value]() if value is not None else known.value if known is not None else PLAIN["bytes"](),
    )
