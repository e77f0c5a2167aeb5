"""A topic as a Parquet file, in record batches (extra `arrow`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen_runtime.consumer.columns import Columns
from kgen_runtime.flow.topic import Topic
from kgen_runtime.kafka.connection import Kafka
from kgen_runtime.messages import Failure
from kgen_runtime.standalone.table import RecordBatches

from ..dlq.letter_topics import project_topics
from ..errors import ConfigError
from ..project import config
from ..topic_data.message_filter import MessageFilter
from ..topic_data.part_formats import PLAIN, of_serde
from ..topic_data.row_filter import RowFilter
from ..topic_data.topic_range import topic_range
from .cat import CatOrder


@dataclass
class ParquetTotals:
    """Messages that were read, rows that were written, and messages that have none because they cannot be
    read: how many, and the first. `fits` is what `--where` said of them.
    """

    read: int = 0
    rows: int = 0
    bad: int = 0
    first: Failure | None = None
    fits: MessageFilter | None = None

    def note(self, failure: Failure) -> None:
        """Count a message that cannot be read."""
        self.bad += 1
        self.first = self.first or failure.without_payload()


def write_parquet(
    kafka: Kafka,
    order: CatOrder,
    root: Path,
    file: Path,
    totals: ParquetTotals,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Write the messages that fit to `file`, with the columns of `rt.read_table`, in flat memory; `progress`
    gets how many messages were read, of how many.

    Raises `ConfigError` without pyarrow, for a topic that neither project nor flags describe, and for what a
    finished file of typed columns cannot have; `SourceError`.
    """
    if order.follow or order.as_written:
        raise ConfigError(
            "--follow and --as-written do not go with Parquet",
            where="--format parquet",
            hint="A Parquet file ends, and has one type for each column; take --format json or csv.",
        )
    totals.fits = None if order.where is None else MessageFilter(order.where)
    topic = _topic(order, root)
    found = topic_range(kafka, order.topic, order.begin, order.until, order.partitions, follow=False)
    chosen = None
    if totals.fits is not None:
        key, value = (of_serde(topic.key, kafka.store, "key"), of_serde(topic.value, kafka.store, "value"))
        chosen = RowFilter(totals.fits, key, value).chosen

    def keep(rows: Columns) -> Columns:
        totals.read += len(rows)
        progress(totals.read, found.count or totals.read)
        return rows if chosen is None else rows.at(chosen(rows))

    with RecordBatches(
        topic,
        kafka,
        start=found.start,
        stop=found.stop,
        limit=order.limit,
        partitions=found.partitions,
        on_failure=totals.note,
        function="kgen cat",
        keep=keep,
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
