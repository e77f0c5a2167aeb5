"""kgen's runtime: what generated code imports."""
