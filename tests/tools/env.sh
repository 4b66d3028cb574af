# Names the tools that tests/tools/install.sh installs; source it. A tool that is absent is an empty string.
# PEERS is the folder of the programs of benches/peers, there or not.

verimage_tools="${XDG_CACHE_HOME:-$HOME/.cache}/verimage/tools"

verimage_tool() {
    if [ -x "$verimage_tools/$1" ]; then echo "$verimage_tools/$1"; fi
}

COSIGN2="$(verimage_tool cosign-v2.6.5/cosign)"
COSIGN3="$(verimage_tool cosign-v3.1.3/cosign)"
REFERRERS_REGISTRY="$(verimage_tool referrers-registry-v0.21.7/referrers-registry)"
NOTATION="$(verimage_tool notation-v1.3.2/notation)"
NOTARY="$(command -v notary || true)"
NOTARY_SERVER="$(verimage_tool notary-0.7.0/notary-server)"
NOTARY_SIGNER="$(verimage_tool notary-0.7.0/notary-signer)"
DOCKER_REGISTRY="$(command -v docker-registry || true)"
ETCD="$(command -v etcd || true)"
KUBE_APISERVER="$(verimage_tool kubernetes-v1.35.4/kube-apiserver)"
KUBECTL="$(verimage_tool kubernetes-v1.35.4/kubectl)"
HELM="$(verimage_tool kubernetes-v1.35.4/helm)"
SKOPEO="$(command -v skopeo || true)"
GPG="$(command -v gpg || true)"
PEERS="$verimage_tools/peers"
export COSIGN2 COSIGN3 REFERRERS_REGISTRY NOTATION NOTARY NOTARY_SERVER NOTARY_SIGNER DOCKER_REGISTRY SKOPEO GPG PEERS
export ETCD KUBE_APISERVER KUBECTL HELM
unset -f verimage_tool
unset verimage_tools
