"""Items that wait for another attempt, and behind each the later ones of its key."""

from __future__ import annotations

import heapq
import random
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ..flow.failures import is_transient


@dataclass(frozen=True)
class RetryRule:
    """How often, how long apart (seconds) and after which errors an item is tried again."""

    attempts: int
    backoff: float
    most: float
    jitter: float
    on: tuple[type[Exception], ...]

    def again(self, error: Exception, attempts: int) -> bool:
        """Whether an item is tried again that has failed in so many attempts."""
        return is_transient(error) or (attempts < self.attempts and isinstance(error, self.on))

    def pause(self, attempts: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds from the failure of that attempt until the next one."""
        long = min(self.backoff * 2.0 ** min(attempts - 1, 60), self.most)
        return long * (1 - self.jitter * draw())


class KeptItem(NamedTuple):
    """As recovery stores have it: an item, its attempts so far (0: it waits behind another), when it is due
    (s since the epoch) and when it first failed (ms).
    """

    item: Any
    attempts: int = 0
    due: float = 0.0
    first_failed: int = 0


Attempt = Callable[[KeptItem], "Exception | None"]
"""Works on an item; gives the error after which it is tried again, None if it is done with."""

_ALONE: Final = "alone"


@dataclass
class KeyQueues:
    """In each queue the first item has failed and is due at some time; the others are later ones of its key.

    A key whose queue has run empty still counts as held until its epoch is over (`epoch_over`): what came of
    its items may be on another way through the flow than its next item would take.
    """

    rule: RetryRule
    clock: Callable[[], float] = time.time
    _queues: dict[Hashable, deque[KeptItem]] = field(default_factory=dict)
    _due: list[tuple[float, int, Hashable]] = field(default_factory=list)  # a heap: of each queue its first
    _done: set[Hashable] = field(default_factory=set)
    _numbers: int = 0
    count: int = 0

    def holds(self, key: Hashable) -> bool:
        """Whether an item of this key has to wait behind others."""
        return key in self._queues or key in self._done

    @property
    def busy(self) -> bool:
        """Whether any key is held."""
        return bool(self._queues or self._done)

    def failed(self, key: Hashable | None, kept: KeptItem, attempts: int) -> None:
        """An item has failed in its first attempt, or in an earlier run."""
        now = self.clock()
        first = kept.first_failed or int(now * 1000)
        self.put(key, KeptItem(kept.item, attempts, now + self.rule.pause(attempts), first))

    def put(self, key: Hashable | None, kept: KeptItem) -> None:
        """The last one of its key. Without a key an item waits by itself."""
        if key is None:
            self._numbers += 1
            key = (_ALONE, self._numbers)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            self._expect(key, kept.due)
        queue.append(kept)
        self.count += 1

    def _expect(self, key: Hashable, due: float) -> None:
        self._numbers += 1  # keys may not be comparable
        heapq.heappush(self._due, (due, self._numbers, key))

    def put_first(self, kept: list[tuple[Hashable | None, KeptItem]]) -> None:
        """What waited when the last run ended: it goes ahead of what has come meanwhile."""
        since, self._queues, self._due, self.count = self._queues, {}, [], 0
        for key, each in (*kept, *((key, each) for key, queue in since.items() for each in queue)):
            self.put(key, each)

    @property
    def due(self) -> float | None:
        """When the next attempt is due; None if nothing waits."""
        return self._due[0][0] if self._due else None

    def run(self, attempt: Attempt, *, at_once: bool = False) -> None:
        """Try what is due (with `at_once` everything, and again until it is done with or unavailable)."""
        keys: list[Hashable] = []
        while self._due and (at_once or self._due[0][0] <= self.clock()):
            keys.append(heapq.heappop(self._due)[2])
        for key in keys:
            queue = self._queues[key]
            while queue and (at_once or queue[0].due <= self.clock()):
                error = attempt(queue[0])
                kept = queue.popleft()
                if error is not None:
                    queue.appendleft(self._again(kept))
                    if at_once and not is_transient(error):
                        continue
                    break
                self.count -= 1
            if queue:
                self._expect(key, queue[0].due)
            else:
                del self._queues[key]
                self._done.add(key)

    def _again(self, kept: KeptItem) -> KeptItem:
        now, attempts = self.clock(), kept.attempts + 1
        first = kept.first_failed or int(now * 1000)
        return KeptItem(kept.item, attempts, now + self.rule.pause(attempts), first)

    def epoch_over(self) -> None:
        """What came of them has gone through the flow."""
        self._done.clear()

    def kept(self) -> Iterator[KeptItem]:
        """All that wait, those of a key in their order."""
        for queue in self._queues.values():
            yield from queue
