"""The arguments of the runner: names and environment variables as `bytewax.run` has them where they mean
the same.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, NoReturn

from .control_channel import inherited
from .log_format import FORMATS, configure, write_error

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_PORTS: Final = range(1, 65_536)
_ALL: Final = frozenset({"0.0.0.0", "[::]", "::"})  # noqa: S104 - nothing listens by it
KGEN_RUN: Final = "kgen run"
_USAGE: Final = 2
_LOG_FORMAT: Final = "KGEN_LOG_FORMAT"
_LONGEST: Final = timedelta(days=365)
_HOST: Final = re.compile(r"[^\s,;/@]+")
"""A name or address: neither several with commas, for which a cluster would wait in vain, nor a URL."""


def is_kgen_run() -> bool:
    """Whether the runner was started by that command, and not by its module."""
    return sys.argv[:1] == [KGEN_RUN]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Raises `SystemExit` (code 2) with the usage if they are invalid."""
    parser = _parser()
    parser.json = _asks_for_json(argv)
    args = parser.parse_args(argv)
    if args.processes > 1 and (args.addresses or args.process_id is not None):
        parser.error("--processes starts the cluster itself: leave out --process-id and --addresses")
    if (args.process_id is None) != (args.addresses is None):
        parser.error("--process-id and --addresses go together")
    if args.addresses is not None:
        _check_place(parser, args.process_id, args.addresses.split(";"))
    if args.health is not None:
        _check_health(parser, args.health, args.processes)
        if args.addresses is not None:
            _check_apart(parser, args.health, args.addresses.split(";")[args.process_id])
    return args


def options() -> Iterator[tuple[Sequence[str], str, bool]]:
    """The flags that the help lists: their names, what they do, and whether a value follows."""
    for action in _parser()._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            yield action.option_strings, action.help or "", action.nargs != 0


def _check_place(parser: argparse.ArgumentParser, index: int, addresses: Sequence[str]) -> None:
    for address in addresses:
        if not _is_address(address):
            parser.error(f"--addresses has {address!r}, which is not HOST:PORT; separate several with ';'")
    for number, address in enumerate(addresses):
        if address in addresses[:number]:
            parser.error(
                f"--addresses has {address} twice, for processes {addresses.index(address)} and {number}: "
                "each process has an address of its own"
            )
    if not 0 <= index < len(addresses):
        parser.error(
            f"--process-id {index} is not one of the {len(addresses)} --addresses: count from 0 to "
            f"{len(addresses) - 1}"
        )


def _check_health(parser: argparse.ArgumentParser, address: str, processes: int) -> None:
    if not _is_address(address):
        parser.error(f"--health (KGEN_HEALTH) has {address!r}, which is not HOST:PORT, such as 0.0.0.0:8080")
    if not is_port(next_address(address, processes - 1).rpartition(":")[2]):
        parser.error(f"--health {address} has not a port for each of {processes} processes after it")


def _check_apart(parser: argparse.ArgumentParser, health: str, own: str) -> None:
    """The endpoint would have the port of this process, which would wait for it."""
    host, _, port = health.rpartition(":")
    own_host, _, own_port = own.rpartition(":")
    if port == own_port and host in {own_host, *_ALL}:
        parser.error(f"--health {health} has the port on which the other processes reach this one, {own}")


def next_address(address: str, by: int) -> str:
    """HOST:PORT with a port that is `by` higher: each process of a local cluster has its own."""
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + by}"


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return _HOST.fullmatch(host) is not None and bool(host.strip("[]")) and is_port(port)


def is_port(text: str) -> bool:
    """A number that a socket may have."""
    return text.isascii() and text.isdigit() and int(text) in _PORTS


class _RunArguments(argparse.ArgumentParser):
    json = False
    """Wrong usage is a JSON object, as every other error."""

    def error(self, message: str) -> NoReturn:
        if not self.json:
            super().error(message)
        configure("json", "INFO", None)
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        write_error(f"error: {message}", what=message, where=None, hint=f"Usage: {usage}")
        self.exit(_USAGE)


def _asks_for_json(argv: Sequence[str] | None) -> bool:
    """Known ahead of the other arguments, which may be wrong."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--log-format", default=_env(_LOG_FORMAT))
    try:
        return bool(parser.parse_known_args(argv)[0].log_format == "json")
    except argparse.ArgumentError:  # no value follows
        return False


def _parser() -> _RunArguments:
    parser = _RunArguments(
        prog=KGEN_RUN if is_kgen_run() else "python -m kgen_runtime.run",
        description="Run a dataflow.",
        epilog="Exit codes: 0 ended or stopped cleanly, 2 error, 65 too much failed, 75 start it again, "
        "130 interrupted.",
    )
    parser.add_argument("flow", metavar="MODULE[:FLOW]", help="the flow, or a function that returns it")
    parser.add_argument(
        "--log-level", type=_level, default="INFO", metavar="LEVEL", help="DEBUG, INFO, WARNING or ERROR"
    )
    parser.add_argument(
        "--log-format",
        type=_log_format,
        metavar=f"{{{','.join(FORMATS)}}}",
        default=_env(_LOG_FORMAT, "text"),
        help="stderr as text, or a JSON object on each line",
    )
    parser.add_argument(
        "-q", "--quiet", action="store_true", help="no report of what is read, written, failed and waited for"
    )
    parser.add_argument(
        "--health",
        metavar="HOST:PORT",
        help="answer GET /healthz and /readyz there; process I of --processes at PORT + I",
        default=_env("KGEN_HEALTH") or None,
    )
    # From the process that starts a local cluster to those of it.
    parser.add_argument("--control", type=inherited, help=argparse.SUPPRESS)
    _add_scale(parser.add_argument_group("scale"))
    _add_recovery(parser.add_argument_group("recovery"))
    return parser


def _add_scale(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-w",
        "--workers",
        "--workers-per-process",
        type=_count,
        metavar="N",
        help="worker threads in each process (1)",
        default=_env("BYTEWAX_WORKERS_PER_PROCESS", "1"),
    )
    group.add_argument(
        "-p",
        "--processes",
        type=_count,
        metavar="N",
        help="processes on this machine (1)",
        default=_env("BYTEWAX_PROCESSES", "1"),
    )
    group.add_argument(
        "-i",
        "--process-id",
        type=int,
        metavar="I",
        help="which process this is, in a cluster that something else starts",
        default=_env("BYTEWAX_PROCESS_ID"),
    )
    group.add_argument(
        "-a",
        "--addresses",
        metavar="HOST:PORT;...",
        help="all processes of that cluster",
        default=_env("BYTEWAX_ADDRESSES"),
    )


def _add_recovery(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-r",
        "--recovery",
        "--recovery-directory",
        type=_folder,
        metavar="DIR",
        help="folder for state and positions; created on first use",
        default=_env("BYTEWAX_RECOVERY_DIRECTORY"),
    )
    group.add_argument(
        "-s",
        "--epoch-interval",
        "--snapshot-interval",
        type=_seconds,
        metavar="SECONDS",
        help="between two commits: what a crash repeats at most (10)",
        default=_env("BYTEWAX_SNAPSHOT_INTERVAL", "10"),
    )
    group.add_argument(
        "-b",
        "--backup-interval",
        type=_seconds,
        metavar="SECONDS",
        help="how long to keep state that is no longer needed, for backups (0)",
        default=_env("BYTEWAX_RECOVERY_BACKUP_INTERVAL", "0"),
    )


def _env(name: str, default: str | None = None) -> str | None:
    # argparse runs `type` over a default that is a string, so a bad variable is reported like a bad argument.
    return os.environ.get(name, default)


def _folder(text: str) -> Path:
    if not text:  # for Path it would be the folder that we are in
        raise argparse.ArgumentTypeError(
            "the name of the recovery folder is empty: is the variable set that it comes from "
            "(BYTEWAX_RECOVERY_DIRECTORY, if the argument is not given)?"
        )
    return Path(text)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return count


def _seconds(text: str) -> timedelta:
    try:
        seconds = timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        seconds = timedelta.max
    if not timedelta(0) <= seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to a year")
    return seconds


def _log_format(text: str) -> str:
    if text not in FORMATS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(FORMATS)} ({_LOG_FORMAT})")
    return text


def _level(text: str) -> str:
    if text.upper() not in _LEVELS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(_LEVELS)}")
    return text.upper()
