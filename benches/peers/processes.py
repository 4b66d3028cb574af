#!/usr/bin/env python3
"""Whole processes beside those of the peers: the same images, the same evidence, the same checks, servers on the loopback interface.

    . tests/tools/env.sh && python3 benches/peers/processes.py [RUNS]

The tools take turns, so that all see the same machine. For each: the shortest and the median wall time, the largest resident set, and
how often a server was asked. Tools that are absent are skipped aloud.
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True

from evidence import FIXTURES, ROOT, image_digest

sys.path.insert(0, str(ROOT / "tests/interop"))

import images
from notary_tools import Notary, NotaryServer, Pins, notary_tools
from signing import make_key

VERIMAGE = os.environ.get("VERIMAGE", str(ROOT / "target/release/verimage"))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Registry:
    """docker-registry over layouts of the fixtures; its log says what it was asked."""

    def __init__(self, work, images):
        storage, self.host = work / "storage", f"127.0.0.1:{free_port()}"
        for name, layout in images.items():
            subprocess.run([sys.executable, ROOT / "tests/tools/fill_registry.py", storage, FIXTURES / layout, name], check=True)
        config = work / "registry.yaml"
        config.write_text(
            f"version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {storage} }} }}\nhttp: {{ addr: '{self.host}' }}\n"
        )
        self.log = work / "registry.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=subprocess.STDOUT)
        while True:
            try:
                urllib.request.urlopen(f"http://{self.host}/v2/").close()
                return
            except OSError:
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def requests(self):
        """How many requests stand in the log; those of the access log begin with an address."""
        return len(re.findall(r'"(?:GET|HEAD) /v2/', self.log.read_text()))


@dataclass
class Contender:
    """A command that takes part; what it keeps is forgotten before each run if there is a folder to forget."""

    name: str
    command: list
    forgets: Path = None

    def seconds(self, environment, before=()):
        """How long the process takes; one that fails ends the comparison."""
        if self.forgets:
            shutil.rmtree(self.forgets, ignore_errors=True)
        return seconds([*before, *self.command], environment)

    def megabytes(self, environment, work):
        """The largest resident set, as time(1) tells it: a child of this process would begin with its size."""
        self.seconds(environment, ["/usr/bin/time", "-f", "%M", "-o", work / "memory"])
        return int((work / "memory").read_text()) / 1024


def seconds(command, environment):
    """How long a process takes; one that fails ends the comparison."""
    begin = time.perf_counter()
    process = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    took = time.perf_counter() - begin
    if process.returncode != 0:
        raise SystemExit(f"{command}: exit {process.returncode}: {process.stderr.decode(errors='replace')[-1500:]}")
    return took


class NotaryRequests(NotaryServer):
    """A Notary server whose log says what it was asked."""

    def requests(self):
        """How many answers stand in the log."""
        return (self.directory / "log").read_text().count('"msg":"response completed"')


COSIGN_LINES = {"cosign 2": "COSIGN2", "cosign 3": "COSIGN3"}


def cosign(work, registry, *options, lines=COSIGN_LINES, own=("--insecure-ignore-tlog",)):
    image = f"{registry.host}/cosign@{image_digest(FIXTURES / 'cosign/layouts/p256')}"
    key = FIXTURES / "cosign/keys/p256.pub"
    yield Contender("verimage", [VERIMAGE, "verify", image, *(own if "--policy" in own else ["--key", key, *own])])
    for name in lines:
        if os.environ.get(COSIGN_LINES[name]):
            yield Contender(name, [os.environ[COSIGN_LINES[name]], "verify", "--key", key, "--insecure-ignore-tlog", *options, image])


def cosign_one_form(work, registry):
    """Nobody looks for bundles: cosign is told so by an option, verimage by its policy."""
    requirement = {"cosign": {"key": "demo", "transparency": "none", "format": "simpleSigning"}}
    rule = {"name": "all", "images": ["**/**"], "require": requirement}
    trust = {"demo": {"publicKey": {"file": str(FIXTURES / "cosign/keys/p256.pub")}}}
    policy = work / "one-form.json"
    policy.write_text(json.dumps({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust, "rules": [rule]}))
    return cosign(work, registry, "--new-bundle-format=false", lines=["cosign 3"], own=["--policy", policy])


def notation(work, registry):
    config = work / "config/notation"
    store = config / "truststore/x509/ca/acme"
    store.mkdir(parents=True)
    shutil.copy(FIXTURES / "notation/certificates/root.pem", store)
    level = {"level": "strict", "verifyTimestamp": "afterCertExpiry"}
    policy = {"name": "all", "registryScopes": ["*"], "signatureVerification": level, "trustStores": ["ca:acme"], "trustedIdentities": ["*"]}
    (config / "trustpolicy.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [policy]}))
    for name, layout in (("jws", "jws-rsa3072"), ("cose", "cose-p256")):
        image = f"{registry.host}/notation-{name}@{image_digest(FIXTURES / 'notation/layouts' / layout)}"
        own = [VERIMAGE, "verify", image, "--policy", config / "trustpolicy.json", "--trust-store", config / "truststore"]
        yield Contender(f"verimage, {name}", own)
        if os.environ.get("NOTATION"):
            yield Contender(f"notation, {name}", [os.environ["NOTATION"], "verify", "--insecure-registry", image])


def simple_signing(work, registry):
    image = f"{registry.host}/demo/rsa2048@{image_digest(FIXTURES / 'simple-signing/images')}"
    places = work / "registries.d"
    places.mkdir()
    (places / "default.yaml").write_text(f"default-docker: {{ lookaside: 'file://{FIXTURES}/simple-signing/lookaside' }}\n")
    identity = {"type": "remapIdentity", "prefix": registry.host, "signedPrefix": "registry.example"}
    requirement = {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(FIXTURES / "simple-signing/keys/rsa2048.gpg"), "signedIdentity": identity}
    policy = work / "policy.json"
    policy.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {"": [requirement]}}}))
    yield Contender("verimage", [VERIMAGE, "verify", image, "--policy", policy, "--registries-d", places])
    if os.environ.get("SKOPEO"):
        skopeo = [os.environ["SKOPEO"], "--policy", policy, "--registries.d", places, "copy", "--src-tls-verify=false"]
        yield Contender("skopeo", [*skopeo, f"docker://{image}", f"dir:{work / 'copy'}"])


GUN, TAG = "registry.example/demo/app", "v1"


def publish(work, server):
    """A collection with one tag, by the real client; gives what its readers pin: the root key and its ID."""
    root = make_key(work, "root", "p256")
    publisher = Notary(os.environ["NOTARY"], work / "publisher", server.url)
    publisher.init(GUN, root)
    publisher.add(GUN, TAG, images.single())
    metadata = json.loads((publisher.trust / "tuf" / GUN / "metadata/root.json").read_text())
    return root.public, metadata["signed"]["roles"]["root"]["keyids"][0]


def notary(work, server):
    """The digest of a tag: a reader who remembers what it saw and is asked again, and one who was never asked."""
    root, key_id = publish(work, server)
    for kind in ("first contact", "again"):
        reader, state = Notary(os.environ["NOTARY"], work / f"reader, {kind}", server.url), work / f"state, {kind}"
        own = [VERIMAGE, "verify", f"{GUN}:{TAG}", "--notary-root", root, "--notary-server", server.url, "--state-dir", state]
        theirs = [*reader.words(Pins([key_id]), GUN), "lookup", GUN, TAG]
        is_first = kind == "first contact"
        yield Contender(f"verimage, {kind}", own, state if is_first else None)
        yield Contender(f"notary, {kind}", theirs, reader.trust if is_first else None)


REGISTRY_SCENES = {
    "cosign, a P-256 key, log ignored": cosign,
    "cosign, a P-256 key, log ignored, no bundles": cosign_one_form,
    "Notary Project": notation,
    "simple signing, RSA-2048 (skopeo copies the image as well)": simple_signing,
}
IMAGES = {
    "cosign": "cosign/layouts/p256",
    "notation-jws": "notation/layouts/jws-rsa3072",
    "notation-cose": "notation/layouts/cose-p256",
    "demo/rsa2048": "simple-signing/images",
}


def compare(title, contenders, environment, server, work, runs):
    print(f"\n{title}")
    requests, memories = {}, {}
    for contender in contenders:
        # What is remembered from run to run is remembered now.
        contender.seconds(environment)
        asked = server.requests()
        memories[contender.name] = contender.megabytes(environment, work)
        requests[contender.name] = server.requests() - asked
    kept = {contender.name: [] for contender in contenders}
    for _ in range(runs):
        for contender in contenders:
            kept[contender.name].append(contender.seconds(environment))
    own = None
    for name, times in kept.items():
        memory = memories[name]
        line = f"  {name:<24} {min(times) * 1e3:8.1f} ms, median {statistics.median(times) * 1e3:8.1f} ms, {memory:6.1f} MiB, {requests[name]} requests"
        if name.startswith("verimage"):
            own = (min(times), memory)
        else:
            line += f"; {min(times) / own[0]:.1f} times the time, {memory / own[1]:.1f} times the memory"
        print(line)


def main():
    runs = int(sys.argv[1]) if sys.argv[1:] else 20
    with tempfile.TemporaryDirectory() as folder, ExitStack() as servers:
        work = Path(folder)
        environment = {"PATH": os.environ["PATH"], "HOME": folder, "XDG_CONFIG_HOME": str(work / "config"), "XDG_RUNTIME_DIR": folder}
        registry = servers.enter_context(Registry(work, IMAGES))
        for title, scene in REGISTRY_SCENES.items():
            compare(title, list(scene(work, registry)), environment, registry, work, runs)
        executables, absent = notary_tools()
        if absent:
            print(f"\nSKIPPED: Notary v1: absent: {', '.join(absent)}")
        else:
            server = servers.enter_context(NotaryRequests(executables["NOTARY_SERVER"], level="info"))
            compare("Notary v1, the digest of a tag", list(notary(work, server)), environment, server, work, runs)
        begin = [seconds([VERIMAGE, "--version"], environment) for _ in range(runs)]
        print(f"\nverimage --version: {min(begin) * 1e3:.1f} ms; the binary has {Path(VERIMAGE).stat().st_size / 1e6:.1f} MB")


main()
