#!/usr/bin/env bash
# Signatures that openssl made with the key of a certificate, attached to images in a registry without TLS, for cosign and for
# notation.
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

echo "# For notation, openssl signed with RSASSA-PSS and SHA-512. The trust policy and the trust stores are notation's own."
show 0 verimage verify "$image:notation" --policy trustpolicy.json --trust-store truststore
show 1 verimage verify "$image:unsigned" --policy trustpolicy.json --trust-store truststore
show 0 verimage verify "$image:notation" --notation-ca authority.pem
show 1 verimage verify "$image:notation" --notation-ca authority.pem --trusted-identity "x509.subject: C=DE, ST=BE, O=Demo"

echo "# What a cluster with Kyverno has: a policy for each kind, the certificates in it."
show 0 verimage verify "$image:notation" "$image:signed" --policy kyverno.yaml
show 1 verimage verify "$image:unsigned" --policy kyverno.yaml

echo "# Either kind of signature."
show 0 verimage verify "$image:notation" --policy either.yaml
show 0 verimage verify "$image:with-certificate" --policy either.yaml
show 1 verimage verify "$image:unsigned" --policy either.yaml

echo "# A cluster asks: a Pod whose image notation signed is stored with its digest, a Deployment whose image nobody signed is not."
webhook server.yaml
ask() { python3 ../admission.py "$address" ../config-sync-webhook/tls.crt /mutate "$1"; }
show 0 ask pod.json
show 1 ask deployment.json
