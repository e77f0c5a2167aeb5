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
# A module that does not compile must not step aside for plain Python.
KGEN_SANITIZE=1 KGEN_NATIVE=1 "$python" setup.py -q build_ext --inplace
codec=tests/unit/codec
# Leaks are the test suite's affair (tracemalloc): Python itself never frees everything.
# The stack frames of this build are too large for the tests of small stacks.
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc PYTHONPATH="$PWD/runtime:$PWD/gen:$PWD/templates:$PWD"
"$python" -m pytest -p no:cacheprovider -q $codec/test_codec.py $codec/test_safety.py $codec/test_fuzz.py $codec/test_packing.py \
    $codec/test_payloads.py tests/unit/runtime/test_arrivals.py $codec/test_rows.py $codec/test_times.py $codec/test_writing.py \
    $codec/test_interrupts.py $codec/test_repeated_strings.py $codec/test_branches.py $codec/test_out_of_range.py $codec/test_columns.py \
    $codec/json/test_json_engines.py $codec/json/test_json_grammar.py $codec/json/test_json_limits.py $codec/json/test_json_objects.py \
    $codec/json/test_json_scalars.py $codec/json/test_json_unions.py $codec/json/test_json_out_of_range.py \
    $codec/protobuf tests/unit/serde/test_types_serde.py tests/unit/serde/test_protobuf_serde.py \
    -k "not leak and not reserve and not small_stack"
# On the in-memory broker: Java has no use for the sanitizers.
"$python" -m pytest -p no:cacheprovider -q tests/integration/test_message_queue.py -m kafka -k tansu
