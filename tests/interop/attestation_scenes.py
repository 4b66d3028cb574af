"""Questions about attestations: `cosign verify-attestation` beside a policy that demands the same."""

import json
import os

import attestation_attacks
import images
from predicates import APPROVAL, CONTENTS, PROVENANCE, content, scan
from registry import DockerRegistry
from uploading import stored
from workshop import Workshop

PREDICATES = {"slsaprovenance1": PROVENANCE, "vuln": scan(0), "spdxjson": CONTENTS, "custom": APPROVAL}

# The same condition in both languages.
CLEAN = {"path": "/scanner/result/critical", "op": "eq", "value": 0}
CLEAN_CUE = "predicate: scanner: result: critical: 0\n"


def policy(suite, key, kind, conditions=None, statements="any", repository=None):
    """A policy file that demands one attestation of any image."""
    item = {"name": "live", "predicateType": kind, "statements": statements}
    stores = {"stores": ["own"]} if repository else {}
    item["require"] = {"cosign": {"key": "signer", "transparency": "none", **stores}}
    if conditions:
        item["conditions"] = conditions
    document = {
        "apiVersion": "verimage/v1",
        "kind": "ImagePolicy",
        "trust": {"signer": {"publicKey": {"file": str(suite.keys[key].public)}}},
        "rules": [{"name": "live", "images": ["**/**"], "attestations": [item]}],
    }
    if repository:
        document["stores"] = {"own": {"type": "auto", "repository": repository}}
    place = (repository or "beside").replace("/", "-")
    file = suite.directory / f"policy-{place}-{key}-{kind}-{statements}-{bool(conditions)}.json"
    file.write_text(json.dumps(document))
    return file


def ask(suite, label, name, key, kind, cosign=(), conditions=None, statements="any", repository=None, **how):
    """Asks for an attestation of a type by a key."""
    cosign = ["--key", suite.keys[key].public, "--type", kind, *cosign]
    verimage = ["--policy", policy(suite, key, kind, conditions, statements, repository)]
    suite.compare(label, name, cosign, verimage, subcommand="verify-attestation", **how)


def attest(suite, name, kind, predicate, bundle, key="p256", **how):
    """Attests with the line that signs in this suite."""
    what = {"kind": kind, "predicate": content(predicate), "bundle": bundle}
    suite.workshop.attested(name, key, line=suite.workshop.line, **what, **how)


def ask_attestations(suite, bundle):
    """Every type; wrong type, wrong key, nothing attested, an index and its child."""
    for kind, predicate in PREDICATES.items():
        attest(suite, f"attested-{kind}", kind, predicate, bundle)
        ask(suite, f"attested-{kind}", f"attested-{kind}", "p256", kind)
    ask(suite, "attested-other-type", "attested-vuln", "p256", "spdxjson")
    ask(suite, "attested-other-key", "attested-vuln", "other", "vuln")
    suite.workshop.push("attested-nothing", images.single())
    ask(suite, "attested-nothing", "attested-nothing", "p256", "vuln")
    index = images.multi_platform("hello from every platform\n")
    attest(suite, "attested-multi", "vuln", scan(0), bundle, image=index)
    ask(suite, "attested-multi", "attested-multi", "p256", "vuln", digest=index.digest)
    child = index.children[0].digest
    ask(suite, "attested-multi-child", "attested-multi", "p256", "vuln", digest=child, suffixes={"child": f"@{child}"})


def ask_conditions(suite, bundle):
    """One scan and two, under a condition that cosign is told in CUE."""
    file = suite.directory / "clean.cue"
    file.write_text(CLEAN_CUE)
    for label, found in (("clean", (0,)), ("critical", (3,)), ("both", (0, 3))):
        for critical in found:
            attest(suite, f"scan-{label}", "vuln", scan(critical), bundle)
        name = f"scan-{label}"
        ask(suite, f"condition-{label}", name, "p256", "vuln", ["--policy", file], CLEAN, "all")
        ask(suite, f"no-condition-{label}", name, "p256", "vuln", statements="all")


def ask_repository(suite, bundle):
    """Attestations in a repository of their own; cosign 2 does not know this for bundles."""
    target, lines = suite.reference("attestations", ""), ("v3",) if bundle else ("v2", "v3")
    variable = {"COSIGN_REPOSITORY": target}
    attest(suite, "attested-separate", "vuln", scan(0), bundle, environment=variable)
    where = {"only_cosign": variable, "repository": target, "lines": lines}
    ask(suite, "attested-separate", "attested-separate", "p256", "vuln", **where)
    ask(suite, "attested-separate-forgotten", "attested-separate", "p256", "vuln", lines=lines)
    elsewhere = suite.reference("nowhere", "")
    wrong = {"only_cosign": {"COSIGN_REPOSITORY": elsewhere}, "repository": elsewhere, "lines": lines}
    ask(suite, "attested-separate-wrong", "attested-separate", "p256", "vuln", **wrong)


def ask_roles(suite, bundle):
    """An attestation is no image signature, and an image signature is no attestation."""
    suite.workshop.signed("only-signed", "p256", line=suite.workshop.line, bundle=bundle)
    ask(suite, "only-signed", "only-signed", "p256", "vuln")
    attest(suite, "signed-and-attested", "vuln", scan(0), bundle)
    suite.workshop.signed("signed-and-attested", "p256", line=suite.workshop.line, bundle=bundle)
    ask(suite, "signed-and-attested", "signed-and-attested", "p256", "vuln")
    suite.add("signed-and-attested-signature", "signed-and-attested", "p256")


def ask_attacks(suite):
    """The attacks of the fixtures, made anew with the keys of this run, in a registry without the Referrers API."""
    keys = {**suite.keys, "demo": suite.keys["p256"]}
    what = {"kind": "slsaprovenance1", "predicate": content(PROVENANCE)}
    with DockerRegistry("docker-registry", os.environ["DOCKER_REGISTRY"]) as registry:
        workshop = Workshop(registry, suite.directory, keys)
        workshop.attested("provenance-v2", "demo", line="v2", bundle=False, **what)
        for line, bundle in (("v2", False), ("v3", True)):
            other = images.single("another image\n")
            workshop.attested(f"attested-other-{line}", "demo", line=line, bundle=bundle, image=other, **what)
    for name, digest in stored(suite, attestation_attacks.make(workshop.layouts, keys)):
        ask(suite, name, name, "p256", "slsaprovenance1", digest=digest, suffixes={"tag": ":v1"})


SCENES = (
    lambda suite: ask_attestations(suite, bundle=False),
    lambda suite: ask_conditions(suite, bundle=False),
    lambda suite: ask_roles(suite, bundle=False),
    lambda suite: ask_repository(suite, bundle=False),
    ask_attacks,
)
BUNDLE_SCENES = (
    lambda suite: ask_attestations(suite, bundle=True),
    lambda suite: ask_conditions(suite, bundle=True),
    lambda suite: ask_roles(suite, bundle=True),
    lambda suite: ask_repository(suite, bundle=True),
)
