#!/bin/sh
# Prints the path of a CPython 3.10 to 3.12, the newest found; with --all, one of each minor version, newest first; with --newer,
# those of 3.13 and 3.14, or nothing. Looks on PATH, then where pyenv and uv keep theirs.
# Where there is none: "3.12" if uv is there to fetch it, else exits 1 and says what to install.
set -u
pyenv_root=${PYENV_ROOT:-$HOME/.pyenv}
uv_root=${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}
minors="3.12 3.11 3.10"
[ "${1:-}" = --newer ] && minors="3.14 3.13"

# The real path of interpreter $1 when it is CPython $2 and can run at all (a pyenv shim may be there and not work).
probe() {
    "$1" -c 'import sys
if sys.implementation.name == "cpython" and "%d.%d" % sys.version_info[:2] == sys.argv[1]:
    print(sys.executable)' "$2" 2>/dev/null
}

found=
for minor in $minors; do
    for candidate in "python$minor" "$pyenv_root/versions/$minor".*/bin/python "$uv_root/cpython-$minor".*/bin/python3 python3 python; do
        path=$(probe "$candidate" "$minor")
        [ -n "$path" ] || continue
        found=yes
        printf '%s\n' "$path"
        [ -n "${1:-}" ] || exit 0
        break
    done
done
[ -n "$found" ] || [ "${1:-}" = --newer ] && exit 0
command -v uv >/dev/null 2>&1 && echo 3.12 && exit 0
echo "error: no CPython 3.10, 3.11 or 3.12 found (Bytewax has no build for other versions)" >&2
echo "hint: install one, for example 'apt install python3.11 python3.11-venv', 'pyenv install 3.12' or 'uv python install 3.12', or set PYTHON=/path/to/python" >&2
exit 1
