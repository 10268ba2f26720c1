#!/bin/sh
# Installs what `make node-test` needs beside .venv, on Debian and Ubuntu: what a kubelet runs pods with.
set -eu

missing=
need() {
    command -v "$1" >/dev/null || missing="$missing $2"
}
need containerd containerd
need runc runc
need nft nftables
need ip iproute2
need iptables iptables
need /usr/lib/cni/ptp containernetworking-plugins
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: the tests of the node need root, and these Debian packages:$missing" >&2
    exit 1
fi
echo "setup: installing these Debian packages:$missing" >&2
apt-get update -qq >&2
# shellcheck disable=SC2086  the list is meant to be split
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
