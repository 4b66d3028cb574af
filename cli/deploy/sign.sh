#!/usr/bin/env bash
# Publishes and signs what release.sh made: the image as REPOSITORY:VERSION, and all files as one artifact REPOSITORY:VERSION-files;
# both by digest, with the cosign that COSIGN names (default: that of the path). What it prints are the two names by digest.
#
#   COSIGN_PASSWORD=... cli/deploy/sign.sh FOLDER REPOSITORY KEY [FLAG OF COSIGN...]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
if [ $# -lt 3 ]; then sed -n '5s/^# *//p' "$0" >&2 && exit 2; fi
folder="$(cd "$1" && pwd)" repository=$2 key=$3
shift 3
archive="$(cd "$folder" && echo verimage-*.oci.tar)"
version="${archive#verimage-}" version="${version%.oci.tar}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# What lies in the folder is what was built, all of it and nothing else.
(cd "$folder" && sha256sum --quiet --check SHA256SUMS)
if ! diff <(cd "$folder" && printf '%s\n' * | grep -vx SHA256SUMS) <(sed 's/^[^ ]* .//' "$folder/SHA256SUMS" | sort); then
    echo "$folder has files that SHA256SUMS does not name" >&2
    exit 1
fi

# A registry of this machine has no TLS.
copy=() loopback=()
case "$repository" in 127.0.0.1:*) copy=(--dest-tls-verify=false) loopback=(--allow-http-registry) ;; esac

# publish ARCHIVE TAG DIGEST
publish() {
    skopeo --insecure-policy copy --quiet --preserve-digests "${copy[@]}" "oci-archive:$1" "docker://$repository:$2"
    "${COSIGN:-cosign}" sign --yes --key "$key" "${loopback[@]}" "${flags[@]}" "$repository@$3" >&2
    echo "$repository@$3"
}

flags=("$@")
files="$(SOURCE_DATE_EPOCH=0 python3 "$here/oci.py" files "$folder" "$version-files" "$work/files.tar")"
image="$(tar -xO -f "$folder/$archive" index.json | python3 -c 'import json, sys; print(json.load(sys.stdin)["manifests"][0]["digest"])')"
publish "$folder/$archive" "$version" "$image"
publish "$work/files.tar" "$version-files" "$files"
