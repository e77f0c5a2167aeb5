"""The native codec: optional, so that an install without a C compiler works, on the plain Python codec."""

import os
from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(str(p) for p in Path("runtime/kgen_runtime/codec").glob("*.pyx"))


def extensions() -> list[Extension]:
    """The Cython modules, or none where `KGEN_PURE=1` asks for the fallback."""
    if os.environ.get("KGEN_PURE") == "1" or not SOURCES:
        return []
    from Cython.Build import cythonize

    modules: list[Extension] = cythonize(
        [Extension(f"kgen_runtime.codec.{Path(s).stem}", [s], extra_compile_args=["-O2"]) for s in SOURCES],
        language_level=3,
    )
    for module in modules:
        module.optional = True  # cythonize makes new ones and drops what it does not know
    return modules


setup(ext_modules=extensions())
