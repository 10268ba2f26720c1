#!/bin/sh
# Installs what `make image-test` needs beside .venv, on Debian and Ubuntu: podman, which builds and runs
# images, and mmdebstrap, which makes their base. Without root or apt-get it only says what is missing.
set -eu

missing=
for program in podman mmdebstrap; do
    command -v $program >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: the tests of the images need root, and these programs:$missing" >&2
    exit 1
fi
echo "setup: installing these Debian packages:$missing" >&2
apt-get update -qq >&2
# shellcheck disable=SC2086  the list is meant to be split
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing runc >/dev/null
