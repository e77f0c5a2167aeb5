"""The dataflows of this package, one module a topic. Yours to edit."""
