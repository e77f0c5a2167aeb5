"""What a dead letter becomes when it is put back: the original message, and headers that count the rounds."""

from __future__ import annotations

from typing import Final

from kgen_runtime.messages import Headers
from kgen_runtime.routing.letter_headers import REPLAY_COUNT, REPLAY_HISTORY, original_headers

_MOST_ROUNDS: Final = 20
"""Rounds that the history has: the last ones."""
_MOST_NAMES: Final = 10_000
_LONGEST: Final = 60
"""Bytes of one of them: what is longer was not written by a replay."""


class _HeaderKinds(dict[str, str]):
    """What becomes of headers by their names, which are few: `kept`, `history` or `dropped`."""

    def __missing__(self, name: str) -> str:
        if name == REPLAY_HISTORY:
            kind = "history"
        else:
            kind = "kept" if name != REPLAY_COUNT and original_headers(((name, None),)) else "dropped"
        if len(self) < _MOST_NAMES:
            self[name] = kind
        return kind


_KINDS: Final = _HeaderKinds()


def replayed_headers(
    headers: Headers, fingerprint: str, replays: int, now: int
) -> list[tuple[str, str | bytes | None]]:
    """The headers of the original without those of any error, then the count and the history of replays, this
    one (at `now`, ms since the epoch) being the last.
    """
    history = b""
    kept: list[tuple[str, str | bytes | None]] = []
    for header in headers:
        kind = _KINDS[header[0]]
        if kind == "kept":
            kept.append(header)
        elif kind == "history":
            history = header[1] or b""
    if not history:
        kept.append((REPLAY_COUNT, b"%d" % (replays + 1)))
        kept.append((REPLAY_HISTORY, f"{fingerprint}@{now}".encode()[:_LONGEST]))
        return kept
    rounds = [
        each for each in history[-2 * _MOST_ROUNDS * _LONGEST :].split(b",") if 0 < len(each) <= _LONGEST
    ]
    rounds.append(f"{fingerprint}@{now}".encode()[:_LONGEST])
    kept.append((REPLAY_COUNT, b"%d" % (replays + 1)))
    kept.append((REPLAY_HISTORY, b",".join(rounds[-_MOST_ROUNDS:])))
    return kept
