"""kgen: typed Bytewax dataflows from a schema registry. The generator and its command line."""

__version__ = "0.1.0"
