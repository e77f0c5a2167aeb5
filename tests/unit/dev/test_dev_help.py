"""The help of `kgen dev` is shown without importing what it runs, so it has its own copy of the ports."""

from __future__ import annotations

import typing

import pytest

from kgen.cli import dev_command
from kgen.dev.broker_and_registry import BROKER_PORT, REGISTRY_PORT


@pytest.mark.parametrize(("option", "port"), [("broker_port", BROKER_PORT), ("registry_port", REGISTRY_PORT)])
def test_the_help_names_the_usual_ports(option: str, port: int) -> None:
    hints = typing.get_type_hints(dev_command.command, include_extras=True)
    (shown,) = (each for each in hints[option].__metadata__ if hasattr(each, "show_default"))
    assert shown.show_default == f"{port}, else a free one"
