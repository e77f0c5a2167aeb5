"""Schemas as a registry has them: by id, by GUID, or by subject and version, with all they refer to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from ..errors import RegistryError, RegistryUnavailable, ResolutionError, SchemaError, UnknownSchema
from ..reporting.printable import printable
from . import rules
from .schemas import Schemas, WriterSchema
from .subject_names import same, sibling
from .writer_kinds import AVRO, WriterKind

if TYPE_CHECKING:
    from .registry.client import RegistryClient

S = TypeVar("S")

MAX_REFERENCES = 1000
MAX_DEPTH = 64


def by_id(client: RegistryClient, id_: int, schemas: Schemas, kind: WriterKind[S]) -> S:
    """What `kind` makes of the schema with this id, in the registry context of the subject.

    Raises `UnknownSchema`, `RegistryUnavailable`, `RegistryError`, `RulesError`, and `ResolutionError` where
    it is of another language.
    """
    params = {"subject": schemas.subject} if schemas.context else None
    answer = client.get(f"/schemas/ids/{id_}", params)
    return _schema(client, answer, f"schema id {id_}", schemas, kind)


def by_guid(client: RegistryClient, guid: str, schemas: Schemas, kind: WriterKind[S]) -> tuple[S, int | None]:
    """The schema with this GUID, and its id if the registry reports it. Raises as `by_id` does."""
    answer = _of_guid(client, guid)
    id_ = answer.get("id") if isinstance(answer, dict) else None
    schema = _schema(client, answer, f"schema GUID {guid}", schemas, kind)
    return schema, id_ if isinstance(id_, int) else None


def _of_guid(client: RegistryClient, guid: str) -> Any:
    try:
        return client.get(f"/schemas/guids/{guid}")
    except RegistryError as error:
        if error.status in (404, 405, 501):  # an absent endpoint is a registry that has no GUIDs
            hint = "Not every registry has GUIDs; this one may have none."
            raise UnknownSchema(f"unknown schema GUID {guid}", hint=hint, status=error.status) from None
        raise


def type_by_id(client: RegistryClient, id_: int, schemas: Schemas) -> str:
    """The language of the schema with this id (`AVRO`, `JSON`…). Raises as `by_id` does; does not parse."""
    params = {"subject": schemas.subject} if schemas.context else None
    return _checked_type(client.get(f"/schemas/ids/{id_}", params), f"schema id {id_}", schemas)


def type_by_guid(client: RegistryClient, guid: str, schemas: Schemas) -> str:
    """The same of the schema with this GUID."""
    return _checked_type(_of_guid(client, guid), f"schema GUID {guid}", schemas)


def _checked_type(answer: Any, what: str, schemas: Schemas) -> str:
    if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
        raise _strange(what)
    rules.check(answer, what, schemas.rules)
    return _type(answer)


def answers(client: RegistryClient, schemas: Schemas) -> bool:
    """Whether the registry answers questions as a registry does, one that is known to have an answer first.

    Raises `RegistryUnavailable`.
    """
    context = {"subject": schemas.subject} if schemas.context else None
    for path in (f"/schemas/ids/{schemas.latest.id}", "/schemas/types", "/subjects"):
        try:
            answer = client.get(path, context)
        except UnknownSchema:
            return True  # in its own words
        except RegistryUnavailable:
            raise
        except RegistryError:
            continue
        if isinstance(answer, list) or (isinstance(answer, dict) and "schema" in answer):
            return True
    return False


def registered_id(client: RegistryClient, schemas: Schemas) -> int:
    """The id under which the registry has the latest of `schemas` in its subject. Raises as `by_id` does."""
    path = f"/subjects/{quote(schemas.subject, safe='')}"
    if schemas.latest.references:
        answer = _equal(client, schemas, path)
    else:
        answer = client.post(path, _question(schemas.latest))
    id_ = _id(answer, path)
    _check_named(answer, schemas.subject)
    _check_rules(client, schemas, path, answer)
    return id_


def _question(version: WriterSchema) -> dict[str, str]:
    kind = {} if version.type == "AVRO" else {"schemaType": version.type}
    return {"schema": version.text, **kind}


def _check_rules(client: RegistryClient, schemas: Schemas, path: str, answer: Any) -> None:
    """Those of the version that was found, and of the latest one where it is the same schema: a look-up
    without rules may find an earlier version that has none yet.
    """
    if schemas.rules == "ignore":
        return
    rules.check(answer, schemas.subject, schemas.rules)
    for latest in _latest(client, path):
        if _loaded(latest.get("schema")) == _loaded(schemas.latest.text):
            rules.check(latest, f"{schemas.subject} version {latest.get('version')}", schemas.rules)


def _latest(client: RegistryClient, path: str) -> Iterator[Any]:
    """The newest version; nothing where the registry does not give it."""
    try:
        answer = client.get(f"{path}/versions/latest")
    except RegistryUnavailable:
        raise
    except RegistryError:
        return
    if isinstance(answer, dict):
        yield answer


def _loaded(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return text


def _equal(client: RegistryClient, schemas: Schemas, path: str) -> Any:
    # A look-up by text needs the references as that registry names them, which are not known here.
    is_equal = _equal_avro if schemas.latest.type == "AVRO" else _equal_texts
    for version in _versions(client, path, schemas.latest.version):
        url = f"{path}/versions/{version}"
        answer = client.get(url)
        try:
            if is_equal(client, answer, url, schemas):
                _check_named(answer, schemas.subject, version)
                return answer
        except ResolutionError:
            continue
    raise UnknownSchema(f"subject {schemas.subject} has no version with this schema")


def _equal_avro(client: RegistryClient, answer: Any, what: str, schemas: Schemas) -> bool:
    return _schema(client, answer, what, schemas, AVRO) == schemas.latest.parse()


def _equal_texts(client: RegistryClient, answer: Any, what: str, schemas: Schemas) -> bool:
    """Whether the text is that of the latest of `schemas`, and all it refers to are those it has."""
    latest = schemas.latest
    form = _loaded if latest.type == "JSON" else _proto_words
    if _type(answer) != latest.type or form(answer.get("schema")) != form(latest.text):
        return False
    rules.check(answer, what, schemas.rules)
    found = [form(text) for _, text in _references(client, answer, schemas.subject)]
    wanted = [form(text) for text in latest.references]
    return all(text in found for text in wanted) and all(text in wanted for text in found)


def _proto_words(text: Any) -> Any:
    """What two .proto texts have in common that differ in space and comments alone."""
    from .message_order import words_of

    try:
        return words_of(text)
    except (TypeError, SchemaError):
        return text


def _versions(client: RegistryClient, path: str, likely: int) -> Iterator[int]:
    answer = client.get(f"{path}/versions")
    if not isinstance(answer, list) or not all(isinstance(version, int) for version in answer):
        raise _strange(path)
    if likely in answer:
        yield likely
    yield from (version for version in sorted(answer, reverse=True) if version != likely)


def _schema(client: RegistryClient, answer: Any, what: str, schemas: Schemas, kind: WriterKind[S]) -> S:
    """The schema of an answer."""
    if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
        raise _strange(what)
    language = _type(answer)
    if language != kind.language:
        raise ResolutionError(f"{what} is of type {language}, not {kind.shown}")
    rules.check(answer, what, schemas.rules)
    try:
        return kind.of_text(answer["schema"], lambda: _references(client, answer, schemas.subject))
    except SchemaError as error:
        where = None if error.where is None else printable(error.where)
        raise ResolutionError(f"{what} does not parse: {printable(error.what)}", where=where) from None


def _type(answer: Any) -> str:
    """The language of a schema, as the registry calls it."""
    kind = answer.get("schemaType") if isinstance(answer, dict) else None
    return "AVRO" if kind is None else printable(str(kind), 40)


def _references(client: RegistryClient, answer: Any, subject: str) -> list[tuple[str, str]]:
    """What all that `answer`, of `subject`, refers to is called there, and its text; dependencies first, each
    once.
    """
    texts: dict[tuple[str, int], tuple[str, str]] = {}

    def visit(schema: Any, parent: str, path: tuple[tuple[str, int], ...]) -> None:
        for name, reference in _named(schema, parent):
            if reference in texts or reference in path:
                continue
            if len(texts) >= MAX_REFERENCES or len(path) >= MAX_DEPTH:
                raise ResolutionError("a schema has too many references, or they are nested too deeply")
            body = _version(client, reference)
            visit(body, reference[0], (*path, reference))
            texts[reference] = (name, body["schema"])

    visit(answer, subject, ())
    return list(texts.values())


def _named(schema: Any, parent: str) -> Iterator[tuple[str, tuple[str, int]]]:
    references = schema.get("references") or []
    if not isinstance(references, list):
        raise _strange("a schema's references")
    for reference in references:
        match reference:
            case {"subject": str(subject), "version": int(version)}:
                yield str(reference.get("name", "")), (sibling(parent, subject), version)
            case _:
                raise _strange("a schema's reference")


def _version(client: RegistryClient, reference: tuple[str, int]) -> Any:
    subject, version = reference
    path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
    try:
        answer = client.get(path, {"deleted": "true"})
    except UnknownSchema as error:
        name = printable(subject, 100)
        what = f"the reference to {name} version {version} leads nowhere: {error.what}"
        raise ResolutionError(what) from None
    if not isinstance(answer, dict) or not isinstance(answer.get("schema"), str):
        raise _strange(printable(path))
    _check_named(answer, subject, version)
    return answer


def _check_named(answer: Any, subject: str, version: int | None = None) -> None:
    """Raises `RegistryError` if an answer is about another subject or version than was asked for."""
    named, number = answer.get("subject"), answer.get("version")
    right = number is None or (number == version if version not in (None, -1) else number != 0)
    if not same(subject, named) or not right:
        asked = f"{printable(subject, 100)}" + (f" version {version}" if version is not None else "")
        other = f"{printable(str(named), 100)} version {printable(str(number), 20)}"
        raise RegistryError(f"asked for {asked}, the registry answered with {other}", status=200)


def _id(answer: Any, what: str) -> int:
    id_ = answer.get("id") if isinstance(answer, dict) else None
    if not isinstance(id_, int) or not 0 <= id_ < 1 << 31:
        raise _strange(what)
    return id_


def _strange(what: str) -> RegistryError:
    text = f"{what}: the answer is not in the form of a schema registry's"
    return RegistryError(text, hint="Check the registry's URL.", status=200)
