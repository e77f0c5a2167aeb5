"""The entries as an AsyncAPI 3 document: topics are channels, what flows do with them operations, and the
newest schemas of values messages.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import yaml

from ..model.library import Library
from ..model.names import digest
from ..protobuf.import_names import own_file
from ..protobuf.proto_tokens import imports, is_proto2
from .bundled import anchors, bundled_avro, linked_json
from .entries import Catalog, Pair, SubjectEntry, TopicEntry, TopicHalf

_BINDING: Final = "0.5.0"
_MESSAGE_BINDING: Final = "0.4.0"
"""Versions of AsyncAPI's binding for Kafka. That of messages is the last one whose keys may be of Avro."""
_AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
_JSON: Final = "application/schema+json;version=draft-07"
_PROTOBUF: Final = "application/vnd.google.protobuf;version"
_CONTENT: Final = {"AVRO": "application/vnd.apache.avro", "JSON": "application/json"}
_FORMATS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "string": ("text/plain", {"type": "string"}),
    "bytes": ("application/octet-stream", {"type": "string", "format": "binary"}),
    "long": ("application/octet-stream", {"type": "integer", "format": "int64"}),
    "int": ("application/octet-stream", {"type": "integer", "format": "int32"}),
    "double": ("application/octet-stream", {"type": "number", "format": "double"}),
    "none": ("application/octet-stream", {"type": "null"}),
}
_ID_LENGTH: Final = 100


def asyncapi(catalog: Catalog, library: Library) -> dict[str, Any]:
    """The document. `library` has the schemas of the lock. Schemas that others refer to are in it, secrets
    are not: the lock has none, and of brokers only host and port are taken.
    """
    return _Document(catalog, library).made()


def as_json(document: Mapping[str, Any]) -> str:
    """The document as JSON."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair, which JSON can escape and UTF-8 cannot write
        return json.dumps(document, indent=2) + "\n"
    return text + "\n"


def as_yaml(document: Mapping[str, Any]) -> str:
    """The document as YAML that parsers of 1.1 and of 1.2 read alike."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Without anchors. A string that a parser could take for a number is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """All are."""
        return True


def _text(dumper: Any, text: str) -> Any:
    style = '"' if re.match(r"[-+.]?[0-9.]", text) else "|" if "\n" in text.rstrip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


@dataclass
class _Document:
    catalog: Catalog
    library: Library
    _ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    _schemas: dict[str, Any] = field(default_factory=dict)
    _messages: dict[str, Any] = field(default_factory=dict)
    _channels: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _counts(self) -> Mapping[str, int]:
        return Counter(topic.name for topic in self.catalog.topics)

    def made(self) -> dict[str, Any]:
        """All of it."""
        for topic in self.catalog.topics:
            self._channels[self._channel_id(topic)] = self._channel(topic)
        operations = dict(self._operations())
        components = {"messages": _sorted(self._messages), "schemas": _sorted(self._schemas)}
        parts = {
            "servers": dict(self._servers()),
            "channels": self._channels,
            "operations": operations,
            "components": {name: found for name, found in components.items() if found},
        }
        content = {name: found for name, found in parts.items() if found}
        return {"asyncapi": "3.0.0", "info": self._info(content), **content}

    def _info(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """The version is another one whenever anything is: the document has no other."""
        whole = json.dumps(content, sort_keys=True).encode()
        info = {
            "title": self.catalog.package,
            "version": hashlib.sha256(whole).hexdigest()[:12],
            "description": "Topics, flows and schemas of the project, as its lock and code have them.",
        }
        return {**info, **({"x-schema-registry": url} if (url := self.catalog.registry) else {})}

    def _servers(self) -> Iterator[tuple[str, Any]]:
        for number, broker in enumerate(filter(None, map(_host, self.catalog.brokers.split(","))), 1):
            binding = {"schemaRegistryUrl": self.catalog.registry} if self.catalog.registry else {}
            bindings = {"kafka": {**binding, "bindingVersion": _BINDING}}
            name = "kafka" if number == 1 else f"kafka-{number}"
            yield name, {"host": broker, "protocol": "kafka", "bindings": bindings}

    # ---------------------------------------------------------------------- ids

    def _id(self, kind: str, name: str) -> str:
        """What something is called in the document: letters, digits, `.`, `-` and `_`. No two have one."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:_ID_LENGTH]
        if plain != name:
            plain = f"{plain}_{digest(name, 8)}"
        if self._ids.setdefault(f"{kind} {plain}", (kind, name)) != (kind, name):
            plain = f"{plain}_{digest(name, 8)}"
        return plain

    def _channel_id(self, topic: TopicEntry) -> str:
        shared = self._counts[topic.name] > 1 and topic.module
        return self._id("channel", f"{topic.name}.{topic.module}" if shared else topic.name)

    # ---------------------------------------------------------------------- channels

    def _channel(self, topic: TopicEntry) -> dict[str, Any]:
        channel: dict[str, Any] = {"address": topic.name}
        messages = [self._message(topic, half) for half in _single(topic.value)]
        if any(messages):
            channel["messages"] = {it: {"$ref": f"#/components/messages/{it}"} for it in messages if it}
        return {**channel, "bindings": {"kafka": {"topic": topic.name, "bindingVersion": _BINDING}}}

    def _message(self, topic: TopicEntry, value: TopicHalf) -> str:
        """The id of the message of a topic with such a value; empty if nothing is known of that."""
        subject = self.catalog.by_name.get(value.subject)
        if subject is None and value.format not in _FORMATS:
            return ""
        plain = (
            value.subject if topic.module and value.subject else f"{topic.name}.{value.subject}".rstrip(".")
        )
        name = self._id("message", plain)
        shared = self._messages.get(name)
        made = {**self._described(value, subject), "bindings": {"kafka": self._key(topic.key)}}
        if shared is not None and shared != made:  # of another topic, with another key
            name = self._id("message", f"{topic.name}.{value.subject or value.format}")
        self._messages[name] = made
        return name

    def _described(self, half: TopicHalf, subject: SubjectEntry | None) -> dict[str, Any]:
        if subject is None:
            content, schema = _FORMATS[half.format]
            return {"contentType": content, "payload": dict(schema)}
        latest = subject.latest
        root = "".join(word.text for word in subject.root)
        doc = {"description": subject.doc} if subject.doc else {}
        tags = {"tags": [{"name": tag} for tag in subject.tags]} if subject.tags else {}
        return {
            "name": root or subject.name,
            "title": subject.name,
            **doc,
            **tags,
            "contentType": _CONTENT.get(subject.language, "application/x-protobuf"),
            "payload": {"$ref": self._schema((subject.name, latest.number))},
            "x-subject": subject.name,
            "x-version": latest.number,
            "x-schema-id": latest.id,
            **({"x-schema-guid": latest.guid} if latest.guid else {}),
        }

    def _key(self, half: TopicHalf) -> dict[str, Any]:
        binding: dict[str, Any] = {}
        subject = self.catalog.by_name.get(half.subject)
        if subject is not None and subject.language in _CONTENT:
            place = self._schema((subject.name, subject.latest.number))
            if isinstance(self._schemas[place.rpartition("/")[2]]["schema"], dict):
                binding["key"] = {"$ref": f"{place}/schema"}
            else:  # a union: the binding takes objects alone
                binding["x-key"] = {"$ref": place}
        elif half.format in _FORMATS:
            binding["key"] = dict(_FORMATS[half.format][1])
        return {
            **binding,
            "schemaIdLocation": "payload",
            "schemaIdPayloadEncoding": "confluent",
            "bindingVersion": _MESSAGE_BINDING,
        }

    # ---------------------------------------------------------------------- operations

    def _operations(self) -> Iterator[tuple[str, Any]]:
        for topic in self.catalog.topics:
            for action, uses in (
                ("receive", topic.readers),
                ("send", topic.writers),
                ("send", topic.dead_letters),
            ):
                for use in uses:
                    flow = use.flow.name or use.flow.module
                    yield (
                        self._id("operation", f"{flow}.{action}.{topic.name}"),
                        self._operation(topic, action, flow, f"{use.flow.path}:{use.call.line}"),
                    )

    def _operation(self, topic: TopicEntry, action: str, flow: str, line: str) -> dict[str, Any]:
        channel = self._channel_id(topic)
        messages = self._channels[channel].get("messages", {})
        refs = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
        return {
            "action": action,
            "channel": {"$ref": f"#/channels/{channel}"},
            "summary": f"{'Reads' if action == 'receive' else 'Writes'} {topic.name} in the flow {flow}",
            **({"messages": refs} if refs else {}),
            "x-line": line,
        }

    # ---------------------------------------------------------------------- schemas

    def _schema(self, pair: Pair) -> str:
        """The pointer of a version's schema, which is in the document then, with those that it refers to."""
        subject = self.catalog.by_name.get(pair[0])
        is_latest = subject is not None and subject.latest.number == pair[1]
        name = self._id("schema", pair[0] if is_latest else f"{pair[0]}.v{pair[1]}")
        if name not in self._schemas:
            self._schemas[name] = {}  # schemas of JSON may refer to each other
            self._schemas[name] = self._content(pair)
        return f"#/components/schemas/{name}"

    def _content(self, pair: Pair) -> dict[str, Any]:
        version = self.library.versions[pair]
        if version.type == "PROTOBUF":
            imported = {it.name: (it.subject, it.version) for it in version.references}
            return self._proto_file(version.text, imported)
        if self.library.fault(pair):
            return {"schemaFormat": _JSON, "schema": True}  # what it allows is not known
        if version.type == "AVRO":
            texts = self.library.texts(pair)
            schema = bundled_avro(texts[0], texts[1:])
            # The same in Avro; the binding of keys takes objects alone.
            return {"schemaFormat": _AVRO, "schema": {"type": schema} if isinstance(schema, str) else schema}
        documents = {it.name: (it.subject, it.version) for it in version.references}
        documents = {**self._by_identifier([pair, *documents.values()]), **documents}
        return {
            "schemaFormat": _JSON,
            "schema": linked_json(version.text, partial(self._at, pair, documents)),
        }

    def _proto_file(self, text: str, imported: Mapping[str, Pair]) -> dict[str, Any]:
        """A file as it is. AsyncAPI's format is one text, which does not say where those are that it imports:
        these are in the document too, but for Google's, which parsers have.
        """
        links = {
            name: {"$ref": place}
            for name in imports(text)
            if (place := self._schema(imported[name]) if name in imported else self._own_file(name))
        }
        made = {"schemaFormat": f"{_PROTOBUF}={2 if is_proto2(text) else 3}", "schema": text}
        return {**made, "x-imports": links} if links else made

    def _own_file(self, name: str) -> str | None:
        """The pointer of a file that registries have built in; None if parsers have it too."""
        text = own_file(name)
        if text is None:
            return None
        found = self._id("schema", f"{name} (built in)")
        if found not in self._schemas:
            self._schemas[found] = {}
            self._schemas[found] = self._proto_file(text, {})
        return f"#/components/schemas/{found}"

    def _by_identifier(self, pairs: Iterable[Pair]) -> dict[str, Pair]:
        """The versions by what their texts call themselves."""
        found: dict[str, Pair] = {}
        for pair in pairs:
            schema = json.loads(self.library.versions[pair].text)
            for key in ("$id", "id") if isinstance(schema, dict) else ():
                if isinstance(schema.get(key), str):
                    found.setdefault(schema[key].rstrip("#"), pair)
        return found

    def _at(self, own: Pair, documents: Mapping[str, Pair], name: str, fragment: str) -> str | None:
        pair = own if not name else documents.get(name)
        if pair is None:
            return None
        pointer = fragment
        if fragment and not fragment.startswith("/"):
            pointer = anchors(self.library.versions[pair].text).get(fragment, "")
        return f"{self._schema(pair)}/schema{pointer}"


def _single(half: TopicHalf) -> list[TopicHalf]:
    """A value of several types as one of each."""
    return [TopicHalf(subject) for subject in half.types] or [half]


def _sorted(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in sorted(found)}


def _host(broker: str) -> str:
    """Host and port, without a protocol before it and what stands before an `@`."""
    return broker.strip().rpartition("//")[2].rpartition("@")[2]
