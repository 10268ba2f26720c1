#!/bin/sh
# Prints the Python that fanscribe is set up with; fails if this machine has none that fits.
#
# Python 3.11 is the oldest that fanscribe supports, 3.13 the newest that the Triton of
# nvidia-pytriton has a Python backend for. PYTHON=/path/to/python3 overrides the choice.
set -eu

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    candidates="python3 /usr/bin/python3 python3.13 python3.12 python3.11"
fi
for candidate in $candidates; do
    if fits "$candidate"; then
        command -v "$candidate"
        exit 0
    fi
done
exit 1
