"""Trust data of Notary v1 in memory: role files, the keys that sign them, and the bytes that are signed."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from signing import Key, sign_with_openssl

BASE_ROLES = ("root", "timestamp", "snapshot", "targets")
EC_BYTES = {"p256": 32, "p384": 48, "p521": 66}
METHODS = {"ecdsa": "ecdsa", "rsa": "rsapss", "ed25519": "eddsa"}


def canonical(value):
    """What is signed: no white space, sorted members, and only `"` and `\\` escaped in strings."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode())
        return b"{" + b",".join(canonical(name) + b":" + canonical(item) for name, item in members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, str):
        return b'"' + value.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return json.dumps(value).encode()


def compact(value):
    """JSON as servers send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def base64_text(content):
    """Bytes as trust data holds them."""
    return base64.b64encode(content).decode()


def pem_bytes(text):
    """What the first block of a PEM text holds."""
    return base64.b64decode(re.search("-----BEGIN [^-]+-----(.*?)-----END", text, re.DOTALL)[1])


def raw_signature(signature, size):
    """An ECDSA signature of openssl as two numbers of equal length, one after the other."""
    numbers, rest = [], signature[2 if signature[1] < 0x80 else 3 :]
    while rest:
        length = rest[1]
        numbers.append(int.from_bytes(rest[2 : 2 + length], "big").to_bytes(size, "big"))
        rest = rest[2 + length :]
    return b"".join(numbers)


@dataclass(frozen=True)
class TrustKey:
    """A private key; with a certificate it appears in trust data as that certificate."""

    key: Key
    certificate: str = None

    @property
    def algorithm(self):
        """The kind of key in the words of trust data."""
        return "rsa" if self.key.kind.startswith("rsa") else "ecdsa" if self.key.kind in EC_BYTES else self.key.kind

    @property
    def document(self):
        """The public half as trust data holds it."""
        if self.certificate:
            kind, public = f"{self.algorithm}-x509", self.certificate.encode()
        else:
            kind, public = self.algorithm, pem_bytes(self.key.public.read_text())
        if kind == "ed25519":
            public = public[-32:]
        return {"keytype": kind, "keyval": {"private": None, "public": base64_text(public)}}

    @property
    def id(self):
        """The key ID that belongs to the public half."""
        return hashlib.sha256(canonical(self.document)).hexdigest()

    def signature(self, message):
        """The bytes of a signature."""
        if self.algorithm == "rsa":
            return sign_with_openssl(self.key, message, "sha256", "pss")
        made = sign_with_openssl(self.key, message, "sha256")
        return made if self.algorithm == "ed25519" else raw_signature(made, EC_BYTES[self.key.kind])

    def entry(self, signed, **changes):
        """The entry of `signatures` for an object; changes are for attacks."""
        entry = {"keyid": self.id, "method": METHODS[self.algorithm], "sig": base64_text(self.signature(canonical(signed)))}
        return {**entry, **changes}


def envelope(signed, *keys):
    """The bytes of a role file that these keys signed."""
    return compact({"signed": signed, "signatures": [key.entry(signed) for key in keys]})


def file_name(role):
    """The name of a role's current file."""
    return f"{role}.json"


def role_path(gun, name):
    """Where a server has a file."""
    return f"/v2/{gun}/_trust/tuf/{name}"


class Collection:
    """The role files of one repository, by their names at the server: `root.json`, `1.root.json`, `targets/alice.json`."""

    def __init__(self, files):
        self.files = dict(files)

    def document(self, role):
        """A role file, parsed."""
        return json.loads(self.files[file_name(role)])

    def signed(self, role):
        """What is signed in a role file, parsed."""
        return self.document(role)["signed"]

    def delegations(self):
        """The delegated roles that have a file."""
        return sorted(name.removesuffix(".json") for name in self.files if name.startswith("targets/"))

    def with_files(self, files):
        """The same with other files in the place of some."""
        return Collection({**self.files, **files})

    def without(self, *names):
        """The same without some files."""
        return Collection({name: content for name, content in self.files.items() if name not in names})

    def write(self, directory):
        """Writes the files, in place of whatever was there."""
        directory = Path(directory)
        shutil.rmtree(directory, ignore_errors=True)
        for name, content in self.files.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def read_collection(directory):
    """A collection that was written."""
    directory = Path(directory)
    files = sorted(directory.rglob("*.json"))
    return Collection({str(file.relative_to(directory)): file.read_bytes() for file in files})


def download(server, gun):
    """Everything that a server has of a collection: all roots, the current file of every role."""
    files = {file_name(role): server.role_file(gun, file_name(role)) for role in BASE_ROLES}
    made = Collection(files)
    for version in range(1, made.signed("root")["version"] + 1):
        made.files[f"{version}.root.json"] = server.role_file(gun, f"{version}.root.json")
    for role in made.signed("snapshot")["meta"]:
        if role.startswith("targets/"):
            made.files[file_name(role)] = server.role_file(gun, file_name(role))
    return made
