"""Avro schemas: from their text to a frozen tree."""
