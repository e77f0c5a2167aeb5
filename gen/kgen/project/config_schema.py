"""The JSON Schema of kgen.toml, for editors: which settings there are, what each takes and means. What only
kgen can know, as whether a topic is there, `config.py` checks; a test holds the two together.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from kgen_runtime.codec.ranges import OutOfRangeChoice
from kgen_runtime.serde.rules import OnRules

from ..model.settings import LEVELS, Extras, JsonModels
from ..model.topic_plans import BESIDE, FORMATS
from . import deploy_settings as deploy
from .config import DEFAULT_PACKAGE, ConflictMode, Registry
from .deploy_settings import DeploySettings


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


def _table(description: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    closed = {"type": "object", "additionalProperties": False}
    return {**closed, "description": description, "properties": settings, **more}


def _named(description: str, each: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": each}


def _flag(description: str, *, default: bool) -> dict[str, Any]:
    return {"type": "boolean", "description": description, "default": default}


def _role(role: str) -> dict[str, Any]:
    formats = ", ".join(FORMATS)
    both = {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"enum": list(BESIDE)}],
        "minItems": 2,
        "maxItems": 2,
    }
    what = f"The {role}s: {formats}, or the name of a subject; both if messages of either are read."
    types = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}
    several = "; or the types that they have, by full names or subjects"
    ways = [{"type": "string"}, both, *([types] if role == "value" else [])]
    return {"anyOf": ways, "description": f"{what.rstrip('.')}{several * (role == 'value')}."}


_REGISTRY: Final = _table(
    "The schema registry.",
    {
        "url": _text("Where it is, without user and password. KGEN_REGISTRY_URL goes before it."),
        "user_env": _text("The variable that holds the user.", default=Registry.user_env),
        "password_env": _text("The variable that holds the password.", default=Registry.password_env),
        "token_env": _text("The variable that holds the token.", default=Registry.token_env),
        "ca": _text("A PEM file with certificate authorities, relative to kgen.toml."),
        "cert": _text("A PEM file with the client's certificate."),
        "key": _text("A PEM file with the client's key, without a password."),
        "timeout": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 86_400,
            "default": Registry.timeout,
            "description": "Seconds for all that a command asks of the registry.",
        },
    },
)
_TOPIC: Final = _table(
    "A topic.",
    {
        "key": _role("key"),
        "value": _role("value"),
        "topic": _text("Its name on the broker, if it is not the table's.", minLength=1),
        "context": _text(
            "The registry context of its subjects; `.` is the default one.", pattern=r"^\.[^:]*$"
        ),
        "validate": _flag("Whether messages are checked against their JSON Schema.", default=False),
        "flow": _flag("Whether the topic has a flow and a test of its own.", default=True),
    },
)
_FLOW: Final = _table(
    "A flow from one topic to another: see kgen new flow.",
    {
        "from": _text("The topic that it reads.", minLength=1),
        "to": _text("The topic that it writes.", minLength=1),
    },
    required=["from", "to"],
)
_OWN: Final = _table(
    "What kgen push sets for a subject of schemas/own/.",
    {
        "compatibility": {"enum": list(LEVELS), "description": "The level to set."},
        "metadata": _named("Properties of the version.", {"type": "string", "minLength": 1}),
    },
)
_MEMORY: Final = {"pattern": deploy.BYTES_PATTERN}
_PORT: Final = {
    "type": "integer",
    "minimum": deploy.PORTS[0],
    "maximum": deploy.PORTS[-1],
    "description": "A port; of several processes on a machine, of the first.",
}
_DEPLOY: Final = _table(
    "How a flow is run by Kubernetes, Docker Compose or systemd: see kgen deploy.",
    {
        "flow": _text("package.module:name; by default the flow of that name.", pattern=deploy.FLOW_PATTERN),
        "image": _text("The image; by default it has that name.", pattern=deploy.IMAGE_PATTERN),
        "processes": {
            "type": "integer",
            "minimum": 1,
            "maximum": deploy.MOST_PROCESSES,
            "default": DeploySettings.processes,
            "description": "Of the flow, in one cluster of Bytewax.",
        },
        "hosts": {
            "type": "array",
            "items": {"type": "string", "pattern": deploy.HOST_PATTERN, "maxLength": deploy.LONGEST_HOST},
            "minItems": 2,
            "maxItems": deploy.MOST_PROCESSES,
            "uniqueItems": True,
            "description": "Where systemd runs the flow, a process on each.",
        },
        "workers": {
            "type": "integer",
            "minimum": 1,
            "maximum": deploy.MOST_WORKERS,
            "default": DeploySettings.workers,
            "description": "Threads of each process.",
        },
        "epoch_interval": {
            "type": "number",
            "minimum": 0,
            "maximum": deploy.LONGEST_EPOCH,
            "default": DeploySettings.epoch_interval,
            "description": "Seconds between two commits.",
        },
        "recovery": {
            "anyOf": [{"const": False}, {"type": "string", **_MEMORY}],
            "default": DeploySettings.recovery,
            "description": "Size of the volume for state and positions, of each process; false for none.",
        },
        "storage_class": _text("Of the volume, in Kubernetes.", pattern=deploy.REFERENCE_PATTERN),
        "cpu": _text(
            "Cores that Kubernetes keeps for each process.",
            pattern=deploy.CPU_PATTERN,
            default=DeploySettings.cpu,
        ),
        "memory": _text("Of each process, at most.", **_MEMORY, default=DeploySettings.memory),
        "secret": _text(
            "Name of the secret, or of the file, with variables of the environment.",
            pattern=deploy.REFERENCE_PATTERN,
        ),
        "secret_files": _named(
            "Files of the secret, by the variables that have their paths.",
            {"type": "string", "pattern": deploy.FILE_PATTERN},
        ),
        "env": _named("Variables of the environment that are not secrets.", {"type": "string"}),
        "pod_monitor": _flag("Whether Prometheus' operator finds the pods.", default=False),
        "health_port": {**_PORT, "default": DeploySettings.health_port},
        "metrics_port": {**_PORT, "default": DeploySettings.metrics_port},
        "venv": _text("Virtual environment of systemd's unit.", pattern=deploy.VENV_PATTERN),
    },
)
_RULE: Final = {"enum": list(get_args(OnRules))}

SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "kgen.toml",
    **_table(
        "Settings of a kgen project.",
        {
            "package": _text(
                "The package to write; dots between a package and the one it is in.",
                default=DEFAULT_PACKAGE,
                pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$",
            ),
            "subjects": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": ["*"],
                "description": "Shell patterns of the subjects to read; `!PATTERN` leaves out.",
            },
            "all_versions": _flag(
                "Whether all live versions are vendored, or only the newest.", default=True
            ),
            "conflict": {
                "enum": list(get_args(ConflictMode)),
                "default": "file",
                "description": "How a merge conflict is written.",
            },
            "registry": _REGISTRY,
            "pins": _named("The version of each subject to stay at.", {"type": "integer", "minimum": 1}),
            "rules": {
                "anyOf": [_RULE, {"type": "object", "additionalProperties": _RULE}],
                "description": "What to do with data contract rules, for all subjects or by pattern.",
            },
            "models": _table(
                "What the models are.",
                {
                    "json": {
                        "enum": list(get_args(JsonModels)),
                        "default": "dataclasses",
                        "description": "Models of JSON Schema subjects.",
                    },
                    "out_of_range": {
                        "enum": list(get_args(OutOfRangeChoice)),
                        "default": "error",
                        "description": "A date, time or decimal that Python has no value for.",
                    },
                    "extras": {
                        "enum": list(get_args(Extras)),
                        "default": "drop",
                        "description": "Fields of Protobuf messages that the schema does not name.",
                    },
                },
            ),
            "kafka": _table(
                "For commands that read and write topics; flows read the environment alone.",
                {"brokers": _text("host:port,host:port; KGEN_BROKERS goes before it.", pattern="^[^@]*$")},
            ),
            "topics": _named("Settings of topics, by name.", _TOPIC),
            "flows": _named("Flows between topics, by name.", _FLOW),
            "own": _named("Subjects of schemas/own/, by name.", _OWN),
            "deploy": _named("How flows are run, by name.", _DEPLOY),
        },
    ),
}
