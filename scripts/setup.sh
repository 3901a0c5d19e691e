#!/bin/sh
# Makes .venv with everything in uv.lock. Needs a shell, and Python with pip or venv (any version):
# uv and a Python that fits are found, else fetched into .tools/ and uv's own folder.
#   scripts/setup.sh run|dev|bench|containers
set -eu

UV_VERSION=0.13.9
OLDEST="3, 12"
NEWEST="3, 14"

cd "$(dirname "$0")/.."
unset VIRTUAL_ENV
export UV_PROJECT_ENVIRONMENT=.venv UV_NO_PROGRESS="${UV_NO_PROGRESS:-1}"

say() { printf 'setup: %s\n' "$*" >&2; }

fits() { # a pyenv shim is on the path but may not run: try it
    "$1" -c "import sys; sys.exit(not ($OLDEST) <= sys.version_info[:2] <= ($NEWEST))" >/dev/null 2>&1
}

find_python() {
    for candidate in python3.13 python3.12 python3.14 python3 python \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[234].*/bin/python3 \
        /usr/local/bin/python3.1[234] /opt/python*/bin/python3; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo 3.13 # uv fetches it
}

bootstrap_uv() {
    say "fetching uv $UV_VERSION into .tools/"
    mkdir -p .tools
    for python in python3 python "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
        "$python" -c '' >/dev/null 2>&1 || continue
        rm -rf .tools/uv
        if "$python" -m venv .tools/uv >/dev/null 2>&1 &&
            .tools/uv/bin/python -m pip install -q --disable-pip-version-check "uv==$UV_VERSION" >&2; then
            return
        fi
        rm -rf .tools/uv
        if "$python" -m pip --version >/dev/null 2>&1 &&
            "$python" -m pip install -q --disable-pip-version-check --root-user-action=ignore \
                --target .tools/uv "uv==$UV_VERSION" >&2; then
            return
        fi
    done
    rm -rf .tools/uv
    say "cannot get uv: install python3-venv (apt-get install python3-venv), or uv itself"
    say "(https://docs.astral.sh/uv), then try again"
    exit 1
}

sync() {
    case "$1" in
        run) set -- --no-default-groups --inexact ;;
        dev) set -- --all-packages --inexact ;;
        bench) set -- --all-packages --group bench --inexact ;;
        containers) set -- --all-packages --group containers --inexact ;;
        *) say "usage: scripts/setup.sh run|dev|bench|containers"; exit 2 ;;
    esac
    "$UV" sync --quiet --frozen --python "$PYTHON" "$@"
}

if fits .venv/bin/python; then PYTHON=.venv/bin/python; else PYTHON=$(find_python); fi

UV=$(command -v uv || true)
if [ -n "$UV" ] && sync "$1"; then exit 0; fi
UV=.tools/uv/bin/uv
[ -x "$UV" ] && [ "$("$UV" --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] || bootstrap_uv
sync "$1"
