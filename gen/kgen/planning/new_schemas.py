"""What to say of a schema when it arrives: defaults that count as none, and what its types do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kgen_runtime.codec.avro.schema.tree import Record, Schema
from kgen_runtime.codec.json.schema.json_tree import JsonSchema
from kgen_runtime.errors import SchemaError

from ..listing import title
from ..model.default_expr import beyond_defaults, invalid_default
from ..model.json_default import unfit_defaults
from ..model.library import SUPPORTED, Library, ParsedVersion
from ..model.subjects import SchemaVersion, Snapshot
from ..model.value_types import full_names
from ..project.lockfile import Locked
from ..protobuf.proto_model import ProtoModel
from ..pycode import quote
from .json_notes import json_notes
from .proto_notes import proto_notes

_SHOWN = 5


def notes(
    old: Locked | None, library: Library, tables: Mapping[str, str], *, keeps_raw: bool = False
) -> Iterator[str]:
    """What to say of the schemas that models are made from, as far as the lock does not hold them yet.

    A line for each field, for at most so many of a subject, and one for each kind of the rest. `tables` has
    the topic of kgen.toml for each subject that its values are of. `keeps_raw`: what Python has no value for
    is an `rt.OutOfRange`.
    """
    known = {(v.subject, v.version, v.text) for v in old.versions()} if old else set()
    latest = {it.name: it.latest.version for it in old.snapshot.subjects} if old else {}
    for version in _read(library.snapshot):
        if (version.subject, version.version, version.text) in known:
            continue
        try:
            unit = library.unit((version.subject, version.version))
            before = _names(library, version.subject, latest.get(version.subject))
            found = list(_fields(unit, keeps_raw))
            notes_ = [*json_notes(unit), *proto_notes(unit, before, tables.get(version.subject))]
        except SchemaError:
            continue  # which is reported where the model is made
        place = quote.comment(f"{title(version.subject)} v{version.version}")
        yield from (f"{place}: {line}" for line in found[:_SHOWN])
        if len(found) > _SHOWN:
            yield f"{place}: {len(found) - _SHOWN} more fields have a default that is ignored"
        yield from (f"{place}: {line}" for line in notes_)


def _read(new: Snapshot) -> Iterator[SchemaVersion]:
    """What generated code reads, and what that refers to."""
    latest = [subject.latest for subject in new.subjects]
    every = {(v.subject, v.version): v for v in (*latest, *new.referenced) if v.type in SUPPORTED}
    return iter(every.values())


def _names(library: Library, subject: str, version: int | None) -> tuple[str, ...]:
    """The messages of an earlier version that is still read."""
    if version is None or (subject, version) not in library.versions:
        return ()
    try:
        return full_names(library.unit((subject, version)))
    except SchemaError:
        return ()


def _fields(unit: ParsedVersion, keeps_raw: bool) -> Iterator[str]:
    if isinstance(unit.schema, JsonSchema):
        places = {it: unit.natural(it) for it in unit.own}
        yield from map(quote.comment, unfit_defaults(unit.schema, places, keeps_raw=keeps_raw))
        return
    if isinstance(unit.schema, ProtoModel):
        return
    assert isinstance(unit.schema, Schema)
    records = {it: named for it in unit.own if isinstance(named := unit.schema.names[it], Record)}
    yield from map(quote.comment, beyond_defaults(records, unit.schema.names, keeps_raw=keeps_raw))
    for name in unit.own:
        named = unit.schema.names[name]
        for field in named.fields if isinstance(named, Record) else ():
            if field.invalid_default:
                yield quote.comment(f"{name}.{field.name}: {invalid_default(field.invalid_default)}")
