#!/bin/sh
# Makes a base image where no registry can be reached: Debian bookworm with Python 3.11 and pip, from
# Debian's packages alone. As root, with buildah and mmdebstrap:
#
#   deploy/docker/base-image.sh localhost/fanscribe-python
#   make images BUILDER=buildah PYTHON_IMAGE=localhost/fanscribe-python
#
# A second argument is a mirror in place of deb.debian.org.
set -eu
image=${1:?how to name the image}
mirror=${2:-}

for program in buildah mmdebstrap; do
    command -v $program >/dev/null || { echo "$0: $program is missing: apt-get install buildah mmdebstrap" >&2; exit 1; }
done

folder=$(mktemp -d)
container=
trap 'rm -rf "$folder"; [ -z "$container" ] || buildah rm "$container" >/dev/null' EXIT

# Without documentation, now and in what is installed later, as in the slim images of Docker's library.
# Pip may install into a system that is an image's: that is what EXTERNALLY-MANAGED is removed for.
mmdebstrap --quiet --variant=minbase --include=ca-certificates,python3,python3-pip \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm "$1"/usr/lib/python3.*/EXTERNALLY-MANAGED' \
    bookworm "$folder/root.tar" ${mirror:+"$mirror"}

container=$(buildah from scratch)
buildah add --quiet "$container" "$folder/root.tar" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env LANG=C.UTF-8 --cmd python3 "$container"
buildah commit --quiet "$container" "$image"
