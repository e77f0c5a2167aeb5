"""Protobuf in the codec: what both engines share."""
