"""`kgen cat`, on the local broker, with schemas of the local registry and of a project."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.integration.topic_messages import PAYMENT, RATED, TIME, Payments, lines, run

from kgen.cli import app

if TYPE_CHECKING:
    from kgen.dev import Dev

pytestmark = pytest.mark.broker

PAY = {"id": 1, "amount": 12.5, "note": {"string": "=1+1\x1b[31m é"}, "card": {"shop.Card": {"last": "42"}}}
LESS = {"id": 2, "amount": 3, "note": None, "card": None}
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def payments(dev: Dev, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Payments:
    monkeypatch.setenv("KGEN_BROKERS", dev.brokers)
    monkeypatch.setenv("KGEN_REGISTRY_URL", dev.registry)
    monkeypatch.chdir(tmp_path)
    return Payments(dev)


def exact(value: Any) -> Any:
    return json.loads(json.dumps(value), parse_float=Decimal)


def fill(payments: Payments) -> None:
    """Two good ones, a tombstone, and four that are not good."""
    payments.write(
        (b"a", payments.framed(exact(PAY))),
        (b"b", payments.framed(LESS)),
        (b"a", None),
        (b"cut", payments.framed(LESS)[:-1]),
        (b"lost", b"\x00\x7f\x00\x00\x00x"),
        (None, b"text"),
    )


def test_messages_are_decoded_with_the_schemas_they_name(payments: Payments, capsys: Capture) -> None:
    fill(payments)
    out, err = run(capsys, "cat", payments.topic, code=1)
    found = lines(out)
    head = {"partition": 0, "offset": 0, "timestamp": TIME, "key": "a"}
    assert found[0] == {**head, "value": PAY, "schema_id": payments.id}
    assert '"amount": 12.50' in out
    assert found[2] == {**head, "offset": 2, "timestamp": TIME + 2, "value": None}
    assert (found[3]["error"]["kind"], found[3]["error"]["part"]) == ("DecodeError", "value")
    assert found[3]["raw_value"]["hex"] == payments.framed(LESS)[:-1].hex()
    assert found[4]["error"]["what"] == f"unknown schema id {0x7F000000}"
    assert found[5] == {**head, "offset": 5, "timestamp": TIME + 5, "key": None, "value": "text"}
    assert "2 messages could not be read; the first at 0:3: DecodeError" in err


def test_a_project_reads_every_version_as_its_newest(
    payments: Payments, capsys: Capture, tmp_path: Path
) -> None:
    newer = payments.register(RATED)
    payments.project(tmp_path, capsys)
    payments.write(
        (b"a", payments.framed(LESS)),
        (b"b", payments.framed({**LESS, "rate": 1}, RATED, newer)),
        (b"c", b"?"),
    )
    out, _ = run(capsys, "cat", payments.topic, code=1)
    assert [each["value"]["rate"] for each in lines(out)[:2]] == [7, 1]
    assert lines(out)[2]["error"]["kind"] == "FramingError"
    out, _ = run(capsys, "cat", payments.topic, "--as-written")
    assert "rate" not in lines(out)[0]["value"]
    assert lines(out)[2]["value"] == "?"
    out, _ = run(capsys, "cat", payments.topic, "--where", "value.rate == 7 and key == 'a'", "-n", "1")
    assert [each["offset"] for each in lines(out)] == [0]


def test_where_is_an_expression_on_the_message(payments: Payments, capsys: Capture) -> None:
    payments.write((b"a", payments.framed(exact(PAY))), (b"b", payments.framed(LESS)))
    payments.write((b"c", payments.framed(LESS)), headers=[("trace", b"x")])
    for expression, offsets in (
        ("value.amount > 10", [0]),
        ("value.card is not None and value.card.last == '42'", [0]),
        ("value['id'] == 2 and offset < 2", [1]),
        ("headers.get('trace') == b'x'", [2]),
        (f"timestamp == {TIME} and partition == 0", [0, 2]),
        ("any(c in 'bc' for c in key)", [1, 2]),
    ):
        out, _ = run(capsys, "cat", payments.topic, "--where", expression)
        assert [each["offset"] for each in lines(out)] == offsets, expression


def test_an_expression_that_raises_is_reported(payments: Payments, capsys: Capture) -> None:
    payments.write((b"a", payments.framed(exact(PAY))), (b"b", None), (b"c", payments.framed(LESS)))
    out, err = run(capsys, "cat", payments.topic, "--where", "value.amount > 10", code=1)
    assert [each["offset"] for each in lines(out)] == [0]
    assert "--where raised on 1 message, left out; the first: AttributeError" in err
    assert "at partition 0, offset 1" in err
    assert "tombstone" in err
    _, err = run(capsys, "cat", payments.topic, "--where", "value.amount >", code=2)
    assert err.startswith("error: not an expression")
    assert "==" not in err
    _, err = run(capsys, "cat", payments.topic, "--where", "partition = 1", code=2)
    assert "== compares" in err
    _, err = run(capsys, "cat", payments.topic, "--where", "amount > 1", code=1)
    assert "NameError" in err
    assert "value.amount" in err


@pytest.mark.parametrize(
    ("arguments", "offsets"),
    [
        (["--from", "2"], [2, 3, 4]),
        (["--from", "-2"], [3, 4]),
        (["--from", "0:4"], [4]),
        (["--from", "end"], []),
        (["--from", "99"], []),
        (["--until", "2"], [0, 1]),
        (["--until", "-4"], [0]),
        (["--from", "1", "--until", "3"], [1, 2]),
        (["-n", "2"], [0, 1]),
        (["--partition", "0", "-n", "1"], [0]),
        (["--from", "2000-01-01"], [0, 1, 2, 3, 4]),
    ],
)
def test_where_reading_begins_and_ends(
    payments: Payments, capsys: Capture, arguments: list[str], offsets: list[int]
) -> None:
    for number in range(5):  # a batch for each: the local broker lists ends by batches
        payments.write((b"%d" % number, b"x"))
    out, err = run(capsys, "cat", payments.topic, *arguments)
    assert [each["offset"] for each in lines(out)] == offsets
    assert ("no messages" in err) == (not offsets)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "yesterday"], "not a time"),
        (["--from", "2100-01-01"], "is in the future"),
        (["--partition", "7"], "has no partition 7"),
        (["--value-format", "xml"], "not a format"),
        (["--follow", "--until", "3"], "exclude each other"),
        (["--json", "--format", "csv"], "exclude each other"),
        (["--format", "parquet"], "needs a name"),
        (["-o", "absent/x.json"], "cannot be written"),
        (["-o", "out.xlsx"], "which format? The name ends in .xlsx"),
        (["-o", "out.txt"], ".json, .jsonl, .ndjson, .csv"),
    ],
)
def test_invalid_arguments_are_refused(
    payments: Payments, capsys: Capture, arguments: list[str], words: str
) -> None:
    payments.write((None, b"x"))
    _, err = run(capsys, "cat", payments.topic, *arguments, code=2)
    assert words in err
    assert "Traceback" not in err


def test_an_unknown_topic_has_near_names(payments: Payments, capsys: Capture) -> None:
    _, err = run(capsys, "cat", payments.topic[:-1], code=2)
    assert f"hint: Is {payments.topic}" in err


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_tables_fit_the_terminal(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    fill(payments)
    payments.write((b"k" * 100, payments.framed({**LESS, "note": {"string": "漢字" * 500}})))
    monkeypatch.setenv("COLUMNS", str(width))
    out, err = run(capsys, "cat", payments.topic, "--format", "table", code=1)
    for line in out.splitlines():
        assert sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) <= width, line
    assert "\x1b" not in out
    assert "…" in out
    assert "(tomb" in out
    assert "DecodeError" in out.replace("\n!   ", "").replace("\n! ", "")
    assert "--format json has them whole" in err


def test_csv_has_a_column_for_each_field(payments: Payments, capsys: Capture, tmp_path: Path) -> None:
    fill(payments)
    _, err = run(capsys, "cat", payments.topic, "-o", "payments.csv", code=1)
    assert "6 rows in payments.csv\n" in err
    with (tmp_path / "payments.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [each["_offset"] for each in found] == ["0", "1", "2", "3", "4", "5"]
    assert {name: found[0][name] for name in ("id", "amount", "card.last", "_key")} == {
        "id": "1",
        "amount": "12.50",
        "card.last": "42",
        "_key": "a",
    }
    assert found[0]["note"].startswith("'=1+1")  # no formula
    assert [each["_tombstone"] for each in found] == ["", "", "true", "", "", ""]
    assert found[3]["_error"].startswith("DecodeError: value: the data ends")
    assert json.loads(found[5]["_rest"]) == {"value": "text"}
    out, _ = run(capsys, "cat", payments.topic, "--format", "csv", "-n", "1")
    assert next(csv.reader(io.StringIO(out)))[:3] == ["id", "amount", "note"]


def test_plain_formats(payments: Payments, capsys: Capture) -> None:
    payments.write((b"\x00" * 7 + b"\x05", b"\xff\x00"), (b"\x00" * 8, b'{"a": [1.50]}'))
    out, _ = run(capsys, "cat", payments.topic, "--key-format", "long", "--value-format", "bytes")
    assert [(each["key"], each["value"]) for each in lines(out)] == [
        (5, {"hex": "ff00"}),
        (0, '{"a": [1.50]}'),
    ]
    out, err = run(capsys, "cat", payments.topic, "--key-format", "none", "--value-format", "json", code=1)
    assert '"value": {"a": [1.50]}' in out or "error" in out
    out, err = run(capsys, "cat", payments.topic, code=1)
    assert "--key-format long" in err


def test_json_schema_and_protobuf(payments: Payments, capsys: Capture) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "number"}}}
    of_json = payments.register(schema, f"{payments.topic}-other", "JSON")
    frame = b"\x00" + of_json.to_bytes(4, "big")
    payments.write(
        (b"a", frame + b'{"n":\n 1.250}'), (b"b", frame + b'{"n": '), (b"c", frame + b'{"n": NaN}')
    )
    out, _ = run(capsys, "cat", payments.topic, code=1)
    assert '"value": {"n": 1.250}' in out.splitlines()[0]
    assert [each["error"]["kind"] for each in lines(out)[1:]] == ["DecodeError", "DecodeError"]


def test_values_of_ten_megabytes(payments: Payments, dev: Dev, capsys: Capture) -> None:
    large = "é" * 4_900_000
    payload = payments.framed({**LESS, "note": {"string": large}})
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": dev.brokers, "message.max.bytes": 20_000_000})
    producer.produce(payments.topic, value=payload)
    assert producer.flush(30) == 0
    out, _ = run(capsys, "cat", payments.topic)
    assert lines(out)[0]["value"]["note"] == {"string": large}
    out, _ = run(capsys, "cat", payments.topic, "--format", "table")
    assert len(out) < 2_000


def test_parquet_has_typed_columns(payments: Payments, capsys: Capture, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    payments.project(tmp_path, capsys)
    payments.write(
        (b"a", payments.framed(exact(PAY))), (b"b", payments.framed(LESS)), (b"c", None), (b"d", b"?")
    )
    _, err = run(capsys, "cat", payments.topic, "-o", "payments.parquet", code=1)
    table = parquet.read_table("payments.parquet")
    assert table.column("id").to_pylist() == [1, 2, None]
    assert table.column("_key").to_pylist() == ["a", "b", "c"]
    assert table.column("_tombstone").to_pylist() == [False, False, True]
    assert "1 message without a row, since unreadable; the first at 0:3" in err
    _, err = run(capsys, "cat", payments.topic, "-o", "p.parquet", "--as-written", code=2)
    assert "do not go with Parquet" in err


def test_parquet_has_the_messages_that_fit(payments: Payments, capsys: Capture, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    payments.project(tmp_path, capsys)
    every = [(b"k%d" % n, payments.framed({**LESS, "id": n})) for n in range(2_500)]
    payments.write((b"none", None), (b"cut", b"?"), *every)
    where = "value is not None and value.id % 1000 == 7"
    _, err = run(capsys, "cat", payments.topic, "-o", "some.parquet", "--where", where, code=1)
    some = parquet.read_table("some.parquet")
    assert some.column("id").to_pylist() == [7, 1007, 2007]
    assert some.column("_key").to_pylist() == ["k7", "k1007", "k2007"]
    assert "3 rows of 2,502 messages read" in err
    assert "1 message without a row, since unreadable; the first at 0:1" in err
    run(capsys, "cat", payments.topic, "-o", "all.parquet", code=1)
    assert parquet.read_schema("all.parquet") == some.schema
    _, err = run(
        capsys, "cat", payments.topic, "-o", "two.parquet", "--where", "value.id > 9", "-n", "2", code=1
    )
    assert parquet.read_table("two.parquet").column("id").to_pylist() == [10, 11]
    assert "--where raised on 1 message, left out; the first: AttributeError" in err
    run(capsys, "cat", payments.topic, "-o", "none.parquet", "--where", "key == 'x'", code=1)
    none = parquet.read_table("none.parquet")
    assert (none.num_rows, none.schema) == (0, some.schema)
    _, err = run(capsys, "cat", payments.topic, "-o", "x.parquet", "--where", "1 +", code=2)
    assert err.startswith("error: not an expression")
    assert not (tmp_path / "x.parquet").exists()


def process(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kgen", "cat", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_following_ends_with_ctrl_c(payments: Payments) -> None:
    payments.write((b"a", b"1"))
    with process(payments.topic, "--follow") as following:
        assert following.stdout is not None
        assert json.loads(following.stdout.readline())["key"] == "a"
        payments.write((b"b", b"2"))
        assert json.loads(following.stdout.readline())["key"] == "b"
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=30)
    assert following.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_goes_away_ends_it(payments: Payments) -> None:
    payments.write(*[(b"a", b"x" * 100)] * 2_000)
    with process(payments.topic) as reading:
        assert reading.stdout is not None
        reading.stdout.readline()
        reading.stdout.close()
        assert reading.stderr is not None
        err = reading.stderr.read()
        assert reading.wait(30) == 141
    assert err == b""


def test_brokers_that_do_not_answer(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kgen_runtime.consumer.broker_answers.TIMEOUT", 0.5)
    code = app.run(["cat", "orders", "--brokers", "127.0.0.1:1", "--json"])
    out, err = capsys.readouterr()
    assert code == 2
    assert json.loads(out)["error"]["kind"] == "SourceError"
    assert "KGEN_BROKERS" in err


def test_an_output_file_is_whole_or_absent(
    payments: Payments, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payments.write((b"a", payments.framed(LESS)))
    assert run(capsys, "cat", payments.topic, "-o", "found.jsonl") == ("", "1 message in found.jsonl\n")
    where = ("--where", "value is None")
    _, err = run(capsys, "cat", payments.topic, "-o", "none", *where, "--quiet")
    assert (err, (tmp_path / "none").read_text()) == ("", "")
    _, err = run(capsys, "cat", payments.topic, "-o", "none", "--format", "csv", *where)
    assert err == "0 rows of 1 read in none\n"
    (tmp_path / "none").unlink()
    assert lines((tmp_path / "found.jsonl").read_text())[0]["value"] == LESS

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgen.topic_data.message_views._good_lines", stop)
    _, err = run(capsys, "cat", payments.topic, "-o", "other.jsonl", code=130)
    assert "other.jsonl" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["found.jsonl"]


def test_the_registry_is_needed_for_schemas_alone(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KGEN_REGISTRY_URL")
    payments.write((b"a", b"text"), (b"b", payments.framed(LESS)))
    out, err = run(capsys, "cat", payments.topic, code=1)
    assert lines(out)[0]["value"] == "text"
    assert "no registry is set" in err
    assert PAYMENT["name"] not in out


MONEY = 'syntax = "proto3"; package money; message Money { string currency = 1; int64 units = 2; }'
BILLS = """syntax = "proto3";
package bills;
import "money/money.proto";
import "google/protobuf/timestamp.proto";
import "confluent/type/decimal.proto";
message Bill {
  money.Money total = 1;
  google.protobuf.Timestamp at = 2;
  confluent.type.Decimal rate = 3;
}
message Refund { oneof why { string text = 1; int32 code = 2; } }
"""


def register_proto(payments: Payments, subject: str, text: str, *imported: tuple[str, str]) -> int:
    references = [{"name": name, "subject": subject, "version": 1} for name, subject in imported]
    body = {"schemaType": "PROTOBUF", "schema": text, "references": references}
    url = f"{payments.dev.registry}/subjects/{subject}/versions"
    return int(requests.post(url, json=body, timeout=10).json()["id"])


def test_protobuf_without_generated_code_is_written_and_read(
    payments: Payments, capsys: Capture, tmp_path: Path
) -> None:
    topic = payments.topic
    register_proto(payments, f"{topic}.money", MONEY)
    given = [
        {
            "bills.Bill": {
                "total": {"currency": "EUR", "units": 5},
                "at": "2026-01-31T12:00:00.5Z",
                "rate": 1.50,
            }
        },
        {"bills.Refund": {"code": 7}},
        {"money.Money": {"units": 1}},
    ]
    (tmp_path / "lines").write_text("".join(f"{json.dumps(each)}\n" for each in given))
    other = f"{topic}-bills"
    id_ = register_proto(payments, f"{other}-value", BILLS, ("money/money.proto", f"{topic}.money"))
    _, err = run(capsys, "produce", other, "lines", "--create", "1", code=2)
    assert "the type of the value is not given" in err
    assert "bills.Bill, bills.Refund" in err
    (tmp_path / "lines").write_text("".join(f"{json.dumps(each)}\n" for each in given[:2]))
    run(capsys, "produce", other, "lines", "--create", "1")
    out, _ = run(capsys, "cat", other)
    found = lines(out)
    assert [each["schema_id"] for each in found] == [id_, id_]
    assert found[0]["value"] == {
        "bills.Bill": {
            "total": {"currency": "EUR", "units": 5},
            "at": "2026-01-31T12:00:00.500Z",
            "rate": 1.5,
        }
    }
    assert found[1]["value"] == given[1]
    out, _ = run(capsys, "cat", other, "--where", "'total' in value and value.total.units == 5")
    assert len(lines(out)) == 1


def test_protobuf_messages_that_fit_no_file_are_errors(
    payments: Payments, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = register_proto(payments, f"{payments.topic}-only", 'syntax = "proto3"; message A { int32 n = 1; }')
    frame = b"\0" + id_.to_bytes(4, "big")
    good = frame + b"\0\x08\5"
    header = [("__value_schema_id", frame + b"\2\0")]
    payments.write((b"a", good), (b"b", frame + b"\2\4"), (b"c", frame + b"\0\x08"), (b"d", frame + b"\1"))
    payments.write((b"e", b"\x08\6"), headers=header)
    out, _ = run(capsys, "cat", payments.topic, code=1)
    found = lines(out)
    assert [each.get("value") for each in found] == [{"n": 5}, None, None, None, {"n": 6}]
    assert [each["error"]["kind"] for each in found[1:4]] == ["FramingError", "DecodeError", "FramingError"]
    monkeypatch.setattr("kgen.protobuf.protoc.installed", lambda: False)
    out, err = run(capsys, "cat", payments.topic, "-n", "1", code=1)
    assert "protoc, which is not installed" in lines(out)[0]["error"]["what"]
    assert "kgen-streams[protobuf]" in out + err
