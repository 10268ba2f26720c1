#!/bin/sh
# Puts prometheus and promtool into .venv/prometheus, for the tests of the chart: the system's, or else
# those of its package, unpacked. Nothing is installed, no daemon started, and it takes no root.
set -eu
target=$(cd "$(dirname "$0")/../.." && pwd)/.venv/prometheus
mkdir -p "$target"

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    ln -sf "$(command -v prometheus)" "$(command -v promtool)" "$target"
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder" # apt downloads as a user of its own
cd "$folder"
mkdir -p lists/partial
# A new machine's list of packages is empty, and that of the system is root's.
apt-get download -qq prometheus 2>/dev/null ||
    { apt-get update -qq -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder" &&
        apt-get download -qq -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder" prometheus; } ||
    { echo "setup: prometheus could not be downloaded; the tests that ask one will be skipped" >&2; exit 1; }
dpkg-deb -x prometheus_*.deb package
mv package/usr/bin/prometheus package/usr/bin/promtool "$target"
