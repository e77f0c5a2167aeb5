"""The codec's engine in plain Python, with the same nodes and results as the native one."""
