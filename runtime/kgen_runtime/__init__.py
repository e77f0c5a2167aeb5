"""kgen's runtime: what generated code imports, as `import kgen_runtime as rt`.

A public name is imported when it is first asked for. So a program that decodes messages loads no dataflow,
and without Bytewax only the names that need it are missing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from .runner import early_signals  # noqa: F401 - before all that takes its time to load

# isort: split
from .errors import (
    ConfigError,
    DecodeError,
    DeliveryError,
    EncodeError,
    FlowError,
    FramingError,
    KgenError,
    LateError,
    OversizeError,
    ProcessingError,
    RecoveryError,
    RefusedError,
    RegistryError,
    RegistryUnavailable,
    Reject,
    ResolutionError,
    RulesError,
    SchemaError,
    SerdeError,
    SourceError,
    UnexpectedTypeError,
    UnknownSchema,
    ValidationError,
)
from .flow.missing_bytewax import explain_missing

if TYPE_CHECKING:
    from . import windowing
    from .codec.branches import of_branch
    from .codec.values import (
        ABSENT,
        Absent,
        AnyMessage,
        Duration,
        LocalTimestampNanos,
        NanosDatetime,
        NanosTimedelta,
        OpenEnum,
        OutOfRange,
        TimestampNanos,
    )
    from .consumer.alignment import Align, TimestampOrder
    from .consumer.bounds import Start, Stop
    from .consumer.source import source
    from .flow.exhaustive import assert_never
    from .flow.split import Split
    from .flow.topic import Topic
    from .kafka.connection import Kafka, NewTopic
    from .messages import TOMBSTONE, Failure, Headers, Message, RawMessage, Stage, Tombstone
    from .producer.sink import sink
    from .recovery.folder import Recovery
    from .routing.breaker import Breaker
    from .routing.by_stage import ByStage
    from .routing.crash import Crash
    from .routing.dead_letter import DeadLetter
    from .routing.drop import Drop
    from .routing.failure_log import Log
    from .routing.policy import Policy
    from .routing.redaction import Redact
    from .routing.retry_policy import Retry
    from .routing.route import check, route, route_rest
    from .serde import (
        AvroSerde,
        BytesSerde,
        DoubleSerde,
        EitherSerde,
        IntSerde,
        JsonSerde,
        LongSerde,
        NoneSerde,
        ProtobufSerde,
        PydanticSerde,
        Schemas,
        SchemaStore,
        Serde,
        StringSerde,
        TypesSerde,
        VendoredSchemas,
        VendoredSubject,
        VendoredVersion,
        WriterSchema,
    )
    from .standalone.plain_values import to_dict, to_json
    from .standalone.table import read_table
    from .standalone.topic_reader import read
    from .standalone.topic_writer import Writer
    from .steps.item_steps import (
        Branch,
        branch,
        filter,  # noqa: A004 - as Bytewax's
        flat_map,
        key_on,
    )
    from .steps.lateness import late
    from .steps.stateful_steps import stateful_flat_map, stateful_map
    from .steps.wire_steps import deserialize, serialize

    MYPY = False
    if MYPY:  # mypy takes a name like this one for true
        from .steps.mypy_signatures import filter_map, map, map_value  # noqa: A004 - as Bytewax's
    else:
        from .steps.item_steps import filter_map, map  # noqa: A004
        from .steps.value_steps import map_value

__all__ = [
    "ABSENT",
    "TOMBSTONE",
    "Absent",
    "Align",
    "AnyMessage",
    "AvroSerde",
    "Branch",
    "Breaker",
    "ByStage",
    "BytesSerde",
    "ConfigError",
    "Crash",
    "DeadLetter",
    "DecodeError",
    "DeliveryError",
    "DoubleSerde",
    "Drop",
    "Duration",
    "EitherSerde",
    "EncodeError",
    "Failure",
    "FlowError",
    "FramingError",
    "Headers",
    "IntSerde",
    "JsonSerde",
    "Kafka",
    "KgenError",
    "LateError",
    "LocalTimestampNanos",
    "Log",
    "LongSerde",
    "Message",
    "NanosDatetime",
    "NanosTimedelta",
    "NewTopic",
    "NoneSerde",
    "OpenEnum",
    "OutOfRange",
    "OversizeError",
    "Policy",
    "ProcessingError",
    "ProtobufSerde",
    "PydanticSerde",
    "RawMessage",
    "Recovery",
    "RecoveryError",
    "Redact",
    "RefusedError",
    "RegistryError",
    "RegistryUnavailable",
    "Reject",
    "ResolutionError",
    "Retry",
    "RulesError",
    "SchemaError",
    "SchemaStore",
    "Schemas",
    "Serde",
    "SerdeError",
    "SourceError",
    "Split",
    "Stage",
    "Start",
    "Stop",
    "StringSerde",
    "TimestampNanos",
    "TimestampOrder",
    "Tombstone",
    "Topic",
    "TypesSerde",
    "UnexpectedTypeError",
    "UnknownSchema",
    "ValidationError",
    "VendoredSchemas",
    "VendoredSubject",
    "VendoredVersion",
    "Writer",
    "WriterSchema",
    "assert_never",
    "branch",
    "check",
    "deserialize",
    "filter",
    "filter_map",
    "flat_map",
    "key_on",
    "late",
    "map",
    "map_value",
    "of_branch",
    "read",
    "read_table",
    "route",
    "route_rest",
    "serialize",
    "sink",
    "source",
    "stateful_flat_map",
    "stateful_map",
    "to_dict",
    "to_json",
    "windowing",
]

# The same imports as above for type checkers: a test compares the two.
_NAMES: Final = {
    ".consumer.alignment": "Align TimestampOrder",
    ".codec.branches": "of_branch",
    ".codec.values": (
        "ABSENT Absent AnyMessage Duration LocalTimestampNanos NanosDatetime NanosTimedelta OpenEnum "
        "OutOfRange TimestampNanos"
    ),
    ".routing.route": "check route route_rest",
    ".messages": "TOMBSTONE Failure Headers Message RawMessage Stage Tombstone",
    ".routing.breaker": "Breaker",
    ".routing.by_stage": "ByStage",
    ".routing.crash": "Crash",
    ".routing.dead_letter": "DeadLetter",
    ".routing.drop": "Drop",
    ".routing.failure_log": "Log",
    ".routing.policy": "Policy",
    ".routing.redaction": "Redact",
    ".routing.retry_policy": "Retry",
    ".consumer.bounds": "Start Stop",
    ".recovery.folder": "Recovery",
    ".serde": (
        "AvroSerde BytesSerde DoubleSerde EitherSerde IntSerde JsonSerde LongSerde NoneSerde ProtobufSerde "
        "PydanticSerde Schemas SchemaStore Serde StringSerde TypesSerde VendoredSchemas VendoredSubject "
        "VendoredVersion WriterSchema"
    ),
    ".kafka.connection": "Kafka NewTopic",
    ".producer.sink": "sink",
    ".consumer.source": "source",
    ".flow.exhaustive": "assert_never",
    ".flow.split": "Split",
    ".standalone.plain_values": "to_dict to_json",
    ".standalone.table": "read_table",
    ".standalone.topic_reader": "read",
    ".standalone.topic_writer": "Writer",
    ".steps.item_steps": "Branch branch filter filter_map flat_map key_on map",
    ".steps.lateness": "late",
    ".steps.stateful_steps": "stateful_flat_map stateful_map",
    ".steps.value_steps": "map_value",
    ".steps.wire_steps": "deserialize serialize",
    ".flow.topic": "Topic",
}
_MODULES: Final = {
    **{name: module for module, names in _NAMES.items() for name in names.split()},
    "windowing": ".windowing",  # the module itself
}


if not TYPE_CHECKING:  # or checkers would accept any name

    def __getattr__(name: str) -> Any:
        """A public name, from its module. Raises `ConfigError` if that needs Bytewax and there is none."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with explain_missing(f"{__name__}.{name}"):
            module = importlib.import_module(_MODULES[name], __name__)
            value = module if _MODULES[name] == f".{name}" else getattr(module, name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
