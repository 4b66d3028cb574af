#!/usr/bin/env bash
# Images of several registries, their signatures by one key in a repository of their own: audited, then enforced.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
serve quay.io docker.io ghcr.io registry.gitlab.com

signatures=registry.gitlab.com/platform/signatures
keycloak=quay.io/keycloak/keycloak:26.0
vault=docker.io/hashicorp/vault:1.18
operator=ghcr.io/banzaicloud/logging-operator:5.0

echo "# Where is the signature?"
show 0 verimage triangulate "$keycloak" --signature-repository "$signatures"

echo "# The shortest question, with the words of cosign."
show 0 verimage verify "$keycloak" --key platform.pub --signature-repository "$signatures" --insecure-ignore-tlog

echo "# Audit: everything is admitted, and what would be denied is said."
show 0 verimage verify "$keycloak" "$vault" "$operator" --policy audit.yaml --jobs 1

echo "# The same over what runs, as policy reports for the cluster: one passes, one fails."
show 1 verimage audit --manifests workloads.yaml --policy enforce.yaml --at 2026-01-01T00:00:00Z --format policyreport

echo "# Enforce: signed by somebody else, and not signed at all."
show 0 verimage verify "$keycloak" --policy enforce.yaml
show 1 verimage verify "$vault" --policy enforce.yaml
show 1 verimage verify "$operator" --policy enforce.yaml

echo "# An image that no rule is about."
show 0 verimage policy explain quay.io/other/app:v1 --policy enforce.yaml

echo "# The policy of Kyverno as it is: what it audits is audited, and what it is not about is let through."
show 0 verimage verify "$keycloak" "$vault" "$operator" --policy kyverno.yaml --jobs 1
