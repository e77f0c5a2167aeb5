"""`kgen schema`."""

from __future__ import annotations

import json as json_texts

import typer

from ..project.config_schema import SCHEMA


def command() -> None:
    """Print the JSON Schema of kgen.toml, for editors that complete and check TOML files by one."""
    typer.echo(json_texts.dumps(SCHEMA, indent=2))
