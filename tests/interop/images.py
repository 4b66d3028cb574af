"""Tiny container images with fixed bytes, so that their digests are the same in every run.

An image is one layer with one file. What it holds is never executed.
"""

import json
import tarfile
from dataclasses import dataclass, field

from registry import digest_of

CONFIGURATION_TYPE = "application/vnd.oci.image.config.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Image:
    """A manifest or an index, with the content it refers to."""

    content: bytes
    media_type: str
    blobs: list = field(default_factory=list)
    children: list = field(default_factory=list)

    @property
    def digest(self):
        """The digest of the manifest or index."""
        return digest_of(self.content)

    @property
    def signature_tag(self):
        """The tag under which cosign keeps the signatures of this image."""
        return signature_tag(self.digest)

    @property
    def referrers_tag(self):
        """The tag that stands for the Referrers API in a registry without it."""
        return self.digest.replace(":", "-")

    def manifest(self):
        """The parsed manifest or index."""
        return json.loads(self.content)

    def push(self, repository, tag=None):
        """Stores the image with everything it refers to and gives its digest."""
        for blob in self.blobs:
            repository.push_blob(blob)
        for child in self.children:
            child.push(repository)
        return repository.push_manifest(self.content, self.media_type, tag)


def signature_tag(digest):
    """`sha256:<hex>` as the tag `sha256-<hex>.sig`."""
    return digest.replace(":", "-") + ".sig"


def to_json(value):
    """Compact JSON bytes in the order of the keys as written."""
    return json.dumps(value, separators=(",", ":")).encode()


def descriptor(content, media_type, **more):
    """An OCI content descriptor."""
    return {"mediaType": media_type, "size": len(content), "digest": digest_of(content), **more}


def layer(text):
    """An uncompressed tar archive with the file `hello.txt`."""
    content = text.encode()
    entry = tarfile.TarInfo("hello.txt")
    entry.size = len(content)
    archive = entry.tobuf(tarfile.USTAR_FORMAT) + content
    return archive.ljust(1024, b"\0") + bytes(1024)


def single(text="hello from verimage\n", architecture="amd64"):
    """An image for one platform."""
    archive = layer(text)
    configuration = to_json(
        {
            "architecture": architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest_of(archive)]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(configuration, CONFIGURATION_TYPE),
        "layers": [descriptor(archive, LAYER_TYPE)],
    }
    return Image(to_json(manifest), MANIFEST_TYPE, [configuration, archive])


def multi_platform(text="hello from verimage\n"):
    """An index with one image for linux/amd64 and one for linux/arm64."""
    children = [single(text, architecture) for architecture in ("amd64", "arm64")]
    entries = [
        descriptor(child.content, MANIFEST_TYPE, platform={"os": "linux", "architecture": architecture})
        for child, architecture in zip(children, ("amd64", "arm64"))
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    return Image(to_json(index), INDEX_TYPE, [], children)
