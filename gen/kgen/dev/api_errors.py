"""What the development registry refuses, in the words and codes of Confluent's API."""

from __future__ import annotations


class Problem(Exception):  # noqa: N818 - an answer like any other
    """An answer that says no: `code` as documented (40401, 409, 42201…), `status` the HTTP status in it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = code // 100 if code >= 10_000 else code
        self.message = message


def subject_not_found(subject: str) -> Problem:
    """40401."""
    return Problem(40401, f"Subject '{subject}' not found.")


def version_not_found(version: int) -> Problem:
    """40402."""
    return Problem(40402, f"Version {version} not found.")


def schema_not_found(id_: int | str | None = None) -> Problem:
    """40403."""
    return Problem(40403, "Schema not found" if id_ is None else f"Schema {id_} not found")


def subject_soft_deleted(subject: str) -> Problem:
    """40404."""
    return Problem(
        40404, f"Subject '{subject}' was soft deleted.Set permanent=true to delete permanently"
    )  # the missing space is theirs


def subject_not_soft_deleted(subject: str) -> Problem:
    """40405."""
    return Problem(40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_soft_deleted(subject: str, version: int) -> Problem:
    """40406."""
    return Problem(
        40406,
        f"Subject '{subject}' Version {version} was soft deleted.Set permanent=true to delete permanently",
    )


def version_not_soft_deleted(subject: str, version: int) -> Problem:
    """40407."""
    return Problem(
        40407,
        f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted",
    )


def no_subject_compatibility(subject: str) -> Problem:
    """40408."""
    return Problem(40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def no_subject_mode(subject: str) -> Problem:
    """40409."""
    return Problem(40409, f"Subject '{subject}' does not have subject-level mode configured")


def incompatible(subject: str, violations: list[str]) -> Problem:
    """409."""
    details = f"[{', '.join(violations)}]"
    return Problem(
        409,
        "Schema being registered is incompatible with an earlier schema"
        f' for subject "{subject}", details: {details}',
    )


def invalid_schema(message: str) -> Problem:
    """42201."""
    return Problem(42201, message)


def invalid_version(version: str) -> Problem:
    """42202."""
    return Problem(
        42202,
        f"The specified version '{version}' is not a valid version id. "
        'Allowed values are between [1, 2^31-1] and the string "latest"',
    )


def invalid_compatibility() -> Problem:
    """42203."""
    return Problem(
        42203,
        "Invalid compatibility level. Valid values are none, backward, forward, full, "
        "backward_transitive, forward_transitive, and full_transitive",
    )


def invalid_mode() -> Problem:
    """42204."""
    return Problem(42204, "Invalid mode. Valid values are READWRITE, READONLY, IMPORT and FORWARD.")


def not_permitted(message: str) -> Problem:
    """42205."""
    return Problem(42205, message)


def reference_exists(subject: str, version: int) -> Problem:
    """42206."""
    return Problem(
        42206,
        "One or more references exist to the schema "
        f"{{magic=1,keytype=SCHEMA,subject={subject},version={version}}}.",
    )


def association_exists(resource: str, role: str) -> Problem:
    """40911."""
    return Problem(40911, f"An association of type '{role}' already exists for resource '{resource}'")


def association_frozen(resource: str, role: str) -> Problem:
    """409."""
    return Problem(409, f"The association of type '{role}' for resource '{resource}' is frozen")


def association_not_found(resource: str) -> Problem:
    """404."""
    return Problem(404, f"No association found for resource '{resource}'")


def invalid_association(name: str, detail: str) -> Problem:
    """42212."""
    return Problem(42212, f"The association specified has an invalid property '{name}': {detail}")


def invalid_subject(subject: str) -> Problem:
    """42208."""
    return Problem(42208, f"The specified subject '{subject}' is not a valid.")
