#!/bin/sh
# peers-venv.sh VENV PYTHON: a virtual environment with the peers of `make bench-peers`; those that do not install step aside.
set -eu
venv=$1
python=$2
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
while read -r peer; do
    "$venv/bin/python" -m pip install -q --disable-pip-version-check "$peer" || echo "$peer steps aside: it does not install here" >&2
done <tests/bench/peers/requirements.txt
