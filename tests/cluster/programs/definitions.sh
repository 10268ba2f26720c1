#!/bin/sh
# Copies the definitions of the chart's custom resources into a folder, as their projects publish them
# with their Go modules. GO is the go command.
set -eu
folder=$1
mkdir -p "$folder"
for one in \
    github.com/cert-manager/cert-manager@v1.19.1:deploy/crds \
    github.com/kedacore/keda/v2@v2.20.0:config/crd/bases \
    github.com/prometheus-operator/prometheus-operator@v0.85.0:example/prometheus-operator-crd; do
    module=$("${GO:-go}" mod download -json "${one%:*}" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    cp "$module/${one##*:}"/*.yaml "$folder"
done
