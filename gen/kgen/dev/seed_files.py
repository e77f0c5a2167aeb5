"""The schemas in a seed folder, in an order in which a registry takes them.

    DIR/<subject>.avsc              one version; .json and .proto likewise
    DIR/<subject>/v<N>.avsc         several versions, registered in the order of their numbers
    DIR/<file>.references.json      beside a schema file: its references, as the registry API takes them

What cannot stand in a file name is percent-encoded (`a%2Fb-value.avsc`). References of Avro schemas are found
by name: a name that a schema uses and does not define is looked for in the other files; so is what a .proto
file imports, by the name of a subject, with or without `.proto`. The version taken is the one with the same
number, else the newest. A `.references.json` says it instead; JSON Schema needs one.

What is wrong with one file is its `fault`, so that the others can be taken without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from urllib.parse import unquote

from kgen_runtime.errors import ConfigError, KgenError, SchemaError
from kgen_runtime.serde.subject_names import qualified

from ..candidates.schema_positions import check_json
from ..candidates.used_names import NamesInSchema, names_in
from ..model.subjects import Reference, SchemaType

_TYPES: dict[str, SchemaType] = {".avsc": "AVRO", ".json": "JSON", ".proto": "PROTOBUF"}
_SIDECAR = ".references.json"


@dataclass(frozen=True)
class SeedSchema:
    """One version of a subject, from a file; `fault` is why it cannot be registered."""

    subject: str
    version: int
    type: SchemaType
    text: str
    path: Path
    references: tuple[Reference, ...] = ()
    fault: KgenError | None = None

    @property
    def place(self) -> tuple[str, int]:
        """Subject and version."""
        return self.subject, self.version


def load(folder: Path) -> list[SeedSchema]:
    """Every schema in the folder with its references, each after those it refers to; also those with a fault.
    Raises `ConfigError` if there is none at all.
    """
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}")
    found = [_read(*place) for place in _files(folder)]
    if not found:
        raise ConfigError(
            f"there are no schemas in {folder}", hint="Expected <subject>.avsc or <subject>/v1.avsc."
        )
    return _ordered([_with_references(s, found) for s in found], folder)


def _files(folder: Path) -> Iterator[tuple[str, int, Path]]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from ((unquote(path.name), number, file) for number, file in _numbered(path))
        elif _is_schema(path):
            yield unquote(path.stem), 1, path


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    matches = [(re.fullmatch(r"v([0-9]+)", path.stem), path) for path in folder.iterdir() if _is_schema(path)]
    return sorted((int(match[1]), path) for match, path in matches if match)


def _is_schema(path: Path) -> bool:
    return path.suffix in _TYPES and not path.name.endswith(_SIDECAR)


def _read(subject: str, version: int, path: Path) -> SeedSchema:
    made = SeedSchema(qualified(subject), version, _TYPES[path.suffix], "", path)
    try:
        made = replace(made, text=path.read_text("utf-8-sig"))
        if made.type != "PROTOBUF":
            check_json(made.text, str(path))
    except (OSError, UnicodeDecodeError) as e:
        return replace(made, fault=ConfigError(f"the schema cannot be read: {e}", where=str(path)))
    except SchemaError as e:
        return replace(made, fault=e)
    return made


def _with_references(schema: SeedSchema, found: Sequence[SeedSchema]) -> SeedSchema:
    try:
        return replace(schema, references=_references(schema, found))
    except ConfigError as e:
        return replace(schema, fault=schema.fault or e)


def _references(schema: SeedSchema, found: Sequence[SeedSchema]) -> tuple[Reference, ...]:
    sidecar = schema.path.with_name(schema.path.name.removesuffix(schema.path.suffix) + _SIDECAR)
    if sidecar.exists():
        return _from_sidecar(sidecar)
    if schema.type == "JSON":
        return ()
    providers = {name: _provider(name, schema, found) for use in _names(schema).uses for name in use[:1]}
    return tuple(Reference(name, p.subject, p.version) for name, p in sorted(providers.items()) if p)


def _from_sidecar(path: Path) -> tuple[Reference, ...]:
    try:
        listed = json.loads(path.read_text("utf-8"))
        return tuple(Reference(r["name"], qualified(r["subject"]), r["version"]) for r in listed)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(
            "this is not a list of references",
            where=str(path),
            hint='Expected [{"name": …, "subject": …, "version": 1}].',
        ) from None


def _provider(name: str, schema: SeedSchema, found: Sequence[SeedSchema]) -> SeedSchema | None:
    others = [s for s in found if s.type == schema.type and s.subject != schema.subject]
    if schema.type == "PROTOBUF":
        called = {name, name.removesuffix(".proto")}
        called |= {it.rpartition("/")[2] for it in called}
        holders = [s for s in others if s.subject in called]
    else:
        holders = [s for s in others if name in _names(s).defined]
    same = [s for s in holders if s.version == schema.version]
    return max(same or holders, key=lambda s: s.version, default=None)


def _names(schema: SeedSchema) -> NamesInSchema:
    """The full names that an Avro schema defines, and those that it uses; what a .proto file imports."""
    return names_in(schema.type, schema.text)


def _ordered(schemas: list[SeedSchema], folder: Path) -> list[SeedSchema]:
    places = {s.place: s for s in schemas}
    while True:
        try:
            order = list(TopologicalSorter(_graph(places)).static_order())
            return [places[place] for place in order if place in places]
        except CycleError as e:
            circle = " -> ".join(f"{subject} v{version}" for subject, version in e.args[1])
            fault = ConfigError(f"the schemas refer to each other in a circle: {circle}", where=str(folder))
            for place in e.args[1]:
                places[place] = replace(places[place], references=(), fault=fault)


def _graph(places: Mapping[tuple[str, int], SeedSchema]) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """What comes before each: what it refers to, and earlier versions."""
    graph = {place: {(r.subject, r.version) for r in s.references} for place, s in places.items()}
    for subject, version in places:
        graph[subject, version] |= {(s, v) for s, v in places if s == subject and v < version}
    return graph
