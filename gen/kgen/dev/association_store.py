"""Which subjects the development registry has associated with topics. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from kgen_runtime.serde.subject_names import qualified

from . import api_errors

ANY_NAMESPACE: Final = "-"
TOPIC: Final = "topic"
_ROLES: Final = ("key", "value")
_LIFECYCLES: Final = ("STRONG", "WEAK")


@dataclass(frozen=True)
class StoredAssociation:
    """A subject that the keys or values (`role`) of a resource are of."""

    subject: str
    name: str
    namespace: str
    resource: str
    type: str
    role: str
    lifecycle: str
    frozen: bool
    guid: str

    def as_json(self) -> dict[str, Any]:
        """As the registry's API shows it."""
        return {
            "subject": self.subject,
            "guid": self.guid,
            "resourceName": self.name,
            "resourceNamespace": self.namespace,
            "resourceId": self.resource,
            "resourceType": self.type,
            **self.as_info(),
        }

    def as_info(self) -> dict[str, Any]:
        """As the answer to a request that makes it shows it."""
        return {
            "subject": self.subject,
            "associationType": self.role,
            "lifecycle": self.lifecycle,
            "frozen": self.frozen,
        }


class AssociationStore:
    """The associations, each of one subject with one role of a resource."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], StoredAssociation] = {}  # resource, type, role

    def put(self, body: Any, subjects: Collection[str], *, update: bool) -> dict[str, Any]:
        """Make associations, or change them if `update`; `subjects` are those that there are.

        Raises 40911, 42212, and 40401 for a subject that is not there.
        """
        new = [self._read(body, each, update=update) for each in _infos(body)]
        for each in new:
            old = self._known.get(_key(each))
            if old is not None and not update and replace(each, guid=old.guid) != old:
                raise api_errors.association_exists(each.name, each.role)
            if each.subject not in subjects:
                raise api_errors.subject_not_found(each.subject)
        self._known |= {_key(each): each for each in new}
        return {**_resource(body), "associations": [each.as_info() for each in new]}

    def of_resource(self, namespace: str, name: str) -> Iterator[StoredAssociation]:
        """Those of a resource by its name; `-` is any namespace."""
        spaces = (ANY_NAMESPACE, "")
        return (
            it
            for it in self._known.values()
            if it.name == name and (namespace in spaces or it.namespace == namespace)
        )

    def of_resource_id(self, resource: str) -> Iterator[StoredAssociation]:
        """Those of a resource by its id."""
        return (it for it in self._known.values() if it.resource == resource)

    def of_subject(self, subject: str) -> Iterator[StoredAssociation]:
        """Those of a subject."""
        return (it for it in self._known.values() if it.subject == qualified(subject))

    def delete(self, gone: Collection[StoredAssociation], *, cascade: bool) -> None:
        """Delete some. Raises 409 for a frozen one, unless `cascade`."""
        for each in gone:
            if each.frozen and not cascade:
                raise api_errors.association_frozen(each.name, each.role)
        for each in gone:
            del self._known[_key(each)]

    def forget(self, subject: str) -> None:
        """Delete those of a subject that is gone."""
        self.delete(list(self.of_subject(subject)), cascade=True)

    def _read(self, body: Any, info: Any, *, update: bool) -> StoredAssociation:
        resource = _resource(body)
        role = info.get("associationType") or "value"
        subject, lifecycle = info.get("subject"), info.get("lifecycle") or "WEAK"
        if role not in _ROLES:
            raise api_errors.invalid_association("associationType", "must be key or value")
        if lifecycle not in _LIFECYCLES:
            raise api_errors.invalid_association("lifecycle", "must be STRONG or WEAK")
        if not isinstance(subject, str) or not subject:
            raise api_errors.invalid_association("subject", "must be given")
        if info.get("schema") is not None:
            # A setting that is accepted and has no effect would be worse than an error.
            raise api_errors.not_permitted("The development registry takes no schema with an association")
        made = StoredAssociation(
            qualified(subject),
            resource["resourceName"],
            resource["resourceNamespace"],
            resource["resourceId"],
            resource["resourceType"],
            role,
            lifecycle,
            info.get("frozen") is True,
            str(uuid.uuid4()),
        )
        old = self._known.get(_key(made))
        if update and old is None:
            raise api_errors.association_not_found(made.name)
        return replace(made, guid=old.guid) if old else made


def _key(it: StoredAssociation) -> tuple[str, str, str]:
    return it.resource, it.type, it.role


def _infos(body: Any) -> list[Mapping[str, Any]]:
    found = body.get("associations") if isinstance(body, dict) else None
    if not isinstance(found, list) or not found or not all(isinstance(it, dict) for it in found):
        raise api_errors.invalid_association("associations", "must be a list of them")
    return found


def _resource(body: Mapping[str, Any]) -> dict[str, str]:
    """What is associated. Without a namespace or an id, those that follow from the name."""
    name, kind = body.get("resourceName"), body.get("resourceType") or TOPIC
    if not isinstance(name, str) or not name:
        raise api_errors.invalid_association("resourceName", "must be given")
    if kind != TOPIC:
        raise api_errors.invalid_association("resourceType", "must be topic")
    namespace = body.get("resourceNamespace") or ANY_NAMESPACE
    return {
        "resourceName": name,
        "resourceNamespace": str(namespace),
        "resourceId": str(body.get("resourceId") or f"{namespace}/{name}"),
        "resourceType": kind,
    }
