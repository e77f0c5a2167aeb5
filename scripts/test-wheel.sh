#!/bin/sh
# test_wheel.sh PYTHON: builds the sdist and, from that, the wheel; installs the wheel into a clean virtual environment outside
# the clone, and runs kgen's main job there: pull from a local registry, then the flow, start to end.
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
rm -rf build/dist
unset CFLAGS # as released, whatever the rest of CI is built with
"$python" -m build -q --outdir build/dist .
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
sh scripts/empty-venv.sh "$place/venv" "$python"
"$place/venv/bin/python" -m pip install -q --disable-pip-version-check "$(echo build/dist/*.whl)[gen,dev,json]" pytest
cp -R examples "$place/examples"
cd "$place"
"$place/venv/bin/python" -c '
import sys, kgen, kgen_runtime
from kgen_runtime import codec
for package in (kgen, kgen_runtime):
    assert package.__file__.startswith(sys.prefix), f"{package.__file__} is not of the wheel"
print(f"kgen {kgen.__version__}, codec: {codec.ENGINE}, from {sys.prefix}")'
GITHUB_REPOSITORY=${GITHUB_REPOSITORY-} "$place/venv/bin/python" -c '
import os
from importlib.metadata import metadata
urls = [url.partition(", ")[0] for url in metadata("kgen-streams").get_all("Project-URL", [])]
wanted = ["Source", "Documentation", "Changelog", "Issues"] if os.environ["GITHUB_REPOSITORY"] else []
assert urls == wanted, f"project URLs in the wheel: {urls}, expected: {wanted}"'
"$place/venv/bin/kgen" --version
"$place/venv/bin/python" "$place/examples/orders/demo.py" --folder "$place/demo"
