"""The entries as a site: every file by its path, as text. Pages need neither network nor script to be read.

What comes from schemas and code is escaped for HTML, without characters that cannot be seen; the policy in
each page forbids every script, style and address but the site's own files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from json.encoder import encode_basestring
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import jinja2

from ..compat.change_kinds import Change
from ..html_environment import html_environment, visible_lines
from ..impact.flow_topics import FlowOutline, TopicCall
from ..model.trees import LANGUAGES
from ..progress_callback import ProgressCallback, silent
from .entries import (
    Catalog,
    Extras,
    FieldRow,
    SubjectEntry,
    TopicEntry,
    TopicHalf,
    TypeRow,
    TypeWord,
    VersionRow,
)
from .page_names import (
    ROWS,
    field_anchors,
    pages_of,
    subject_page,
    topic_pages,
    type_anchor,
    type_anchor_of,
)
from .search_index import search_index

MANIFEST: Final = "catalog.json"
"""The file that says of a folder that it is a catalog, and which files are the catalog's."""
_NAVIGATION: Final = (
    ("index.html", "Subjects"),
    ("topics.html", "Topics"),
    ("flows.html", "Flows"),
    ("tags.html", "Tags"),
)
_TEXT: Final = 100_000
"""Characters of a schema's text."""
_DOC: Final = 240
"""Characters of a doc in a list."""
_DEEPEST: Final = 5
_PILLS: Final = {
    (required, nullable): tuple(
        word for word, holds in (("required", required), ("nullable", nullable)) if holds
    )
    for required in (False, True)
    for nullable in (False, True)
}
_SIGNS: Final = {"+": "added", "-": "removed"}


def site(catalog: Catalog, progress: ProgressCallback = silent) -> dict[str, str]:
    """The files of the site by their paths, sorted; the manifest among them."""
    files = dict(_files(catalog, progress))
    names = sorted([*files, MANIFEST])
    manifest = {"version": 1, "kgen": catalog.version, "package": catalog.package, **catalog.as_json()}
    files[MANIFEST] = json.dumps({**manifest, "files": names}, indent=1) + "\n"
    return {name: files[name] for name in names}


def _files(catalog: Catalog, progress: ProgressCallback) -> Iterator[tuple[str, str]]:
    pages = _Pages(catalog)
    yield "catalog.css", html_environment().get_template("catalog.css.j2").render()
    yield "catalog.js", html_environment().get_template("catalog.js.j2").render()
    yield "search-index.js", search_index(catalog)
    yield "index.html", pages.index()
    yield "topics.html", pages.topics()
    yield "flows.html", pages.flows()
    yield "tags.html", pages.tags()
    for topic, page in pages.topics_and_pages:
        yield page, pages.topic(topic)
    for done, subject in enumerate(catalog.subjects, 1):
        yield from pages.subject(subject)
        progress(done, len(catalog.subjects), "pages written")


@dataclass(frozen=True)
class _Link:
    """A name, and where it leads to (empty: nowhere)."""

    name: str
    href: str
    line: int = 0


@dataclass(frozen=True)
class _Word:
    text: str
    href: str


@dataclass(frozen=True)
class _SubjectLine:
    name: str
    href: str
    doc: str
    language: str
    version: int
    compatibility: str
    fields: str


class _RowView(NamedTuple):
    """Its parts in the order in which the template takes it apart: a page has very many."""

    anchor: str
    above: str
    name: str
    depth: int
    pills: tuple[str, ...]
    tags: tuple[str, ...]
    type: str
    words: tuple[_Word, ...]  # of the type, if it has links
    doc: str
    facts: tuple[tuple[str, str], ...]
    note: str
    note_name: str
    note_href: str
    uses: Sequence[Any]


@dataclass(frozen=True)
class _TypeView:
    anchor: str
    title: str
    full: str
    kind: str
    tags: tuple[str, ...]
    origin: str
    origin_href: str
    fields: int
    facts: tuple[tuple[str, str], ...]
    doc: str
    symbols: Sequence[Any]


@dataclass(frozen=True)
class _ChangeView:
    kind: str
    sign: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class _VersionView:
    number: int
    id: int
    language: str
    deleted: bool
    verdicts: tuple[tuple[bool, str], ...]
    summary: str
    facts: tuple[tuple[str, str], ...]
    unread: str
    before: int | None
    changes: tuple[_ChangeView, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _FlowView:
    anchor: str
    name: str
    title: str
    path: str
    line: int
    doc: str
    reads: tuple[_Link, ...]
    writes: tuple[_Link, ...]
    letters: tuple[_Link, ...]


@dataclass(frozen=True)
class _PageView:
    """One of the pages of a subject."""

    number: int
    pages: int
    first: str
    all: int

    @property
    def start(self) -> int:
        return (self.number - 1) * ROWS

    @property
    def as_values(self) -> Mapping[str, Any]:
        stem = self.first.removesuffix(".html")
        after = f"{stem}~p{self.number + 1}.html" if self.number < self.pages else ""
        before = f"{stem}~p{self.number - 1}.html" if self.number > 2 else self.first
        return {
            "number": self.number,
            "pages": self.pages,
            "first": self.first,
            "all": f"{self.all:,}",
            "from": f"{self.start + 1:,}",
            "to": f"{min(self.start + ROWS, self.all):,}",
            "previous": before if self.number > 1 else "",
            "next": after,
        }


@dataclass
class _Pages:
    catalog: Catalog
    topics_and_pages: list[tuple[TopicEntry, str]] = field(init=False)
    _pages_by_topic: dict[str, str] = field(default_factory=dict)
    _by_subject: dict[str, list[tuple[str, TopicEntry, str]]] = field(default_factory=dict)
    _numbers: dict[tuple[str, int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.topics_and_pages = list(zip(self.catalog.topics, topic_pages(self.catalog.topics)))
        for topic, page in self.topics_and_pages:
            self._pages_by_topic.setdefault(topic.name, page)
            for role, half in (("key", topic.key), ("value", topic.value)):
                for name in half.subjects:
                    self._by_subject.setdefault(name, []).append((role, topic, page))
        for number, flow in enumerate(self.catalog.flows, 1):
            self._numbers[flow.path, flow.line, flow.name] = number

    def _fill(self, template: str, section: str, base: str = "", **values: Any) -> str:
        return _template(template).render(
            catalog=self.catalog, navigation=_NAVIGATION, section=section, base=base, **values
        )

    # ---------------------------------------------------------------------- lists

    def index(self) -> str:
        numbers = self.catalog.as_json()
        facts = [
            ("subjects", f"{numbers['subjects']:,}", ""),
            ("fields", f"{numbers['fields']:,}", ""),
            ("topics", f"{numbers['topics']:,}", "topics.html"),
            ("flows", f"{numbers['flows']:,}", "flows.html"),
        ]
        lines = [(subject.referenced, _line(subject)) for subject in self.catalog.subjects]
        return self._fill(
            "catalog_index.html",
            "Subjects",
            facts=facts,
            subjects=[line for is_referenced, line in lines if not is_referenced],
            referenced=[line for is_referenced, line in lines if is_referenced],
        )

    def topics(self) -> str:
        rows = [
            {
                "name": topic.name,
                "href": page,
                "key": self._half(topic.key, ""),
                "value": self._half(topic.value, ""),
                "readers": _flow_names(use.flow for use in topic.readers),
                "writers": _flow_names(use.flow for use in (*topic.writers, *topic.dead_letters)),
            }
            for topic, page in self.topics_and_pages
        ]
        return self._fill("catalog_topics.html", "Topics", topics=rows)

    def flows(self) -> str:
        views = [self._flow(flow, number, "") for number, flow in enumerate(self.catalog.flows, 1)]
        return self._fill("catalog_flows.html", "Flows", flows=views)

    def tags(self) -> str:
        anchors: dict[str, dict[int, str]] = {}
        rows = []
        for tag, places in self.catalog.tags.items():
            found = []
            for subject, row in places:
                if isinstance(row, TypeRow):
                    href = f"{subject_page(subject.name)}#{type_anchor(row)}"
                    found.append({"name": row.title, "subject": subject.name, "href": href})
                else:
                    if subject.name not in anchors:
                        each = zip(subject.rows, field_anchors(subject.rows))
                        anchors[subject.name] = {
                            id(it): f"{subject_page(subject.name, n // ROWS + 1)}#{anchor}"
                            for n, (it, anchor) in enumerate(each)
                        }
                    href = anchors[subject.name][id(row)]
                    found.append({"name": row.path, "subject": subject.name, "href": href})
            rows.append({"name": tag, "places": found})
        return self._fill("catalog_tags.html", "Tags", tags=rows)

    # ---------------------------------------------------------------------- a topic

    def topic(self, topic: TopicEntry) -> str:
        uses = [*topic.readers, *topic.writers, *topic.dead_letters]
        numbers = sorted({self._number(use.flow) for use in uses})
        return self._fill(
            "catalog_topic.html",
            "Topics",
            "../",
            topic={
                "name": topic.name,
                "module": topic.module and f"{self.catalog.package}._generated.{topic.module}",
                "key": self._half(topic.key, "../"),
                "value": self._half(topic.value, "../"),
            },
            flows=[self._flow(self.catalog.flows[number - 1], number, "../") for number in numbers],
        )

    def _number(self, flow: FlowOutline) -> int:
        return self._numbers[flow.path, flow.line, flow.name]

    def _half(self, half: TopicHalf, base: str) -> Mapping[str, Any]:
        parts = [self._part(half, name, base) for name in half.subjects]
        return {"name": half.format, "parts": parts}

    def _part(self, half: TopicHalf, name: str, base: str) -> Mapping[str, str]:
        """One subject of a key or value."""
        subject = self.catalog.by_name.get(name)
        if subject is None:
            return {"name": name, "href": "", "about": ""}
        number = f"v{subject.latest.number}, id {subject.latest.id}"
        kind = "".join(word.text for word in subject.root) if half.types else half.type
        about = f"{LANGUAGES.get(subject.language, subject.language)} {kind}".rstrip()
        return {"name": name, "href": f"{base}{subject_page(name)}", "about": f"{about}, {number}"}

    # ---------------------------------------------------------------------- flows

    def _flow(self, flow: FlowOutline, number: int, base: str) -> _FlowView:
        by_access: dict[str, list[_Link]] = {}
        for call in flow.calls:
            by_access.setdefault(call.access, []).append(self._call(call, base))
        paragraph = flow.doc.split("\n\n")[0]
        return _FlowView(
            f"flow{number}",
            flow.name,
            flow.name or flow.module,
            flow.path,
            flow.line,
            paragraph,
            tuple(by_access.get("reads", ())),
            tuple(by_access.get("writes", ())),
            tuple(by_access.get("writes dead letters", ())),
        )

    def _call(self, call: TopicCall, base: str) -> _Link:
        page = self._pages_by_topic.get(call.topic)
        return _Link(call.topic, base + page if page else "", call.line)

    # ---------------------------------------------------------------------- a subject

    def subject(self, subject: SubjectEntry) -> Iterator[tuple[str, str]]:
        """All of its pages."""
        pages = pages_of(subject)
        first = PurePosixPath(subject_page(subject.name)).name
        anchors = list(field_anchors(subject.rows))
        names = {it.name for it in subject.types}
        types = [self._type(subject, it) for it in subject.types]
        versions = [_version(it, subject) for it in reversed(subject.versions)]
        text = pretty(subject.text)
        for number in range(1, pages + 1):
            page = _PageView(number, pages, first, len(subject.rows))
            chosen = range(page.start, min(page.start + ROWS, len(subject.rows)))
            home = "" if number == 1 else first
            rows = [_row(subject.rows[n], anchors[n], names, home) for n in chosen]
            has_links = bool(subject.latest.references or subject.used_by)
            content = self._fill(
                "catalog_subject.html",
                "Subjects",
                "../",
                subject=subject,
                latest=subject.latest,
                page=page.as_values,
                rows=rows,
                types=types,
                versions=versions,
                references=[
                    {
                        "name": it.name,
                        "subject": it.subject,
                        "version": it.version,
                        "href": f"../{subject_page(it.subject)}"
                        if it.subject in self.catalog.by_name
                        else "",
                    }
                    for it in subject.latest.references
                ],
                used_by=[
                    {"subject": name, "version": version, "href": f"../{subject_page(name)}"}
                    for name, version in subject.used_by
                ],
                topics=list(self._topics_of(subject)),
                text=visible_lines(text[:_TEXT]),
                text_note=f"the first {_TEXT:,} of {len(text):,} characters" if len(text) > _TEXT else "",
                side=_side(subject, number, has_links=has_links),
            )
            yield subject_page(subject.name, number), content

    def _topics_of(self, subject: SubjectEntry) -> Iterator[Mapping[str, str]]:
        for role, topic, page in self._by_subject.get(subject.name, ()):
            both = (("read by", topic.readers), ("written by", topic.writers))
            said = [f"{verb} {', '.join(_flow_names(it.flow for it in uses))}" for verb, uses in both if uses]
            yield {"role": role, "name": topic.name, "href": f"../{page}", "flows": "; ".join(said)}

    def _type(self, subject: SubjectEntry, it: TypeRow) -> _TypeView:
        origin = it.origin[0]
        facts = [
            ("class", it.python),
            ("default", it.default or ""),
            ("bytes", "" if it.size is None else f"{it.size:,}"),
            ("aliases", ", ".join(it.aliases)),
        ]
        return _TypeView(
            anchor=type_anchor(it),
            title=it.title,
            full=it.name if it.name != it.title else "",
            kind=it.kind,
            tags=it.extras.tags,
            origin=f"{origin} v{it.origin[1]}" if origin != subject.name else "",
            origin_href=f"../{subject_page(origin)}",
            fields=it.fields,
            facts=(*((name, text) for name, text in facts if text), *_extra_facts(it.extras)),
            doc=it.doc or "",
            symbols=it.symbols,
        )


@lru_cache
def _template(name: str) -> jinja2.Template:
    environment = html_environment()
    # Not imported by each page: that takes jinja2 a tenth of the time of a page.
    parts = environment.get_template("catalog_parts.html.j2", globals={"languages": LANGUAGES}).module
    return environment.get_template(f"{name}.j2", globals={"parts": parts})


def _line(subject: SubjectEntry) -> _SubjectLine:
    doc = " ".join((subject.doc or subject.unread or "").split())
    return _SubjectLine(
        subject.name,
        subject_page(subject.name),
        doc if len(doc) <= _DOC else f"{doc[:_DOC]}…",
        subject.language,
        subject.latest.number,
        subject.compatibility or "",
        f"{len(subject.rows):,}" if subject.rows else "",
    )


def _flow_names(flows: Iterator[FlowOutline]) -> list[str]:
    return list(dict.fromkeys(flow.name or flow.module for flow in flows))


def _row(row: FieldRow, anchor: str, names: set[str], home: str) -> _RowView:
    pills = _PILLS[bool(row.required and row.owner), row.nullable]
    aliases = [("aliases", ", ".join(row.aliases))] if row.aliases else []
    default = [("default", row.default)] if row.default is not None else []
    note = shown = note_href = ""
    if row.same_as:
        note = "Recursive: its fields are those of" if row.recursive else "Its fields are those of the first"
        shown = next((word.text for word in row.words if word.names == row.same_as), row.same_as)
        note_href = f"{home}#{type_anchor_of(row.same_as)}"
    has_links = any(word.names in names for word in row.words)
    type_ = row.type
    return _RowView(
        anchor=anchor,
        above=row.path.removesuffix(row.name) if row.path != row.name else "",
        name=row.name or "value",
        depth=min(row.depth, _DEEPEST),
        pills=pills,
        tags=row.extras.tags,
        type=type_,
        words=tuple(_word(word, names, home) for word in row.words) if has_links else (),
        doc=row.doc or "",
        facts=(*default, *aliases, *_extra_facts(row.extras, type_)),
        note=note,
        note_name=shown,
        note_href=note_href,
        uses=row.uses,
    )


def _word(word: TypeWord, names: set[str], home: str) -> _Word:
    return _Word(word.text, f"{home}#{type_anchor_of(word.names)}" if word.names in names else "")


def _extra_facts(extras: Extras, type_: str = "") -> Iterator[tuple[str, str]]:
    for text in extras.constraints:
        keyword, _, value = text.partition(" ")
        if f"({value})" not in type_:
            yield keyword, value
    yield from extras.properties


def _version(row: VersionRow, subject: SubjectEntry) -> _VersionView:
    facts = [
        ("guid", row.guid or ""),
        ("rules", ", ".join(row.rules)),
        ("refers to", ", ".join(f"{it.subject} v{it.version}" for it in row.references)),
    ]
    verdicts = []
    for way, problems in (("new reads old", row.backward), ("old reads new", row.forward)):
        if problems is not None:
            verdicts.append((not problems, way if not problems else f"{way}: no"))
    both = [("new reads old", row.backward), ("old reads new", row.forward)]
    moved = [_ChangeView("changed", "~", (f"refers to {text}",)) for text in row.moved]
    return _VersionView(
        number=row.number,
        id=row.id,
        language=row.language if row.language != subject.language else "",
        deleted=row.deleted,
        verdicts=tuple(verdicts),
        summary=row.summary,
        facts=tuple((name, text) for name, text in facts if text),
        unread=row.unread,
        before=row.before,
        changes=(*moved, *map(_change, row.changes)),
        problems=tuple(f"{way}, not: {text}" for way, problems in both for text in problems or ()),
    )


def _change(change: Change) -> _ChangeView:
    sign, text = change.text[:1], change.text[2:]
    return _ChangeView(_SIGNS.get(sign, "changed"), sign, tuple(text.split("`", 2)))


def _side(subject: SubjectEntry, number: int, *, has_links: bool) -> list[tuple[str, str, str]]:
    fields = "Fields" if subject.rows and subject.rows[0].owner else "Value"
    found = [("fields", fields, f"{len(subject.rows):,}")] if subject.rows else []
    if number == 1:
        found += [("types", "Types", f"{len(subject.types):,}")] if subject.types else []
        found.append(("versions", "Versions", f"{len(subject.versions):,}"))
        found += [("references", "References", "")] if has_links else []
        found += [("topics", "Topics and flows", f"{len(subject.topics):,}")] if subject.topics else []
        found.append(("schema", "Schema", ""))
    return found


def pretty(text: str) -> str:
    """A schema's text indented, if it is JSON that is not too long."""
    if len(text) > 4 * _TEXT:
        return text
    try:
        return _indented(json.loads(text), "\n")
    except (ValueError, RecursionError):
        return text


def _indented(value: Any, line: str) -> str:
    """As `json.dumps` with `indent=2`, in a third of the time. `line`: how a line begins."""
    if isinstance(value, str):
        return encode_basestring(value)
    if not value or not isinstance(value, (dict, list)):
        return json.dumps(value)
    inner = f"{line}  "
    if isinstance(value, list):
        return f"[{inner}{f',{inner}'.join([_indented(each, inner) for each in value])}{line}]"
    parts = [f"{encode_basestring(key)}: {_indented(each, inner)}" for key, each in value.items()]
    return f"{{{inner}{f',{inner}'.join(parts)}{line}}}"
