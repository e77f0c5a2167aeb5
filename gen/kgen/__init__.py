"""kgen: typed Bytewax dataflows from a schema registry. The generator and its command line."""

__version__ = "0.1.0"


def install(extra: str) -> str:
    """The command that installs an extra of the distribution that this package comes from."""
    return f"pip install 'kgen-streams[{extra}]'"
