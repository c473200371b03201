#!/bin/sh
# A Helm post-renderer: takes what Envoy Gateway's chart rendered, and gives it back with Offramp in it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -R "$(dirname "$0")" "$folder/sidecar"
cat >"$folder/envoy-gateway.yaml"
cat >"$folder/kustomization.yaml" <<'YAML'
resources: [envoy-gateway.yaml]
components: [sidecar]
YAML
kubectl kustomize "$folder"
