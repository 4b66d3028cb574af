"""Stores layouts in a registry, as far as it takes them."""

import json

import images
from layouts import name_of
from registry import RegistryError


class Unstorable(Exception):
    """A registry cannot be made to hold some content."""


def stored(suite, layouts):
    """Stores layouts by name, and gives the name and the digest of each image that the registry took."""
    for name, layout in layouts.items():
        try:
            upload(layout, suite.workshop, name)
        except (RegistryError, Unstorable) as refusal:
            print(f"SKIPPED: {suite.name}/{name}: the registry does not store it: {refusal}")
            continue
        yield name, layout.entry("v1")["digest"]


def upload(layout, workshop, name):
    """Stores a layout in a registry, then bends what is bent in it."""
    repository = workshop.repository(name)
    contents = [content for path, content in layout.files.items() if path.startswith("blobs/")]
    for content in [*contents, *layout.originals.values(), *images.single().blobs]:
        repository.push_blob(content)
    for entry in layout.entries:
        push_tree(layout, repository, entry, name_of(entry))
    for digest in layout.originals:
        if not workshop.registry.overwrite(digest, layout.blob(digest)):
            raise Unstorable("it keeps the bytes that belong to a digest")


def push_tree(layout, repository, entry, tag=None):
    """Stores a manifest with its children."""
    content = layout.originals.get(entry["digest"]) or layout.blob(entry["digest"])
    if entry["mediaType"] == images.INDEX_TYPE:
        for child in children_of(content):
            push_tree(layout, repository, child)
    repository.push_manifest(content, entry["mediaType"], tag)


def children_of(index):
    """The entries of an index; of one that cannot be read, none."""
    try:
        return json.loads(index)["manifests"]
    except ValueError:
        return []
