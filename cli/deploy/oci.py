"""Writes OCI archives without a container engine. The same input gives the same bytes; times are SOURCE_DATE_EPOCH.

    oci.py image BINARY VERSION ARCHIVE    the image that Containerfile describes
    oci.py files FOLDER VERSION ARCHIVE    the files of a release as one artifact, each a layer with its name

The image has two layers: what the binary needs of a system (its shared libraries as they are on this machine, the authorities
of the web, the names of the two users), and the binary.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
from datetime import datetime, timezone

EPOCH = int(os.environ["SOURCE_DATE_EPOCH"])
USER = 65532
AUTHORITIES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
ACCOUNTS = {
    "etc/passwd": f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nnonroot:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
RELEASE_TYPE = "application/vnd.verimage.release.v1"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def archive(files):
    """A tar archive of {path: (mode, bytes)}, with the folders above them, in the order of names."""
    buffer = io.BytesIO()
    folders = {str(folder) for path in files for folder in pathlib.PurePath(path).parents} - {"."}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(folders | set(files)):
            entry = tarfile.TarInfo(path)
            entry.mtime = EPOCH
            if path in files:
                entry.mode, data = files[path]
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
    return buffer.getvalue()


def libraries(binary):
    """Where the binary looks for each shared library, the loader among them; none for a static one."""
    told = subprocess.run(["ldd", binary], capture_output=True, text=True)
    if told.returncode != 0:
        if "not a dynamic executable" in told.stderr + told.stdout:
            return []
        sys.exit(f"ldd {binary}: {told.stderr}")
    found = re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", told.stdout, re.MULTILINE)
    return sorted(set(found))


def system_layer(binary):
    files = {path: (0o644, text.encode()) for path, text in ACCOUNTS.items()}
    files[str(AUTHORITIES.relative_to("/"))] = (0o644, AUTHORITIES.read_bytes())
    for library in libraries(binary):
        files[library.lstrip("/")] = (0o755, pathlib.Path(library).read_bytes())
    return archive(files)


class Layout:
    """An OCI image layout that grows."""

    def __init__(self):
        self.files = {"oci-layout": (0o644, compact({"imageLayoutVersion": "1.0.0"}))}

    def add(self, media_type, data, **more):
        self.files["blobs/sha256/" + digest(data).removeprefix("sha256:")] = (0o644, data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data), **more}

    def finish(self, tag, **manifest):
        """The digest of what the one manifest names, and the layout as an archive."""
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, **manifest}
        named = self.add(MANIFEST_TYPE, compact(manifest), annotations={"org.opencontainers.image.ref.name": tag})
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [named]}
        self.files["index.json"] = (0o644, compact(index))
        return named["digest"], archive(self.files)


def configuration(version, architecture, layers):
    """What the last lines of Containerfile say."""
    created = datetime.fromtimestamp(EPOCH, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"8443/tcp": {}},
            "Entrypoint": ["/usr/local/bin/verimage"],
            "Cmd": ["serve", "--config", "/etc/verimage/server.yaml"],
            "Env": ["PATH=/usr/local/bin"],
            "Labels": {"org.opencontainers.image.title": "verimage", "org.opencontainers.image.version": version},
        },
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created": created, "created_by": "cli/deploy/oci.py"} for _ in layers],
    }


def image(binary, version):
    machine = os.uname().machine
    layers = [system_layer(binary), archive({"usr/local/bin/verimage": (0o755, pathlib.Path(binary).read_bytes())})]
    layout = Layout()
    layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"
    described = [layout.add(layer_type, gzip.compress(layer, 9, mtime=0)) for layer in layers]
    config = compact(configuration(version, ARCHITECTURES.get(machine, machine), layers))
    described_config = layout.add("application/vnd.oci.image.config.v1+json", config)
    return layout.finish(version, config=described_config, layers=described)


def files(folder, version):
    layout = Layout()
    layers = [
        layout.add("application/octet-stream", file.read_bytes(), annotations={"org.opencontainers.image.title": file.name})
        for file in sorted(pathlib.Path(folder).iterdir())
    ]
    config = layout.add("application/vnd.oci.empty.v1+json", b"{}")
    return layout.finish(version, artifactType=RELEASE_TYPE, config=config, layers=layers)


if __name__ == "__main__":
    kind, source, version, target = sys.argv[1:]
    name, data = {"image": image, "files": files}[kind](source, version)
    pathlib.Path(target).write_bytes(data)
    print(name)
