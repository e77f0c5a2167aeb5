"""Whether a JSON message is what its schema allows, by jsonschema-rs (the extra `json`)."""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..codec.json.json_pointers import json_pointer
from ..codec.json.schema.json_bundle import SchemaBundle, bundle_schema
from ..errors import ConfigError, SchemaError, SchemaProblem, ValidationError
from ..reporting.printable import printable
from .json_values import form_for, value_reader
from .problem_texts import MOST_OF_PROBLEM, MOST_PROBLEMS, problems_text
from .schemas import WriterSchema

if TYPE_CHECKING:
    import jsonschema_rs

# Work is a message's bytes times the schemas that are applied to a value of its depth and those in it
# together. jsonschema-rs makes some 50 thousand problems a second, all of them before it gives the first;
# and before it gives one alone, those of branches that do not fit.
_ALL_PROBLEMS: Final = 200_000
_ONE_PROBLEM: Final = 1_000_000

_BACKTRACKS: Final = 100_000
"""Steps back of a pattern on a string; some milliseconds. Then it does not match."""

_NO_PROBLEM: Final = "the message is too large or too deep to find out where"
_ONE_ALONE: Final = "the message is too large or too deep to look for more"


def require_validation() -> None:
    """Raises `ConfigError` if the library is not installed."""
    try:
        import jsonschema_rs  # noqa: F401 - is it there?
    except ImportError:
        raise ConfigError(
            "validate=True needs jsonschema-rs, which is not installed",
            hint="pip install 'kgen-streams[json]'",
        ) from None


class JsonValidator:
    """Validates payloads of one version of a subject, `title` in errors. May be shared by threads."""

    def __init__(self, bundle: SchemaBundle, title: str) -> None:
        """Raises `SchemaError` if the schema cannot be used."""
        self._title = title
        self._bundle = bundle
        self._validator = _compiled(bundle)
        self._read = value_reader(form_for(bundle.documents.values()))

    def check(self, payload: bytes, offset: int = 0) -> ValidationError | None:
        """The error of a payload that decodes, without its first `offset` bytes; None if it is valid."""
        try:
            value = self._read(payload[offset:])
            return None if self._validator.is_valid(value) else self._error(*self._problems(payload, value))
        except (ValueError, StopIteration, RecursionError) as error:
            return self._error([], printable(f"cannot be validated: {error}", MOST_OF_PROBLEM))

    def errors_of(self, value: Any) -> list[jsonschema_rs.ValidationError]:
        """All that is wrong with a value; the first if it is too large or too deep for that, or nothing."""
        work = len(json.dumps(value)) * self._bundle.work_at(_depth(value))
        if work > _ONE_PROBLEM:
            return []
        found = [self._first_error(value)] if work > _ALL_PROBLEMS else self._validator.iter_errors(value)
        return [error for error in found if error is not None]

    def _problems(self, payload: bytes, value: Any) -> tuple[list[SchemaProblem], int | str]:
        """Those that are given, and how many more there are, or what there is to say of them."""
        work = len(payload) * self._bundle.work_at(_depth(value))
        if work > _ONE_PROBLEM:
            return [], _NO_PROBLEM
        if work > _ALL_PROBLEMS:
            error = self._first_error(value)
            return [_problem(error)] if error else [], _ONE_ALONE
        found = self._validator.iter_errors(value)
        problems = [_problem(error) for error in islice(found, MOST_PROBLEMS)]
        return problems, sum(1 for _ in found)

    def _first_error(self, value: Any) -> jsonschema_rs.ValidationError | None:
        import jsonschema_rs

        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            return error
        return None

    def _error(self, problems: list[SchemaProblem], rest: int | str) -> ValidationError:
        text = problems_text(problems, rest)
        return ValidationError(f"not valid by {self._title}: {text}", problems=tuple(problems))


def _problem(error: jsonschema_rs.ValidationError) -> SchemaProblem:
    pointer = json_pointer(error.instance_path[::-1])
    return SchemaProblem(printable(pointer, MOST_OF_PROBLEM), printable(error.message, MOST_OF_PROBLEM))


@lru_cache(maxsize=256)
def json_validator(version: WriterSchema, subject: str) -> JsonValidator:
    """The validator of a version of a subject. Raises `SchemaError`, `ConfigError` without the library."""
    require_validation()
    title = f"version {version.version} of {printable(subject)}"
    try:
        return JsonValidator(bundle_schema(version.text, dict(zip(version.names, version.references))), title)
    except SchemaError as error:
        what = f"{title} cannot be used to validate: {error.what}"
        raise SchemaError(what, where=error.where, hint=error.hint) from None


def _compiled(bundle: SchemaBundle) -> jsonschema_rs.Validator:
    import jsonschema_rs

    classes: dict[int, type[jsonschema_rs.Validator]] = {
        4: jsonschema_rs.Draft4Validator,
        6: jsonschema_rs.Draft6Validator,
        7: jsonschema_rs.Draft7Validator,
        2019: jsonschema_rs.Draft201909Validator,
        2020: jsonschema_rs.Draft202012Validator,
    }

    def retrieve(uri: str) -> Any:
        """By default it would fetch URLs and read files."""
        if uri in bundle.documents:
            return bundle.documents[uri]
        raise ValueError(
            f"{uri[:200]!r} leads to no schema here; schemas are never fetched from URLs or files"
        )

    try:
        return classes[bundle.draft](
            bundle.documents[bundle.uri],
            retriever=retrieve,
            base_uri=bundle.uri,
            validate_formats=True,
            mask="the value",  # values may be secret, or large
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )
    except jsonschema_rs.ValidationError as error:
        raise SchemaError(printable(error.message), where=json_pointer(error.instance_path[::-1])) from None
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError(printable(str(error))) from None


def _depth(value: Any) -> int:
    """How many lists and objects stand inside each other; the decoder takes `MAX_DEPTH` at most."""
    depth, level = 0, [value]
    while groups := [
        it.values() if isinstance(it, dict) else it for it in level if isinstance(it, dict | list)
    ]:
        level = [inner for group in groups for inner in group]
        depth += 1
    return depth
