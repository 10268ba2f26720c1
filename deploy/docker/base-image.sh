#!/bin/sh
# Makes a base image where no registry can be reached: Debian bookworm with Python 3.11 and pip, from
# Debian's packages alone. Takes root and mmdebstrap; BUILDER is buildah, podman or docker.
#
#   BUILDER=buildah deploy/docker/base-image.sh localhost/fanscribe-python
#   make images BUILDER=buildah PYTHON_IMAGE=localhost/fanscribe-python
#
# A second argument is a mirror in place of deb.debian.org.
set -eu
image=${1:?how to name the image}
mirror=${2:-}

command -v mmdebstrap >/dev/null || { echo "$0: mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Without documentation, now and in what is installed later, as the slim images of Docker's library.
# Pip may install into a system that is an image's own. Triton's Python backend links to libpython.
mmdebstrap --quiet --variant=minbase --include=ca-certificates,libpython3.11,python3,python3-pip \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm "$1"/usr/lib/python3.11/EXTERNALLY-MANAGED' \
    bookworm "$folder/root.tar" ${mirror:+"$mirror"}

cat >"$folder/Dockerfile" <<'DOCKERFILE'
FROM scratch
ADD root.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["python3"]
DOCKERFILE
# shellcheck disable=SC2086  the builder may come with options
${BUILDER:-docker} build --quiet -t "$image" -f "$folder/Dockerfile" "$folder"
