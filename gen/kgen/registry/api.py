"""The registry's API as the generator uses it: named calls, checked answers, and what this registry can do,
found by asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from ..errors import RegistryError, RegistryUnavailable, UnknownSchema
from ..model.subjects import SchemaVersion, TopicAssociation
from . import answers

_PAGE = 1_000  # a list this long may have been cut off (Apicurio does so at 1,000)
_PAGES = 1_000


class Http(Protocol):
    """What is used of `kgen_runtime.serde.registry.client.RegistryClient`."""

    @property
    def url(self) -> str:
        """Without userinfo and query."""

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """The parsed JSON of the answer. Raises `RegistryError` and its kinds."""

    def request(
        self, method: str, path: str, *, json: Any = None, params: Mapping[str, str | int] | None = None
    ) -> Any:
        """The same of any request with a body."""


_BUSY = (None, 408, 429, 502, 503, 504)  # None: no answer at all


def concerns_all(error: RegistryError) -> bool:
    """Whether the error is about the registry (it cannot be reached, refuses the credentials or is too
    busy), not about what was asked for.
    """
    return error.status == 401 or (isinstance(error, RegistryUnavailable) and error.status in _BUSY)


def is_absent(error: RegistryError) -> bool:
    """Whether a registry does not know what it was asked: it has no such endpoint."""
    no_route = error.status == 404 and error.error_code in (None, 404)
    return (no_route and not isinstance(error, UnknownSchema)) or error.status in (405, 501)


class Api:
    """Calls on one registry. May be used from several threads where its `Http` may."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def url(self) -> str:
        """The registry's URL without userinfo and query."""
        return self._http.url

    def subjects(self) -> list[str]:
        """Every subject, sorted; pages are followed where the registry has them. Raises `RegistryError`."""
        names = answers.subject_names(self._http.get("/subjects"))
        found = set(names)
        for _ in range(_PAGES):
            if len(names) < _PAGE:
                break
            names = answers.subject_names(self._http.get("/subjects", {"offset": len(found), "limit": _PAGE}))
            if found.issuperset(
                names
            ):  # the end, or a registry that knows no `offset` and answers the same again
                break
            found.update(names)
        return sorted(found)

    def versions(self, subject: str) -> tuple[int, ...]:
        """The live versions of a subject, ascending. Raises `UnknownSchema` if it is not there (any
        more).
        """
        found = answers.version_numbers(self._http.get(f"{_path(subject)}/versions"), subject)
        if not found:
            raise UnknownSchema("the subject has no versions", where=subject)
        return found

    def schema(self, subject: str, version: int, *, deleted: bool = False) -> SchemaVersion:
        """One version of a subject (-1: the latest). Raises `UnknownSchema`."""
        path = f"{_path(subject)}/versions/{'latest' if version == -1 else version}"
        got = answers.schema_version(self._http.get(path, {"deleted": "true"} if deleted else None), subject)
        if version not in (-1, got.version):
            raise RegistryError(
                f"the registry answered with version {got.version}", where=f"{subject} v{version}"
            )
        return got

    def compatibility(self, subject: str) -> str | None:
        """The level set for the subject itself; None where it has none of its own or the registry will not
        say.
        """
        return self._level(f"/config/{quote(subject, safe='')}")

    def default_compatibility(self) -> str | None:
        """The registry's level; None where the registry will not say."""
        return self._level("/config")

    def policy(self, subject: str) -> str | None:
        """`STRICT` or `LENIENT`: how JSON Schemas of the subject are held against each other; None where the
        registry will not say.
        """
        own = self._of_config(f"/config/{quote(subject, safe='')}", answers.compatibility_policy)
        return own or self._of_config("/config", answers.compatibility_policy)

    def associations(self, subject: str) -> tuple[TopicAssociation, ...] | None:
        """The topics that the registry associates with a subject; None if it has no associations at all, as
        all but Confluent's from 8.2 on. Raises `RegistryError`.
        """
        try:
            found = self._http.get(f"/associations{_path(subject)}", {"resourceType": "topic"})
        except UnknownSchema:
            return ()
        except RegistryError as error:
            if is_absent(error):
                return None
            raise
        return tuple(sorted(answers.topic_associations(found, subject=subject)))

    def lookup(
        self, schema: SchemaVersion, metadata: Mapping[str, str] | None = None, *, normalize: bool = False
    ) -> answers.KnownSchema | None:
        """What the registry knows a schema as, in its subject; None if it does not know it. Raises
        `RegistryError`.
        """
        try:
            found = self._http.request(
                "POST", _path(schema.subject), json=_body(schema, metadata), params=_normalize(normalize)
            )
        except UnknownSchema:
            return None
        return answers.registered(found, schema.subject)

    def compatible(self, schema: SchemaVersion, version: int | None = None) -> answers.CompatibilityAnswer:
        """Whether a schema may follow `version` of its subject; None: those that the level of the subject
        asks for. Raises `RegistryError` (see `is_absent`).
        """
        path = f"/compatibility{_path(schema.subject)}/versions" + (f"/{version}" if version else "")
        found = self._http.request("POST", path, json=_body(schema, None), params={"verbose": "true"})
        return answers.compatibility_answer(found, schema.subject)

    def register(
        self, schema: SchemaVersion, metadata: Mapping[str, str] | None = None, *, normalize: bool = False
    ) -> answers.KnownSchema:
        """Register a schema as the next version of its subject, or get the one that it is. Raises
        `RegistryError`.
        """
        path = f"{_path(schema.subject)}/versions"
        found = self._http.request("POST", path, json=_body(schema, metadata), params=_normalize(normalize))
        return answers.registered(found, schema.subject)

    def set_compatibility(self, subject: str, level: str) -> None:
        """Set the level of a subject. Raises `RegistryError`."""
        path = f"/config/{quote(subject, safe='')}"
        self._http.request("PUT", path, json={"compatibility": level})

    def _level(self, path: str) -> str | None:
        return self._of_config(path, answers.compatibility)

    def _of_config(self, path: str, read: Callable[[Any], str | None]) -> str | None:
        try:
            return read(self._http.get(path))
        except RegistryError as e:
            # Absent, not for this user, not in this registry, or broken there: no level, not a failure.
            if e.status != 401 and concerns_all(e):
                raise
            return None


def _path(subject: str) -> str:
    return f"/subjects/{quote(subject, safe='')}"


def _normalize(normalize: bool) -> dict[str, str | int] | None:
    return {"normalize": "true"} if normalize else None


def _body(schema: SchemaVersion, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """A schema as registries take it; without what they have defaults for, which some do not know."""
    references = [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references]
    return {
        "schema": schema.text,
        **({"schemaType": schema.type} if schema.type != "AVRO" else {}),
        **({"references": references} if references else {}),
        **({"metadata": {"properties": dict(metadata)}} if metadata else {}),
    }
