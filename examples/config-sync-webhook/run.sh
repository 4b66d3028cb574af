#!/usr/bin/env bash
# Config Sync asks before it synchronises: the image that holds the configuration must be signed.
set -euo pipefail
cd "$(dirname "$0")"
. ../lib.sh
serve registry.demo.example
webhook server.yaml

# As the API server would ask.
ask() { python3 ../admission.py "$address" tls.crt /validate/configsync "$1"; }

echo "# The reconciler has found what the tag v1 names, and wants to synchronise it: it is signed."
show 0 ask signed.json

echo "# What v2 names is not."
show 1 ask unsigned.json

echo "# A tag alone says nothing about what would be synchronised."
show 1 ask tag.json

echo "# Another registry answers only whoever has a token, which somebody rotates. Without it the server does not start."
kill "$webhook" "$server"
rm "$work/address"
echo "first" >"$work/known"
token_file="$work/known" serve registry.demo.example
cp policy.yaml cosign.pub tls.crt tls.key "$work"
# A token belongs to the place where the registry is, which registries.conf of this example says.
sed "s|host: registry.demo.example|host: $(cat "$work/address")|" with-token.yaml >"$work/with-token.yaml"
show 2 verimage serve --config "$work/with-token.yaml" | sed "s|$work|.|g; s|$(cat "$work/address")|registry.demo.example|"

cp "$work/known" "$work/token"
webhook "$work/with-token.yaml"
show 0 ask signed.json

echo "# The registry takes another token from now on. Until the file has it, another image cannot be judged; from then on it is."
echo "second" >"$work/known"
show 1 ask unsigned.json | sed "s|$(cat "$work/address")|the registry|"
cp "$work/known" "$work/token"
show 1 ask unsigned.json
