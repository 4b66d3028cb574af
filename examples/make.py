#!/usr/bin/env python3
"""Signs what the examples show, with the real cosign and notation and with openssl.

    . tests/tools/env.sh && python3 examples/make.py

The images are stand-ins: each is one layer with one line of text, the same in every run. Keys, certificates and
signatures are new. Private keys live in a temporary directory that is removed at the end.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "interop"))

import images
from authority import Office, certificate_words, chain
from layouts import pull
from notation import Notation
from registry import DockerRegistry
from signing import Cosign, encoded, make_key, sign_with_openssl

SIGNATURES = "registry.gitlab.com/platform/signatures"


class Example:
    """The folder of an example, and a registry in which its names stand behind another address."""

    def __init__(self, name, registry, directory):
        self.folder = HERE / name
        self.registry = registry
        self.cosign = Cosign("v2", os.environ["COSIGN2"], directory)
        self.notation = Notation(os.environ["NOTATION"], Path(directory) / name)
        shutil.rmtree(self.folder / "registry", ignore_errors=True)

    def address(self, repository):
        """Where a repository is while it is signed."""
        return f"{self.registry.address}/{repository}"

    def push(self, repository, tag):
        """Pushes a stand-in for an image and gives its reference by digest."""
        image = images.single(f"This stands for {repository}:{tag}.\n")
        image.push(self.registry.repository(repository), tag)
        return f"{self.address(repository)}@{image.digest}"

    def keep(self, *repositories):
        """Stores repositories as layouts of the example."""
        for repository in repositories:
            pull(self.registry.repository(repository)).write(self.folder / "registry" / repository)


def make_signature_repository(registry, directory):
    """One image by the right key, one by another, one not signed; signatures in a repository of their own."""
    example = Example("cosign-signature-repository", registry, directory)
    platform, other = make_key(directory, "platform", "p256"), make_key(directory, "somebody", "p256")
    environment = {"COSIGN_REPOSITORY": example.address(SIGNATURES)}
    keycloak, vault = "quay.io/keycloak/keycloak", "docker.io/hashicorp/vault"
    example.cosign.sign(platform, example.push(keycloak, "26.0"), environment=environment)
    example.cosign.sign(other, example.push(vault, "1.18"), environment=environment)
    example.push("ghcr.io/banzaicloud/logging-operator", "5.0")
    example.keep(keycloak, vault, "ghcr.io/banzaicloud/logging-operator", SIGNATURES)
    shutil.copy(platform.public, example.folder / "platform.pub")


def make_certificates(registry, directory):
    """Signatures by openssl: for cosign without and with the certificate and its chain, for notation; and one image not
    signed."""
    example = Example("notation-and-cosign-x509", registry, directory)
    office = Office(directory)
    root = office.authority("root", "/O=Demo/CN=Demo Root")
    issuing = office.authority("issuing", "/O=Demo/CN=Demo Issuing", root, path_length=0)
    signer = office.signer("signer", issuing, "email:release@demo.example", subject="/O=Demo/CN=Demo Release", kind="rsa4096")
    repository = "172.19.0.3/net-monitor"
    for tag, words in (("signed", []), ("with-certificate", certificate_words(signer, issuing, root)), ("unsigned", None)):
        reference = example.push(repository, tag)
        if words is not None:
            payload = example.cosign.payload(reference)
            example.cosign.attach(payload, encoded(sign_with_openssl(signer.key, payload)), reference, *words)
    example.notation.sign([signer, issuing, root], example.push(repository, "notation"), external=True)
    example.keep(repository)
    (example.folder / "authority.pem").write_text(chain(issuing, root))
    store = example.folder / "truststore" / "x509" / "ca" / "demo"
    store.mkdir(parents=True, exist_ok=True)
    shutil.copy(root.file, store / "root.pem")
    shutil.copy(signer.file, example.folder / "signer.pem")


def main():
    absent = [name for name in ("DOCKER_REGISTRY", "COSIGN2", "NOTATION") if not os.environ.get(name)]
    if absent:
        sys.exit(f"{' and '.join(absent)} missing: run tests/tools/install.sh, source tests/tools/env.sh")
    with tempfile.TemporaryDirectory(prefix="verimage-examples-") as directory:
        with DockerRegistry("docker-registry", os.environ["DOCKER_REGISTRY"]) as registry:
            make_signature_repository(registry, directory)
            make_certificates(registry, directory)


if __name__ == "__main__":
    main()
