#!/usr/bin/env bash
# Installs the tools that the fixtures and the live suites need, once, beneath
# ${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools. What is there already is left alone.
#
#   tests/tools/install.sh [--require] [--budget SECONDS] [GROUP...]
#
# Groups: registry (docker-registry, redis-server, skopeo, referrers-registry), gpg (gnupg, and what it signs for: docker-registry, skopeo),
# pkcs11 (softhsm2), cosign (both lines), notation, notary (client, server and signer), all (the default): these, and kubernetes
# (etcd, kube-apiserver, kubectl, helm), which takes long and must be named, as peers must: the programs of benches/peers.
# What cannot be installed is skipped aloud and the exit status is 0; with --require it is 1.
# No new installation begins when the budget (default 1200 seconds) is used up, and a running one is ended.

set -u

tools="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools"
here="$(cd "$(dirname "$0")" && pwd)"
require=no
budget=1200
groups=()
skipped=()

while [ $# -gt 0 ]; do
    case "$1" in
    --require) require=yes ;;
    --budget)
        budget="${2:?--budget needs a number of seconds}"
        shift
        ;;
    registry | gpg | pkcs11 | cosign | notation | notary | kubernetes | peers | all) groups+=("$1") ;;
    *)
        echo "unknown argument: $1 (groups: registry, gpg, pkcs11, cosign, notation, notary, kubernetes, peers, all)" >&2
        exit 2
        ;;
    esac
    shift
done
if [ ${#groups[@]} -eq 0 ]; then groups=(all); fi

wanted() { named "$1" || named all; }
named() { [[ " ${groups[*]} " == *" $1 "* ]]; }

skip() {
    echo "SKIPPED: $1: $2" >&2
    skipped+=("$1")
}

# attempt NAME COMMAND...: runs a command within the budget, shows its output only when it fails.
attempt() {
    local name="$1" remaining=$((budget - SECONDS)) log
    shift
    if [ "$remaining" -le 0 ]; then
        skip "$name" "the budget of $budget seconds is used up"
        return 1
    fi
    echo "installing $name" >&2
    log="$(mktemp)"
    if ! timeout "$remaining" "$@" >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        skip "$name" "the installation failed or took too long"
        return 1
    fi
    rm -f "$log"
}

# debian COMMAND PACKAGE
debian() {
    if command -v "$1" >/dev/null; then return; fi
    debian_package "$2"
}

debian_package() {
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        skip "$1" "needs apt-get and root"
        return 1
    fi
    if [ -z "${apt_updated:-}" ]; then
        apt_updated=yes
        attempt "package lists" apt-get update -q || return
    fi
    # No service is to be started by the installation.
    attempt "$1" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends "$1"
}

have_go() {
    if ! command -v go >/dev/null; then
        skip "$1" "needs go"
        return 1
    fi
}

# module NAME PACKAGE VERSION: `go install` of a published command.
module() {
    local folder="$tools/$1-$3"
    if [ -x "$folder/$1" ] || ! have_go "$1 $3"; then return; fi
    attempt "$1 $3" env GOBIN="$folder" GOFLAGS=-p=2 go install "$2@$3"
}

referrers_registry() {
    local version binary
    version="$(sed -n 's|^require github.com/google/go-containerregistry ||p' "$here/referrers-registry/go.mod")"
    binary="$tools/referrers-registry-$version/referrers-registry"
    if [ -x "$binary" ] || ! have_go referrers-registry; then return; fi
    attempt "referrers-registry $version" go build -C "$here/referrers-registry" -trimpath -o "$binary" .
}

notation() {
    local package=github.com/notaryproject/notation version binary
    version="$(sed -n "s|^require $package ||p" "$here/notation/go.mod")"
    binary="$tools/notation-$version/notation"
    if [ -x "$binary" ] || ! have_go "notation $version"; then return; fi
    attempt "notation $version" env GOFLAGS=-p=2 go build -C "$here/notation" -trimpath -o "$binary" "$package/cmd/notation"
}

# notary_source DIRECTORY PACKAGE: Debian's packages of Go sources have no commands.
notary_source() {
    if [ -d "/usr/share/gocode/src/$1" ]; then return; fi
    debian_package "$2"
}

# There is no package of the servers, but one of their sources; they are built as Debian builds, without modules.
notary_servers() {
    local package=github.com/theupdateframework/notary version=0.7.0 folder overlay command
    folder="$tools/notary-$version"
    if [ -x "$folder/notary-server" ] && [ -x "$folder/notary-signer" ]; then return; fi
    if ! have_go "notary-server $version"; then return; fi
    notary_source "$package/cmd/notary-server" golang-github-docker-notary-dev || return
    notary_source github.com/docker/distribution/registry/auth golang-github-docker-distribution-dev || return
    mkdir -p "$folder"
    overlay="$folder/overlay.json"
    printf '{"Replace":{"/usr/share/gocode/src/%s/cmd/notary-server/lifetimes.go":"%s"}}\n' \
        "$package" "$here/notary/lifetimes.go" >"$overlay"
    for command in notary-signer notary-server; do
        attempt "$command $version" env GO111MODULE=off GOPATH=/usr/share/gocode GOPROXY=off GOFLAGS=-p=2 \
            go build -trimpath -buildvcs=false -overlay "$overlay" -o "$folder/$command" "$package/cmd/$command" || return
    done
}

# The commands of Kubernetes say which version they are by what the linker is told.
kubernetes() {
    local version folder flags package command
    version="$(sed -n 's|^\tk8s.io/kubernetes ||p' "$here/kubernetes/go.mod")"
    folder="$tools/kubernetes-$version"
    flags="-s -w -X k8s.io/component-base/version.gitVersion=$version"
    for package in k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl helm.sh/helm/v3/cmd/helm; do
        command="${package##*/}"
        if [ -x "$folder/$command" ]; then continue; fi
        have_go "$command" || return
        attempt "$command for Kubernetes $version" env CGO_ENABLED=0 GOFLAGS=-p=2 GOMAXPROCS=2 nice \
            go build -C "$here/kubernetes" -trimpath -buildvcs=false -ldflags "$flags" -o "$folder/$command" "$package" || return
    done
}

# The programs of benches/peers, one for each language. What is there already is left alone while its sources are the same.
peers() {
    local language
    for language in go python node rust; do peer "$language"; done
}

peer() {
    local language="$1" folder="$tools/peers/$1" sources="$here/../../benches/peers/$1" stamp
    stamp="$(cd "$sources" && find . -type f -exec cksum {} + | sort)"
    if [ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
    rm -rf "$folder"
    mkdir -p "$folder"
    if "peer_$language" "$sources" "$folder"; then
        echo "$stamp" >"$folder/stamp"
    else
        rm -rf "$folder"
    fi
}

peer_go() {
    have_go "peers in Go" || return
    attempt "peers in Go" env GOFLAGS=-p=2 go build -C "$1" -trimpath -o "$2/beside" .
}

peer_rust() {
    attempt "peers in Rust" cargo install --quiet --locked --path "$1" --root "$2" --target-dir "$2/target" || return
    rm -rf "$2/target"
}

peer_python() {
    attempt "an environment for Python" "${PYTHON:-python3}" -m venv "$2" || return
    attempt "peers in Python" "$2/bin/pip" install --quiet --disable-pip-version-check -r "$1/requirements.txt"
}

peer_node() {
    cp "$1"/* "$2"
    attempt "peers in JavaScript" npm ci --prefix "$2" --ignore-scripts --no-audit --no-fund --loglevel=error
}

if wanted registry || wanted gpg; then
    debian docker-registry docker-registry
    debian redis-server redis-server
    debian skopeo skopeo
fi
if wanted registry; then
    referrers_registry
fi
if wanted gpg; then
    debian gpg gnupg
fi
if wanted pkcs11; then
    debian softhsm2-util softhsm2
fi
if wanted cosign; then
    module cosign github.com/sigstore/cosign/v2/cmd/cosign v2.6.5
    module cosign github.com/sigstore/cosign/v3/cmd/cosign v3.1.3
fi
if wanted notation; then
    notation
fi
if wanted notary; then
    debian notary notary
    notary_servers
fi
if named kubernetes; then
    debian etcd etcd-server
    kubernetes
fi

if named peers; then
    peers
fi

if [ ${#skipped[@]} -gt 0 ]; then
    echo "skipped: ${skipped[*]}" >&2
    if [ "$require" = yes ]; then exit 1; fi
fi
exit 0
