"""The generator's errors: the runtime's tree, and what can only go wrong while generating.

KgenError
├── ConfigError · SchemaError · RegistryError · …   (`kgen_runtime.errors`)
├── LockError            kgen.lock or a vendored schema is missing, damaged or not what the lock says
├── OutputError          the project folder cannot be written, or is not safe to write
│   └── EditedError      a generated file was edited by hand
├── SubjectError         subjects that are asked for cannot be read
├── IncompatibleError    a new version cannot read what earlier ones wrote
├── PullInterruptedError  Ctrl-C ended a pull; says what is on the disk
└── PushInterruptedError  Ctrl-C ended a push; says what is registered
"""

from __future__ import annotations

from kgen_runtime.errors import (
    ConfigError,
    KgenError,
    RegistryError,
    RegistryUnavailable,
    RulesError,
    SchemaError,
    UnknownSchema,
)

__all__ = [
    "ConfigError",
    "EditedError",
    "IncompatibleError",
    "KgenError",
    "LockError",
    "OutputError",
    "PullInterruptedError",
    "PushInterruptedError",
    "RegistryError",
    "RegistryUnavailable",
    "RulesError",
    "SchemaError",
    "SubjectError",
    "UnknownSchema",
]


class LockError(KgenError):
    """kgen.lock or a vendored schema is missing, damaged, or not what the lock says."""


class OutputError(KgenError):
    """The project folder cannot be written, or writing there is not safe."""


class EditedError(OutputError):
    """A generated file was edited by hand; rewriting it would lose the edit."""


class SubjectError(KgenError):
    """Subjects that are asked for cannot be read: none can, or `--strict` asks for all."""


class IncompatibleError(KgenError):
    """A new version of a subject cannot read what its earlier versions wrote."""


class PullInterruptedError(KgenError):
    """Ctrl-C ended a pull; says what is on the disk."""


class PushInterruptedError(KgenError):
    """Ctrl-C ended a push; says what is registered."""
