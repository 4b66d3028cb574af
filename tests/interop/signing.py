"""Keys, the real `cosign` and `openssl`, as the fixtures and the live suite use them.

Everything runs offline: nothing is uploaded to a transparency log, and the address of the sigstore
trust root is one that refuses connections.
"""

import base64
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

EC_CURVES = {"p224": "P-224", "p256": "P-256", "p384": "P-384", "p521": "P-521", "secp256k1": "secp256k1"}

SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
SIGNATURE_LAYER_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
CERTIFICATE_ANNOTATION = "dev.sigstore.cosign/certificate"
CHAIN_ANNOTATION = "dev.sigstore.cosign/chain"

ENVELOPE_LAYER_TYPE = "application/vnd.dsse.envelope.v1+json"

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT_TYPE = "application/vnd.in-toto+json"

# What makes cosign write a layer under the `.sig` tag, without any service. Version 3 writes bundles
# unless told otherwise, and fetches a signing configuration unless told otherwise.
SIGN_FLAGS = {
    "v2": ["--yes", "--tlog-upload=false"],
    "v3": ["--yes", "--tlog-upload=false", "--new-bundle-format=false", "--use-signing-config=false"],
}

# What makes cosign write a bundle, without any service: the default of version 3.
BUNDLE_FLAGS = {
    "v2": ["--yes", "--tlog-upload=false", "--new-bundle-format"],
    "v3": ["--yes", "--tlog-upload=false", "--use-signing-config=false"],
}


class ToolError(Exception):
    """A tool ended with a failure that the caller did not ask for."""


def run(command, directory, environment=None, content=None):
    """Runs a tool with a nearly empty environment and gives the finished process."""
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "DOCKER_CONFIG": str(directory),
        "COSIGN_PASSWORD": "",
        "TUF_MIRROR": "http://127.0.0.1:9",
        **(environment or {}),
    }
    return subprocess.run(command, cwd=directory, env=variables, input=content, capture_output=True, timeout=300)


def run_or_fail(command, directory, environment=None, content=None):
    """As `run`, but a failure is an exception; gives standard output."""
    finished = run(command, directory, environment, content)
    if finished.returncode != 0:
        words = " ".join(str(word) for word in command)
        raise ToolError(f"{words}: exit {finished.returncode}: {finished.stderr.decode(errors='replace')}")
    return finished.stdout


@dataclass(frozen=True)
class Key:
    """A private key in a directory that does not outlive the run."""

    name: str
    kind: str
    private: Path
    public: Path

    @property
    def digest(self):
        """The hash that current cosign lines pair with this kind of key."""
        return {"p384": "sha384", "p521": "sha512"}.get(self.kind, "sha256")


def make_key(directory, name, kind):
    """Makes a key pair with openssl. Kinds: those of `EC_CURVES`, `ed25519`, `rsa<bits>`."""
    private, public = Path(directory) / f"{name}.pem", Path(directory) / f"{name}.pub"
    if kind in EC_CURVES:
        options = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{EC_CURVES[kind]}"]
    elif kind.startswith("rsa"):
        options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[3:]}"]
    else:
        options = ["-algorithm", kind]
    run_or_fail(["openssl", "genpkey", *options, "-out", private], directory)
    run_or_fail(["openssl", "pkey", "-in", private, "-pubout", "-out", public], directory)
    return Key(name, kind, private, public)


def sign_with_openssl(key, payload, digest=None, padding=None):
    """The signature of some bytes; `padding="pss"` makes RSASSA-PSS with a salt as long as the hash."""
    directory = key.private.parent
    if key.kind == "ed25519":
        message = directory / f"{key.name}.message"
        message.write_bytes(payload)
        return run_or_fail(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key.private, "-in", message], directory)
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if padding == "pss" else []
    command = ["openssl", "dgst", f"-{digest or key.digest}", "-sign", key.private, *options]
    return run_or_fail(command, directory, content=payload)


def pre_authentication_encoding(payload, payload_type=STATEMENT_TYPE):
    """What is signed in place of a payload in an envelope (DSSE 1.0, PAE)."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def encoded(signature):
    """A signature as cosign's annotation holds it."""
    return base64.b64encode(signature).decode()


class Cosign:
    """One line of cosign, `v2` or `v3`, with its imported keys in a temporary directory."""

    def __init__(self, line, executable, directory):
        self.line = line
        self.executable = executable
        self.directory = Path(directory)
        self.imported = {}

    def call(self, subcommand, *arguments, environment=None):
        """Runs a subcommand that talks to a registry without TLS; gives standard output."""
        return run_or_fail(
            [self.executable, *subcommand.split(), "--allow-http-registry", *arguments], self.directory, environment
        )

    def import_key(self, key):
        """The key in cosign's own encrypted form."""
        if key.name not in self.imported:
            prefix = self.directory / f"{key.name}-{self.line}"
            run_or_fail(
                [self.executable, "import-key-pair", "--yes", "--key", key.private, "--output-key-prefix", prefix],
                self.directory,
            )
            self.imported[key.name] = prefix.with_suffix(".key")
        return self.imported[key.name]

    def flags(self, bundle, arguments):
        """No services, unless the arguments name some by a signing configuration."""
        return ["--yes"] if "--signing-config" in arguments else (BUNDLE_FLAGS if bundle else SIGN_FLAGS)[self.line]

    def sign(self, key, reference, *arguments, environment=None, bundle=False):
        """Signs an image and pushes the signature."""
        words = [*self.flags(bundle, arguments), "--key", self.import_key(key), *arguments]
        self.call("sign", *words, reference, environment=environment)

    def attest(self, key, reference, kind, predicate, *arguments, bundle=True, environment=None):
        """Signs a statement about an image, which is no image signature, and pushes it."""
        file = self.directory / "predicate.json"
        file.write_bytes(predicate)
        words = ["--key", self.import_key(key), "--type", kind, "--predicate", file, *arguments]
        self.call("attest", *self.flags(bundle, arguments), *words, reference, environment=environment)

    def payload(self, reference, *arguments):
        """The bytes that other tools are to sign (`cosign generate`)."""
        return self.call("generate", *arguments, reference)

    def attach(self, payload, annotation, reference, *arguments, environment=None):
        """Stores a signature that was made elsewhere; `annotation` is the text of the signature file."""
        payload_file, signature_file = self.directory / "payload.json", self.directory / "payload.sig"
        payload_file.write_bytes(payload)
        signature_file.write_text(annotation)
        files = ["--payload", payload_file, "--signature", signature_file]
        self.call("attach signature", *files, *arguments, reference, environment=environment)

    def save(self, reference, directory):
        """Writes the image with its signatures as an OCI layout."""
        self.call("save", "--dir", directory, reference)

    def judge(self, subcommand, reference, *arguments, environment=None):
        """The finished `cosign verify` or `cosign verify-attestation`, whatever its outcome."""
        flags = ["--allow-http-registry", "--insecure-ignore-tlog"]
        return run([self.executable, subcommand, *flags, *arguments, reference], self.directory, environment)
