"""What pyproject.toml cannot say: the native codec, and the project's URLs.

The codec is optional, so that an install without a C compiler works, on the codec in plain Python.
"""

import os
import warnings
from pathlib import Path

from setuptools import Extension, setup
from setuptools.warnings import InformationOnly

# Of editable installs: folders named as the packages could hide them. There are none: they lie in gen/,
# runtime/ and templates/.
warnings.simplefilter("ignore", InformationOnly)

# `KGEN_SANITIZE=1` builds for gcc's sanitizers, which must be loaded before Python: see `make sanitize`.
SANITIZE = [
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-g",
    "-O1",
]
# Python's own flags ask for debugging information: seven times the size of what is compiled, and a third of
# the time. CFLAGS has the last word, as in `CFLAGS=-O1` for a quick build. Without optimisation, frames take
# more stack than the limits on depth reckon with.
OPTIMISED = ["-O2", "-g0", *os.environ.get("CFLAGS", "").split()]
FLAGS = SANITIZE if os.environ.get("KGEN_SANITIZE") == "1" else OPTIMISED
SOURCES = sorted(str(p) for p in Path("runtime/kgen_runtime/codec/native").glob("*.pyx"))
INCLUDED = [
    str(p) for kind in ("pxi", "h") for p in Path("runtime/kgen_runtime/codec/native").glob(f"*.{kind}")
]


def extensions() -> list[Extension]:
    """The Cython modules, or none where `KGEN_PURE=1` asks for the fallback."""
    if os.environ.get("KGEN_PURE") == "1" or not SOURCES:
        return []
    from Cython.Build import cythonize

    modules: list[Extension] = cythonize(
        [
            Extension(
                f"kgen_runtime.codec.native.{Path(source).stem}",
                [source],
                depends=INCLUDED,
                extra_compile_args=FLAGS,
                extra_link_args=FLAGS if FLAGS is SANITIZE else [],
            )
            for source in SOURCES
        ],
        language_level=3,
    )
    for module in modules:
        # Here, as cythonize makes new ones. Released wheels are built with `KGEN_NATIVE=1`: not without it.
        module.optional = os.environ.get("KGEN_NATIVE") != "1"
    return modules


def project_urls() -> dict[str, str]:
    """Where the project is, if the build knows: a workflow on GitHub has the repository in its environment.
    Nothing else names it, so builds elsewhere have no URLs.
    """
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        return {}
    url = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
    return {
        "Source": url,
        "Documentation": f"{url}/blob/main/docs/index.md",
        "Changelog": f"{url}/blob/main/CHANGELOG.md",
        "Issues": f"{url}/issues",
    }


# A compiler for each core: they are few large files.
setup(
    ext_modules=extensions(),
    project_urls=project_urls(),
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)
