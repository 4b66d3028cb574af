#!/usr/bin/env bash
# Signatures that openssl made with the key of a certificate, attached to images in a registry without TLS.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
serve 172.19.0.3:5000

image=172.19.0.3:5000/net-monitor

echo "# The certificate is in the policy: a bare signature is enough, and one that brings the certificate, too."
show 0 verimage verify "$image:signed" --policy pinned.yaml
show 0 verimage verify "$image:with-certificate" --policy pinned.yaml

echo "# Only the authority is in the policy: the signature must say who signed."
show 0 verimage verify "$image:with-certificate" --policy authority.yaml
show 1 verimage verify "$image:signed" --policy authority.yaml

echo "# Not signed."
show 1 verimage verify "$image:unsigned" --policy pinned.yaml

echo "# The same questions with the words of cosign."
show 0 verimage verify "$image:signed" --certificate signer.pem --insecure-ignore-tlog
show 0 verimage verify "$image:with-certificate" --certificate-chain authority.pem \
    --certificate-identity release@demo.example --insecure-ignore-tlog
show 1 verimage verify "$image:with-certificate" --certificate-chain authority.pem \
    --certificate-identity somebody@demo.example --insecure-ignore-tlog

echo "# What the bare signature says: the host in its payload is not the one that is asked, which nobody demanded."
show 0 verimage inspect "$image:signed"
