#!/usr/bin/env bash
# What a workflow sees when it uses the action beside this script. The registry is that of another example.
set -euo pipefail
action="$(cd "$(dirname "$0")" && pwd)"
cd "$action/../cosign-signature-repository"
. ../lib.sh
serve quay.io docker.io ghcr.io registry.gitlab.com

# As a runner has it: the program on the path, a file for outputs.
mkdir "$work/bin"
ln -s "$verimage" "$work/bin/verimage"
export PATH="$work/bin:$PATH" GITHUB_OUTPUT="$work/outputs"

step() {
    POLICY="$1" IMAGES="$2" python3 "$action/verify.py"
}

echo "# Signed: the next steps have the digest."
show 0 step enforce.yaml quay.io/keycloak/keycloak:26.0
show 0 cat "$GITHUB_OUTPUT" | sed "s|$work|.|"

echo "# One of two is not signed: the step fails, and hands nothing on."
: >"$GITHUB_OUTPUT"
show 1 step enforce.yaml "quay.io/keycloak/keycloak:26.0 ghcr.io/banzaicloud/logging-operator:5.0"
show 0 cat "$GITHUB_OUTPUT" | sed "s|$work|.|"

echo "# A policy that is not there."
show 2 step missing.yaml quay.io/keycloak/keycloak:26.0
