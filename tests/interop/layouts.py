"""OCI layouts in memory: pulled from a registry, bent by the attacks, written as small directories."""

import copy
import json
import re
import shutil
from pathlib import Path

from images import descriptor, to_json
from registry import digest_of

REFERENCE_NAME = "org.opencontainers.image.ref.name"


class Layout:
    """Files by their path inside the layout, and the entries of `index.json`."""

    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}\n'}
        self.links = {}
        self.originals = {}
        self.entries = []

    def add(self, content):
        """Stores a blob and gives its digest."""
        digest = digest_of(content)
        self.files[blob_path(digest)] = content
        return digest

    def bend(self, digest, content):
        """Puts other bytes in the place of a blob, under the digest of the old ones."""
        self.originals[digest] = self.blob(digest)
        self.files[blob_path(digest)] = content

    def tag(self, content, media_type, name):
        """Stores a manifest and names it in `index.json`."""
        self.add(content)
        self.entries.append(descriptor(content, media_type, annotations={REFERENCE_NAME: name}))

    def entry(self, name):
        """The entry of `index.json` with this name."""
        return next(entry for entry in self.entries if name_of(entry) == name)

    def blob(self, digest):
        """The bytes of a blob."""
        return self.files[blob_path(digest)]

    def manifest(self, name):
        """The parsed manifest that has this name."""
        return json.loads(self.blob(self.entry(name)["digest"]))

    def without_signatures(self):
        """A copy that holds only images: no `.sig` tags, no lists of referrers, no referrers."""
        kept = Layout()
        for entry in self.entries:
            if is_image(entry):
                kept.entries.append(copy.deepcopy(entry))
                self.copy_tree(entry["digest"], kept)
        return kept

    def copy_tree(self, digest, target):
        """Copies a manifest with everything it refers to into another layout."""
        content = self.blob(digest)
        target.add(content)
        manifest = json.loads(content)
        for child in manifest.get("manifests", []):
            self.copy_tree(child["digest"], target)
        for part in [manifest.get("config"), *manifest.get("layers", [])]:
            if part:
                target.add(self.blob(part["digest"]))

    def index(self):
        """The bytes of `index.json`."""
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": self.entries,
        }
        return json.dumps(index, indent=2).encode() + b"\n"

    def write(self, directory):
        """Writes the layout, in place of whatever was there."""
        directory = Path(directory)
        shutil.rmtree(directory, ignore_errors=True)
        for path, content in {"index.json": self.index(), **self.files}.items():
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for path, target in self.links.items():
            (directory / path).symlink_to(target)


def name_of(entry):
    """The name of an entry of `index.json`; referrers have none."""
    return entry.get("annotations", {}).get(REFERENCE_NAME)


def is_signature(entry):
    """Whether an entry of `index.json` has the name of a signature."""
    return (name_of(entry) or "").endswith(".sig")


def is_image(entry):
    """Whether an entry of `index.json` has a name, and not one that is made of a digest."""
    name = name_of(entry)
    return name is not None and not re.match("sha256-[0-9a-f]{64}", name)


def blob_path(digest):
    """Where a layout keeps a blob."""
    return "blobs/" + digest.replace(":", "/")


def pull(repository):
    """All tagged content of a repository and its referrers, byte for byte."""
    layout = Layout()
    manifests = []
    for name in repository.tags():
        content, media_type = repository.manifest(name)
        layout.tag(content, media_type, name)
        manifests += [digest_of(content), *pull_parts(repository, layout, content)]
    for entry in sorted(referrers_of(repository, manifests), key=lambda entry: entry["digest"]):
        content, _ = repository.manifest(entry["digest"])
        layout.add(content)
        layout.entries.append({name: entry[name] for name in ("mediaType", "size", "digest")})
        pull_parts(repository, layout, content)
    return layout


def referrers_of(repository, digests):
    """What the Referrers API lists for some manifests; nothing in a registry without it."""
    return [entry for digest in dict.fromkeys(digests) for entry in repository.referrers(digest)]


def pull_parts(repository, layout, content):
    """What a manifest or an index refers to; gives the digests of the manifests among it."""
    manifest = json.loads(content)
    manifests = []
    for child in manifest.get("manifests", []):
        child_content, _ = repository.manifest(child["digest"])
        layout.add(child_content)
        manifests += [child["digest"], *pull_parts(repository, layout, child_content)]
    for part in [manifest.get("config"), *manifest.get("layers", [])]:
        if part:
            layout.add(repository.blob(part["digest"]))
    return manifests


def signature_manifest(configuration, layers):
    """A `.sig` manifest as cosign writes it."""
    return to_json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": configuration,
            "layers": layers,
        }
    )
