#!/usr/bin/env bash
# Tags signed with `docker trust`: the digest comes from the notary server, and no registry is asked.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
serve_trust notary.demo.example

image=docker.io/projectnexus/jq
at="--at 2027-01-01T00:00:00Z"
trusted="--notary-root root.pub --notary-server http://notary.demo.example $at"

echo "# Signed for everybody: the signed digest is what may run."
show 0 verimage verify "$image:1.7" $trusted

echo "# Signed by one person: not for everybody, but for whoever asks for that person."
show 1 verimage verify "$image:1.8-rc1" $trusted
show 0 verimage verify "$image:1.8-rc1" $trusted --delegation alice

echo "# Never signed."
show 1 verimage verify "$image:1.6" $trusted

echo "# Another root than is pinned; metadata that have expired; a server that is not there."
show 1 verimage verify "$image:1.7" --notary-root ../cosign-signature-repository/platform.pub \
    --notary-server http://notary.demo.example $at
show 1 verimage verify "$image:1.7" --notary-root root.pub --notary-server http://notary.demo.example --at 2035-01-01T00:00:00Z
show 3 verimage verify "$image:1.7" --notary-root root.pub --notary-server http://127.0.0.1:9 $at

echo "# While a project moves to cosign: either signature will do. Both are over the same digest, or nothing runs."
show 0 verimage policy check policy.yaml

echo "# The cluster's Connaisseur: its configuration is a policy as it is; as printed, its first rule refers to nothing."
show 0 verimage verify "$image:1.7" --policy connaisseur.yaml $at
show 1 verimage verify "$image:1.8-rc1" --policy connaisseur.yaml $at
show 0 verimage policy explain docker.io/library/alpine:3.20 --policy connaisseur.yaml
show 2 verimage policy check connaisseur-as-printed.yaml
