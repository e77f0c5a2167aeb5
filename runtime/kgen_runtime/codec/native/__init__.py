"""The compiled engine of the codec (Cython)."""
