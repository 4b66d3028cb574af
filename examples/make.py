#!/usr/bin/env python3
"""Signs what the examples show, with the real cosign, notation, notary and skopeo and with openssl.

    . tests/tools/env.sh && python3 examples/make.py [EXAMPLE...]

Without names all examples are made anew.

The images are stand-ins: each is one layer with one line of text, the same in every run. Keys, certificates and
signatures are new. Private keys live in a temporary directory that is removed at the end.
"""

import json
import os
import shutil
import sys
import tempfile
import textwrap
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "interop"))

import images
from authority import Office, certificate_words, chain
from gpg import Gpg
from layouts import pull
from notation import Notation
from notary_tools import Notary, NotaryServer, NotarySigner, notary_tools
from registry import DockerRegistry
from signature_servers import SigningRegistry
from signing import Cosign, encoded, make_key, run_or_fail, sign_with_openssl
from skopeo import Skopeo
from trust_data import download

CONNAISSEUR_DEFAULT = """\
  - name: default
    type: static
    approve: false
"""
# Its first rule names no validator, which means the one that is called `default`.
CONNAISSEUR = """\
application:
  validators:
{default}  - name: projectnexus
    type: notaryv1
    host: notary.docker.io
    trustRoots:
    - name: default
      key: |
{key}  policy:
  - pattern: "*:*"
  - pattern: "docker.io/projectnexus/*:*"
    validator: projectnexus
"""
# One type for each policy; Kyverno has no way to say "either".
KYVERNO = """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: notation
spec:
  validationFailureAction: Enforce
  rules:
  - name: verify-signature-notary
    match:
      any:
      - resources:
          kinds: [Pod]
    verifyImages:
    - type: Notary
      imageReferences: ["172.19.0.3:5000/net-monitor:notation"]
      attestors:
      - entries:
        - certificates:
            cert: |-
{authority}
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: cosign
spec:
  validationFailureAction: Enforce
  rules:
  - name: verify-signature-cosign
    match:
      any:
      - resources:
          kinds: [Pod]
    verifyImages:
    - imageReferences: ["172.19.0.3:5000/net-monitor:*signed", "172.19.0.3:5000/net-monitor:with-*"]
      attestors:
      - entries:
        - certificates:
            cert: |-
{signer}
            rekor: {{ url: "https://rekor.sigstore.dev", ignoreTlog: true }}
            ctlog: {{ ignoreSCT: true }}
"""
OPENSHIFT = "image-registry.openshift-image-registry.svc"
MIRROR, LOOKASIDE = "registry.demo.example", "signatures.demo.example"
# What a policy demands of signed images.
KABANERO = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": "kabanero.asc"}
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
    write_kyverno_policy(example.folder)


def write_kyverno_policy(folder):
    """The certificates of the folder in the policy of a cluster."""
    pem = {name: textwrap.indent((folder / f"{name}.pem").read_text().strip(), " " * 14) for name in ("authority", "signer")}
    (folder / "kyverno.yaml").write_text(KYVERNO.format(**pem))


def make_config_sync(registry, directory):
    """An image with configuration that is signed, and one that is not, as objects name them that are to be stored."""
    example = Example("config-sync-webhook", registry, directory)
    release, repository = make_key(directory, "release", "p256"), "registry.demo.example/platform/config"
    digests = {tag: example.push(repository, tag).rpartition("@")[2] for tag in ("v1", "v2")}
    example.cosign.sign(release, f"{example.address(repository)}@{digests['v1']}")
    example.keep(repository)
    shutil.copy(release.public, example.folder / "cosign.pub")
    sources = {"signed": f":v1@{digests['v1']}", "unsigned": f":v2@{digests['v2']}", "tag": ":v1"}
    for name, source in sources.items():
        thing = root_sync(repository, source.partition("@")[0], repository + source)
        (example.folder / f"{name}.json").write_text(json.dumps(thing, indent=2) + "\n")
    run_or_fail(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "36500"]
        + ["-subj", "/CN=webhook of an example", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", example.folder / "tls.key", "-out", example.folder / "tls.crt"],
        directory,
    )


def root_sync(repository, tag, image):
    """What the reconciler of Config Sync wants to store."""
    return {
        "apiVersion": "configsync.gke.io/v1beta1",
        "kind": "RootSync",
        "metadata": {
            "name": "root-sync",
            "namespace": "config-management-system",
            "annotations": {"configsync.gke.io/image-to-sync": image},
        },
        "spec": {"sourceType": "oci", "oci": {"image": repository + tag, "auth": "none"}},
    }


def make_content_trust(executables, directory):
    """A tag for everybody, a tag that only one person signed; the timestamp is valid as long as the rest."""
    folder, gun = HERE / "notary-v1", "docker.io/projectnexus/jq"
    office = Office(directory)
    channel = office.authority("channel", "/CN=Demo Channel")
    root, release, alice = (make_key(directory, name, "p256") for name in ("project", "release", "alice"))
    with NotarySigner(executables["NOTARY_SIGNER"], office, channel) as signer:
        with NotaryServer(executables["NOTARY_SERVER"], office, signer, "timestamp=26280h") as server:
            notary = Notary(executables["NOTARY"], Path(directory) / "jq", server.url)
            notary.init(gun, root)
            notary.rotate(gun, "snapshot", "-r")
            for role, key in (("targets/releases", release), ("targets/alice", alice)):
                notary.delegate(gun, role, key.public)
                notary.import_key(key)
            for tag, roles in (("1.7", ("targets/releases", "targets/alice")), ("1.8-rc1", ("targets/alice",))):
                notary.add(gun, tag, images.single(f"This stands for {gun}:{tag}.\n"), *roles)
            download(server, gun).write(folder / "trust" / gun)
    shutil.copy(root.public, folder / "root.pub")
    key = textwrap.indent(root.public.read_text(), " " * 8)
    (folder / "connaisseur.yaml").write_text(CONNAISSEUR.format(default=CONNAISSEUR_DEFAULT, key=key))
    (folder / "connaisseur-as-printed.yaml").write_text(CONNAISSEUR.format(default="", key=key))


def make_simple_signing(executables, directory):
    """A cluster's own registry, which keeps signatures itself, and another one with a lookaside beside it."""
    folder, directory = HERE / "simple-signing", Path(directory)
    for name in ("registry", "extension", "lookaside", "registries.d"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with ExitStack() as stack:
        registry = stack.enter_context(DockerRegistry("docker-registry", executables["DOCKER_REGISTRY"]))
        gpg = stack.enter_context(Gpg(executables["GPG"], directory, "2026-01-01T00:00:00Z"))
        gpg.make("kabanero", "rsa2048")
        gpg.make("somebody", "rsa2048")
        openshift = stack.enter_context(SigningRegistry(registry))
        signer = Simple(executables["SKOPEO"], directory, registry, gpg, folder)
        signer.sign(openshift, f"{OPENSHIFT}:5000", "kabanero-signed/java-microprofile", "0.2", "kabanero")
        signer.sign(openshift, f"{OPENSHIFT}:5000", "kabanero-signed/nodejs-express", "0.4", "somebody")
        signer.sign(openshift, f"{OPENSHIFT}:5000", "kabanero-signed/java-spring-boot2", "0.3")
        signer.sign(openshift, f"{OPENSHIFT}:5000", "kabanero/nodejs", "1.0")
        signer.sign(registry, MIRROR, "kabanero/collections", "0.6", "kabanero")
        signer.sign(registry, MIRROR, "kabanero/landing", "0.6")
        shutil.copytree(directory / "lookaside", folder / "lookaside" / LOOKASIDE)
        (folder / "kabanero.asc").write_bytes(gpg.export("kabanero", armor=True))
    write_lists(folder, openshift)
    write_simple_policy(folder)


def write_lists(folder, openshift):
    """What the cluster's registry says when it is asked for signatures."""
    for (repository, digest), entries in openshift.lists.items():
        file = folder / "extension" / OPENSHIFT / f"{repository}@{digest.replace(':', '=')}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"signatures": entries}, indent=2) + "\n")


class Simple:
    """Signs with skopeo in registries that stand for any host."""

    def __init__(self, executable, directory, registry, gpg, folder):
        self.executable = executable
        self.directory = directory
        self.registry = registry
        self.gpg = gpg
        self.folder = folder

    def sign(self, place, host, repository, tag, *keys):
        """Pushes a stand-in for an image, has it signed, and stores it as a layout of the example."""
        images.single(f"This stands for {repository}:{tag}.\n").push(self.registry.repository(repository), tag)
        skopeo = Skopeo(self.executable, self.directory / "skopeo", place.address, self.gpg.environment)
        registries = skopeo.lookaside("registries.d", f"file://{self.directory / 'lookaside'}")
        name = f"docker://{host}/{repository}:{tag}"
        for key in keys:
            skopeo.copy(name, name, registries, "--sign-by", self.gpg.keys[key])
        pull(self.registry.repository(repository)).write(self.folder / "registry" / host.partition(":")[0] / repository)


def write_simple_policy(folder):
    """The files that people have for podman."""
    scopes = {f"{OPENSHIFT}:5000/kabanero-signed": [KABANERO], f"{MIRROR}/kabanero": [KABANERO]}
    policy = {"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": scopes}}
    (folder / "policy.json").write_text(json.dumps(policy, indent=4) + "\n")
    (folder / "registries.d").mkdir()
    (folder / "registries.d" / "kabanero.yaml").write_text(f"docker:\n  {MIRROR}:\n    lookaside: http://{LOOKASIDE}\n")


def make_in_registry(maker, directory):
    """Makes an example whose signatures are in a registry."""
    absent = [name for name in ("DOCKER_REGISTRY", "COSIGN2", "NOTATION") if not os.environ.get(name)]
    if absent:
        sys.exit(f"missing: {', '.join(absent)}: run tests/tools/install.sh, source tests/tools/env.sh")
    with DockerRegistry("docker-registry", os.environ["DOCKER_REGISTRY"]) as registry:
        maker(registry, directory)


def make_with_notary(maker, directory):
    """Makes an example whose signatures are at a notary server."""
    executables, absent = notary_tools()
    if absent:
        sys.exit(f"missing: {', '.join(absent)}: run tests/tools/install.sh, source tests/tools/env.sh")
    maker(executables, directory)


def make_with_skopeo(maker, directory):
    """Makes an example whose signatures are gpg's."""
    executables = {name: os.environ.get(name) for name in ("DOCKER_REGISTRY", "SKOPEO", "GPG")}
    absent = [name for name, executable in executables.items() if not executable]
    if absent:
        sys.exit(f"missing: {', '.join(absent)}: run tests/tools/install.sh, source tests/tools/env.sh")
    maker(executables, directory)


EXAMPLES = {
    "config-sync-webhook": (make_in_registry, make_config_sync),
    "cosign-signature-repository": (make_in_registry, make_signature_repository),
    "notation-and-cosign-x509": (make_in_registry, make_certificates),
    "notary-v1": (make_with_notary, make_content_trust),
    "simple-signing": (make_with_skopeo, make_simple_signing),
}


def main():
    for name in sys.argv[1:] or EXAMPLES:
        how, maker = EXAMPLES[name]
        with tempfile.TemporaryDirectory(prefix="verimage-examples-") as directory:
            how(maker, directory)


if __name__ == "__main__":
    main()
