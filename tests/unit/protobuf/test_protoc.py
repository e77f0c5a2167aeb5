"""protoc in its process: what it finds, what it refuses, and what keeps it inside its folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

pytest.importorskip("grpc_tools", reason="needs the extra `protobuf`")

from google.protobuf import descriptor_pb2

from kgen.errors import ConfigError, SchemaError
from kgen.protobuf import import_names, protoc
from kgen.protobuf.protoc import descriptor_set

ORDER = 'syntax = "proto3"; package shop; message Order { string id = 1; }'


def files_of(descriptors: bytes) -> list[str]:
    return [file.name for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file]


def test_the_file_comes_last() -> None:
    user = 'syntax = "proto3"; import "shop/order.proto"; message User { shop.Order order = 1; }'
    assert files_of(descriptor_set(user, {"shop/order.proto": ORDER})) == ["shop/order.proto", "schema.proto"]


def test_a_reference_may_have_the_name_of_the_file() -> None:
    user = 'syntax = "proto3"; import "schema.proto"; message User { shop.Order order = 1; }'
    assert files_of(descriptor_set(user, {"schema.proto": ORDER})) == ["schema.proto", "_schema.proto"]


def test_what_registries_have_built_in_needs_no_reference() -> None:
    builtin = [
        "google/protobuf/timestamp.proto",
        "google/type/money.proto",
        "confluent/meta.proto",
        "confluent/type/decimal.proto",
        "confluent/type/variant.proto",
        "confluent/types/decimal.proto",
    ]
    text = 'syntax = "proto3";' + "".join(f'import "{name}";' for name in builtin) + "message A {}"
    assert {*builtin} <= {*files_of(descriptor_set(text, {}))}


@pytest.mark.parametrize(
    ("text", "references", "what", "where"),
    [
        ("message A { B b = 1; }", {}, '"B" is not defined', "line 1, column 32"),
        ("message A { int32 a = 0; }", {}, "Field numbers must be positive", "line 1, column 4"),
        ("message A { int32 a = 536870912; }", {}, "cannot be greater than 536870911", "line 1, column 4"),
        ("message A { int32 a = 1", {}, 'Expected ";"', "line 1, column"),
        ('import "/etc/passwd";', {}, "an import may not be called '/etc/passwd'", "line 1"),
        ('import "../../x.proto";', {}, "an import may not be called '../../x.proto'", "line 1"),
        ('import "x.proto";', {}, "'x.proto' is not among the schema's references", "line 1"),
        ('import "google/api/http.proto";', {}, "is not among the schema's references", "line 1"),
        ('import "google/type/nothing.proto";', {}, "is not one that registries have built in", "line 1"),
        (
            'import "x.proto";',
            {"x.proto": 'syntax = "proto3"; message X { Y y = 1; }'},
            '"Y" is not defined',
            "x.proto, line 1",
        ),
        (
            'import "x.proto";',
            {"x.proto": 'syntax = "proto3"; import "y.proto";', "y.proto": 'import "x.proto";'},
            "imports itself",
            "x.proto, line 1",
        ),
        ('import "x.proto";', {"x.proto": 'import "schema.proto";'}, "imports itself", "line 1"),
        ("message A {" * 200_000, {}, "Reached maximum recursion limit", "line 1"),
        ("\0", {}, "Invalid control characters", "line 1"),
    ],
    ids=lambda it: it[:24] if isinstance(it, str) else None,
)
def test_what_is_wrong_is_named_with_its_line(
    text: str, references: dict[str, str], what: str, where: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        descriptor_set(f'syntax = "proto3"; {text}', references)
    assert what in caught.value.what
    assert str(caught.value.where).startswith(where)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x.proto", "a/../x.proto", "a//x", "", "a/.", "c:x.proto", "a\\x", "a\0x", "~"]
)
def test_no_reference_is_written_outside_of_its_folder(name: str) -> None:
    assert import_names.is_safe(name) == (name == "~")
    if name != "~":
        with pytest.raises(SchemaError, match="may not be called"):
            descriptor_set(ORDER, {name: ORDER})


def test_a_process_that_is_gone_is_started_again() -> None:
    descriptor_set(ORDER, {})
    process = protoc._worker._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert files_of(descriptor_set(ORDER, {})) == ["schema.proto"]


def test_what_takes_too_much_is_the_files_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that ends before it answers, and one that never does."""
    worker = protoc._Worker()
    monkeypatch.setattr(protoc, "_worker", worker)
    for code, what, seconds in [
        ("raise SystemExit(9)", "exit code 9", 60),
        ("import sys; [0 for _ in sys.stdin]", "more than 0 s", 0.1),
    ]:
        monkeypatch.setattr(protoc, "_SECONDS", seconds)
        (tmp_path / "python").write_text(f"#!/bin/sh\nexec \"$REAL_PYTHON\" -c '{code}'\n")
        (tmp_path / "python").chmod(0o755)
        monkeypatch.setenv("REAL_PYTHON", sys.executable)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(tmp_path / "python"))
            with pytest.raises(SchemaError, match=what):
                descriptor_set(ORDER, {})
    monkeypatch.setattr(protoc, "_SECONDS", 60)
    assert files_of(descriptor_set(ORDER, {})) == ["schema.proto"]
    worker.close()


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protoc, "installed", lambda: False)
    with pytest.raises(ConfigError) as caught:
        descriptor_set(ORDER, {})
    assert "kgen-streams[protobuf]" in str(caught.value.hint)
