"""Steps between source and sink."""
