"""JSON Schema as a frozen tree."""
