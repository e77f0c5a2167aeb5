"""The files with which a platform runs a flow, as texts by their paths in the folder of all deployments."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, get_args

import jinja2

from ..template_environment import template_environment
from . import deployment as facts
from .deployment import Deployment
from .quoting import compose_text, unit_argument, unit_text, yaml_text

Platform: TypeAlias = Literal["k8s", "compose", "systemd"]

PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)
RECOVERY: Final = "/recovery"
"""In a container."""
SECRETS: Final = "/secrets"
"""In a container: the folder of secret files."""
DOCKERFILE: Final = "Dockerfile"


def manifests(platform: Platform, wanted: Deployment, folder: str) -> dict[str, str]:
    """Those of one deployment; with containers also those of the image, which is the same for all flows of
    the project. `folder` is where they will stand in the project.
    """
    name = wanted.name
    if platform == "systemd":
        return {f"{name}/{wanted.unit}": _unit(wanted)}
    image = {
        DOCKERFILE: _fill("deploy_dockerfile"),
        f"{DOCKERFILE}.dockerignore": _fill("deploy_dockerignore"),
    }
    if platform == "k8s":
        return {f"{name}/k8s.yaml": _fill("deploy_k8s.yaml", it=wanted), **image}
    context = posixpath.relpath(".", posixpath.join(folder, name))
    dockerfile = posixpath.normpath(posixpath.join(folder, DOCKERFILE))
    text = _fill("deploy_compose.yaml", it=wanted, context=context, dockerfile=dockerfile)
    return {f"{name}/compose.yaml": text, **image}


def _unit(wanted: Deployment) -> str:
    # %S is /var/lib, where a service's StateDirectory is; %i what stands behind the @ of the unit's name.
    program = [f"{wanted.venv}/bin/python", "-m", "kgen_runtime.run"]
    words = [unit_argument(word) for word in (*program, *wanted.arguments("%S"))]
    if wanted.recovery is not None:
        words[-1] = f"%S/{wanted.name}"
    if wanted.hosts:
        words += ["--process-id", "%i", "--addresses", unit_argument(wanted.host_addresses)]
    elif wanted.processes > 1:
        words += [unit_argument("--processes"), unit_argument(str(wanted.processes))]
    return _fill("deploy_unit.service", it=wanted, command=" ".join(words))


def _fill(template: str, **values: Any) -> str:
    return (
        _environment()
        .get_template(f"{template}.j2")
        .render(ports=facts, recovery=RECOVERY, secrets=SECRETS, **values)
    )


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return template_environment({"yaml": yaml_text, "compose": compose_text, "unit": unit_text})
