#!/usr/bin/env bash
# Images signed with gpg, under the policy.json that podman reads: a registry that keeps signatures itself, and a lookaside.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
cluster=image-registry.openshift-image-registry.svc:5000
other=registry.demo.example
serve_signatures "$cluster" "$other"

echo "# The cluster's registry says itself which signatures it has."
show 0 verimage verify "$cluster/kabanero-signed/java-microprofile:0.2" --policy policy.json
show 1 verimage verify "$cluster/kabanero-signed/nodejs-express:0.4" --policy policy.json
show 1 verimage verify "$cluster/kabanero-signed/java-spring-boot2:0.3" --policy policy.json

echo "# The policy demands nothing of these."
show 0 verimage verify "$cluster/kabanero/nodejs:1.0" --policy policy.json

echo "# The other registry has no room for signatures; registries.d says where its lookaside is."
show 0 verimage verify "$other/kabanero/collections:0.6" --policy policy.json --registries-d registries.d
show 1 verimage verify "$other/kabanero/landing:0.6" --policy policy.json --registries-d registries.d

echo "# One key and one lookaside, without any file."
show 0 verimage verify "$other/kabanero/collections:0.6" --gpg-key kabanero.asc --lookaside http://signatures.demo.example
