#!/usr/bin/env python3
"""Signs with the real notary at real servers and compares `verimage verify` with what the client itself takes.

    . tests/tools/env.sh && VERIMAGE=target/debug/verimage python3 tests/interop/notary.py [--require] [--only GLOB]

Every question has an answer that is known beforehand; verimage must give it with the code that is named, and with the
digest that notary gives. Tools that are absent are skipped aloud, and so is everything while verimage does not know
`--notary-root`. The exit status is 1 when an answer is wrong, when notary's differs and exceptions.json does not say why,
when an entry there has become stale, and, with --require, when a tool is absent.
"""

import argparse
import fnmatch
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True

import images
from authority import Office
from comparison import Answer, Question, known_differences, report
from notary_tools import FolderServer, Notary, NotaryServer, NotarySigner, Pins, TokenServer, Wish, notary_tools
from registry import free_port
from signing import make_key
from trust_data import base64_text, download
from verimage import STATUSES, Verimage

ONE, OTHER = images.single(), images.single("another image\n")
INDEX = images.multi_platform("hello from every platform\n")
LOGIN = "demo:only-for-tests"
HOST = "registry.example"


class Suite:
    """Servers, publishers and readers of one run, and the questions with their answers."""

    def __init__(self, executables, verimage, directory, pattern="*"):
        self.executables = executables
        self.verimage = verimage
        self.directory = directory
        self.pattern = pattern
        self.office = Office(directory)
        self.channel = self.office.authority("channel", "/CN=Demo Channel")
        self.questions = []

    def server(self, signer=None, **how):
        """A real server, to be started."""
        return NotaryServer(self.executables["NOTARY_SERVER"], self.office, signer, **how)

    def signer(self):
        """A real signer, to be started."""
        return NotarySigner(self.executables["NOTARY_SIGNER"], self.office, self.channel)

    def publisher(self, name, server, login=None):
        """A new collection."""
        return Publisher(self, name, server, login)

    def reader(self, publisher, url=None, login=None, root=None):
        """Somebody who pins the publisher's root key, or another one."""
        return Reader(self, publisher, url or publisher.notary.url, login, root or publisher.root)

    def count(self, name, reader, wish, answer, code):
        """Asks both and keeps the question."""
        if not fnmatch.fnmatchcase(name, self.pattern):
            return
        digest, _ = reader.notary.verdict(wish, reader.pins)
        status, named, said = reader.ask_verimage(wish)
        trouble = None
        if (named if status == 0 else None) != answer or status not in STATUSES:
            trouble = f"verimage gives {named or 'no digest'} ({said}, {status})"
        elif status != 0 and said != code:
            trouble = f"verimage says {said}, not {code}"
        elif digest and answer and digest != answer:
            trouble = f"notary gives {digest}"
        question = Question(name, {"notary": None, "verimage": None})
        question.answers = {"notary": Answer(bool(digest), 0), "verimage": Answer(status == 0, status, trouble)}
        self.questions.append(question)


class Publisher:
    """Publishes one collection with the real client."""

    def __init__(self, suite, name, server, login=None):
        self.name = name
        self.server = server
        self.gun = f"{HOST}/demo/{name}"
        self.root = make_key(suite.directory, f"{name}-root", "p256")
        self.notary = Notary(suite.executables["NOTARY"], suite.directory / name, server.url, login)
        self.notary.init(self.gun, self.root)

    def root_id(self):
        """The ID of the root key in its certificate, as the client keeps it."""
        file = self.notary.trust / "tuf" / self.gun / "metadata" / "root.json"
        return json.loads(file.read_text())["signed"]["roles"]["root"]["keyids"][0]

    def add(self, tag, image, *roles):
        """Signs and publishes."""
        self.notary.add(self.gun, tag, image, *(f"targets/{role}" for role in roles))

    def delegate(self, role, key, paths=None):
        """Declares a role for a key that this publisher has as well."""
        self.notary.delegate(self.gun, f"targets/{role}", key.public, paths=paths)
        self.notary.import_key(key)


class Reader:
    """One pin for both verifiers; what they remember, they remember from question to question."""

    def __init__(self, suite, publisher, url, login, root):
        self.suite = suite
        self.gun = publisher.gun
        self.url = url
        self.root = root.public
        self.login = login
        self.directory = Path(tempfile.mkdtemp(prefix="reader-", dir=suite.directory))
        # Who pins a stranger's key pins an ID that no root has.
        self.pins = Pins([publisher.root_id() if root is publisher.root else "0" * 64])
        self.notary = Notary(suite.executables["NOTARY"], self.directory / "notary", url, login)

    def ask(self, label, tag, image=None, code=None, delegations=(), digest=None):
        """Asks for a tag: an image is what it must be, a code is why it is refused."""
        wish = Wish(self.gun, tag, digest, tuple(delegations))
        self.suite.count(label, self, wish, image and image.digest, code)

    def ask_verimage(self, wish):
        """The same question in the words of verimage."""
        reference = wish.gun + (f":{wish.tag}" if wish.tag else "") + (f"@{wish.digest}" if wish.digest else "")
        words = ["--notary-root", self.root, "--notary-server", self.url]
        words += [word for role in wish.delegations for word in ("--delegation", role)]
        if self.login:
            words += ["--registry-config", self.credentials()]
        return self.suite.verimage.verdict(reference, [*words, "--state-dir", self.directory / "state"])

    def credentials(self):
        """A file with the login for the host of the server and for that of the images."""
        entry = {"auth": base64_text(self.login.encode())}
        file = self.directory / "config.json"
        file.write_text(json.dumps({"auths": {HOST: entry, self.url.partition("//")[2]: entry}}))
        return file


def ask_published(suite, server):
    """Init, then one publication after another."""
    one = suite.publisher("published", server)
    reader = suite.reader(one)
    reader.ask("published/nothing-yet", "v1", code="signature-not-found")
    one.add("v1", ONE)
    reader.ask("published/first", "v1", ONE)
    one.add("latest", OTHER)
    one.add("index", INDEX)
    reader.ask("published/again", "v1", ONE)
    reader.ask("published/latest", "latest", OTHER)
    reader.ask("published/index", "index", INDEX)
    reader.ask("published/digest", None, OTHER, digest=OTHER.digest)
    reader.ask("published/tag-and-digest", "v1", ONE, digest=ONE.digest)
    reader.ask("published/tag-and-other-digest", "v1", digest=OTHER.digest, code="tag-digest-mismatch")
    reader.ask("published/absent", "absent", code="signature-not-found")
    one.add("v1", OTHER)
    reader.ask("published/moved", "v1", OTHER)
    one.notary.remove(one.gun, "v1")
    reader.ask("published/removed", "v1", code="signature-not-found")
    stranger = suite.reader(one, root=make_key(suite.directory, "stranger", "p256"))
    stranger.ask("published/other-pin", "latest", code="certificate-untrusted")
    nobody = suite.reader(one)
    nobody.gun = f"{HOST}/demo/unsigned"
    nobody.ask("published/unsigned", "v1", code="signature-not-found")


def ask_delegations(suite, server):
    """The roles of `docker trust`, a robot's, and one below another."""
    team = suite.publisher("team", server)
    team.notary.rotate(team.gun, "snapshot", "-r")
    names = ("releases", "alice", "bob", "robot", "nightly")
    keys = {name: make_key(suite.directory, f"team-{name}", "p256") for name in names}
    for name in ("releases", "alice", "bob"):
        team.delegate(name, keys[name])
    team.delegate("robot", keys["robot"], paths=["dev-"])
    team.add("targets-only", ONE)
    reader = suite.reader(team)
    reader.ask("delegations/declared", "targets-only", ONE)
    reader.ask("delegations/declared-signer", "targets-only", delegations=["alice"], code="delegation-missing")
    team.add("agreed", ONE, "releases", "alice", "bob")
    team.add("disputed", ONE, "releases", "alice")
    team.add("disputed", OTHER, "bob")
    team.add("disputed", INDEX)
    team.add("alice-only", ONE, "alice")
    team.add("dev-1", OTHER, "robot")
    team.delegate("releases/nightly", keys["nightly"])
    team.add("nightly", OTHER, "releases/nightly")
    both = ["alice", "bob"]
    reader.ask("delegations/docker", "agreed", ONE)
    reader.ask("delegations/docker-releases-first", "disputed", ONE)
    reader.ask("delegations/docker-targets", "targets-only", ONE)
    reader.ask("delegations/docker-person", "alice-only", code="signature-not-found")
    reader.ask("delegations/docker-below-releases", "nightly", code="signature-not-found")
    reader.ask("delegations/both", "agreed", ONE, delegations=both)
    reader.ask("delegations/both-disagree", "disputed", delegations=both, code="tag-digest-mismatch")
    reader.ask("delegations/one-of-both", "alice-only", delegations=both, code="signature-not-found")
    reader.ask("delegations/alice", "disputed", ONE, delegations=["alice"])
    reader.ask("delegations/bob", "disputed", OTHER, delegations=["bob"])
    reader.ask("delegations/full-name", "agreed", ONE, delegations=["targets/bob"])
    reader.ask("delegations/paths", "dev-1", OTHER, delegations=["robot"])
    reader.ask("delegations/nested", "nightly", OTHER, delegations=["releases/nightly"])
    reader.ask("delegations/unknown", "agreed", delegations=["carol"], code="delegation-missing")


def ask_rotation(suite, server):
    """Every key is replaced while somebody reads; what was accepted before leads to the new root."""
    one = suite.publisher("rotated", server)
    one.add("v1", ONE)
    reader = suite.reader(one)
    reader.ask("rotation/before", "v1", ONE)
    for role, words in (("targets", ()), ("snapshot", ("-r",)), ("timestamp", ("-r",)), ("root", ())):
        one.notary.rotate(one.gun, role, *words)
        reader.ask(f"rotation/{role}", "v1", ONE)
    one.add("v1", OTHER)
    one.notary.rotate(one.gun, "root")
    reader.ask("rotation/root-again", "v1", OTHER)


def ask_tokens(suite, signer):
    """A server that wants tokens: for reading from everybody, or from those who say who they are."""
    for name, everybody in (("open", True), ("closed", False)):
        with ExitStack() as servers:
            tokens = servers.enter_context(TokenServer(suite.office, suite.channel, LOGIN, everybody))
            server = servers.enter_context(suite.server(signer, tokens=tokens))
            one = suite.publisher(f"tokens-{name}", server, LOGIN)
            one.add("v1", ONE)
            suite.reader(one, login=LOGIN).ask(f"tokens/{name}-known", "v1", ONE)
            anonymous = {"image": ONE} if everybody else {"code": "store-unauthorized"}
            suite.reader(one).ask(f"tokens/{name}-anonymous", "v1", **anonymous)
            # Where everybody may read, notary asks without the login first, so that a wrong one does not show.
            if not everybody:
                suite.reader(one, login="demo:wrong").ask(f"tokens/{name}-wrong", "v1", code="store-unauthorized")


def ask_basic(suite, server):
    """A server that wants a name and a password with every request."""
    one = suite.publisher("basic", server)
    one.add("v1", ONE)
    with FolderServer({one.gun: download(server, one.gun)}, LOGIN) as closed:
        suite.reader(one, closed.url, LOGIN).ask("basic/known", "v1", ONE)
        suite.reader(one, closed.url, "demo:wrong").ask("basic/wrong", "v1", code="store-unauthorized")
        suite.reader(one, closed.url).ask("basic/anonymous", "v1", code="store-unauthorized")


def ask_trouble(suite, signer):
    """A mirror that stopped, one that went back, and one that is not there."""
    with suite.server(signer, lifetimes="timestamp=8s") as server:
        one = suite.publisher("frozen", server)
        one.add("v1", ONE)
        earlier = download(server, one.gun)
        one.add("v1", OTHER)
        with FolderServer({one.gun: download(server, one.gun)}) as mirror:
            reader = suite.reader(one, mirror.url)
            reader.ask("trouble/mirror", "v1", OTHER)
            mirror.collections[one.gun] = earlier
            reader.ask("trouble/rollback", "v1", code="rollback-detected")
            suite.reader(one, mirror.url).ask("trouble/rollback-first-contact", "v1", ONE)
            time.sleep(8)
            suite.reader(one, mirror.url).ask("trouble/expired", "v1", code="metadata-expired")
        # A live server signs a new timestamp once the old one has expired.
        suite.reader(one).ask("trouble/renewed", "v1", OTHER)
        nowhere = f"http://127.0.0.1:{free_port()}"
        suite.reader(one, nowhere).ask("trouble/unreachable", "v1", code="store-unavailable")


def compare(executables, verimage, directory, pattern):
    """Publishes and asks; gives the questions with their answers."""
    suite = Suite(executables, verimage, directory, pattern)
    with ExitStack() as servers:
        signer = servers.enter_context(suite.signer())
        server = servers.enter_context(suite.server(signer))
        own_keys = servers.enter_context(suite.server())
        ask_published(suite, server)
        ask_delegations(suite, server)
        ask_rotation(suite, server)
        ask_tokens(suite, signer)
        ask_basic(suite, own_keys)
        ask_trouble(suite, signer)
    return suite.questions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--require", action="store_true", help="fail when a tool is absent")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only questions whose name matches")
    options = parser.parse_args()
    executables, absent = notary_tools()
    if not os.environ.get("VERIMAGE"):
        absent.append("VERIMAGE")
    for name in absent:
        print(f"SKIPPED: {name} is not set or empty")
    if absent:
        return 1 if options.require else 0
    with tempfile.TemporaryDirectory(prefix="verimage-interop-") as directory:
        verimage = Verimage(os.path.abspath(os.environ["VERIMAGE"]), Path(directory))
        if not verimage.knows("--notary-root"):
            print("SKIPPED: this verimage does not know --notary-root; nothing was compared with notary")
            return 0
        questions = compare(executables, verimage, Path(directory), options.only)
    if not questions:
        print("nothing was compared")
        return 1 if options.require else 0
    return 1 if report(questions, known_differences("notary"), options.only == "*") else 0


if __name__ == "__main__":
    sys.exit(main())
