"""A registry, the lines of cosign that are there, and all keys, for the length of one run."""

import os
from pathlib import Path

import images
from layouts import REFERENCE_NAME, is_signature, pull
from signing import Cosign, encoded, make_key, sign_with_openssl

SIGNING_KEYS = ("p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", "ed25519")
UNSUPPORTED_KEYS = ("p224", "secp256k1", "rsa1024")

# A statement by a trusted signer that is the opposite of an approval.
REPORT_TYPE = "https://scanner.example/report/v1"
REPORT = b'{"result":"failed"}'


def cosign_lines():
    """The executables of the cosign lines that tests/tools/env.sh found."""
    found = {"v2": os.environ.get("COSIGN2"), "v3": os.environ.get("COSIGN3")}
    return {line: executable for line, executable in found.items() if executable}


def make_keys(directory):
    """One key of each kind, and a second signer."""
    keys = {name: make_key(directory, name, name) for name in SIGNING_KEYS + UNSUPPORTED_KEYS}
    return {**keys, "other": make_key(directory, "other", "p256")}


class Workshop:
    """Pushes and signs; `owner` is the first part of the repository names."""

    def __init__(self, registry, directory, keys, owner="demo", line="v2"):
        self.registry = registry
        self.directory = Path(directory)
        self.lines = {name: Cosign(name, executable, directory) for name, executable in cosign_lines().items()}
        self.keys = keys
        self.owner = owner
        self.line = line
        self.layouts = {}

    def repository(self, name):
        """The repository of a fixture."""
        return self.registry.repository(f"{self.owner}/{name}")

    def push(self, name, image):
        """Pushes an image to a repository of its own and gives the reference by digest."""
        repository = self.repository(name)
        image.push(repository, "v1")
        return f"{self.registry.address}/{repository.name}@{image.digest}"

    def keep(self, name):
        """Pulls what stands in the repository into the layout of the same name."""
        self.layouts[name] = pull(self.repository(name))

    def payload_of(self, name):
        """The first signed payload of a fixture that was kept."""
        layout = self.layouts[name]
        tag = next(entry["annotations"][REFERENCE_NAME] for entry in layout.entries if is_signature(entry))
        return layout.blob(layout.manifest(tag)["layers"][0]["digest"])

    def signed(self, name, key, *arguments, image=None, line=None, environment=None, bundle=False):
        """The plain way: push, sign with cosign, keep."""
        reference = self.push(name, image or images.single())
        cosign = self.lines[line or self.line]
        cosign.sign(self.keys[key], reference, *arguments, environment=environment, bundle=bundle)
        self.keep(name)

    def bundled(self, name, key, *arguments, line="v3", **how):
        """As `signed`, with a bundle among the referrers."""
        self.signed(name, key, *arguments, line=line, bundle=True, **how)

    def attested(self, name, key, *arguments, line="v3", kind=REPORT_TYPE, predicate=REPORT, image=None, **how):
        """A statement about an image, a scan report unless told otherwise."""
        reference = self.push(name, image or images.single())
        self.lines[line].attest(self.keys[key], reference, kind, predicate, *arguments, **how)
        self.keep(name)

    def certified(self, name, certificate, *arguments, line="v2"):
        """Payload from cosign, signature from openssl by the holder of a certificate; arguments are those of `attach`."""
        reference = self.push(name, images.single())
        payload = self.lines[line].payload(reference)
        signature = sign_with_openssl(certificate.key, payload)
        self.lines[line].attach(payload, encoded(signature), reference, *arguments)
        self.keep(name)

    def attached(self, name, *signers):
        """Payload from cosign, signatures from openssl; a signer is (key, digest or None, padding or None)."""
        reference = self.push(name, images.single())
        payload = self.lines[self.line].payload(reference)
        for key, digest, padding in signers:
            signature = sign_with_openssl(self.keys[key], payload, digest, padding)
            self.lines[self.line].attach(payload, encoded(signature), reference)
        self.keep(name)
