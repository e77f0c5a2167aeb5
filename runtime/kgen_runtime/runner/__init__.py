"""What `python -m kgen_runtime.run` does around a flow."""
