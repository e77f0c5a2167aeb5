"""Typed dataflows on the topics of a schema registry: models in `_generated`, your flows in `flows`."""
