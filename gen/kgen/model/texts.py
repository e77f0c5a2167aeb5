"""What `_schemas` holds: the texts of the schemas that serdes need, by subject, each text once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..protobuf.proto_model import ProtoModel
from ..pycode import quote
from ..pycode.expr import Expr, call, tuple_of
from .library import Library, Pair
from .project import SubjectTexts
from .subject_filter import wanted
from .subjects import SchemaVersion
from .topic_plans import TopicPlan, Usable


class Texts:
    """The versions of the subjects that topics read, of those that these refer to, and of those that have a
    module: objects of its classes may be kept.
    """

    def __init__(
        self,
        library: Library,
        readable: Usable,
        plans: Iterable[TopicPlan],
        modules: Mapping[Pair, str],
        ignore_rules: Sequence[str],
    ) -> None:
        subjects = sorted({subject for plan in plans for subject in plan.read})
        self._library = library
        self._ignore_rules = ignore_rules
        self._read = {(v.subject, v.version): v for name in subjects for v in readable.versions[name]}
        self._counts = Counter(subject for subject, _ in self._read)
        defining = {subject for subject, version in modules if library.unit((subject, version)).classes}
        self._kept = {(v.subject, v.version): v for name in defining for v in readable.versions.get(name, ())}

    def versions(self, subject: str) -> int:
        """How many versions of a subject messages are written with."""
        return self._counts[subject]

    def all(self) -> tuple[SubjectTexts, ...]:
        """Every subject, sorted."""
        by_subject: dict[str, list[SchemaVersion]] = {}
        for (subject, _), version in sorted(self._all().items()):
            by_subject.setdefault(subject, []).append(version)
        return tuple(
            SubjectTexts(
                subject,
                tuple_of(map(self._version, versions)),
                tuple(v.text for v in versions),
                wanted(subject, self._ignore_rules),
                self._descriptor(versions),
            )
            for subject, versions in by_subject.items()
        )

    def _all(self) -> Mapping[Pair, SchemaVersion]:
        own = {**self._kept, **self._read}
        units = map(self._library.unit, own)
        referenced = {(v.subject, v.version): v for unit in units for v in unit.references}
        return {**referenced, **own}

    def _descriptor(self, versions: Sequence[SchemaVersion]) -> str:
        """That of the last of its versions that is read, or kept, and is of Protobuf."""
        own = [(v.subject, v.version) for v in versions if v.type == "PROTOBUF"]
        pairs = [pair for pair in own if pair in self._kept or pair in self._read]
        schema = self._library.schema(max(pairs)) if pairs else None
        return schema.descriptor if isinstance(schema, ProtoModel) else ""

    def _version(self, version: SchemaVersion) -> Expr:
        extra: dict[str, Expr] = {"guid": quote.string(version.guid)} if version.guid else {}
        if version.type != "AVRO":
            extra["type"] = quote.string(version.type)
        references = tuple(_references(version))
        if references:
            extra["references"] = tuple_of(references)
        if (version.subject, version.version) not in self._read:
            extra["read"] = "False"
        return call("rt.VendoredVersion", str(version.version), id=str(version.id), **extra)


def _references(version: SchemaVersion) -> Iterator[Expr]:
    named = version.type != "AVRO"  # where texts use the names that the registry keeps
    found = dict.fromkeys((it.subject, it.version, it.name if named else "") for it in version.references)
    for subject, number, name in found:
        yield tuple_of((quote.string(subject), str(number), *([quote.string(name)] if named else [])))
