#!/usr/bin/env python3
"""Signs with the real skopeo and gpg and compares `verimage verify` with what skopeo itself lets pass.

    . tests/tools/env.sh && VERIMAGE=target/debug/verimage python3 tests/interop/simple_signing.py [--require] [--only GLOB]

Both read the same policy.json and the same registries.d. Every question has an answer that is known beforehand; verimage
must give it with the code that is named, for the digest that was signed, and with as many requests to the place of the
signatures as are named. Tools that are absent are skipped aloud, and so is everything while verimage does not know
`--gpg-key`. The exit status is 1 when an answer is wrong, when skopeo's differs and exceptions.json does not say why, when
an entry there has become stale, and, with --require, when a tool is absent.
"""

import argparse
import base64
import fnmatch
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True

import images
from comparison import Answer, Question, known_differences, report
from gpg import Gpg
from layouts import Layout
from registry import DockerRegistry
from signature_servers import ChangingRegistry, Lookaside, SigningRegistry
from skopeo import Skopeo
from verimage import STATUSES, Verimage

ONE, OTHER = images.single(), images.single("another image\n")
INDEX = images.multi_platform("hello from every platform\n")
AMD64 = INDEX.children[0]
TOOLS = ("DOCKER_REGISTRY", "SKOPEO", "GPG")
KINDS = {"rsa2048": "rsa2048", "rsa4096": "rsa4096", "ed25519": "ed25519", "p256": "nistp256", "p384": "nistp384"}
ABSENT, INVALID, REFERENCE = "signature-not-found", "signature-invalid", "reference-mismatch"
# Under this name, images of the registry are known to policies in one of the scenes.
HOST = "registry.example"


class Suite:
    """The tools of one run, keys, and the questions with their answers."""

    def __init__(self, executables, verimage, gpg, directory, pattern="*"):
        self.verimage = verimage
        self.gpg = gpg
        self.directory = directory
        self.pattern = pattern
        self.skopeo = Skopeo(executables["SKOPEO"], directory / "skopeo", environment=gpg.environment)
        self.questions = []
        self.make_keys()

    def make_keys(self):
        """Keys of every kind, one whose subkey signs, and one that nobody trusts."""
        for name, kind in KINDS.items():
            self.gpg.make(name, kind)
        self.gpg.make("subkey", "ed25519", "cert")
        self.gpg.add_subkey("subkey", "rsa2048")
        self.gpg.make("stranger", "ed25519")
        for name in self.gpg.keys:
            self.key_file(name).write_bytes(self.gpg.export(name, armor=name == "rsa4096"))

    def key_file(self, name):
        """The public key of somebody."""
        return self.directory / f"{name}.gpg"

    def policy(self, *names, identity=None):
        """A policy that demands a signature by each of some keys."""
        file = self.directory / f"policy-{len(list(self.directory.glob('policy-*.json')))}.json"
        file.write_text(json.dumps({"default": [self.requirement(name, identity) for name in names]}))
        return file

    def requirement(self, name, identity):
        """A signature by one key."""
        found = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(self.key_file(name))}
        return {**found, "signedIdentity": identity} if identity else found

    def count(self, name, question):
        """Asks skopeo and verimage and keeps the question."""
        if not fnmatch.fnmatchcase(name, self.pattern):
            return
        theirs = question.ask_skopeo()
        question.start_counting()
        status, digest, said = question.ask_verimage()
        trouble = question.trouble(status, digest, said)
        again = question.ask_converted()
        if again and again != (status, digest, said):
            trouble = trouble or f"by the native form of the policy verimage gives {again}"
        asked = Question(name, {"skopeo": None, "verimage": None})
        asked.answers = {"skopeo": Answer(theirs == 0, theirs), "verimage": Answer(status == 0, status, trouble)}
        self.questions.append(asked)


class Asked:
    """One question: an image is what must be allowed, a code is why it is refused.

    `server` counts the requests for signatures; there must be as many as `requests`, unless that is left open.
    """

    def __init__(self, place, repository, policy, image=None, code=None, **how):
        self.place = place
        self.repository = repository
        self.policy = policy
        self.image = image
        self.code = code
        self.reference = how.get("reference") or f"{place.address}/{repository}:{how.get('tag', 'v1')}"
        self.platform = how.get("platform")
        self.short = how.get("short")
        self.requests = how.get("requests")

    def ask_skopeo(self):
        """The exit status of a copy."""
        with tempfile.TemporaryDirectory(dir=self.place.suite.directory) as target:
            chosen = ["--override-os", "linux", "--override-arch", self.platform] if self.platform else []
            source = f"docker://{self.reference}"
            skopeo = self.place.suite.skopeo
            finished = skopeo.judge(
                source, target, self.place.registries, self.policy, chosen=chosen, **self.place.environment
            )
            return finished.returncode

    def ask_verimage(self):
        """Status, digest and code; by the policy, or by the short form with a key and a place."""
        words = ["--policy", self.policy]
        if self.short:
            words = ["--gpg-key", self.place.suite.key_file(self.short), "--lookaside", self.place.base]
        return self.verdict(words)

    def verdict(self, words):
        """The verdict by a policy, with what it takes to ask for the image."""
        words = [*words] if self.short else [*words, "--registries-d", self.place.registries]
        if self.platform:
            words += ["--platform", f"linux/{self.platform}"]
        maps = self.place.environment.get("maps")
        words += ["--registries-conf", maps] if maps else []
        return self.place.suite.verimage.verdict(f"docker://{self.reference}", words)

    def ask_converted(self):
        """The verdict by the native form of the policy; nothing for the short form."""
        return None if self.short else self.verdict(["--policy", self.place.suite.verimage.converted(self.policy)])

    def start_counting(self):
        """What was asked for until now does not count."""
        for server in (self.place.server, self.place.aside):
            if server:
                server.asked.clear()

    def trouble(self, status, digest, said):
        """What is wrong with an answer, or nothing."""
        expected = self.image.digest if self.image else None
        if status not in STATUSES or (digest if status == 0 else None) != expected:
            return f"verimage gives {digest or 'no digest'} ({said}, {status})"
        if status and said != self.code:
            return f"verimage says {said}, not {self.code}"
        found = self.place.requests()
        if self.requests is not None and found != self.requests:
            return f"verimage makes {found} requests, not {self.requests}"
        if self.place.aside and self.place.aside.asked:
            return "verimage asks a lookaside beside the registry's own signatures"
        return None


class Place:
    """A registry and where its signatures are, with the map that says so; nobody may ask at `aside`."""

    def __init__(self, suite, name, registry, base, server=None, maps=None, staging=None, aside=None):
        self.suite = suite
        self.registry = registry
        self.address = registry.address
        self.base = base
        self.server = server
        self.aside = aside
        self.environment = {"maps": maps} if maps else {}
        more = {"lookaside-staging": staging} if staging else {}
        self.registries = suite.skopeo.lookaside(f"registries-{name}", base, **more)

    def requests(self):
        """How often signatures were asked for."""
        return sum("signature" in str(asked) for asked in self.server.asked) if self.server else None

    def sign(self, repository, image, *keys, tag="v1", behind=None, more=()):
        """Pushes an image, and has it signed by each of some keys."""
        image.push((behind or self.registry).repository(f"demo/{repository}"), tag)
        name = f"docker://{self.address}/demo/{repository}:{tag}"
        for key in keys:
            fingerprint = self.suite.gpg.keys[key]
            self.suite.skopeo.copy(name, name, self.registries, "--sign-by", fingerprint, *more)

    def ask(self, label, repository, policy, image=None, code=None, **how):
        """Asks for an image: it must be allowed, or be refused with a code."""
        self.suite.count(label, Asked(self, f"demo/{repository}", policy, image, code, **how))


def ask_keys(suite, registry):
    """Keys of every kind, with the signatures in a folder: by policy, and by the short form."""
    folder = suite.directory / "files"
    place = Place(suite, "files", registry, f"file://{folder}")
    for key in (*KINDS, "subkey"):
        place.sign(key, ONE, key)
        policy = suite.policy(key)
        place.ask(f"keys/{key}", key, policy, ONE)
        place.ask(f"keys/{key}/short", key, policy, ONE, short=key)
        place.ask(f"keys/{key}/other", key, suite.policy("stranger"), code=INVALID)
    place.sign("unsigned", ONE)
    place.ask("keys/unsigned", "unsigned", suite.policy("ed25519"), code=ABSENT)
    place.ask("keys/unsigned/short", "unsigned", suite.policy("ed25519"), code=ABSENT, short="ed25519")
    both = suite.policy("ed25519", "rsa2048")
    place.ask("keys/one-of-both", "ed25519", both, code=INVALID)
    place.sign("both", ONE, "ed25519", "rsa2048")
    place.ask("keys/both", "both", both, ONE)


def ask_names(suite, registry):
    """Tags, digests, and platforms of an index."""
    folder = suite.directory / "names"
    place, policy = Place(suite, "names", registry, f"file://{folder}"), suite.policy("ed25519")
    place.sign("names", ONE, "ed25519")
    ONE.push(registry.repository("demo/names"), "v2")
    OTHER.push(registry.repository("demo/names"), "unsigned")
    by_digest = f"{place.address}/demo/names@{ONE.digest}"
    place.ask("names/tag", "names", policy, ONE)
    place.ask("names/other-tag", "names", policy, code=REFERENCE, tag="v2")
    place.ask("names/other-tag-any", "names", suite.policy("ed25519", identity={"type": "matchRepository"}), ONE, tag="v2")
    place.ask("names/digest", "names", policy, ONE, reference=by_digest)
    exact = suite.policy("ed25519", identity={"type": "matchExact"})
    place.ask("names/digest-exact", "names", exact, code=REFERENCE, reference=by_digest)
    place.ask("names/unsigned-tag", "names", policy, code=ABSENT, tag="unsigned")
    # The tag moves on; the signature of the image that had it stays where it was.
    place.sign("moved", ONE, "ed25519")
    OTHER.push(registry.repository("demo/moved"), "v1")
    place.ask("names/moved", "moved", policy, code=ABSENT)
    place.sign("index", INDEX, "ed25519", more=["--all"])
    place.ask("names/platform", "index", policy, AMD64, platform="amd64")
    place.ask("names/other-platform", "index", policy, INDEX.children[1], platform="arm64")


def ask_lookaside(suite, registry):
    """The signatures behind HTTP, and the requests for them."""
    folder = suite.directory / "served"
    with Lookaside(folder) as server:
        place = Place(suite, "served", registry, server.url, server, staging=f"file://{folder}")
        policy = suite.policy("ed25519")
        place.sign("served", ONE, "ed25519")
        place.sign("served-twice", ONE, "stranger", "ed25519")
        place.sign("served-unsigned", ONE)
        place.ask("http/one", "served", policy, ONE, requests=2)
        place.ask("http/one/short", "served", policy, ONE, requests=2, short="ed25519")
        place.ask(
            "http/one-by-digest", "served", policy, ONE, requests=2, reference=f"{place.address}/demo/served@{ONE.digest}"
        )
        place.ask("http/two", "served-twice", policy, ONE, requests=3)
        place.ask("http/none", "served-unsigned", policy, code=ABSENT, requests=1)
        for name, (code, answer) in http_troubles(server).items():
            server.special = {"/signature-2": answer}
            place.ask(f"http/{name}-behind-good", "served", policy, code=code)
        server.special = {"/signature-1": (404, {}, b"")}
        place.ask("http/hidden", "served-twice", policy, code=ABSENT, requests=1)
    place.ask("http/nobody-there", "served", policy, code="store-unavailable")


def http_troubles(server):
    """What a server says in the place of a second signature, and the code for that."""
    page = {"Content-Type": "text/html"}
    return {
        "forbidden": ("store-unauthorized", (403, {}, b"")),
        "gone": ("store-unavailable", (410, {}, b"")),
        "broken": ("store-unavailable", (500, {}, b"")),
        "nothing": ("store-unavailable", (204, {}, b"")),
        "page": ("payload-malformed", (200, page, b"<!DOCTYPE html><title>Not here</title>\n")),
        "empty": ("payload-malformed", (200, {}, b"")),
        "too-large": ("limit-exceeded", (200, {}, b"\xa3" + bytes(4 * 1024 * 1024))),
        "circle": ("limit-exceeded", (302, {"Location": f"{server.url}/signature-2"}, b"")),
    }


def ask_extension(suite, registry):
    """A registry that keeps signatures itself, as OpenShift's does; a lookaside is then not asked."""
    folder = suite.directory / "aside"
    with ExitStack() as servers:
        server = servers.enter_context(SigningRegistry(registry))
        aside = servers.enter_context(Lookaside(folder))
        place = Place(suite, "extension", server, aside.url, server, aside=aside)
        policy = suite.policy("ed25519")
        for repository, *keys in (
            ("kept", "ed25519"),
            ("kept-twice", "stranger", "ed25519"),
            ("kept-other", "stranger"),
            ("kept-not",),
        ):
            place.sign(repository, ONE, *keys, behind=registry)
        place.ask("extension/one", "kept", policy, ONE, requests=1)
        place.ask("extension/two", "kept-twice", policy, ONE, requests=1)
        place.ask("extension/other", "kept-other", policy, code=INVALID, requests=1)
        place.ask("extension/none", "kept-not", policy, code=ABSENT, requests=1)
        good = server.lists["demo/kept", ONE.digest]
        for name, (code, changed) in changed_lists(good).items():
            server.changed = {ONE.digest: changed}
            place.ask(f"extension/{name}", "kept", policy, ONE if code is None else None, code)
        server.changed = {}
        keep_aside(folder, "kept-not", good)
        place.ask("extension/before-lookaside", "kept-not", policy, code=ABSENT)


def changed_lists(good):
    """Lists that a registry could send, and the code for each; none where one signature in it counts."""

    def body(*entries, **more):
        return json.dumps({"signatures": list(entries), **more}).encode()

    entry = good[0]
    junk = {**entry, "content": base64.b64encode(b"no signature").decode()}
    return {
        "junk-first": (None, (200, body(junk, entry))),
        "other-kind-first": (None, (200, body({**entry, "type": "other", "content": "AA=="}, entry))),
        "unknown-members": (None, (200, body({**entry, "note": 1}, note=1))),
        "other-kind": (ABSENT, (200, body({**entry, "type": "other"}))),
        "other-version": (ABSENT, (200, body({**entry, "schemaVersion": 3}))),
        "published-member": (
            ABSENT,
            (200, body({"version": 2, **{name: entry[name] for name in ("name", "type", "content")}})),
        ),
        "no-list": (ABSENT, (200, b'{"signatures":null}')),
        "no-base64": ("payload-malformed", (200, body(entry, {**entry, "content": "?"}))),
        "no-object": ("payload-malformed", (200, b"[]")),
        "not-found": ("store-unavailable", (404, b"{}")),
        "broken": ("store-unavailable", (500, b"{}")),
        "too-large": ("limit-exceeded", (200, body(entry, note=" " * 4 * 1024 * 1024))),
    }


def keep_aside(folder, repository, entries):
    """Puts signatures of an extension into a lookaside."""
    place = folder / "demo" / f"{repository}@{ONE.digest.replace(':', '=')}"
    place.mkdir(parents=True)
    for number, entry in enumerate(entries, 1):
        (place / f"signature-{number}").write_bytes(base64.b64decode(entry["content"]))


def ask_mirror(suite, registry):
    """A mirror: the policy and the signature have the name that the user writes, the lookaside that of the mirror."""
    folder = suite.directory / "mirror"
    maps = suite.directory / "registries.conf"
    maps.write_text(f'[[registry]]\nprefix = "{HOST}"\nlocation = "{registry.address}"\ninsecure = true\n')
    place = Place(suite, "mirror", registry, f"file://{folder}", maps=maps)
    written = f"{HOST}/demo/mirrored:v1"
    place.sign("mirrored", ONE, "ed25519", more=["--sign-identity", written])
    place.ask("mirror/by-name", "mirrored", suite.policy("ed25519"), ONE, reference=written)
    place.ask("mirror/by-address", "mirrored", suite.policy("ed25519"), code=REFERENCE)
    place.sign("unmirrored", ONE, "ed25519")
    place.ask(
        "mirror/signed-as-mirror",
        "unmirrored",
        suite.policy("ed25519"),
        code=REFERENCE,
        reference=f"{HOST}/demo/unmirrored:v1",
    )
    own = {"type": "remapIdentity", "prefix": HOST, "signedPrefix": registry.address}
    policy = suite.policy("ed25519", identity=own)
    place.ask("mirror/remapped", "unmirrored", policy, ONE, reference=f"{HOST}/demo/unmirrored:v1")


def ask_changing(suite):
    """A registry that has another image for whoever asks for the tag a second time."""
    layout, folder = Layout(), suite.directory / "layout"
    for name, image in (("one", ONE), ("other", OTHER)):
        for blob in image.blobs:
            layout.add(blob)
        layout.tag(image.content, image.media_type, name)
    layout.write(folder)
    aside = suite.directory / "changing"
    with ChangingRegistry(folder, "one", "other") as registry:
        place = Place(suite, "changing", registry, f"file://{aside}")
        message = suite.skopeo.standalone(ONE.content, f"{registry.address}/demo/changing:v1", suite.gpg.keys["ed25519"])
        keep_aside(aside, "changing", [{"content": base64.b64encode(message).decode()}])
        asked = Asked(place, "demo/changing", suite.policy("ed25519"), ONE)
        ask_skopeo, verdict = asked.ask_skopeo, asked.verdict
        asked.ask_skopeo = lambda: registry.begin() or ask_skopeo()
        asked.verdict = lambda words: registry.begin() or verdict(words)
        suite.count("changing/first-answer-counts", asked)


def compare(executables, verimage, directory, pattern):
    """Signs and asks; gives the questions with their answers."""
    with ExitStack() as stack:
        gpg = stack.enter_context(Gpg(executables["GPG"], directory, None))
        registry = stack.enter_context(DockerRegistry("docker-registry", executables["DOCKER_REGISTRY"]))
        suite = Suite(executables, verimage, gpg, directory, pattern)
        for scene in (ask_keys, ask_names, ask_lookaside, ask_extension, ask_mirror):
            scene(suite, registry)
        ask_changing(suite)
        return suite.questions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when a tool is absent")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only questions whose name matches")
    options = parser.parse_args()
    executables = {name: os.environ.get(name) for name in (*TOOLS, "VERIMAGE")}
    absent = [name for name, executable in executables.items() if not executable]
    for name in absent:
        print(f"SKIPPED: {name} is not set or empty")
    if absent:
        return 1 if options.require else 0
    with tempfile.TemporaryDirectory(prefix="verimage-gpg-") as directory:
        verimage = Verimage(os.path.abspath(executables["VERIMAGE"]), Path(directory))
        if not verimage.knows("--gpg-key"):
            print("SKIPPED: this verimage does not know --gpg-key; nothing was compared with skopeo")
            return 0
        questions = compare(executables, verimage, Path(directory), options.only)
    if not questions:
        print("nothing was compared")
        return 1 if options.require else 0
    return 1 if report(questions, known_differences("simple-signing"), options.only == "*") else 0


if __name__ == "__main__":
    sys.exit(main())
