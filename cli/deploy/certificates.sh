#!/usr/bin/env bash
# Makes an authority and a certificate of the admission server by it, with openssl.
#
#   cli/deploy/certificates.sh FOLDER [--namespace NAMESPACE] [--service SERVICE] [--also NAME]...
#
# Writes ca.crt, ca.key, tls.crt and tls.key. An authority that is in FOLDER already stays: only the certificate is made anew, and
# API servers that trust the authority need not be told. NAME is a further name, such as DNS:webhook.example or IP:192.0.2.1.
# The authority is good for ten years, the certificate for one. Keep ca.key out of the cluster.
set -euo pipefail
umask 077

folder="" namespace=verimage-system service=verimage also=""
while [ $# -gt 0 ]; do
    case "$1" in
    --namespace) namespace="${2:?--namespace needs a name}" && shift ;;
    --service) service="${2:?--service needs a name}" && shift ;;
    --also) also="$also, ${2:?--also needs a name}" && shift ;;
    -*) folder="" && break ;;
    *) folder="$1" ;;
    esac
    shift
done
if [ -z "$folder" ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
mkdir -p "$folder"
cd "$folder"

new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

if [ ! -e ca.crt ] || [ ! -e ca.key ]; then
    new_key ca.key
    openssl req -new -x509 -key ca.key -days 3650 -subj "/CN=$service authority" -out ca.crt \
        -addext "basicConstraints = critical, CA:true, pathlen:0" -addext "keyUsage = critical, keyCertSign, cRLSign"
fi

new_key tls.key
cat >request.cnf <<CONFIGURATION
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:$service, DNS:$service.$namespace, DNS:$service.$namespace.svc$also
CONFIGURATION
openssl req -new -key tls.key -subj "/CN=$service.$namespace.svc" -out request.csr
openssl x509 -req -in request.csr -CA ca.crt -CAkey ca.key -days 365 -extfile request.cnf -out tls.crt 2>request.log ||
    { cat request.log >&2 && exit 1; }
rm request.cnf request.csr request.log
echo "made: $(openssl x509 -in tls.crt -noout -enddate | sed 's/notAfter=/a certificate until /')"
