"""What the fixtures hold, for those who compare: the image of a layout, and its signature."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures"
NAME = "org.opencontainers.image.ref.name"


def entries(layout):
    """The entries of a layout's index, by name; what has none is a referrer."""
    found = json.loads((layout / "index.json").read_text())["manifests"]
    return {entry.get("annotations", {}).get(NAME): entry["digest"] for entry in found}


def image_digest(layout):
    """The digest of the image `v1`."""
    return entries(layout)["v1"]


def signature(layout):
    """The files of the one signature of a layout: its manifest, and what the first layer of that is."""
    (digest,) = [digest for name, digest in entries(layout).items() if name != "v1"]
    manifest = blob(layout, digest)
    return manifest, blob(layout, json.loads(manifest.read_text())["layers"][0]["digest"])


def blob(layout, digest):
    """The file of a blob."""
    return layout / "blobs" / digest.replace(":", "/")
