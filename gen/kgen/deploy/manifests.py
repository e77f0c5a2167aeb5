"""The files with which a platform runs a flow, as texts by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

import jinja2

from . import deployment as ports
from .deployment import Deployment
from .quoting import yaml_text

Platform: TypeAlias = Literal["k8s"]

PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)
RECOVERY: Final = "/recovery"
"""In a container."""


def manifests(platform: Platform, wanted: Deployment) -> dict[str, str]:
    """The texts of the files of one deployment, by their names in a folder of its own."""
    return {"k8s.yaml": _fill("deploy_k8s.yaml", wanted)}


def _fill(template: str, wanted: Deployment) -> str:
    return _environment().get_template(f"{template}.j2").render(it=wanted, ports=ports, recovery=RECOVERY)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(  # noqa: S701 - YAML and units, not HTML; text goes through the filters
        loader=jinja2.PackageLoader("kgen_templates", ""),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters.update({"yaml": yaml_text})
    return environment
