#!/bin/sh
# empty-venv.sh VENV PYTHON: a virtual environment with pip, where there is none yet.
# Works where the interpreter has pip but no venv module (as Debian splits it).
set -eu
venv=$1
python=$2
[ ! -x "$venv/bin/python" ] || exit 0
echo "making $venv with $python; a few minutes, as the codec is compiled" >&2
if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
    rm -rf "$venv"
    bootstrap=$(mktemp -d)
    trap 'rm -rf "$bootstrap"' EXIT
    "$python" -m pip install -q --target "$bootstrap" virtualenv || {
        echo "error: $python has neither a working venv module nor pip" >&2
        echo "hint: install them, for example 'apt install python3-venv python3-pip'" >&2
        exit 1
    }
    PYTHONPATH=$bootstrap "$python" -m virtualenv -q "$venv"
fi
