#!/bin/sh
# Installs what `make setup` needs of the system, on Debian and Ubuntu; says what and why before it
# does, and does nothing where all is there.
set -eu
here=$(dirname "$0")

fail() {
    echo "setup: $*" >&2
    exit 1
}

# Lists of packages to install, and of the reasons, one a line.
packages=
reasons=

want() { # package... reason
    for argument; do
        reason=$argument
    done
    while [ $# -gt 1 ]; do
        packages="$packages $1"
        reasons="$reasons
  $1: $reason"
        shift
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo >/dev/null; then
        fail "not root, and there is no sudo. As root, run: apt-get install$packages"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@"
    fi
}

install_wanted() {
    [ -n "$packages" ] || return 0
    echo "setup: installing these Debian packages:$reasons" >&2
    command -v apt-get >/dev/null ||
        fail "there is no apt-get here. Install the equivalents of:$packages"
    as_root apt-get update -qq >&2
    # shellcheck disable=SC2086  the list is meant to be split
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends $packages >/dev/null
    packages=
    reasons=
}

want_python() {
    command -v apt-cache >/dev/null || return 0
    # A new machine's list of packages may be empty.
    as_root apt-get update -qq >&2
    for version in 3.13 3.12 3.11; do
        if apt-cache show "python$version" >/dev/null 2>&1; then
            want "python$version" "fanscribe runs on Python 3.11 to 3.13"
            return 0
        fi
    done
}

[ "$(uname -sm)" = "Linux x86_64" ] ||
    fail "the Triton that runs without a container exists for x86-64 Linux only, not $(uname -sm)."

if ! "$here/pick-python.sh" >/dev/null; then
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is no Python 3.11 to 3.13."
    want_python
    install_wanted
fi
python=$("$here/pick-python.sh") ||
    fail "fanscribe needs Python 3.11 to 3.13, and this system offers none. Install one and run" \
        "again, with PYTHON=/path/to/python3 if it is not in PATH."
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')

"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    want "python$version-venv" "makes the virtual environment"
"$python" - <<'PYTHON' || want "libpython$version" "Triton's Python backend links to it"
import ctypes.util, pathlib, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
own = pathlib.Path(sysconfig.get_config_var("LIBDIR") or "/nonexistent", f"libpython{version}.so.1.0")
sys.exit(not (own.exists() or ctypes.util.find_library(f"python{version}")))
PYTHON
if ! { command -v ffmpeg && command -v ffprobe; } >/dev/null; then
    want ffmpeg "reads recordings"
fi
[ -d /usr/share/pocketsphinx/test/data/librivox ] ||
    want pocketsphinx-testdata "recorded speech with its text, for the demo and the tests"
# This Triton needs numpy 1.26, which has no wheel for Python 3.13.
if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    command -v c++ >/dev/null || want build-essential "builds numpy 1.26 for Python $version"
    "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' ||
        want "python$version-dev" "builds numpy 1.26 for Python $version"
fi
install_wanted
