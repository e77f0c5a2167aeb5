"""The description of Protobuf messages: text and tree."""
