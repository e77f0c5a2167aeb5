"""Confluent's registry API on a `Store`: a request in, an answer out. Pure: the sockets are in
`registry_server.py`.

Paths, parameters, answers and error codes are those of
https://docs.confluent.io/platform/current/schema-registry/develop/api.html.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

from kgen_runtime.serde.subject_names import qualified

from . import api_errors
from .api_errors import Problem
from .association_store import StoredAssociation
from .compat_settings import GLOBAL, Scoped
from .registry_store import Store, Version
from .schema_request import TYPES, Draft, draft_of


@dataclass(frozen=True)
class ApiRequest:
    """What a handler sees: the variable parts of the path, the query, the body as JSON."""

    store: Store
    args: tuple[str, ...]
    query: Mapping[str, str]
    body: Any
    pairs: Sequence[tuple[str, str]] = ()

    def every(self, name: str) -> list[str]:
        """All values of a query parameter that may be repeated."""
        return [value for key, value in self.pairs if key == name]

    @property
    def subject(self) -> str:
        """The first variable part of the path, or `GLOBAL`."""
        return self.args[0] if self.args else GLOBAL

    @property
    def draft(self) -> Draft:
        """The schema in the body. Raises 42201."""
        return draft_of(self.body)

    def flag(self, name: str) -> bool:
        """Whether `?name=true`."""
        return self.query.get(name, "").lower() == "true"

    def field(self, name: str) -> Any:
        """A field of the body, None where there is none."""
        return self.body.get(name) if isinstance(self.body, dict) else None

    def page(self, items: Sequence[Any]) -> list[Any]:
        """The part of a list that `?offset` and `?limit` ask for."""
        offset, limit = (_integer(self.query.get(name, default)) for name, default in _PAGE)
        return list(items[max(offset, 0) :][: limit if limit >= 0 else None])

    def formatted(self, described: Callable[[Version], dict[str, Any]], version: Version) -> dict[str, Any]:
        """The answer about a version, with its schema in the `format` that the query asks for."""
        answered = described(version)
        if self.query.get("format") == "serialized":
            answered["schema"] = self.store.serialized(version)
        return answered


Handler: TypeAlias = Callable[[ApiRequest], Any]

# Refused, since a setting that is accepted and has no effect is worse than an error.
_UNSUPPORTED_CONFIG = (
    "alias",
    "normalize",
    "compatibilityGroup",
    "validateFields",
    "validateNames",
    "validateRules",
    "defaultMetadata",
    "overrideMetadata",
    "defaultRuleSet",
    "overrideRuleSet",
)

_PAGE = (("offset", "0"), ("limit", "-1"))
_ROUTES: list[tuple[str, tuple[str, ...], Handler]] = []


def answer(store: Store, method: str, target: str, body: bytes = b"") -> tuple[int, str]:
    """The status and the text for a request; `target` is path and query as they came."""
    try:
        got = _dispatch(store, method, target, body)
    except Problem as e:
        return e.status, json.dumps({"error_code": e.code, "message": e.message})
    if got is None:
        return 204, ""
    return 200, got if isinstance(got, str) else json.dumps(got, ensure_ascii=False)


def _dispatch(store: Store, method: str, target: str, body: bytes) -> Any:
    parts = urlsplit(target)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    path = tuple(unquote(part) for part in parts.path.strip("/").split("/"))
    found = [route for route in _ROUTES if _matches(route[1], path)]
    for verb, template, handler in found:
        if verb == method:
            args = tuple(part for part, name in zip(path, template) if name == "*")
            return handler(ApiRequest(store, args, dict(pairs), _json(body), pairs))
    raise Problem(405, "HTTP 405 Method Not Allowed") if found else Problem(404, "HTTP 404 Not Found")


def _matches(template: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(template) == len(path) and all(t in ("*", p) for t, p in zip(template, path))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body.strip() else None
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not JSON") from None


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Problem(404, "HTTP 404 Not Found") from None  # what theirs answers to a number that is none


def _route(method: str, *paths: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        _ROUTES.extend((method, tuple(path.strip("/").split("/")), handler) for path in paths)
        return handler

    return add


# Subjects and versions


@_route("GET", "/subjects")
def _subjects(r: ApiRequest) -> Any:
    prefix = r.query.get("subjectPrefix", ":*:")
    return r.page(r.store.subjects(prefix, deleted=r.flag("deleted"), only_deleted=r.flag("deletedOnly")))


@_route("POST", "/subjects/*")
def _lookup(r: ApiRequest) -> Any:
    found = r.store.lookup(r.subject, r.draft, normalize=r.flag("normalize"), deleted=r.flag("deleted"))
    return _described(found)


@_route("DELETE", "/subjects/*")
def _delete_subject(r: ApiRequest) -> Any:
    return r.store.delete_subject(r.subject, permanent=r.flag("permanent"))


@_route("GET", "/subjects/*/versions")
def _versions(r: ApiRequest) -> Any:
    found = r.store.versions(r.subject, deleted=r.flag("deleted"), only_deleted=r.flag("deletedOnly"))
    return r.page([v.number for v in found])


@_route("POST", "/subjects/*/versions")
def _register(r: ApiRequest) -> Any:
    new = r.store.register(r.subject, r.draft, normalize=r.flag("normalize"))
    return {"id": new.draft.id, "version": new.number, "guid": new.draft.guid}


@_route("GET", "/subjects/*/versions/*")
def _version(r: ApiRequest) -> Any:
    return r.formatted(_described, r.store.version(r.subject, r.args[1], deleted=r.flag("deleted")))


@_route("GET", "/subjects/*/metadata")
def _latest_with(r: ApiRequest) -> Any:
    wanted = list(zip(r.every("key"), r.every("value")))
    return r.formatted(_described, r.store.latest_with(r.subject, wanted, deleted=r.flag("deleted")))


@_route("DELETE", "/subjects/*/versions/*")
def _delete_version(r: ApiRequest) -> Any:
    return r.store.delete_version(r.subject, r.args[1], permanent=r.flag("permanent"))


@_route("GET", "/subjects/*/versions/*/schema")
def _version_text(r: ApiRequest) -> Any:
    return r.store.version(r.subject, r.args[1], deleted=r.flag("deleted")).draft.text


@_route("GET", "/subjects/*/versions/*/referencedby")
def _referenced_by(r: ApiRequest) -> Any:
    return r.page(r.store.referenced_by(r.subject, r.args[1], deleted=r.flag("deleted")))


# Schemas


@_route("GET", "/schemas")
def _schemas(r: ApiRequest) -> Any:
    names = r.store.subjects(r.query.get("subjectPrefix", ":*:"), deleted=r.flag("deleted"))
    lists = [r.store.versions(name, deleted=r.flag("deleted")) for name in names]
    return r.page([_described(v) for found in lists for v in (found[-1:] if r.flag("latestOnly") else found)])


@_route("GET", "/schemas/types")
def _types(r: ApiRequest) -> Any:
    return list(TYPES)


@_route("GET", "/schemas/ids/*")
def _by_id(r: ApiRequest) -> Any:
    subject = r.query.get("subject", "")
    found = r.store.by_id(_integer(r.args[0]), subject)[0]
    return r.formatted(_schema, found) | ({"maxId": r.store.max_id(subject)} if r.flag("fetchMaxId") else {})


@_route("GET", "/schemas/ids/*/schema")
def _text_by_id(r: ApiRequest) -> Any:
    return r.store.by_id(_integer(r.args[0]), r.query.get("subject", ""))[0].draft.text


@_route("GET", "/schemas/ids/*/subjects")
def _subjects_by_id(r: ApiRequest) -> Any:
    return r.page(sorted({v.subject for v in _of_id(r)}))


@_route("GET", "/schemas/ids/*/versions")
def _versions_by_id(r: ApiRequest) -> Any:
    return r.page([{"subject": v.subject, "version": v.number} for v in _of_id(r)])


@_route("GET", "/schemas/guids/*")
def _by_guid(r: ApiRequest) -> Any:
    return r.formatted(_schema, r.store.by_guid(r.args[0]))


@_route("GET", "/contexts")
def _contexts(r: ApiRequest) -> Any:
    return r.page(r.store.contexts())


# Compatibility, config, mode


@_route("POST", "/compatibility/subjects/*/versions", "/compatibility/subjects/*/versions/*")
def _compatible(r: ApiRequest) -> Any:
    found = r.store.incompatibilities(r.subject, r.draft, r.args[1] if r.args[1:] else None)
    return {"is_compatible": not found} | ({"messages": found} if r.flag("verbose") else {})


@_route("GET", "/config", "/config/*")
def _config(r: ApiRequest) -> Any:
    subject = qualified(r.subject)
    in_scope = r.flag("defaultToGlobal")
    level, policy = (it.in_scope(subject) if in_scope else it.own(subject) for it in _config_of(r))
    if level is None:
        raise api_errors.no_subject_compatibility(subject)
    return _named("compatibilityLevel", level, policy)


@_route("PUT", "/config", "/config/*")
def _set_config(r: ApiRequest) -> Any:
    if unsupported := [name for name in _UNSUPPORTED_CONFIG if r.field(name) not in (None, False)]:
        raise api_errors.not_permitted(f"The development registry does not support {', '.join(unsupported)}")
    # What the request does not name stays as it is.
    for setting, name in zip(_config_of(r), ("compatibility", "compatibilityPolicy")):
        if r.field(name) is not None and setting.valid(r.field(name)) is None:
            raise _invalid(name, r.field(name))
    if all(r.field(name) is None for name in ("compatibility", "compatibilityPolicy")):
        raise api_errors.invalid_compatibility()
    subject = qualified(r.subject)
    for setting, name in zip(_config_of(r), ("compatibility", "compatibilityPolicy")):
        if value := setting.valid(r.field(name)):
            setting.set(subject, value)
    if r.store.levels.own(subject) is None:  # theirs has the server's level then, not that of all subjects
        r.store.levels.set(subject, r.store.levels.default)
    return _named("compatibility", *(setting.own(subject) for setting in _config_of(r)))


@_route("DELETE", "/config", "/config/*")
def _reset_config(r: ApiRequest) -> Any:
    level, policy = [setting.reset(qualified(r.subject)) for setting in _config_of(r)]
    if level is None:
        raise api_errors.subject_not_found(r.subject)
    return _named("compatibilityLevel", level, policy)


def _config_of(r: ApiRequest) -> tuple[Scoped, Scoped]:
    return r.store.levels, r.store.policies


def _invalid(name: str, value: Any) -> Problem:
    if name == "compatibility":
        return api_errors.invalid_compatibility()
    # Theirs takes a word that it does not know for none.
    return api_errors.not_permitted(f"The development registry does not support {name} {value}")


def _named(level_name: str, level: str | None, policy: str | None) -> dict[str, str]:
    """A config as theirs shows it, without what is not set."""
    found = {level_name: level, "compatibilityPolicy": policy}
    return {name: value for name, value in found.items() if value}


@_route("GET", "/mode", "/mode/*")
def _mode(r: ApiRequest) -> Any:
    subject = qualified(r.subject)
    mode = r.store.modes.in_scope(subject) if r.flag("defaultToGlobal") else r.store.modes.own(subject)
    if mode is None:
        raise api_errors.no_subject_mode(subject)
    return {"mode": mode}


@_route("PUT", "/mode", "/mode/*")
def _set_mode(r: ApiRequest) -> Any:
    mode = r.store.modes.valid(r.field("mode"))
    if mode is None:
        raise api_errors.invalid_mode()
    r.store.set_mode(r.subject, mode, force=r.flag("force"))
    return {"mode": mode}


@_route("DELETE", "/mode", "/mode/*")
def _reset_mode(r: ApiRequest) -> Any:
    mode = r.store.modes.reset(qualified(r.subject))
    if mode is None:
        raise api_errors.subject_not_found(r.subject)
    return {"mode": mode}


# Associations of topics with subjects


@_route("POST", "/associations")
def _associate(r: ApiRequest) -> Any:
    return r.store.associations.put(r.body, r.store.subjects(), update=False)


@_route("PUT", "/associations")
def _update_associations(r: ApiRequest) -> Any:
    return r.store.associations.put(r.body, r.store.subjects(), update=True)


@_route("GET", "/associations/resources/*/*")
def _associations_by_name(r: ApiRequest) -> Any:
    return _shown(r, r.store.associations.of_resource(*r.args))


@_route("GET", "/associations/resources/*")
def _associations_by_id(r: ApiRequest) -> Any:
    return _shown(r, r.store.associations.of_resource_id(r.args[0]))


@_route("GET", "/associations/subjects/*")
def _associations_by_subject(r: ApiRequest) -> Any:
    return _shown(r, r.store.associations.of_subject(r.args[0]))


@_route("DELETE", "/associations/resources/*")
def _delete_associations(r: ApiRequest) -> Any:
    gone = _chosen(r, r.store.associations.of_resource_id(r.args[0]))
    if not gone:
        raise api_errors.association_not_found(r.args[0])
    return r.store.associations.delete(gone, cascade=r.flag("cascadeLifecycle"))


def _chosen(r: ApiRequest, found: Iterable[StoredAssociation]) -> list[StoredAssociation]:
    """Those of the types and roles that the query asks for."""
    kind, roles, lifecycle = r.query.get("resourceType"), r.every("associationType"), r.query.get("lifecycle")
    return [
        it
        for it in sorted(found, key=lambda it: (it.namespace, it.name, it.role))
        if kind in (None, "", it.type)
        and (not roles or it.role in roles)
        and lifecycle in (None, it.lifecycle)
    ]


def _shown(r: ApiRequest, found: Iterable[StoredAssociation]) -> list[Any]:
    return r.page([it.as_json() for it in _chosen(r, found)])


@_route("GET", "/")
def _root(r: ApiRequest) -> Any:
    return {}


# Answers


def _of_id(r: ApiRequest) -> list[Version]:
    found = r.store.by_id(_integer(r.args[0]), r.query.get("subject", ""), deleted=r.flag("deleted"))
    return sorted(found, key=lambda v: (v.subject, v.number))


def _schema(version: Version) -> dict[str, Any]:
    """The schema alone. As theirs does, it leaves out what is empty and the type AVRO."""
    draft = version.draft
    references = [{"name": f.name, "subject": f.subject, "version": f.version} for f in draft.references]
    return {
        "schema": draft.text,
        "guid": draft.guid,
        **({"schemaType": draft.type} if draft.type != "AVRO" else {}),
        **({"references": references} if references else {}),
        **dict(draft.extra),
    }


def _described(version: Version) -> dict[str, Any]:
    where = {"subject": version.subject, "version": version.number, "id": version.draft.id}
    return where | _schema(version)
