"""What a registry says is shown on one line, bounded, without control characters and without secrets."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from kgen_runtime.errors import KgenError, RegistryError, ResolutionError, UnknownSchema
from kgen_runtime.serde import Schemas, SchemaStore, WriterSchema

RED = "\x1b[31m\x9b31m\r\n\x07\u202e\u2028"
TEXT = '"string"'
SCHEMAS = Schemas("a-value", (WriterSchema(1, 1, TEXT),))


def harmless(error: KgenError) -> None:
    for text in (error.what, error.where or "", error.hint or ""):
        assert text.isprintable(), text
        assert len(text) < 900


@pytest.mark.parametrize(
    "how",
    [
        {"status": 403, "body": {"message": RED + "x" * 100_000}},
        {"status": 403, "content_type": "text/\x1b[31mhtml" + "x" * 5_000, "body": b"<html>"},
        {"status": 200, "content_type": "text/\x1b[31mhtml" + "x" * 5_000, "body": b"<html>"},
        {"status": 404, "body": {"error_code": 40401, "message": RED}},
        {"status": 302, "headers": {"Location": "gopher://\x1b[31m" + "x" * 5_000}},
        {"status": 302, "headers": {"Location": "https://h/" + "x" * 60_000}, "body": b""},
    ],
    ids=lambda how: str(how["status"]),
)
def test_messages_types_and_locations(server, answer, client, how):
    server.script(answer(**how))
    asked = client(server.url, retries=0)
    with pytest.raises(RegistryError) as caught:
        asked.post("/x", {})
    harmless(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"schemaType": RED + "X" * 5_000},
        {"references": [{"name": "x", "subject": RED + "s" * 5_000, "version": 1}]},
        {"schema": '{"type": "record", "name": "\\u001b[31m' + "n" * 5_000 + '", "fields": []}'},
        {"schema": '{"type": "\\u001b[31m' + "n" * 5_000 + '"}'},
    ],
)
def test_schemas_that_cannot_be_used(client, registry, more):
    registry.add("a-value", 2, 9, more.pop("schema", TEXT), **more)
    store = SchemaStore(client(registry.server.url, retries=0))
    with pytest.raises(ResolutionError) as caught:
        store.get(SCHEMAS, 9)
    harmless(caught.value)


@pytest.mark.parametrize("auth", [("me", "s3cret pä/ss"), ("me", "pw"), "t0ken-s3cret"])
@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_credentials_that_are_echoed_are_not_shown(server, answer, client, auth, status):
    secret = auth if isinstance(auth, str) else auth[1]

    def echo(request: Any) -> Any:
        header = request.headers["Authorization"]
        said = f"{header} {secret} {quote(secret)} {quote(secret, safe='')} {auth} for me"
        return answer(status, {"error_code": 40401, "message": said})

    server.handler = echo
    with pytest.raises(RegistryError, match="for me") as caught:
        client(server.url, auth=auth).get("/x")
    header = server.requests[0].headers["Authorization"]
    shown = f"{caught.value} {caught.value!r} {vars(caught.value)}"
    for hidden in (secret, quote(secret), header.partition(" ")[2]):
        assert hidden not in shown


def test_a_secret_in_a_type_or_a_location_is_not_shown(server, answer, client):
    asked = client(server.url, auth="t0ken-s3cret")
    for how in (
        {"status": 401, "content_type": "text/t0ken-s3cret", "body": b"<html>"},
        {"status": 200, "content_type": "text/t0ken-s3cret", "body": b"<html>"},
        {"status": 302, "headers": {"Location": "ftp://h/t0ken-s3cret"}},
    ):
        server.script(answer(**how))
        with pytest.raises(RegistryError) as caught:
            asked.get("/x")
        assert "s3cret" not in str(caught.value)
        assert "s3cret" not in repr(caught.value)


def test_the_runner_prints_no_control_characters(capsys):
    pytest.importorskip("bytewax", reason="the runner needs Bytewax, which has no build for this Python")
    from kgen_runtime.runner.error_report import report_error

    report_error(RegistryError("what" + RED, where="where\x1b[0m", hint="hint\x07"))
    said = capsys.readouterr().err
    assert all(line.isprintable() for line in said.splitlines())
    assert "\\x1b[31m" in said


@pytest.mark.parametrize("change", [{"subject": "other-value"}, {"version": 0}])
def test_a_look_up_answered_for_something_else_is_refused(client, registry, change):
    registry.add("a-value", 1, 1, TEXT)
    registry.subjects["a-value"][1].update(change)
    store = SchemaStore(client(registry.server.url, retries=0))
    with pytest.raises(RegistryError, match=r"asked for a-value, the registry answered with"):
        store.id_to_write(SCHEMAS)


@pytest.mark.parametrize("change", [{"subject": "other"}, {"version": 2}, {"version": 0}])
def test_a_reference_answered_with_something_else_is_refused(client, registry, change):
    registry.add("address", 1, 5, '{"type":"record","name":"Address","fields":[]}')
    registry.subjects["address"][1].update(change)
    references = [{"name": "Address", "subject": "address", "version": 1}]
    registry.add("a-value", 2, 9, '{"type":"array","items":"Address"}', references=references)
    registry.add("a-value", 1, 1, TEXT)
    store = SchemaStore(client(registry.server.url, retries=0))
    with pytest.raises(UnknownSchema, match=r"asked for address version 1, the registry answered with"):
        store.get(SCHEMAS, 9)
