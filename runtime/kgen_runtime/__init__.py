"""kgen's runtime: what generated code imports, as `import kgen_runtime as rt`."""

from . import early  # noqa: F401 - before all that takes its time to load
from .alignment import Align, TimestampOrder
from .codec.branches import of_branch
from .codec.values import Duration, LocalTimestampNanos, TimestampNanos
from .errors import (
    ConfigError,
    DecodeError,
    DeliveryError,
    EncodeError,
    FlowError,
    FramingError,
    KgenError,
    LateError,
    ProcessingError,
    RecoveryError,
    RegistryError,
    RegistryUnavailable,
    ResolutionError,
    RulesError,
    SchemaError,
    SerdeError,
    SourceError,
    UnknownSchema,
)
from .errs import check, route
from .messages import TOMBSTONE, Failure, Headers, Message, RawMessage, Stage, Tombstone
from .policies import Crash, DeadLetter, Drop, Log, Policy
from .positions import Start, Stop
from .recovery import Recovery
from .serde import (
    AvroSerde,
    BytesSerde,
    DoubleSerde,
    EitherSerde,
    IntSerde,
    LongSerde,
    NoneSerde,
    Schemas,
    SchemaStore,
    Serde,
    StringSerde,
    VendoredSchemas,
    VendoredSubject,
    VendoredVersion,
    WriterSchema,
)
from .settings import Kafka
from .sink import sink
from .source import source
from .split import Split
from .steps import deserialize, late, map_value, serialize
from .topic import Topic

__all__ = [
    "TOMBSTONE",
    "Align",
    "AvroSerde",
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
    "Kafka",
    "KgenError",
    "LateError",
    "LocalTimestampNanos",
    "Log",
    "LongSerde",
    "Message",
    "NoneSerde",
    "Policy",
    "ProcessingError",
    "RawMessage",
    "Recovery",
    "RecoveryError",
    "RegistryError",
    "RegistryUnavailable",
    "ResolutionError",
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
    "UnknownSchema",
    "VendoredSchemas",
    "VendoredSubject",
    "VendoredVersion",
    "WriterSchema",
    "check",
    "deserialize",
    "late",
    "map_value",
    "of_branch",
    "route",
    "serialize",
    "sink",
    "source",
]
