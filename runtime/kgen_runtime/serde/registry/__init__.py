"""The HTTP client of a schema registry, and why its requests fail."""
