"""The tables `[deploy.NAME]` of kgen.toml: how flows are run by Kubernetes, Docker Compose or systemd."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from ..errors import ConfigError
from .tables import NAME, known, setting

NAME_PATTERN: Final = r"^[a-z]([a-z0-9_-]{0,38}[a-z0-9])?$"
"""Of a deployment: with hyphens for underscores it is a name everywhere, with room for what is put behind it
(Kubernetes' labels have 63 characters).
"""
FLOW_PATTERN: Final = r"^[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*)?$"
IMAGE_PATTERN: Final = r"^[a-z0-9][A-Za-z0-9._:/-]*(@sha256:[0-9a-f]{64})?$"
REFERENCE_PATTERN: Final = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
"""Of objects of a cluster: secrets, storage classes."""
BYTES_PATTERN: Final = r"^[1-9][0-9]{0,14}(Ki|Mi|Gi|Ti|k|M|G|T)?$"
CPU_PATTERN: Final = r"^(0\.[0-9]{0,2}[1-9]|[1-9][0-9]{0,3}(\.[0-9]{1,3})?|[1-9][0-9]{0,6}m)$"
HOST_PATTERN: Final = r"^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$"
LONGEST_HOST: Final = 253
VENV_PATTERN: Final = r"^/[A-Za-z0-9._/-]+$"
FILE_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$"
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
MOST_PROCESSES: Final = 1_000
MOST_WORKERS: Final = 1_000
LONGEST_EPOCH: Final = 86_400
CLUSTER_PORT: Final = 2101
"""Where the processes of a flow talk to each other, without a password."""
PORTS: Final = range(1, 64_001)
"""With room for those of the other processes of a machine, which follow."""
_LONGEST: Final = 10_000
_LETTERS: Final = "kKMGTi"
_UNITS: Final[dict[str, int]] = {"": 1, **{f"{u}i": 1024**n for n, u in enumerate("KMGT", 1)}} | {
    u: 1000**n for n, u in enumerate("kMGT", 1)
}
_OURS: Final = ("BYTEWAX_", "KGEN_HEALTH")
_SECRET: Final = re.compile(
    r"(^|_)(PASSWORD|PASS|PASSPHRASE|SECRET|SECRETS|TOKEN|CREDENTIALS|APIKEY|JAAS)(_|$)"
    r"|API_KEY|PRIVATE_KEY|(^|_)(KEY_PEM|OAUTHBEARER_CONFIG)$"
)
"""Of names of variables, in capitals."""
_USER_IN_URL: Final = re.compile(r"://[^/\s]*@")


@dataclass(frozen=True)
class DeploySettings:
    """A table as it stands, or as it is where kgen.toml has none. Seconds, bytes and cores as they are
    written there; `recovery` is the size of a process's recovery volume, None for none.
    """

    flow: str | None = None  # None: the flow of that name
    image: str | None = None  # None: the name
    processes: int = 1
    hosts: tuple[str, ...] = ()  # that systemd runs a process of the flow on
    workers: int = 1
    epoch_interval: float = 10
    recovery: str | None = "1Gi"
    storage_class: str | None = None
    cpu: str = "500m"
    memory: str = "512Mi"
    secret: str | None = None
    secret_files: Mapping[str, str] = field(default_factory=dict)  # by the variables that have their paths
    env: Mapping[str, str] = field(default_factory=dict)
    pod_monitor: bool = False
    venv: str | None = None  # None: /opt/NAME
    health_port: int = 8080
    metrics_port: int = 3030


def read(tables: Mapping[str, Any]) -> dict[str, DeploySettings]:
    """All of them by name. Raises `ConfigError`."""
    found = {name: _one(name, setting(tables, name, dict, {}, "deploy.")) for name in tables}
    names: dict[str, str] = {}
    for name in found:
        other = names.setdefault(name.replace("_", "-"), name)
        if other != name:
            what = f"deploy.{other} and deploy.{name} have one name in a cluster: {name.replace('_', '-')}"
            raise ConfigError(what, where=NAME, hint="rename one of the two tables")
    return found


def check_name(name: str, where: str, hint: str) -> str:
    """The name that a deployment called `name` has in a cluster. Raises `ConfigError`."""
    if not re.fullmatch(NAME_PATTERN, name):
        what = f"{name!r} cannot be the name of a deployment"
        rule = "lower-case letters a to z, digits, hyphens and underscores, 40 at most, first a letter"
        raise ConfigError(what, where=where, hint=f"{rule}; {hint}")
    return name.replace("_", "-")


def bytes_of(size: str) -> int:
    """Of `512Mi` and the like."""
    number = size.rstrip(_LETTERS)
    return int(number) * _UNITS[size[len(number) :]]


def _one(name: str, table: Mapping[str, Any]) -> DeploySettings:
    check_name(name, f"{NAME}, deploy", '[deploy.orders] flow = "streams.flows.orders:flow"')
    where = f"deploy.{name}."
    known(table, {each.name for each in fields(DeploySettings)}, where)
    read = DeploySettings(**{key: _CHECKS[key](value, f"{where}{key}") for key, value in table.items()})
    if read.hosts and "processes" not in table:
        read = replace(read, processes=len(read.hosts))
    if read.hosts and read.processes != len(read.hosts):
        what = f"{where}hosts has {len(read.hosts)}, and {where}processes is {read.processes}"
        raise ConfigError(what, where=NAME, hint="a process runs on each host: leave processes out")
    if read.secret_files and read.secret is None:
        what = f"{where}secret_files need {where}secret, after which the place of the files is called"
        raise ConfigError(what, where=NAME, hint=_hint(f"{where}secret", '"orders"'))
    for variable in read.secret_files.keys() & read.env.keys():
        what = f"{variable} is in both {where}env and {where}secret_files"
        raise ConfigError(what, where=NAME, hint="leave one of the two out")
    ports = (read.health_port, read.metrics_port)
    if abs(ports[0] - ports[1]) < read.processes:
        what = f"{where}health_port {ports[0]} and {where}metrics_port {ports[1]} are too near to each other"
        hint = "each process has a port of its own for both, from these on; left out, they are 8080 and 3030"
        raise ConfigError(what, where=NAME, hint=hint)
    if CLUSTER_PORT in ports:
        setting_ = f"{where}{'health_port' if ports[0] == CLUSTER_PORT else 'metrics_port'}"
        what = f"{setting_} is {CLUSTER_PORT}, where the processes of a flow meet"
        raise ConfigError(what, where=NAME, hint="name another one; left out, they are 8080 and 3030")
    return read


def _matching(pattern: str, example: str, what: str) -> Callable[[Any, str], str]:
    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value) or len(value) > _LONGEST:
            raise ConfigError(f"{where} must be {what}", where=NAME, hint=_hint(where, f'"{example}"'))
        return value

    return check


def _count(most: int) -> Callable[[Any, str], int]:
    def check(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            what = f"{where} must be a number from 1 to {most:,}"
            raise ConfigError(what, where=NAME, hint=_hint(where, "2"))
        return value

    return check


def _hosts(value: Any, where: str) -> tuple[str, ...]:
    most = MOST_PROCESSES
    if not isinstance(value, list) or not 2 <= len(value) <= most:
        what = f"{where} must be a list of 2 hosts or more, {most:,} at most"
        raise ConfigError(what, where=NAME, hint=_hint(where, '["orders-0", "orders-1"]'))
    for host in value:
        if not isinstance(host, str) or len(host) > LONGEST_HOST or not re.fullmatch(HOST_PATTERN, host):
            what = f"{where} must have names or addresses of hosts alone, without a port"
            hint = 'such as "orders-0.example.com", "10.0.0.7" or "[fd00::7]"'
            raise ConfigError(what, where=NAME, hint=hint)
    if len({host.lower() for host in value}) < len(value):
        raise ConfigError(f"{where} has a host twice", where=NAME, hint="a process runs on each host")
    return tuple(value)


def _port(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in PORTS:
        what = f"{where} must be a port from {PORTS[0]} to {PORTS[-1]:,}"
        raise ConfigError(what, where=NAME, hint=_hint(where, "8080"))
    return value


def _epoch(value: Any, where: str) -> float:
    wrong = isinstance(value, bool) or not isinstance(value, (int, float))
    if wrong or not 0 <= value <= LONGEST_EPOCH:
        what = f"{where} must be a number of seconds, a day at most"
        raise ConfigError(what, where=NAME, hint=_hint(where, "10"))
    found: float = value
    return found


_size = _matching(BYTES_PATTERN, "512Mi", "a number of bytes, with a unit such as Mi or Gi")


def _recovery(value: Any, where: str) -> str | None:
    if value is False:
        return None
    if value is True or not isinstance(value, str):
        what = f"{where} must be the size of the recovery volume, or false for none"
        raise ConfigError(what, where=NAME, hint=_hint(where, '"1Gi"'))
    return _size(value, where)


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false", where=NAME)
    return value


def _env(value: Any, where: str) -> dict[str, str]:
    example = f'[{where}]\nKGEN_BROKERS = "kafka:9092"'.replace("\n", " ")
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ConfigError(f"{where} must be a table of texts", where=NAME, hint=example)
    for name, text in value.items():
        _check_variable(name, text, where)
    return dict(value)


def _secret_files(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        hint = f'[{where}] KGEN_KAFKA_SSL_KEY_LOCATION = "client.key"'
        raise ConfigError(f"{where} must be a table of files", where=NAME, hint=hint)
    for name, file in value.items():
        _check_name(name, where)
        if not isinstance(file, str) or not re.fullmatch(FILE_PATTERN, file):
            what = f"{where}.{name} must be the name of a file, without its folder"
            raise ConfigError(what, where=NAME, hint=f'[{where}] {name} = "client.key"')
    return dict(value)


def _check_name(name: str, where: str) -> None:
    at = f"{NAME}, {where}"
    if not re.fullmatch(VARIABLE_PATTERN, name):
        hint = "letters a to z, digits and underscores, first not a digit"
        raise ConfigError(f"{name!r} cannot be the name of an environment variable", where=at, hint=hint)
    if name.startswith(_OURS):
        hint = "the manifests set it, from processes, workers, epoch_interval and recovery"
        raise ConfigError(f"{name} is not for {where.rpartition('.')[2]}", where=at, hint=hint)


def _check_variable(name: str, text: str, where: str) -> None:
    _check_name(name, where)
    at = f"{NAME}, {where}"
    if _SECRET.search(name.upper()) or _USER_IN_URL.search(text):  # the value is not shown
        hint = "put it under that name into the secret that secret = names: only its name is written"
        what = f"{name} looks like a secret, which must not stand in manifests"
        raise ConfigError(what, where=at, hint=hint)
    if len(text) > _LONGEST or any(not c.isprintable() and c not in "\n\t" for c in text):
        raise ConfigError(f"{name} has control characters, or is longer than {_LONGEST:,}", where=at)


def _hint(where: str, value: str) -> str:
    table, _, key = where.rpartition(".")
    return f"[{table}] {key} = {value}"


_CHECKS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "flow": _matching(FLOW_PATTERN, "streams.flows.orders:flow", "package.module:name"),
    "image": _matching(IMAGE_PATTERN, "registry.example.com/orders:1.0", "the name of an image"),
    "processes": _count(MOST_PROCESSES),
    "hosts": _hosts,
    "workers": _count(MOST_WORKERS),
    "epoch_interval": _epoch,
    "recovery": _recovery,
    "storage_class": _matching(REFERENCE_PATTERN, "standard", "the name of a storage class"),
    "cpu": _matching(CPU_PATTERN, "500m", "a number of cores"),
    "memory": _size,
    "secret": _matching(REFERENCE_PATTERN, "orders", "the name of a secret"),
    "secret_files": _secret_files,
    "env": _env,
    "pod_monitor": _flag,
    "health_port": _port,
    "metrics_port": _port,
    "venv": _matching(VENV_PATTERN, "/opt/orders", "the absolute path of a virtual environment"),
}
