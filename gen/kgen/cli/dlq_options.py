"""Options that the commands of `kgen dlq` share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, TypeAlias

import typer

from kgen_runtime.reporting.printable import printable

from ..dlq.letter_filter import LetterFilter, key_of, millis_of
from ..errors import ConfigError

Topic: TypeAlias = Annotated[str, typer.Argument(metavar="TOPIC", help="The dead-letter topic.")]
Brokers: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--brokers", metavar="HOST:PORT", help="The brokers, instead of KGEN_BROKERS or those of kgen.toml."
    ),
]
Fingerprints: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--fingerprint", "-f", metavar="HEX", help="Only these, whole or the first digits; !HEX leaves out."
    ),
]
Stages: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--stage", metavar="STAGE", help="Only what failed there: decode, process, …; !STAGE leaves out."
    ),
]
Classes: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="Only where this class was raised: whole, or its last part; !NAME leaves out.",
    ),
]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Failed at or after: ISO 8601, or an age: 2h.")
]
Until: TypeAlias = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Failed before: ISO 8601, or an age: 2h.")
]
Keys: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--key", metavar="KEY", help="Only messages with this key: text, or 0x and hex digits."),
]


def letter_filter(
    fingerprints: Sequence[str] | None,
    stages: Sequence[str] | None,
    since: str | None,
    until: str | None,
    keys: Sequence[str] | None,
    classes: Sequence[str] | None = None,
) -> LetterFilter:
    """What the options ask for. Raises `ConfigError`."""
    for name, given in (("--fingerprint", fingerprints), ("--stage", stages), ("--class", classes)):
        if any(not each.strip("!") for each in given or ()):
            raise ConfigError(
                f"{name} is empty", where=name, hint="`kgen dlq list TOPIC` shows those there are"
            )
    for each in fingerprints or ():
        if not re.fullmatch(r"!?[0-9A-Fa-f]{1,16}", each):
            raise ConfigError(
                f"not a fingerprint: {printable(each, 80)}",
                where="--fingerprint",
                hint="Up to 16 hexadecimal digits, as `kgen dlq list TOPIC` shows them.",
            )
    found = LetterFilter(
        fingerprints=tuple(each.lower() for each in fingerprints or ()),
        stages=tuple(stages or ()),
        classes=tuple(classes or ()),
        since=None if since is None else millis_of(since, "--since"),
        until=None if until is None else millis_of(until, "--until"),
        keys=tuple(map(key_of, keys or ())),
    )
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise ConfigError(
            "--since is not before --until", where="--since", hint="no letter is of such a time"
        )
    return found


def checked_name(name: str) -> str:
    """The name of a replay: it becomes a part of the name of a consumer group. Raises `ConfigError`."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", name):
        hint = "letters, digits, '.', '_' and '-', 100 at most"
        raise ConfigError(f"not a name for a replay: {name[:80]!r}", where="--name", hint=hint)
    return name


def place_of(text: str) -> tuple[int, int]:
    """A partition and an offset. Raises `ConfigError`."""
    found = re.fullmatch(r"(\d{1,9}):(\d{1,18})", text)
    if found is None:
        raise ConfigError(
            f"not a partition and an offset: {text[:80]!r}",
            where="--offset",
            hint="--offset 0:17, as `list` has it",
        )
    return int(found[1]), int(found[2])
