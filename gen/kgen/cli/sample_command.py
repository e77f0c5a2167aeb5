"""`kgen sample`."""

from __future__ import annotations

from typing import Annotated

import typer

from kgen_runtime.codec.avro.json_encoding import dumps
from kgen_runtime.serde.subject_names import qualified

from ..actions import sample
from . import shared_options
from .console import Console


def command(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="The subject, such as orders-value, or the topic.")
    ],
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", min=1, help="How many.")] = 10,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Which version.", show_default="the newest")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same samples.")] = 0,
    registry: shared_options.Registry = None,
    out: shared_options.Out = None,
    json: shared_options.Json = False,
    quiet: shared_options.Quiet = False,
    no_color: shared_options.NoColor = False,
) -> None:
    """Print sample messages of a subject, one a line, as JSON; of Avro in its JSON encoding, with decimals as
    numbers. Those of a topic of several types are under the names of their types.
    """
    console = Console(json, quiet, not no_color)
    workspace = shared_options.workspace(out, console)
    types = sample.types_of(workspace, subject) if version is None else []
    if types:
        about, made = {"topic": subject}, sample.samples_of_types(types, count, seed)
    else:
        unit = sample.find(workspace, registry, qualified(subject), version)
        about, made = {"subject": unit.version.subject}, sample.samples(unit, count, seed)
    lines = map(dumps, made)
    if json:
        console.stream({"version": 1, **about}, "samples", lines)
    elif not quiet:
        for line in lines:
            console.line(line)
