#!/usr/bin/env python3
"""Signs with real cosign in real registries and compares `verimage verify` with `cosign verify`.

    . tests/tools/env.sh && VERIMAGE=target/debug/verimage python3 tests/interop/cosign.py [--require] [--only GLOB]

Tools that are absent are skipped aloud. The exit status is 1 when an answer differs from cosign's and
exceptions.json does not say why, when an entry there has become stale, and, with --require, when nothing
was compared at all.
"""

import argparse
import fnmatch
import os
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
sys.path[:0] = [str(FIXTURES / "cosign"), str(FIXTURES / "cosign-certificates")]

import attacks
import attestation_scenes
import bundle_attacks
import certificate_scenes
import images
from authority import Office, make_certificates, trusted_root
from comparison import Answer, Question, answer_all, known_differences, report
from registry import DockerRegistry, ReferrersRegistry, digest_of
from signing import SIGNATURE_LAYER_TYPE, encoded, run, sign_with_openssl
from timestamping import TimestampAuthority
from uploading import stored
from verimage import Verimage
from workshop import SIGNING_KEYS, UNSUPPORTED_KEYS, Workshop, cosign_lines, make_keys

REGISTRIES = {
    "docker-registry": (DockerRegistry, "DOCKER_REGISTRY"),
    "referrers-registry": (ReferrersRegistry, "REFERRERS_REGISTRY"),
}

# Attacks that only a directory can carry: a registry has no index.json, a tag there has no digest that its
# manifest could miss, and one in memory has the blobs of all its repositories in common.
LAYOUT_ATTACKS = (
    "broken-index",
    "wrong-layout-version",
    "path-traversal-image",
    "path-traversal-signature",
    "symlinked-blob",
    "manifest-digest-mismatch",
    "bundle-missing-blob",
)

# Attacks that depend on the order of the referrers, which the Referrers API leaves open.
ORDERED_ATTACKS = ("attack-bundle-too-many-referrers",)


# Annotations that the question about an attack demands, by the end of its name.
DEMANDS = {"annotation-number": "replicas=3", "annotation-of-other-subject": "team=core"}


class Suite:
    """The questions about one registry, one signing line and one form of signature.

    `cosign` maps a line to arguments that each of its calls gets.
    """

    def __init__(self, name, workshop, verimage, certificates, cosign=None):
        self.name = name
        self.workshop = workshop
        self.verimage = verimage
        self.cosign = cosign or {}
        self.keys = workshop.keys
        self.certificates = certificates
        self.directory = workshop.directory
        self.questions = []

    def reference(self, name, suffix=":v1"):
        """How an image of this suite is called."""
        return f"{self.workshop.registry.address}/{self.workshop.repository(name).name}{suffix}"

    def add(self, label, name, key, arguments=(), cosign=(), verimage=(), **how):
        """Asks for an image with a key; `arguments` are for everybody."""
        public = self.keys[key].public
        cosign = ["--key", public, *arguments, *cosign]
        self.compare(label, name, cosign, ["--cosign-key", public, "--insecure-ignore-tlog", *arguments, *verimage], **how)

    def compare(self, label, name, cosign, verimage, digest=None, suffixes=None, **how):
        """Asks for an image, by tag and by digest unless told otherwise; `cosign` and `verimage` are arguments."""
        digest = digest or images.single().digest
        for form, suffix in (suffixes or {"tag": ":v1", "digest": f"@{digest}"}).items():
            reference = self.reference(name, suffix)
            self.questions.append(self.question(f"{self.name}/{label}/{form}", reference, digest, cosign, verimage, **how))

    def question(
        self,
        name,
        reference,
        digest,
        cosign,
        verimage,
        environment=None,
        only_cosign=None,
        subcommand="verify",
        lines=("v2", "v3"),
    ):
        """One question; `only_cosign` are variables for cosign alone."""

        def ask_cosign(line):
            def ask():
                words = [*cosign, *self.cosign.get(line.line, [])]
                finished = line.judge(subcommand, reference, *words, environment=only_cosign or environment)
                return Answer(finished.returncode == 0, finished.returncode)

            return ask

        def ask_verimage():
            return self.verimage.ask(reference, verimage, environment, digest)

        peers = {f"cosign {name}": ask_cosign(line) for name, line in self.workshop.lines.items() if name in lines}
        return Question(name, {**peers, "verimage": ask_verimage})


def ask_keys(suite):
    """Every kind of key, and a foreign one."""
    for key in SIGNING_KEYS:
        suite.workshop.signed(key, key)
        digest = suite.keys[key].digest
        suite.add(key, key, key, cosign=["--signature-digest-algorithm", digest])
        if digest != "sha256":
            suite.add(f"{key}-default-digest", key, key)
    suite.add("wrong-key", "p256", "other")
    suite.add("wrong-kind-of-key", "p256", "rsa2048")


def ask_absent(suite):
    """Images without signature, and no image."""
    suite.workshop.push("unsigned", images.single())
    suite.add("unsigned", "unsigned", "p256")
    suite.add("absent", "p256", "p256", suffixes={"tag": ":absent", "digest": f"@{digest_of(b'absent')}"})


def ask_attached(suite):
    """Signatures by openssl, attached with cosign."""
    for key, digest, padding in (
        *((key, None, None) for key in ("p256", "rsa2048", "ed25519", *UNSUPPORTED_KEYS)),
        ("p384", "sha256", None),
        ("p384", "sha384", None),
        ("p521", "sha512", None),
        ("rsa2048", None, "pss"),
    ):
        name = "-".join(filter(None, ("openssl", key, digest, padding)))
        suite.workshop.attached(name, (key, digest, padding))
        suite.add(name, name, key, cosign=["--signature-digest-algorithm", digest or "sha256"])


def ask_annotations(suite):
    """`-a`, with one and with two pairs."""
    suite.workshop.signed("annotations", "p256", "-a", "team=core", "-a", "stage=release")
    for label, pairs in (
        ("one", ["team=core"]),
        ("two", ["team=core", "stage=release"]),
        ("both-in-one", ["team=core,stage=release"]),
        ("wrong-value", ["team=edge"]),
        ("one-of-two", ["team=core", "stage=test"]),
        ("absent", ["owner=core"]),
    ):
        arguments = [word for pair in pairs for word in ("-a", pair)]
        suite.add(f"annotation-{label}", "annotations", "p256", arguments=arguments)


def ask_signature_repository(suite):
    """Signatures in a repository of their own, by variable and by verimage's option."""
    target = suite.reference("signatures", "")
    variable = {"COSIGN_REPOSITORY": target}
    suite.workshop.signed("separate", "p256", environment=variable)
    suite.add("repository-variable", "separate", "p256", environment=variable)
    suite.add("repository-option", "separate", "p256", only_cosign=variable, verimage=["--signature-repository", target])
    suite.add("repository-forgotten", "separate", "p256")
    elsewhere = {"COSIGN_REPOSITORY": suite.reference("elsewhere", "")}
    suite.add("repository-wrong", "separate", "p256", environment=elsewhere)


def ask_variants(suite):
    """Two signers, an index with and without its children, Docker's media types."""
    for key in ("p256", "other"):
        suite.workshop.signed("two-signers", key)
    for key in ("p256", "other", "rsa2048"):
        suite.add(f"two-signers-{key}", "two-signers", key)
    index = images.multi_platform("hello from every platform\n")
    child = {"child": f"@{index.children[0].digest}"}
    for label, arguments in (("index", []), ("recursive", ["--recursive"])):
        suite.workshop.signed(label, "p256", *arguments, image=index)
        suite.add(label, label, "p256", digest=index.digest)
        suite.add(label, label, "p256", digest=index.children[0].digest, suffixes=child)
    suite.workshop.signed("docker", "p256", environment={"COSIGN_DOCKER_MEDIA_TYPES": "1"})
    suite.add("docker-media-types", "docker", "p256")


def ask_attacks(suite):
    """The attacks of the fixtures, made anew from what stands in this registry."""
    workshop = suite.workshop
    workshop.signed("other-image", "p256", image=images.single("another image\n"))
    workshop.signed("multi-recursive", "p256", "--recursive", image=images.multi_platform("hello from every platform\n"))
    layouts = {name: workshop.layouts[name] for name in ("p256", "other-image", "multi-recursive")}
    ask_layouts(suite, attacks.make(layouts, workshop.keys))
    ask_replaced(suite)


def ask_layouts(suite, layouts):
    """Attack layouts, stored in the registry as far as it takes them."""
    layouts = {name: layout for name, layout in layouts.items() if name.removeprefix("attack-") not in LAYOUT_ATTACKS}
    for name, digest in stored(suite, layouts):
        arguments = [word for ending, pair in DEMANDS.items() if name.endswith(ending) for word in ("-a", pair)]
        suite.add(name, name, "p256", digest=digest, suffixes={"tag": ":v1"}, arguments=arguments)


def ask_replaced(suite):
    """A registry that changes a stored payload afterwards, and one that replaces the signature."""
    suite.workshop.signed("replaced", "p256")
    repository, image = suite.workshop.repository("replaced"), images.single()
    payload = suite.workshop.payload_of("replaced").replace(b'"optional":null', b'"optional":{"approved":"yes"}')
    repository.push_blob(payload)
    annotation = encoded(sign_with_openssl(suite.keys["other"], payload))
    manifest = suite.workshop.layouts["replaced"].manifest(image.signature_tag)
    manifest["layers"] = [attacks.signed_layer(payload, annotation, SIGNATURE_LAYER_TYPE)]
    repository.push_manifest(images.to_json(manifest), images.MANIFEST_TYPE, image.signature_tag)
    suite.add("attack-replaced-by-other-signer", "replaced", "p256")


def ask_bundle_keys(suite):
    """Every kind of key, and a foreign one, with the line that signs in this suite."""
    for key in SIGNING_KEYS:
        suite.workshop.bundled(key, key, line=suite.workshop.line)
        digest = suite.keys[key].digest
        suite.add(key, key, key, cosign=["--signature-digest-algorithm", digest])
        if digest != "sha256":
            suite.add(f"{key}-default-digest", key, key)
    suite.add("wrong-key", "p256", "other")
    suite.add("wrong-kind-of-key", "p256", "rsa2048")


def ask_bundle_neighbours(suite):
    """An unsigned image beside a signed one, an index, and both forms of signature on one image."""
    workshop = suite.workshop
    workshop.bundled("neighbours", "p256")
    other = images.single("another image\n")
    other.push(workshop.repository("neighbours"), "v2")
    suite.add("unsigned-beside", "neighbours", "p256", suffixes={"tag": ":v2", "digest": f"@{other.digest}"})
    index = images.multi_platform("hello from every platform\n")
    for label, arguments in (("index", []), ("recursive", ["--recursive"])):
        workshop.bundled(label, "p256", *arguments, image=index)
        suite.add(label, label, "p256", digest=index.digest)
        child = index.children[0].digest
        suite.add(label, label, "p256", digest=child, suffixes={"child": f"@{child}"})
    workshop.signed("both-forms", "p256")
    workshop.bundled("both-forms", "other")
    for key in ("p256", "other", "rsa2048"):
        suite.add(f"both-forms-{key}", "both-forms", key)
    for key in ("p256", "other"):
        workshop.bundled("two-signers", key)
    for key in ("p256", "other", "rsa2048"):
        suite.add(f"two-signers-{key}", "two-signers", key)


def ask_bundle_annotations(suite):
    """`-a`, with one and with two pairs."""
    suite.workshop.bundled("annotations", "p256", "-a", "team=core", "-a", "stage=release")
    for label, pairs in (
        ("one", ["team=core"]),
        ("two", ["team=core", "stage=release"]),
        ("wrong-value", ["team=edge"]),
        ("one-of-two", ["team=core", "stage=test"]),
        ("absent", ["owner=core"]),
    ):
        arguments = [word for pair in pairs for word in ("-a", pair)]
        suite.add(f"annotation-{label}", "annotations", "p256", arguments=arguments)


def ask_attested(suite):
    """A failed scan: alone, beside a bundle, and by another signer beside a payload signature."""
    workshop = suite.workshop
    workshop.attested("attested", "p256")
    suite.add("attested", "attested", "p256")
    workshop.attested("attested-and-bundled", "p256")
    workshop.bundled("attested-and-bundled", "p256")
    suite.add("attested-and-bundled", "attested-and-bundled", "p256")
    workshop.attested("attested-by-other", "other")
    workshop.signed("attested-by-other", "p256")
    for key in ("p256", "other"):
        suite.add(f"attested-by-other-{key}", "attested-by-other", key)


def ask_bundle_repository(suite):
    """Bundles in a repository of their own, by variable and by verimage's option; cosign 2 does not know this."""
    target = suite.reference("signatures", "")
    variable = {"COSIGN_REPOSITORY": target}
    suite.workshop.bundled("separate", "p256", environment=variable)
    lines = {"lines": ("v3",)}
    suite.add("repository-variable", "separate", "p256", environment=variable, **lines)
    option = {"only_cosign": variable, "verimage": ["--signature-repository", target]}
    suite.add("repository-option", "separate", "p256", **option, **lines)
    suite.add("repository-forgotten", "separate", "p256", **lines)
    elsewhere = {"COSIGN_REPOSITORY": suite.reference("elsewhere", "")}
    suite.add("repository-wrong", "separate", "p256", environment=elsewhere, **lines)


def ask_bundle_attacks(suite):
    """The attacks of the fixtures, made anew with the keys of this run.

    They are made from a registry without the Referrers API, because they bend the tag that stands for it.
    """
    with DockerRegistry("docker-registry", os.environ["DOCKER_REGISTRY"]) as registry:
        workshop = Workshop(registry, suite.workshop.directory, suite.keys, line="v3")
        workshop.bundled("bundle-p256", "p256")
        workshop.bundled("bundle-other-image", "p256", image=images.single("another image\n"))
        workshop.attested("attested", "p256")
    layouts = bundle_attacks.make(workshop.layouts, suite.keys)
    if isinstance(suite.workshop.registry, ReferrersRegistry):
        layouts = {name: layout for name, layout in layouts.items() if name not in ORDERED_ATTACKS}
    ask_layouts(suite, layouts)


SCENES = (ask_keys, ask_absent, ask_attached, ask_annotations, ask_signature_repository, ask_variants, ask_attacks)
BUNDLE_SCENES = {
    "v2": (ask_bundle_keys,),
    "v3": (
        ask_bundle_keys,
        ask_bundle_neighbours,
        ask_bundle_annotations,
        ask_attested,
        ask_bundle_repository,
        ask_bundle_attacks,
    ),
}


def absent_tools():
    """The tools that are not there, by the name of their variable."""
    names = ["VERIMAGE", "COSIGN2", "COSIGN3", *(variable for _, variable in REGISTRIES.values())]
    return [name for name in names if not os.environ.get(name)]


def suites(name, registry, line, verimage, keys, certificates):
    """The suites about one registry and one signing line, each with its scenes."""
    directory = verimage.directory
    # All that cosign 2 needs to read bundles without a network: a root that trusts nobody but the key.
    root = directory / "trusted-root.json"
    root.write_text(trusted_root())

    def suite(kind, cosign=None):
        workshop = Workshop(registry, directory, keys, line + kind, line)
        return Suite(f"{name}/{line}{kind}", workshop, verimage, certificates, cosign)

    bundles = (*BUNDLE_SCENES[line], *attestation_scenes.BUNDLE_SCENES)
    yield suite(""), (*SCENES, *certificate_scenes.SCENES, *attestation_scenes.SCENES)
    yield suite("-bundle", {"v2": ["--trusted-root", root]}), bundles
    yield suite("-certified"), certificate_scenes.BUNDLE_SCENES


def compare(pattern, directory):
    """Signs and asks in every registry that is there; gives the questions with their answers."""
    verimage = Verimage(os.path.abspath(os.environ["VERIMAGE"]), directory)
    keys, office = make_keys(directory), Office(directory)
    certificates = make_certificates(office)
    keys["release"] = certificates["release"].key
    questions = []
    with TimestampAuthority(office) as authority:
        certificates["stamps"] = authority
        for name, (kind, variable) in REGISTRIES.items():
            if not os.environ.get(variable):
                continue
            with kind(name, os.environ[variable]) as registry:
                asked = []
                for line in cosign_lines():
                    for suite, scenes in suites(name, registry, line, verimage, keys, certificates):
                        for scene in scenes:
                            scene(suite)
                        asked += suite.questions
                asked = [question for question in asked if fnmatch.fnmatchcase(question.name, pattern)]
                answer_all(asked)
                questions += asked
    return questions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when nothing could be compared")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only questions whose name matches")
    options = parser.parse_args()
    absent = absent_tools()
    for name in absent:
        print(f"SKIPPED: {name} is not set or empty")
    questions = []
    if os.environ.get("VERIMAGE"):
        with tempfile.TemporaryDirectory(prefix="verimage-interop-") as directory:
            questions = compare(options.only, Path(directory))
    if not questions:
        print("nothing was compared")
        return 1 if options.require else 0
    complete = not absent and options.only == "*"
    return 1 if report(questions, known_differences("cosign"), complete) else 0


if __name__ == "__main__":
    sys.exit(main())
