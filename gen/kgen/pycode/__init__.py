"""Values and text as Python code."""
