"""`kgen cat`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Annotated, Any, Final, Literal, TypeAlias

import typer

from ..actions.brokers_in_force import opened_kafka
from ..actions.cat import CatOrder, opened_messages
from ..actions.parquet_file import ParquetTotals, write_parquet
from ..errors import ConfigError
from ..listing import counted, listed
from ..topic_data.message_filter import MessageFilter
from ..topic_data.message_views import MessageViews
from . import dlq_options, shared_options
from .console import Console
from .exit_codes import FOUND
from .message_csv import MessageCsv
from .message_table import MessageTable

Format: TypeAlias = Literal["table", "json", "csv", "parquet"]
_ENDINGS: Final[dict[str, Format]] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    "": "json",  # such as /dev/stderr
}

KeyFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--key-format",
        metavar="FORMAT",
        help="string, bytes, int, long, double, json, none, or schema.",
        show_default="the project's, else found out",
    ),
]
ValueFormat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--value-format",
        metavar="FORMAT",
        help="As --key-format, of values.",
        show_default="the project's, else found out",
    ),
]


def command(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic.")],
    begin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="WHERE",
            help="beginning, end, an offset (42, 0:42), the last ones of each partition (-10), or a time: "
            "ISO 8601, or an age: 10m.",
        ),
    ] = "beginning",
    until: Annotated[
        str, typer.Option("--until", metavar="WHERE", help="Stop before it; as --from.", show_default="end")
    ] = "",
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", metavar="N", min=1, help="At most so many.", show_default="all"),
    ] = None,
    partition: Annotated[
        list[int] | None,
        typer.Option("--partition", "-p", metavar="N", min=0, help="Only these.", show_default="all"),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for messages that come, until Ctrl-C.")
    ] = False,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="EXPR", help="Only where this is true: 'value.amount > 100'."),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="How.", show_default="table on a terminal, else json"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there.", dir_okay=False)
    ] = None,
    key_format: KeyFormat = None,
    value_format: ValueFormat = None,
    as_written: Annotated[
        bool,
        typer.Option("--as-written", help="With the schemas that wrote them, not the project's newest."),
    ] = False,
    brokers: dlq_options.Brokers = None,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Show the messages of a topic, decoded: from its beginning to its end as it is now."""
    console = Console(False, quiet, not no_color)
    chosen = _format(format_, json, output)
    order = CatOrder(
        topic=topic,
        begin=begin,
        until=until,
        partitions=tuple(partition or ()),
        follow=follow,
        limit=count,
        where=where,
        key_format=key_format,
        value_format=value_format,
        as_written=as_written,
    )
    workspace = shared_options.workspace(out, console)
    with ExitStack() as stack:
        kafka = stack.enter_context(opened_kafka(workspace, brokers, registry))
        if chosen == "parquet" and output is not None:
            written = ParquetTotals()
            with _replaced(output) as aside:

                def progress(done: int, of: int) -> None:
                    console.progress(min(done, of), of, "messages")

                write_parquet(kafka, order, workspace.root, aside, written, progress)
            if _report_parquet(written, console, output):
                raise typer.Exit(FOUND)
            return
        views, found = stack.enter_context(opened_messages(kafka, order, workspace.root))
        try:
            _write(views, chosen, output, console, None if follow else found.count, order)
        except BaseException:
            _report(views, console, chosen, topic, output if follow else None)
            raise
    if _report(views, console, chosen, topic, output):
        raise typer.Exit(FOUND)


def _format(chosen: Format | None, json: bool, output: Path | None) -> Format:
    if json and chosen not in (None, "json"):
        raise ConfigError(f"--json and --format {chosen} exclude each other", where="--format")
    if chosen is None and not json and output is not None:
        chosen = _ENDINGS.get(output.suffix.lower())
        if chosen is None:
            what = f"which format? The name ends in {output.suffix}"
            known = listed([ending for ending in _ENDINGS if ending])
            raise ConfigError(what, where=f"--output {output}", hint=f"{known} say it, else --format")
    if chosen is None:
        chosen = "table" if not json and sys.stdout.isatty() else "json"
    if chosen == "parquet" and output is None:
        raise ConfigError("a Parquet file needs a name", where="--format parquet", hint="-o messages.parquet")
    return chosen


def _write(
    views: MessageViews, chosen: Format, output: Path | None, console: Console, total: int | None, order: Any
) -> None:
    if chosen == "table" and output is None:
        table = MessageTable(shutil.get_terminal_size().columns, views)
        for rows in views.chosen():
            for line in table.lines(rows):
                typer.echo(_colored(line, console))
            sys.stdout.flush()
        if table.cut:
            console.say("some values were cut (…): --format json has them whole")
        return
    texts = _texts(views, chosen)
    with _opened(output, order.follow) as file:
        shows = not (output is None and sys.stdout.isatty()) and total is not None
        for text in texts:
            if text:
                file.write(text)
                file.flush()
            if shows and total:
                console.progress(min(views.totals.read, total), total, "messages")


def _texts(views: MessageViews, chosen: Format) -> Iterator[str]:
    if chosen == "json":
        return views.lines()
    if chosen == "csv":
        return MessageCsv(views).texts()
    table = MessageTable(shutil.get_terminal_size().columns, views)
    return ("".join([f"{line}\n" for line in table.lines(rows)]) for rows in views.chosen())


@contextmanager
def _opened(output: Path | None, follow: bool) -> Iterator[IO[str]]:
    """Where to write; a file is there once it is whole, unless messages are waited for."""
    if output is None:
        yield sys.stdout
        return
    with (
        _file_errors(output),
        nullcontext(output) if follow else _replaced(output) as aside,
        aside.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


@contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """A file aside that takes the place of `output` at the end."""
    aside = output.with_name(f".{output.name}.{os.getpid()}.part")
    with _file_errors(output):
        try:
            yield aside
            aside.replace(output)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def _file_errors(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"the file cannot be written: {error.strerror or error}",
            where=str(output),
            hint="Name another one.",
        ) from error


def _report_parquet(written: ParquetTotals, console: Console, output: Path) -> bool:
    """Say what was written; whether something was wrong with some of it."""
    of = f" of {counted(written.read, 'message')} read" if written.fits is not None else ""
    console.say(f"{counted(written.rows, 'row')}{of} in {output}")
    if written.first is not None:
        first = written.first
        name = first.error_class.rpartition(".")[2]
        console.say(
            f"{counted(written.bad, 'message')} without a row, since unreadable; the first at "
            f"{first.original.partition}:{first.original.offset}: {name}: {first.message}"
        )
    return _report_raised(written.fits, console) or bool(written.bad)


def _colored(line: str, console: Console) -> str:
    return typer.style(line, fg="magenta") if line.startswith("! ") and console.has_colors() else line


def _report(views: MessageViews, console: Console, chosen: Format, topic: str, output: Path | None) -> bool:
    """Say what was read, and what is in the file, if there is one; whether something was wrong with some of
    it.
    """
    totals, fits = views.totals, views.fits
    if not totals.read:
        console.say(f"no messages in {topic}, of those asked for")
    if output is not None or (chosen == "table" and totals.read):
        of = f" of {totals.read:,} read" if fits is not None else ""
        place = "" if output is None else f" in {output}"
        console.say(f"{counted(totals.shown, 'row' if chosen == 'csv' else 'message')}{of}{place}")
    if totals.first_bad is not None:
        partition, offset, bad = totals.first_bad
        console.say(
            f"{counted(totals.bad, 'message')} could not be read; "
            f"the first at {partition}:{offset}: {bad.text}"
        )
        if bad.error.hint:
            console.say(f"  hint: {bad.error.hint}")
    return _report_raised(fits, console) or bool(totals.bad)


def _report_raised(fits: MessageFilter | None, console: Console) -> bool:
    """Say on how many messages `--where` raised, and on which first; whether it did."""
    if fits is None or not fits.raised:
        return False
    console.say(f"--where raised on {counted(fits.raised, 'message')}, left out; the first: {fits.first}")
    console.say(f"  at {fits.where}")
    console.say(f"  hint: {fits.hint}")
    return True
