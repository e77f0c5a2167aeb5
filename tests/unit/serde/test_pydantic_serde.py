"""Messages as pydantic models: what is read, refused and written, and what stays of what was not there."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from datetime import datetime, timezone
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime, ConfigDict, Field, RootModel

import kgen_runtime as rt
from kgen_runtime.errors import ConfigError, DecodeError, EncodeError
from kgen_runtime.serde import AvroSerde, PydanticSerde, Schemas, SchemaStore, WriterSchema
from kgen_runtime.serde import pydantic_serde as module
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.pydantic_model import JsonModel

TEXT = json.dumps(
    {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "x-trace": {"type": ["string", "null"]},
            "at": {"type": "string", "format": "date-time"},
            "lines": {"type": "array", "items": {"type": "object"}},
            "share": {"type": "number"},
            "either": {"type": ["integer", "object"]},
        },
        "required": ["id"],
    }
)
SCHEMAS = Schemas("orders-value", (WriterSchema(1, 7, TEXT, type="JSON"),))


class Line(JsonModel):
    model_config = ConfigDict(extra="forbid")
    sku: str


class Order(JsonModel):
    id: Annotated[int, Field(ge=1)]
    x_trace: Annotated[str | None, Field(alias="x-trace")] = None
    at: AwareDatetime | None = None
    lines: list[Line] | None = None
    share: float | None = None
    either: int | Line | None = None


class Word(RootModel[str | None]):
    root: str | None


STORE = SchemaStore(None)
_WORDS = st.text(st.sampled_from('a\u00e9\U0001f600"\\\n\x00'), max_size=5)
BARE: PydanticSerde[Order] = PydanticSerde(SCHEMAS, Order, framing="none")


def decoded(data: bytes, serde: PydanticSerde[Any] = BARE) -> Any:
    found = serde.decoder(STORE, "value").decode_many([data])
    if found.errors:
        raise found.errors[0]
    return found.values[0]


def test_a_framed_message_is_a_model_and_the_same_bytes_again() -> None:
    data = b'{"id":1,"x-trace":null,"lines":[{"sku":"a"}],"at":"2024-02-29T12:30:05Z"}'
    serde = PydanticSerde(SCHEMAS, Order)
    batch = serde.decoder(STORE, "value").decode_many([id_prefix(7) + data, None, b"nonsense"])
    assert batch.values[0] == Order(
        id=1, x_trace=None, lines=[Line(sku="a")], at=datetime(2024, 2, 29, 12, 30, 5, tzinfo=timezone.utc)
    )
    assert batch.schema_ids == [7, None, None]
    assert list(batch.errors) == [2]
    written = BARE.encoder(STORE, "value").encode(batch.values[0])
    assert json.loads(written or b"") == json.loads(data)


@given(
    st.fixed_dictionaries(
        {"id": st.integers(1, 1 << 100)},
        optional={
            "x-trace": st.none() | _WORDS,
            "share": st.floats(allow_nan=False, allow_infinity=False),
            "lines": st.none() | st.lists(st.fixed_dictionaries({"sku": _WORDS})),
        },
    )
)
def test_what_json_reads_is_what_is_written(message: dict[str, Any]) -> None:
    """Absent stays absent, null stays null; `json` is the judge."""
    value = decoded(json.dumps(message).encode())
    assert value.model_dump(by_alias=True, exclude_unset=True) == message
    assert json.loads(BARE.encoder(STORE, "value").encode(value) or b"") == message


def test_a_byte_order_mark_is_skipped_and_unknown_properties_are_dropped() -> None:
    assert decoded(b'\xef\xbb\xbf{"id":1,"new":2}') == Order(id=1)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b'{"id":0}', "/id"),
        (b"{}", "/id"),
        (b'{"id":"1"}', "/id"),
        (b'{"id":true}', "/id"),
        (b'{"id":1,"x-trace":2}', "/x-trace"),
        (b'{"id":1,"lines":[{"sku":"a"},{"sku":1}]}', "/lines/1/sku"),
        (b'{"id":1,"lines":[{"sku":"a","b~/":1}]}', "/lines/0/b~0~1"),
        (b'{"id":1,"lines":[{}]}', "/lines/0/sku"),
        (b'{"id":1,"at":"2024-02-29T12:30:05"}', "/at"),
        (b'{"id":1,"share":NaN}', "/share"),
    ],
)
def test_an_error_has_the_pointer(data: bytes, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(data)
    assert caught.value.path == path


def test_the_name_of_an_attribute_is_not_a_name_on_the_wire() -> None:
    assert decoded(b'{"id":1,"x_trace":"a"}') == Order(id=1)


def test_every_problem_is_given_and_none_quotes_the_message() -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(b'{"id":"secret","lines":[{"sku":4711}],"either":"secret"}')
    text = caught.value.what
    assert text.startswith("4 problems: /id: ")
    assert "/lines/0/sku: " in text
    assert text.count("/either: ") == 2  # one for each branch
    assert "secret" not in text
    assert "4711" not in text


def test_problems_are_bounded() -> None:
    few = json.dumps({"id": 1, "lines": [{}] * 900}).encode()
    many = json.dumps({"id": 1, "lines": [{}] * 5_000}).encode()
    with pytest.raises(DecodeError, match=r"900 problems: .*; and \d+ more") as caught:
        decoded(few)
    assert len(str(caught.value)) < 20_000
    with pytest.raises(DecodeError, match="5000 problems, too many to list"):
        decoded(many)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"id":1}x', b"[" * 100_000, b"1" * 5_000, b'"\\ud800"']
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decoded(data)


def test_without_strict_pydantic_converts() -> None:
    assert decoded(b'{"id":"1"}', PydanticSerde(SCHEMAS, Order, framing="none", strict=False)) == Order(id=1)


def test_what_does_not_fit_is_not_written() -> None:
    encoder = BARE.encoder(STORE, "value")
    other: Any = Line(sku="a")
    with pytest.raises(EncodeError, match="expected a Order, not a Line"):
        encoder.encode(other)
    odd: Any = "x"
    with pytest.raises(EncodeError, match="pydantic cannot write it"):
        encoder.encode(Order.model_construct(id=odd))
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Order(id=1).id = 0


def test_null_as_a_message_of_its_own_is_not_a_tombstone() -> None:
    schemas = Schemas("words-value", (WriterSchema(1, 7, '{"type":["string","null"]}', type="JSON"),))
    serde = PydanticSerde(schemas, Word, framing="none")
    assert decoded(b"null", serde) == Word(None)
    assert serde.encoder(STORE, "value").encode(Word(None)) == b"null"
    assert serde.encoder(STORE, "value").encode(None) is None


def test_it_is_the_second_language_of_a_topic() -> None:
    avro = Schemas("orders-value", (WriterSchema(1, 3, '"long"'),))
    both: rt.EitherSerde[int | Order] = rt.EitherSerde(PydanticSerde(SCHEMAS, Order), AvroSerde(avro, {}))
    batch = both.decoder(STORE, "value").decode_many([id_prefix(7) + b'{"id":1}', id_prefix(3) + b"\x04"])
    assert batch.values == [Order(id=1), 2]


def test_samples_keep_what_the_model_enforces() -> None:
    testing = pytest.importorskip(
        "kgen_runtime.testing", reason="Bytewax has no build for this Python", exc_type=ImportError
    )
    topic = rt.Topic("orders", key=rt.BytesSerde(), value=PydanticSerde(SCHEMAS, Order))
    payloads = [raw.value for raw in testing.samples(topic, n=20)]
    batch = topic.value.decoder(STORE, "value").decode_many(payloads)
    assert not batch.errors
    assert all(value.id >= 1 for value in batch.values)


def test_an_object_pickles_with_what_was_set() -> None:
    value = decoded(b'{"id":1,"x-trace":null}')
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert again.model_fields_set == {"id", "x_trace"}


def test_kgen_is_imported_without_pydantic() -> None:
    code = (
        "import sys; sys.modules['pydantic'] = None\n"
        "import kgen_runtime as rt\n"
        "from kgen_runtime.errors import ConfigError\n"
        "rt.PydanticSerde\n"
        "try:\n"
        "    import kgen_runtime.serde.pydantic_model\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'kgen-streams[pydantic]'" in done.stdout


def test_an_old_pydantic_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydantic.VERSION", "2.10.6")
    with pytest.raises(ConfigError, match=r"needed from 2\.11 on, and is 2\.10\.6"):
        module.require_pydantic()
