"""Writing topics: from typed messages to delivered records, at least once or exactly once."""
