#!/bin/sh
# make-venv.sh VENV PYTHON: a virtual environment with the project (editable, all extras) and what tests and checks need.
# make-venv.sh VENV PYTHON GROUP...: further dependency groups for an environment that is there.
# With uv, the versions of uv.lock; without it, by venv and pip, the newest that fit pyproject.toml.
set -eu
venv=$1
python=$2
[ -n "$python" ] || exit 1
shift 2
project=
[ $# -gt 0 ] || { project='.[all]'; set -- test check docs; }
for group; do set -- "$@" --group "$group"; shift; done
if command -v uv >/dev/null 2>&1; then
    UV_PROJECT_ENVIRONMENT=$venv exec uv sync -q --locked --inexact --python "$python" --all-extras "$@"
fi
sh scripts/empty-venv.sh "$venv" "$python"
"$venv/bin/python" -m pip install -q --disable-pip-version-check 'pip>=25.1'
"$venv/bin/python" -m pip install -q --disable-pip-version-check ${project:+-e "$project"} "$@"
