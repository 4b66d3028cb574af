"""OCI layouts in memory: pulled from a registry, bent by the attacks, written as small directories."""

import copy
import json
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
        return next(entry for entry in self.entries if entry["annotations"][REFERENCE_NAME] == name)

    def blob(self, digest):
        """The bytes of a blob."""
        return self.files[blob_path(digest)]

    def manifest(self, name):
        """The parsed manifest that has this name."""
        return json.loads(self.blob(self.entry(name)["digest"]))

    def without_signatures(self):
        """A copy that holds only what the names other than `.sig` tags refer to."""
        kept = Layout()
        for entry in self.entries:
            if not is_signature(entry):
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


def is_signature(entry):
    """Whether an entry of `index.json` has the name of a signature."""
    return entry["annotations"][REFERENCE_NAME].endswith(".sig")


def blob_path(digest):
    """Where a layout keeps a blob."""
    return "blobs/" + digest.replace(":", "/")


def pull(repository):
    """All tagged content of a repository, byte for byte."""
    layout = Layout()
    for name in repository.tags():
        content, media_type = repository.manifest(name)
        layout.tag(content, media_type, name)
        pull_parts(repository, layout, content)
    return layout


def pull_parts(repository, layout, content):
    """What a manifest or an index refers to."""
    manifest = json.loads(content)
    for child in manifest.get("manifests", []):
        child_content, _ = repository.manifest(child["digest"])
        layout.add(child_content)
        pull_parts(repository, layout, child_content)
    for part in [manifest.get("config"), *manifest.get("layers", [])]:
        if part:
            layout.add(repository.blob(part["digest"]))


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
