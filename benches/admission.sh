#!/usr/bin/env bash
# What admission costs: a server on one core, whoever asks on another, a real registry behind. Prints one line a scene.
# `benches/admission.sh [SECONDS]`, ten seconds a scene; needs docker-registry, taskset, openssl, two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-10}"
cargo build --quiet --release -p verimage-cli -p verimage-benches --bins
target="${CARGO_TARGET_DIR:-target}/release"
work="$(mktemp -d)"
pids=()
stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# One signed image under a thousand names.
registry="127.0.0.1:$(port)"
python3 tests/tools/fill_registry.py "$work/registry" tests/fixtures/cosign/layouts/p256 app 1000
printf 'version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\nstorage: { filesystem: { rootdirectory: %s } }\nhttp: { addr: "%s" }\n' \
    "$work/registry" "$registry" >"$work/registry.yaml"
taskset -c 1 docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
pids+=($!)

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=verimage -addext "subjectAltName=IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE" \
    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
cat >"$work/policy.yaml" <<POLICY
apiVersion: verimage/v1
kind: ImagePolicy
trust: { demo: { publicKey: { file: $PWD/tests/fixtures/cosign/keys/p256.pub } } }
rules: [{ name: all, images: ["**/**"], require: { cosign: { key: demo, transparency: none, format: simpleSigning } } }]
POLICY
listen="127.0.0.1:$(port)"
printf 'apiVersion: verimage/v1\nkind: ServerConfig\nlisten: "%s"\npolicy: policy.yaml\ntls: { certificate: tls.crt, key: tls.key }\ndrainSeconds: 0\nloopbackRegistries: true\n' \
    "$listen" >"$work/server.yaml"

# serve: a server that knows nothing yet.
serve() {
    HOME="$work" taskset -c 0 "$target/verimage" serve --config "$work/server.yaml" --no-state 2>"$work/server.log" &
    server=$!
    pids+=("$server")
    until grep -q listening "$work/server.log"; do sleep 0.05; done
}

memory() {
    awk '/VmRSS/ { printf "%d MiB", $2 / 1024 }' "/proc/$server/status"
}

# review FILE IMAGE...
review() {
    local file="$1"
    shift
    python3 - "$file" "$@" <<'PY'
import json, sys
containers = [{"name": f"c{at}", "image": image, "resources": {"limits": {"cpu": "1"}}} for at, image in enumerate(sys.argv[2:])]
pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "demo", "labels": {"app": "demo"}}, "spec": {"containers": containers}}
request = {"uid": "0", "operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "demo", "name": "p", "object": pod}
json.dump({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}, open(sys.argv[1], "w"))
PY
}

# load SECONDS CONNECTIONS RATE BODY...
load() {
    local duration="$1" connections="$2" rate="$3"
    shift 3
    taskset -c 1 "$target/admission-load" "https://$listen/validate" "$work/tls.crt" "$duration" "$connections" "$rate" "$@"
}

until curl -s "http://$registry/v2/" >/dev/null; do sleep 0.05; done
digest="$(python3 -c 'import json; print(next(m["digest"] for m in json.load(open("tests/fixtures/cosign/layouts/p256/index.json"))["manifests"] if m["annotations"]["org.opencontainers.image.ref.name"] == "v1"))')"
review "$work/one.json" "$registry/app-0:v1@$digest"
mkdir "$work/all"
for at in $(seq 0 999); do echo "$registry/app-$at:v1"; done >"$work/names"
python3 - "$work" "$digest" <<'PY'
import json, pathlib, sys
work, digest = pathlib.Path(sys.argv[1]), sys.argv[2]
one = json.loads((work / "one.json").read_text())
for at, name in enumerate((work / "names").read_text().split()):
    one["request"]["object"]["spec"]["containers"][0]["image"] = f"{name}@{digest}"
    (work / f"all/{at}.json").write_text(json.dumps(one))
PY

# at_once COUNT BODY...: so many questions, all due at the beginning.
at_once() {
    load "0.$(printf %06d "$1")" "$1" 1000000 "${@:2}"
}

serve
echo "at rest: $(memory)"
echo "cold, 1,000 different images at once: $(at_once 1000 "$work"/all/*.json)"
kill "$server" && wait "$server" || true
serve
echo "cold, 1,000 times the same image at once: $(at_once 1000 "$work/one.json")"
warm="$(load "$seconds" 32 0 "$work/one.json")"
echo "warm, one image: $warm"
rate="$(sed -E 's/.* ([0-9]+) a second.*/\1/' <<<"$warm")"
echo "warm, one image, at half of that: $(load "$seconds" 32 "$((rate / 2))" "$work/one.json")"
echo "warm, 1,000 images: $(at_once 1000 "$work"/all/*.json >/dev/null; load "$seconds" 64 0 "$work"/all/*.json)"
while [ "$(curl -s --cacert "$work/tls.crt" "https://$listen/metrics" | awk '/^verimage_admission_requests_total/ { sum += $2 } END { print sum + 0 }')" -lt 100000 ]; do
    load "$seconds" 32 0 "$work/one.json" >/dev/null
done
echo "after more than 100,000 reviews: $(memory)"
