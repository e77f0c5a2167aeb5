"""Random chains of pulls: nothing that user code can name ever stands for something else."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.model.pulls import Project_, record, version

from kgen.model import Project
from kgen.model.subjects import SchemaVersion, Snapshot, Subject
from kgen.pycode.expr import flat

WIRES = [
    "op",
    "__op",
    "_op",
    "op_",
    "op__",
    "class",
    "class_",
    "__class",
    "aB",
    "a_b",
    "self",
    "None",
    "__None",
]
ENDS = [("order", "line"), ("value", ""), ("int", ""), ("root", "op"), ("root", "AB"), ("decimal", "")]
SHARED = ["address", "customer", "geo-value"]
TOPICS = ["t-value", "u.x-value", "u_x-value", "address_v2-value"]
ROOTS = {name: f"n{at}.Root{at}" for at, name in enumerate([*SHARED, *TOPICS])}


def short_names(at: int) -> list[str]:
    """Names that all want the same few classes. No two subjects have one of them: what moves to another
    namespace takes its class along.
    """
    return [f"{name}{'_' * gap}{rest}" for gap in (2 * at + 1, 2 * at + 2) for name, rest in ENDS]


def schema(rng: random.Random, subject: str, refer: Sequence[str]) -> dict[str, Any]:
    """A record of colliding names, with enums, unions and what it refers to."""
    space = ROOTS[subject].partition(".")[0]
    shorts = iter(rng.sample(short_names(int(space[1:])), len(ENDS) * 2))
    fields: list[tuple[str, Any]] = [(f"r{at}", name) for at, name in enumerate(refer)]
    for wire in some(rng, WIRES, 6):
        inner = record(f"{space}.{next(shorts)}", *some(rng, WIRES, 3))
        union = ["string", "int", inner]
        kinds = [
            "int",
            inner,
            {"type": "enum", "name": f"{space}.E{space}{wire}", "symbols": some(rng, WIRES, 6) or ["A"]},
            union,
            {"type": "array", "items": union},
        ]
        fields.append((wire, rng.choice(kinds)))
    return record(ROOTS[subject], *rng.sample(fields, len(fields)))


def some(rng: random.Random, items: Sequence[Any], most: int) -> list[Any]:
    """Up to so many of the items, in any order."""
    return rng.sample(items, rng.randint(0, min(most, len(items))))


class Registry:
    """Subjects with versions, each made when it is first asked for."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.versions: dict[str, list[SchemaVersion]] = {name: [] for name in [*SHARED, *TOPICS]}

    def register(self) -> None:
        subject = self.rng.choice([*SHARED, *TOPICS])
        before = SHARED[: SHARED.index(subject)] if subject in SHARED else SHARED
        known = [name for name in before if self.versions[name]]
        chosen = {name: self.rng.choice(self.versions[name]) for name in some(self.rng, known, 2)}
        # Two versions of one type cannot stand in one schema.
        numbers: dict[str, int] = {}
        for name, target in chosen.items():
            closure = {name: target.version, **{r.subject: r.version for r in self._all(target)}}
            if all(numbers.get(s, n) == n for s, n in closure.items()):
                numbers |= closure
        used = [name for name in chosen if numbers.get(name) == chosen[name].version]
        number = len(self.versions[subject]) + 1
        references = {name.replace("-", "_"): chosen[name].version for name in used}
        self.versions[subject].append(
            version(subject, schema(self.rng, subject, [ROOTS[name] for name in used]), number, **references)
        )

    def _all(self, user: SchemaVersion) -> Iterator[Any]:
        for reference in user.references:
            yield reference
            yield from self._all(self.versions[reference.subject][reference.version - 1])

    def snapshot(self) -> Snapshot:
        """Some of the subjects, each up to some version, or of that one alone."""
        subjects = []
        for name, versions in self.versions.items():
            if versions and self.rng.randrange(6):
                latest = self.rng.choice([len(versions), len(versions), 1 + len(versions) // 2])
                first = self.rng.choice([0, latest - 1])
                subjects.append(Subject(name, tuple(versions[first:latest])))
        reached = {(r.subject, r.version) for s in subjects for v in s.versions for r in self._all(v)}
        referenced = tuple(self.versions[name][number - 1] for name, number in sorted(reached))
        return Snapshot("http://registry", tuple(sorted(subjects, key=lambda s: s.name)), referenced)


def meanings(model: Project) -> Iterator[tuple[str, Any]]:
    """Everything that user code can name, and what it stands for on the wire."""
    for module in model.modules:
        yield module.name, sorted({source.subject.removesuffix("-key") for source in module.sources})
        aliases = {alias.name for alias in module.aliases}
        for record_ in module.records:
            yield f"{module.name}.{record_.name}", record_.fullname
            for item in record_.fields:
                yield f"{module.name}:{record_.fullname}.{item.name}", item.wire
                for alias in aliases & set(flat(item.annotation).replace("[", " ").replace("]", " ").split()):
                    yield f"{module.name}.{alias}", (record_.fullname, item.wire)
        for enum in module.enums:
            yield f"{module.name}.{enum.name}", enum.fullname
            yield from ((f"{module.name}:{enum.fullname}.{s.name}", s.wire) for s in enum.symbols)
        by_module = {other.name: other for other in model.modules}
        for item in module.imports:  # type: ignore[assignment]
            there = {
                it.name: it.fullname  # type: ignore[attr-defined]
                for it in (*by_module[item.module].records, *by_module[item.module].enums)  # type: ignore[attr-defined]
            }
            if item.name in there:
                yield f"{module.name}.{item.local}", there[item.name]  # type: ignore[attr-defined]


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 2**64))
def test_nothing_that_user_code_can_name_ever_stands_for_something_else(seed: int) -> None:
    rng = random.Random(seed)
    registry, project = Registry(rng), Project_()
    seen: dict[str, Any] = {}
    modules: dict[str, str] = {}
    for _ in range(rng.randint(2, 7)):
        for _ in range(rng.randint(1, 3)):
            registry.register()
        model = project.pull(registry.snapshot())
        for name, meaning in meanings(model):
            assert (name, seen.setdefault(name, meaning)) == (name, meaning)
        assert modules.items() <= project.names.modules.items()
        modules = dict(project.names.modules)
        assert len(set(modules.values())) == len(modules)
