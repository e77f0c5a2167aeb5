#!/bin/sh
# make-venv.sh VENV PYTHON [GROUP...]: a virtual environment with the project (editable, all extras), its test tools and further
# dependency groups. With uv, the versions of uv.lock; without it, by venv and pip, the newest that fit pyproject.toml.
set -eu
venv=$1
python=$2
[ -n "$python" ] || exit 1
shift 2
set -- test "$@"
if command -v uv >/dev/null 2>&1; then
    for group; do set -- "$@" --group "$group"; shift; done
    UV_PROJECT_ENVIRONMENT=$venv exec uv sync -q --locked --inexact --python "$python" --all-extras "$@"
fi
sh scripts/empty-venv.sh "$venv" "$python"
for group; do set -- "$@" --group "$group"; shift; done
"$venv/bin/python" -m pip install -q --disable-pip-version-check 'pip>=25.1'
"$venv/bin/python" -m pip install -q --disable-pip-version-check -e '.[all]' "$@"
