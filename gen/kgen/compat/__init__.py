"""What changed between versions of a schema, and who can still read what."""
