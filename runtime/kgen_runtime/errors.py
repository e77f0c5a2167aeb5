"""The exceptions of kgen.

KgenError                  what, where, hint; what the command line prints
├── ConfigError            a setting is missing or wrong
├── FlowError              the dataflow is built wrongly (an `errs` stream nothing reads, a bad step)
├── SchemaError            a schema is not valid
│   └── ResolutionError    a reader schema cannot read what a writer schema wrote
├── RegistryError          the registry answered with an error, or not at all
│   ├── RegistryUnavailable   could not be reached, or 408/429/5xx after the retries: transient
│   ├── RulesError         the schema has data contract rules, which kgen does not execute
│   └── UnknownSchema      the registry does not know this id, subject or version: permanent
├── SerdeError             a message cannot be decoded or encoded
│   ├── FramingError       the bytes do not begin with a known wire format
│   ├── UnexpectedTypeError   the message is of a type that is not read here
│   ├── DecodeError        the payload does not fit its writer schema
│   ├── ValidationError    the payload decodes, but is not what its JSON Schema allows
│   └── EncodeError        the value does not fit the schema
├── SourceError            a topic cannot be read: absent, out of reach, messages or partitions gone
├── RefusedError           a message that its topic does not take
│   └── OversizeError      it is larger than the topic, or the producer, takes
├── Reject                 raised in a step by the user's code: this message is not to go on
├── ParkedError            an earlier message of its key is a dead letter, and it follows
├── LateError              a message came after its window of event time had closed
├── DeliveryError          a message could not be delivered to the broker
└── RecoveryError          the recovery folder cannot be used
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

MAX_CAUSES: Final = 100


class KgenError(Exception):
    """An error that a user can act on: what happened, where, and a hint of what to do."""

    # Also of a subclass of the user's whose `__init__` does not call this one.
    what: str = ""
    where: str | None = None
    hint: str | None = None

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [str(self.what) or super().__str__()]  # users raise `rt.Reject(5)` too
        if self.where:
            lines.append(f"  at {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> Any:
        # Exceptions travel between Bytewax workers: keep the parts, not the rendered text.
        return _rebuild, (type(self), self.args, self.__dict__.copy())


def _rebuild(cls: type[KgenError], args: tuple[Any, ...], state: dict[str, Any]) -> KgenError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(KgenError):
    """A setting is missing or wrong."""


class FlowError(KgenError):
    """The dataflow is built wrongly; raised while it is built, or when a step is given the wrong type."""


class SchemaError(KgenError):
    """A schema is not valid; `where` is a JSON pointer into it."""


class ResolutionError(SchemaError):
    """A reader schema cannot read what a writer schema wrote; raised when the reader is built."""


class RegistryError(KgenError):
    """The schema registry answered with an error, or not at all.

    `status` is the HTTP status and `error_code` the registry's own code, if there was an answer and it
    had one.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        status: int | None = None,
        error_code: int | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status
        self.error_code = error_code


class RegistryUnavailable(RegistryError):  # noqa: N818 - what it says is not an error of the message
    """The registry could not be reached, or kept answering 408, 429 or 5xx: worth trying again."""


class UnknownSchema(RegistryError):  # noqa: N818
    """The registry does not know this id, subject or version."""


class RulesError(RegistryError):
    """The schema has data contract rules (encryption, checks, migrations), which kgen does not execute."""


class SerdeError(KgenError):
    """A message cannot be decoded or encoded."""


class FramingError(SerdeError):
    """The bytes do not begin with a known wire format."""


class UnexpectedTypeError(SerdeError):
    """The message is of a type that is not read here: another message of a Protobuf file, or a record that is
    not among the types of its topic.
    """


class DecodeError(SerdeError):
    """The payload does not fit its writer schema.

    `position` is the byte offset in the payload as given to the reader (framing included), `path` the field
    path (`order.lines[3].price`).
    """

    def __init__(self, what: str, *, position: int = -1, path: str = "", hint: str | None = None) -> None:
        where = f"byte {position}" + (f", field {path}" if path else "") if position >= 0 else path or None
        super().__init__(what, where=where, hint=hint)
        self.position = position
        self.path = path


class SchemaProblem(NamedTuple):
    """What a value has that its JSON Schema does not allow, and the JSON pointer of that value."""

    path: str
    what: str


class ValidationError(SerdeError):
    """The payload decodes, but is not what its JSON Schema allows: `problems` are all that it has, up to the
    bounds in docs/reference/json.md.
    """

    def __init__(
        self, what: str, *, problems: tuple[SchemaProblem, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(what, hint=hint)
        self.problems = problems


class EncodeError(SerdeError):
    """The value does not fit the schema; `path` is the field path, `problems` as in a `ValidationError`."""

    def __init__(
        self, what: str, *, path: str = "", problems: tuple[SchemaProblem, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(what, where=f"field {path}" if path else None, hint=hint)
        self.path = path
        self.problems = problems


class SourceError(KgenError):
    """A topic cannot be read: it is absent or out of reach, or messages or partitions of it are gone."""


class ProcessingError(KgenError):
    """A message failed, and the policy is to stop. `traceback` is of the user's code, if that failed."""

    traceback: str = ""


class RefusedError(KgenError):
    """A message that its topic does not take."""


class OversizeError(RefusedError):
    """A message is larger than its topic, or the producer, takes."""


class Reject(KgenError):  # noqa: N818 - what a user raises, not what went wrong
    """Raise it in a function given to a step: the message goes to the step's `errs`, for this reason."""


class ParkedError(KgenError):
    """An earlier message of its key is a dead letter, and it follows: see `rt.DeadLetter`."""


class LateError(KgenError):
    """A message came after its window of event time had closed."""


class DeliveryError(KgenError):
    """A message could not be delivered to the broker.

    `undelivered` has the messages that did not arrive (`rt.RawMessage`), where an `rt.Writer` raises it.
    """

    undelivered: tuple[Any, ...] = ()


class RecoveryError(KgenError):
    """The recovery folder cannot be used."""


def named_text(name: str, message: object) -> str:
    """An error by its class, with what it says if it says something: `KeyError: 'a'`, `KeyboardInterrupt`."""
    text = str(message)
    return f"{name}: {text}" if text else name


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those it was raised from or because of, the outermost first.

    Each comes once, also where they lead in a circle, and `MAX_CAUSES` at most.
    """
    seen: dict[int, BaseException] = {}
    while error is not None and id(error) not in seen and len(seen) < MAX_CAUSES:
        seen[id(error)] = error
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
