#!/usr/bin/env python3
"""Signs with the real notation in real registries and compares `verimage verify` with `notation verify`.

    . tests/tools/env.sh && VERIMAGE=target/debug/verimage python3 tests/interop/notation_live.py [--require] [--only GLOB]

Both read the same trust policy and the same trust stores. Tools that are absent are skipped aloud. The exit status is 1
when an answer differs from notation's and exceptions.json does not say why, when an entry there has become stale, and, with
--require, when nothing was compared at all.
"""

import argparse
import fnmatch
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import images
from authority import SIGNER, Office
from comparison import Answer, Question, answer_all, known_differences, report
from notation import Notation
from registry import DockerRegistry, ReferrersRegistry
from timestamping import TimestampAuthority
from verimage import Verimage

REGISTRIES = {
    "docker-registry": (DockerRegistry, "DOCKER_REGISTRY"),
    "referrers-registry": (ReferrersRegistry, "REFERRERS_REGISTRY"),
}
KINDS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")
PLACE = "/C=US/ST=WA/O=Demo"
EVERYBODY = ["*"]
STRICT = {"level": "strict"}


def make_chains(office):
    """Every chain by the name of its signer: the signer first, the root last."""
    root = office.authority("root", f"{PLACE}/CN=Demo Root")
    issuing = office.authority("issuing", f"{PLACE}/CN=Demo Issuing", root, path_length=0)
    other = office.authority("other-root", f"{PLACE}/CN=Demo Root")

    def signer(name, *above, kind="p256", subject=f"{PLACE}/CN=release", extensions=SIGNER):
        return [office.issue(name, subject, extensions, above[0] if above else None, kind), *above]

    chains = {kind: signer(kind, root, kind=kind) for kind in KINDS}
    chains["below-issuing"] = signer("below-issuing", issuing, root)
    chains["colleague"] = signer("colleague", root, subject=f"{PLACE}/OU=Colleagues/CN=colleague")
    chains["nameless"] = signer("nameless", root, subject="/CN=Notation.leaf")
    chains["self-signed"] = signer("self-signed")
    chains["impostor"] = signer("impostor", other)
    return chains, {"root": root, "issuing": issuing, "other-root": other, "self-signed": chains["self-signed"][0]}


class Bench:
    """Images in one registry, signed by notation in the way that fits the registry."""

    def __init__(self, registry, notation, chains):
        self.registry = registry
        self.notation = notation
        self.chains = chains
        self.images = {}

    def repository(self, name):
        return self.registry.repository(f"demo/{name}")

    def pushed(self, name, image=None):
        """Pushes an image to a repository of its own and gives the reference by digest."""
        image = image or images.single(f"{name}\n")
        image.push(self.repository(name), "v1")
        self.images[name] = image
        return f"{self.registry.address}/demo/{name}@{image.digest}"

    def signed(self, name, *signers, arguments=(), image=None, **how):
        """Pushes and signs, once for each signer."""
        reference = self.pushed(name, image)
        referrers = isinstance(self.registry, ReferrersRegistry)
        for signer in signers:
            self.notation.sign(self.chains[signer], reference, *arguments, referrers=referrers, **how)

    def referrers(self, name):
        """The index below the referrers tag of an image."""
        return self.repository(name).manifest(self.images[name].referrers_tag)[0]

    def envelope_of(self, name):
        """The digest and the bytes of the first signature of an image."""
        repository = self.repository(name)
        signature = json.loads(self.referrers(name))["manifests"][0]["digest"]
        envelope = json.loads(repository.manifest(signature)[0])["layers"][0]["digest"]
        return envelope, repository.blob(envelope)


def sign_everything(bench, authority):
    """All that notation writes."""
    bench.pushed("unsigned")
    for form in ("jws", "cose"):
        for kind in KINDS:
            bench.signed(f"{form}-{kind}", kind, form=form)
        stamp = ["--timestamp-url", authority.url, "--timestamp-root-cert", authority.root.file]
        bench.signed(f"stamped-{form}", "p256", arguments=stamp, form=form)
        bench.signed(f"expired-{form}", "p256", arguments=["--expiry", "1s"], form=form)
        bench.signed(f"expiring-{form}", "p256", arguments=["--expiry", "24h"], form=form)
        bench.signed(f"metadata-{form}", "p256", arguments=["--user-metadata", "example.build=123"], form=form)
        bench.signed(f"impostor-first-{form}", "impostor", "p256", form=form)
    for signer in ("below-issuing", "colleague", "nameless", "self-signed", "impostor"):
        bench.signed(signer, signer)
    bench.signed("external-pss512", "rsa4096", external=True)
    bench.signed("index", "p256", image=images.multi_platform("hello from every platform\n"))
    time.sleep(2)  # the expired ones


def spoil(bench):
    """What stands in the registry afterwards is not what notation wrote: for registries whose bytes can be reached."""
    bench.signed("replaced", "p256")
    digest, content = bench.envelope_of("replaced")
    bench.registry.overwrite(digest, content.replace(b'"payload":"', b'"payload":"A', 1))
    bench.signed("borrowed-from", "p256")
    bench.pushed("borrowed")
    borrow(bench)


def borrow(bench):
    """Lists the signature of one image below the referrers tag of another."""
    source, target = bench.repository("borrowed-from"), bench.repository("borrowed")
    index = bench.referrers("borrowed-from")
    bench.images["borrowed-from"].push(target)
    for entry in json.loads(index)["manifests"]:
        content, media_type = source.manifest(entry["digest"])
        manifest = json.loads(content)
        for part in (manifest["config"], *manifest["layers"]):
            target.push_blob(source.blob(part["digest"]))
        target.push_manifest(content, media_type)
    target.push_manifest(index, images.INDEX_TYPE, bench.images["borrowed"].referrers_tag)


def trust_policies(authorities, tsa, scope):
    """By name: trust stores, trusted identities, verification and scopes."""
    root, other = {("ca", "acme"): authorities["root"].file}, {("ca", "acme"): authorities["other-root"].file}
    name = "x509.subject: C=US, ST=WA, O=Demo"
    lax = {"level": "strict", "override": {"authenticity": "log", "expiry": "log", "revocation": "skip"}}
    return {
        "strict": (root, EVERYBODY, STRICT),
        "both-roots": ({**root, ("ca", "other"): authorities["other-root"].file}, EVERYBODY, STRICT),
        "issuing": ({("ca", "acme"): authorities["issuing"].file}, EVERYBODY, STRICT),
        "self-signed": ({("ca", "acme"): authorities["self-signed"].file}, EVERYBODY, STRICT),
        "named": (root, [name], STRICT),
        "colleague": (root, [f"{name}, OU=Colleagues"], STRICT),
        "other": (other, EVERYBODY, STRICT),
        "authority-of-times": ({("signingAuthority", "acme"): authorities["root"].file}, EVERYBODY, STRICT),
        "stamped": ({**root, ("tsa", "stamps"): tsa}, EVERYBODY, STRICT),
        "stamped-once-expired": ({**root, ("tsa", "stamps"): tsa}, EVERYBODY, {**STRICT, "verifyTimestamp": "afterCertExpiry"}),
        "permissive": (root, EVERYBODY, {"level": "permissive"}),
        "audit": (other, EVERYBODY, {"level": "audit"}),
        "custom": (other, EVERYBODY, lax),
        "skip": ({}, [], {"level": "skip"}, [f"{scope}/unsigned", f"{scope}/impostor"]),
        "elsewhere": (root, EVERYBODY, STRICT, [f"{scope}/nowhere"]),
    }


def ask_all(name, bench, policies, executable, directory, verimage):
    """A question for each image under each policy."""
    questions = []
    for policy, how in policies.items():
        judge = Notation(executable, directory / name / policy)
        judge.trust(*how)
        policies = [judge.trust_policy, verimage.converted(judge.trust_policy)]
        ways = [["--policy", policy, "--trust-store", judge.trust_stores] for policy in policies]
        for repository, image in bench.images.items():
            reference = f"{bench.registry.address}/demo/{repository}@{image.digest}"
            ask = {
                "notation": lambda judge=judge, reference=reference: ask_notation(judge, reference),
                "verimage": lambda ways=ways, reference=reference, digest=image.digest: ask_verimage(
                    verimage, reference, ways, digest
                ),
            }
            questions.append(Question(f"{name}/{repository}/{policy}", ask))
    return questions


def ask_verimage(verimage, reference, ways, digest):
    """Whether verimage lets the image pass: by the trust policy, and by the native form of it."""
    first, second = [verimage.ask(reference, words, {}, digest) for words in ways]
    return first if first == second else Answer(first.accepted, first.status, f"by the native form of the policy: {second}")


def ask_notation(judge, reference):
    """Whether notation lets the image pass."""
    finished = judge.judge(reference)
    return Answer(finished.returncode == 0, finished.returncode)


def compare(pattern, directory):
    """Signs and asks in every registry that is there; gives the questions with their answers."""
    verimage = Verimage(os.path.abspath(os.environ["VERIMAGE"]), directory)
    office, executable = Office(directory), os.environ["NOTATION"]
    chains, authorities = make_chains(office)
    questions = []
    with TimestampAuthority(office, status=200) as authority:
        for name, (kind, variable) in REGISTRIES.items():
            if not os.environ.get(variable):
                continue
            with kind(name, os.environ[variable]) as registry:
                bench = Bench(registry, Notation(executable, directory / name / "signing"), chains)
                sign_everything(bench, authority)
                if isinstance(registry, DockerRegistry):
                    spoil(bench)
                policies = trust_policies(authorities, authority.root.file, f"{registry.address}/demo")
                asked = ask_all(name, bench, policies, executable, directory, verimage)
                asked = [question for question in asked if fnmatch.fnmatchcase(question.name, pattern)]
                answer_all(asked)
                questions += asked
    return questions


def absent_tools():
    """The variables of tests/tools/env.sh that name nothing."""
    return [name for name in ("VERIMAGE", "NOTATION", *(variable for _, variable in REGISTRIES.values())) if not os.environ.get(name)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when nothing could be compared")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only questions whose name matches")
    options = parser.parse_args()
    absent = absent_tools()
    for name in absent:
        print(f"SKIPPED: {name} is not set or empty")
    questions = []
    if not {"VERIMAGE", "NOTATION"} & set(absent):
        with tempfile.TemporaryDirectory(prefix="verimage-notation-") as directory:
            questions = compare(options.only, Path(directory))
    if not questions:
        print("nothing was compared")
        return 1 if options.require else 0
    complete = not absent and options.only == "*"
    return 1 if report(questions, known_differences("notation"), complete) else 0


if __name__ == "__main__":
    sys.exit(main())
