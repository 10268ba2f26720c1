#!/bin/sh
# Builds KEDA's operator and metrics adapter into a folder, from its Go module and with the versions of
# everything else that it pins itself. GO is the go command.
set -eu
folder=$(cd "$1" && pwd)
version=2.20.0
module=$("${GO:-go}" mod download -json "github.com/kedacore/keda/v2@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
cd "$module"
CGO_ENABLED=0 nice "${GO:-go}" build -p=2 -buildvcs=false -trimpath \
    -ldflags="-s -w -X github.com/kedacore/keda/v2/version.Version=$version" \
    -o "$folder/" ./cmd/operator ./cmd/adapter
