#!/bin/sh
# Makes .venv with the `fanscribe` command and everything that developing it takes, or brings it up
# to date.
set -eu
cd "$(dirname "$0")/../.."

python=$(deploy/setup/pick-python.sh)
# What an upgrade of the system's Python broke is made anew.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    echo "setup: making .venv with $python" >&2
    "$python" -m venv --clear .venv
fi
echo "setup: installing the Python packages; the first time this downloads some 600 MB" >&2
.venv/bin/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
