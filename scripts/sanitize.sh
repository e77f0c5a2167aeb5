#!/bin/sh
# Builds the native codec with gcc's address and undefined-behaviour sanitizers, in a copy under build/, and runs its tests there.
# The copy leaves the normal build alone. Usage: scripts/sanitize.sh PYTHON
set -eu
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
copy=build/sanitize
rm -rf "$copy"
mkdir -p "$copy"
cp -R runtime gen templates tests setup.py pyproject.toml "$copy"
find "$copy" -name '*.so' -delete
[ -f README.md ] && cp README.md "$copy"
cd "$copy"
KGEN_SANITIZE=1 "$python" setup.py -q build_ext --inplace
# Leaks are the test suite's affair (tracemalloc): Python itself never frees everything.
# The stack frames of this build are too large for the tests of small stacks.
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH="$PWD/runtime:$PWD/gen:$PWD/templates:$PWD" \
    "$python" -m pytest -p no:cacheprovider -q tests/unit/codec/test_codec.py tests/unit/codec/test_safety.py \
    tests/unit/codec/test_fuzz.py tests/unit/codec/test_packing.py tests/unit/codec/test_payloads.py tests/unit/codec/test_rows.py tests/unit/codec/test_times.py \
    tests/unit/codec/test_writing.py tests/unit/codec/test_interrupts.py tests/unit/codec/json/test_json_engines.py \
    tests/unit/codec/json/test_json_grammar.py tests/unit/codec/json/test_json_limits.py tests/unit/codec/json/test_json_objects.py \
    tests/unit/codec/json/test_json_scalars.py tests/unit/codec/json/test_json_unions.py -k "not leak and not reserve and not small_stack"
