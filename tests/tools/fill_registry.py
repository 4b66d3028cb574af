"""Writes an OCI layout into the storage of docker-registry: `fill_registry.py STORAGE LAYOUT NAME [COUNT]`.

With a count, under the repositories NAME-0, NAME-1 and so on.
"""

import json
import shutil
import sys
from pathlib import Path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def fill(storage: Path, layout: Path, repository: str) -> None:
    store = storage / "docker/registry/v2"
    own = store / "repositories" / repository
    for blob in (layout / "blobs/sha256").iterdir():
        data = store / "blobs/sha256" / blob.name[:2] / blob.name / "data"
        if not data.exists():
            data.parent.mkdir(parents=True)
            shutil.copyfile(blob, data)
        write(own / "_layers/sha256" / blob.name / "link", f"sha256:{blob.name}")
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        digest, name = entry["digest"], entry["annotations"]["org.opencontainers.image.ref.name"]
        digits = digest.removeprefix("sha256:")
        write(own / "_manifests/revisions/sha256" / digits / "link", digest)
        write(own / "_manifests/tags" / name / "current/link", digest)
        write(own / "_manifests/tags" / name / "index/sha256" / digits / "link", digest)


def main() -> None:
    storage, layout, name, *count = sys.argv[1:]
    names = [f"{name}-{at}" for at in range(int(count[0]))] if count else [name]
    for repository in names:
        fill(Path(storage), Path(layout), repository)


main()
