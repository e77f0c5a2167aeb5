"""JSON messages as pydantic models and back, in the framing of `JsonSerde`."""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..codec.decoded import NO_ERRORS, Decoded
from ..codec.json.json_pointers import json_pointer
from ..errors import ConfigError, DecodeError, EncodeError, KgenError, SchemaProblem, named_text
from ..reporting.printable import printable
from .encoded_null import Null
from .json_serde import Framing, JsonSerde
from .problem_texts import MOST_OF_PROBLEM, MOST_PROBLEMS, problems_text
from .schemas import Schemas

if TYPE_CHECKING:
    import pydantic
    from pydantic_core import ErrorDetails

T = TypeVar("T")

_COUNTED: Final = 1_000  # problems from where on pydantic would take long to list them


def require_pydantic() -> None:
    """Raises `ConfigError` if pydantic is not installed, or is older than what is needed."""
    try:
        import pydantic
    except ImportError:
        found = "is not installed"
    else:
        if tuple(map(int, pydantic.VERSION.split(".")[:2])) >= (2, 11):
            return
        found = f"is needed from 2.11 on, and is {pydantic.VERSION}"
    what = f"the models of this package are of pydantic, which {found}"
    raise ConfigError(what, hint="pip install 'kgen-streams[pydantic]'")


class PydanticSerde(JsonSerde[T]):
    """Values of a pydantic model for the latest of `schemas`, a JSON Schema; see docs/reference/json.md.

    `model` is the class of the whole message. Messages are validated by pydantic, not by kgen's codec: with
    `strict` as JSON has its types (`"1"` is not an integer, nor is `1.0`), without as pydantic converts them.
    A property is written if it was read or set; `framing`, `null` and `validate` are those of `JsonSerde`.
    Raises `ConfigError` without pydantic.
    """

    def __init__(
        self,
        schemas: Schemas,
        model: type[T],
        *,
        strict: bool = True,
        framing: Framing = "confluent",
        null: Null = "refuse",
        validate: bool = False,
    ) -> None:
        require_pydantic()
        # Without classes: pydantic's objects pickle by themselves, and take no part in what kgen keeps.
        super().__init__(schemas, {}, framing=framing, null=null, validate=validate)
        self.classes = {"#": model}
        self.model = model
        self.strict = strict

    def make_reader(self) -> _PydanticReader:
        """See the base."""
        return _PydanticReader(_adapter(self.model), self.strict)

    def make_writer(self) -> _PydanticWriter:
        """See the base."""
        return _PydanticWriter(_adapter(self.model), self.model)


def _adapter(model: type[Any]) -> pydantic.TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(model)


class _PydanticReader:
    """See `Reader`."""

    def __init__(self, adapter: pydantic.TypeAdapter[Any], strict: bool) -> None:
        self._validate = adapter.validator.validate_json
        self._strict = strict

    def decode(self, data: bytes, offset: int = 0) -> Any:
        """See `Reader.decode`."""
        decoded = self.decode_many((data,), offset)
        if decoded.errors:
            raise decoded.errors[0]
        return decoded.values[0]

    def decode_many(self, batch: Sequence[bytes], offset: int = 0) -> Decoded:
        """See `Reader.decode_many`."""
        values: list[Any] = []
        errors: dict[int, KgenError] = {}
        for i, payload in enumerate(batch):
            data = payload[offset:].removeprefix(codecs.BOM_UTF8)
            try:
                # By alias alone: the names of attributes are Python's, not the wire's.
                values.append(self._validate(data, strict=self._strict, by_alias=True, by_name=False))
            except Exception as error:  # noqa: BLE001 - a validator of the user may raise anything
                values.append(None)
                errors[i] = _decode_error(error, data)
        return Decoded(values, errors or NO_ERRORS)


class _PydanticWriter:
    """See `ValueWriter`."""

    def __init__(self, adapter: pydantic.TypeAdapter[Any], model: type[Any]) -> None:
        self._dump = adapter.serializer.to_json
        self._model = model

    def encode(self, value: Any, prefix: bytes = b"") -> bytes:
        """See `ValueWriter.encode`."""
        if not isinstance(value, self._model):
            raise EncodeError(f"expected a {self._model.__name__}, not a {type(value).__name__}")
        try:
            # What was not set is left out: absent stays absent, and null is what was read or set as None.
            return prefix + self._dump(value, by_alias=True, exclude_unset=True, warnings="error")
        except Exception as error:  # a serializer of the user may raise anything
            text = " ".join(str(error).split())
            raise EncodeError(printable(f"pydantic cannot write it: {text}", MOST_OF_PROBLEM)) from error

    def pack(self, value: Any) -> bytes | None:
        """See `ValueWriter.pack`."""
        return None


def _decode_error(error: Exception, data: bytes) -> DecodeError:
    import pydantic

    if not isinstance(error, pydantic.ValidationError):
        return DecodeError(printable(named_text(type(error).__name__, error), MOST_OF_PROBLEM))
    count = error.error_count()
    if count > _COUNTED:
        return DecodeError(f"{count} problems, too many to list")
    details = error.errors(include_url=False, include_context=False, include_input=False)
    message = _json(data)
    problems = [
        SchemaProblem(*(printable(it, MOST_OF_PROBLEM) for it in (_pointer(detail, message), detail["msg"])))
        for detail in details[:MOST_PROBLEMS]
    ]
    if count == 1:
        return DecodeError(problems[0].what, path=problems[0].path)
    return DecodeError(f"{count} problems: {problems_text(problems, count - len(problems))}")


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _pointer(detail: ErrorDetails, value: Any) -> str:
    """Of the value in the message: pydantic's path has branches of unions as well, which are not steps."""
    steps: list[str | int] = []
    last = len(detail["loc"]) - 1
    for i, step in enumerate(detail["loc"]):
        is_name = isinstance(value, dict) and step in value
        is_index = isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value)
        if is_name or is_index:
            value = value[step]
        elif not (i == last and detail["type"] == "missing"):
            continue
        steps.append(step)
    return json_pointer(steps[::-1])
