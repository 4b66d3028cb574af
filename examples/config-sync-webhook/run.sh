#!/usr/bin/env bash
# Config Sync asks before it synchronises: the image that holds the configuration must be signed.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
serve registry.demo.example

"$verimage" serve --config server.yaml 2>"$work/log" &
webhook=$!
trap 'kill "$webhook" "$server" 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 400); do
    grep -q listening "$work/log" && break
    kill -0 "$webhook" || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
done
address="$(sed -n 's/^listening at //p' "$work/log")"

# As the API server would ask.
ask() { python3 ../admission.py "$address" tls.crt /validate/configsync "$1"; }

echo "# The reconciler has found what the tag v1 names, and wants to synchronise it: it is signed."
show 0 ask signed.json

echo "# What v2 names is not."
show 1 ask unsigned.json

echo "# A tag alone says nothing about what would be synchronised."
show 1 ask tag.json
