#!/bin/sh
# Makes .venv with PYTHON ($1) and installs exactly what the lock file ($2) names, each package checked by hash.
# Called by the Makefile; does nothing that it need not do again.
set -eu
python=$1 lock=$2

fail() { printf '%s\n' "setup: $*" >&2; exit 1; }
command -v "$python" >/dev/null || fail "no $python here: install Python 3.11 or newer, or say which with PYTHON=…"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old: Callboard needs Python 3.11 or newer; say which with PYTHON=…"

if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    # Debian keeps the part of venv that installs pip in a package of its own.
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            echo "setup: installing Debian's python3-venv"
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        else
            fail "this Python cannot make virtual environments: install python3-venv (apt-get install python3-venv)"
        fi
    fi
    echo "setup: making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
fi
pip() { .venv/bin/pip --quiet --disable-pip-version-check "$@"; }

# uv needs a third of pip's time. It does not read pip's settings: where pip was told of another index, or uv does not
# get through, pip does it.
install_with_uv() {
    case $(.venv/bin/pip config list) in *.index-url=*) return 1 ;; esac
    pip install --require-hashes -r requirements-setup.lock || { echo "setup: no uv; pip does its work"; return 1; }
    .venv/bin/uv pip install --quiet --python .venv/bin/python --system-certs --compile-bytecode \
        --require-hashes -r "$lock" 2>.venv/uv.log && return
    echo "setup: uv did not get through (.venv/uv.log); pip does its work"
    return 1
}

echo "setup: installing $lock"
install_with_uv || pip install --require-hashes -r "$lock"
pip install --no-deps --no-build-isolation --no-index --editable .
# Commands that start a hundred times (every one of the CLI's in a test) need not read the sources a hundred times.
.venv/bin/python -m compileall -q services shared
