# What the examples share; source it from the folder of an example.

verimage="${VERIMAGE:-${CARGO_TARGET_DIR:-$PWD/../../target}/debug/verimage}"
[ -x "$verimage" ] || { echo "build it first: cargo build -p verimage-cli" >&2; exit 2; }
work="$(mktemp -d)"
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

# Nothing of this machine: no policies, no credentials, no maps of registries.
export HOME="$work" XDG_CONFIG_HOME="$work" XDG_RUNTIME_DIR="$work" CONTAINERS_REGISTRIES_CONF="$work/registries.conf"
unset VERIMAGE_POLICY COSIGN_REPOSITORY

# serve HOST...: the folder `registry` of the example stands for these hosts. With $token_file, for whoever has its token.
serve() {
    python3 ../registry.py registry "$work/address" ${token_file:+--token-file "$token_file"} &
    server=$!
    for _ in $(seq 200); do
        [ -s "$work/address" ] && break
        sleep 0.05
    done
    local host
    for host in "$@"; do
        printf '[[registry]]\nprefix = "%s"\nlocation = "%s/%s"\ninsecure = true\n' \
            "$host" "$(cat "$work/address")" "${host%:*}"
    done >"$work/registries.conf"
}

# serve_trust HOST: the folder `trust` of the example stands for this notary server, which is asked without TLS.
serve_trust() {
    python3 ../trust_server.py trust "$work/address" &
    server=$!
    for _ in $(seq 200); do
        [ -s "$work/address" ] && break
        sleep 0.05
    done
    export http_proxy="http://$(cat "$work/address")" no_proxy=127.0.0.1
    : >"$work/registries.conf"
}

# serve_signatures HOST...: folders of the example stand for these registries, what they say of signatures, and lookasides.
serve_signatures() {
    python3 ../signature_server.py . "$work/address" &
    server=$!
    for _ in $(seq 200); do
        [ -s "$work/address" ] && break
        sleep 0.05
    done
    export http_proxy="http://$(cat "$work/address")" https_proxy="http://$(cat "$work/address")"
    printf '[[registry]]\nprefix = "%s"\ninsecure = true\n' "$@" >"$work/registries.conf"
}

# show EXIT COMMAND...: runs a command as the reader would type it; another exit code ends the example.
show() {
    local expected=$1 status=0
    shift
    echo "\$ $*"
    "$@" 2>&1 || status=$?
    echo "exit $status"
    echo
    [ "$status" = "$expected" ] || { echo "the example expected exit $expected" >&2; exit 1; }
}

# webhook CONFIG: an admission server; its address is in $address.
webhook=
webhook() {
    "$verimage" serve --config "$1" 2>"$work/log" &
    webhook=$!
    trap 'kill "$webhook" "$server" 2>/dev/null; rm -rf "$work"' EXIT
    for _ in $(seq 400); do
        grep -q listening "$work/log" && break
        kill -0 "$webhook" || { cat "$work/log" >&2; exit 1; }
        sleep 0.05
    done
    address="$(sed -n 's/^listening at //p' "$work/log")"
}

verimage() { "$verimage" "$@"; }
