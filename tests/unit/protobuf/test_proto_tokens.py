"""What is known of a .proto file's text without protoc."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2 as pb

from kgen.protobuf.proto_tokens import imports, laid_out
from kgen.protobuf.protoc import descriptor_set

TEXT = """syntax = "proto2"; // import "none.proto";
/* import "none.proto"; { */
package shop;
import public "google/protobuf/any.proto"; import 'google/protobuf/descriptor.proto';
extend google.protobuf.FieldOptions { optional Note note = 50000; }
message Note { optional string text = 1; repeated string tags = 2; }
message Order {
  optional string import = 1 [default = "a;{ \\" // b", (note) = { text: "x; y" tags: ["a", "b"] }];
  optional int32 count=2[default=-1]; // last
  map<string,google.protobuf.Any> more = 3; oneof of { int32 x = 4; } reserved 5, 7 to 9;
  extensions 100 to max;
}
"""


def described(text: str) -> pb.FileDescriptorProto:
    found = pb.FileDescriptorSet.FromString(descriptor_set(text, {})).file[-1]
    found.ClearField("source_code_info")
    return found


def test_imports_are_those_of_the_file_alone() -> None:
    assert imports(TEXT) == ("google/protobuf/any.proto", "google/protobuf/descriptor.proto")


def test_a_layout_changes_nothing_that_protoc_reads() -> None:
    again = laid_out(TEXT)
    assert described(again) == described(TEXT)
    assert laid_out(again) == again
    assert "none.proto" not in again
    assert "last" not in again


@pytest.mark.parametrize(
    "text", ["", "message A {" * 50_000, '"' * 50_001, '"' + '\\"' * 50_000, "/*" * 50_000, "}}"]
)
def test_other_texts_import_nothing(text: str) -> None:
    assert imports(text) == ()
    assert len(laid_out(text)) <= 80 * (len(text) + 1)
