"""The topics whose names are like one that is not there: it may be misspelled."""

from __future__ import annotations

import difflib
from typing import Any, Final

from confluent_kafka import KafkaException

from ..reporting.printable import printable

_TIMEOUT: Final = 10.0


def similar_topics(client: Any, topic: str) -> list[str]:
    """The most similar names first, fit for a terminal; none if the broker does not answer a consumer's,
    producer's or admin client's question.
    """
    try:
        names = list(client.list_topics(timeout=_TIMEOUT).topics)
    except KafkaException:
        return []
    return [printable(name) for name in difflib.get_close_matches(topic, names)]
