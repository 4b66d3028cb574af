"""The real `notary` command line, notary-server and notary-signer, and small servers that take their place.

Everything listens on the loopback interface. Trust directories and keys are in temporary directories.
"""

import base64
import json
import os
import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from authority import SIGNER
from registry import Repository, Server
from signing import Key, run, run_or_fail
from small_server import SmallServer
from trust_data import TrustKey, base64_text, compact, pem_bytes, role_path

PASSPHRASE = "only-for-tests"
TALKS = "extendedKeyUsage = serverAuth, clientAuth"
HERE = "subjectAltName = DNS:localhost, IP:127.0.0.1"
# Docker's rule: the first of these that has the tag; roles below them do not count.
DOCKER_ROLES = ("targets/releases", "targets")
# The service, and who issues tokens for it.
SERVICE, ISSUER = "notary-demo", "token-demo"


def notary_tools():
    """The executables that tests/tools/env.sh found, and the names of the variables of those that are absent."""
    names = ("NOTARY", "NOTARY_SERVER", "NOTARY_SIGNER")
    return {name: os.environ.get(name) for name in names}, [name for name in names if not os.environ.get(name)]


def channel(office, name, authority):
    """A certificate for both ends of the connection between server and signer."""
    return office.issue(name, f"/O=Demo/CN={name}", (*SIGNER, TALKS, HERE), authority)


class NotarySigner(Server):
    """Holds the keys of a server, in memory, and is asked through gRPC."""

    def __init__(self, executable, office, authority):
        super().__init__("notary-signer", executable)
        self.authority = authority
        self.certificate = channel(office, self.name, authority)

    def command(self):
        server = {
            "grpc_addr": self.address,
            "tls_cert_file": str(self.certificate.file),
            "tls_key_file": str(self.certificate.key.private),
            "client_ca_file": str(self.authority.file),
        }
        return [self.executable, "-config", configuration(self.directory, server=server, storage={"backend": "memory"})]

    def is_ready(self):
        with socket.create_connection(("127.0.0.1", int(self.address.rpartition(":")[2])), timeout=5):
            return True


class NotaryServer(Server):
    """A server in memory. Without a signer it makes Ed25519 keys itself, with one the signer makes ECDSA keys.

    `lifetimes` is what tests/tools/notary/lifetimes.go reads; a server for tokens gets the address of who issues
    them and the certificate of their authority. At `level` info the log has every request.
    """

    def __init__(self, executable, office=None, signer=None, lifetimes="", tokens=None, level="error"):
        super().__init__("notary-server", executable)
        self.level = level
        self.signer = signer
        self.tokens = tokens
        self.lifetimes = lifetimes
        self.certificate = channel(office, self.name, signer.authority) if signer else None

    @property
    def url(self):
        """What the client gets as its server."""
        return f"http://{self.address}"

    def command(self):
        parts = {"server": {"http_addr": self.address}, "trust_service": self.keys(), "storage": {"backend": "memory"}}
        if self.tokens:
            options = {"realm": self.tokens.realm, "service": SERVICE, "issuer": ISSUER}
            options["rootcertbundle"] = str(self.tokens.root)
            parts["auth"] = {"type": "token", "options": options}
        parts["logging"] = {"level": self.level}
        lifetimes = f"NOTARY_LIFETIMES={self.lifetimes}"
        return ["env", lifetimes, self.executable, "-config", configuration(self.directory, **parts)]

    def keys(self):
        """Who makes and holds the server's keys."""
        if not self.signer:
            return {"type": "local"}
        return {
            "type": "remote",
            "hostname": "localhost",
            "port": self.signer.address.rpartition(":")[2],
            "key_algorithm": "ecdsa",
            "tls_ca_file": str(self.signer.authority.file),
            "tls_client_cert": str(self.certificate.file),
            "tls_client_key": str(self.certificate.key.private),
        }

    def is_ready(self):
        return Repository(self.address, "").request("GET", "/v2/")[0] in (200, 401)

    def role_file(self, gun, name):
        """The bytes of one role file; the server must not ask for a token."""
        return Repository(self.address, gun).expect(200, "GET", role_path(gun, name))[1]


def configuration(directory, **parts):
    """The name of a new configuration file."""
    file = directory / "configuration.json"
    file.write_text(json.dumps({"logging": {"level": "error"}, **parts}))
    return str(file)


class FolderServer(SmallServer):
    """A server whose collections never change: what a hostile or a stale one would send.

    A name with a hash in it is the same file as the name without; collections are by GUN. `login` is what HTTP Basic
    must say.
    """

    def __init__(self, collections=(), login=None):
        super().__init__()
        self.collections = dict(collections)
        self.login = login

    def answer(self, path, headers):
        if self.login and headers["Authorization"] != f"Basic {base64_text(self.login.encode())}":
            return 401, {"WWW-Authenticate": 'Basic realm="demo"'}, b'{"errors":[{"code":"UNAUTHORIZED"}]}'
        if path == "/v2/":
            return 200, {}, b"{}"
        gun, _, name = path.removeprefix("/v2/").partition("/_trust/tuf/")
        collection = self.collections.get(gun)
        content = collection and collection.files.get(re.sub(r"\.[0-9a-f]{64}(?=\.json$)", "", name))
        if content is None:
            return 404, {}, b'{"errors":[{"code":"METADATA_NOT_FOUND","message":"no trust data available"}]}'
        return 200, {}, content


class TokenServer(SmallServer):
    """Issues tokens: for everything to whoever says the login, to everybody else for reading or, on demand, for nothing."""

    def __init__(self, office, authority, login, everybody=True):
        super().__init__()
        self.root = authority.file
        self.signer = office.issue("token-signer", "/O=Demo/CN=Demo Tokens", SIGNER, authority)
        self.login = f"Basic {base64_text(login.encode())}"
        self.everybody = everybody

    @property
    def realm(self):
        """Where tokens are asked for."""
        return f"{self.url}/token"

    def answer(self, path, headers):
        known = headers["Authorization"] == self.login
        if headers["Authorization"] and not known:
            return 401, {"WWW-Authenticate": 'Basic realm="demo"'}, b"{}"
        scopes = [scope.split(":", 1) for scope in parse_qs(urlsplit(path).query).get("scope", [])]
        actions = ["pull", "push", "*"] if known else ["pull"] if self.everybody else []
        # The name may have a port, so it ends at the last colon.
        names = [(kind, rest.rpartition(":")[0]) for kind, rest in scopes]
        access = [{"type": kind, "name": name, "actions": actions} for kind, name in names if actions]
        return 200, {"Content-Type": "application/json"}, compact({"token": self.token(access)})

    def token(self, access):
        """A signed token that is valid for ten minutes."""
        now = int(time.time())
        certificate = base64_text(pem_bytes(self.signer.pem))
        header = {"typ": "JWT", "alg": "ES256", "x5c": [certificate]}
        claims = {"iss": ISSUER, "aud": SERVICE, "sub": "", "jti": str(now), "access": access}
        claims |= {"iat": now, "nbf": now - 60, "exp": now + 600}
        text = f"{url_text(compact(header))}.{url_text(compact(claims))}"
        return f"{text}.{url_text(TrustKey(self.signer.key).signature(text.encode()))}"


def url_text(content):
    """Bytes as a token holds them."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass(frozen=True)
class Wish:
    """What a reader asks for: a tag, a digest or both, by Docker's rule or with signers that must agree."""

    gun: str
    tag: str = None
    digest: str = None
    delegations: tuple = ()

    def choose(self, found, roles):
        """The digest of an entry in one of these roles that fits; digests are by tag and role."""
        for (tag, role), digest in found.items():
            if role in roles and self.tag in (None, tag) and self.digest in (None, digest):
                return digest
        return None


@dataclass(frozen=True)
class Pins:
    """What a reader of one collection trusts: key IDs of root certificates, or a file with authorities."""

    key_ids: tuple = ()
    authority: Path = None

    def section(self, gun):
        """The section of notary's configuration."""
        certificates = {gun: list(self.key_ids)} if self.key_ids else {}
        authorities = {gun: str(self.authority)} if self.authority else {}
        return {"disable_tofu": True, "certs": certificates, "ca": authorities}


def last_line(finished):
    """What a finished process said last."""
    lines = (finished.stderr + finished.stdout).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"


class Notary:
    """The client with a trust directory of its own; `login` is `user:password`."""

    def __init__(self, executable, directory, url, login=None):
        self.executable = executable
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.trust = self.directory / "trust"
        self.url = url
        self.login = login

    @property
    def environment(self):
        """Passphrases, and what to say to a server that asks."""
        roles = ("ROOT", "TARGETS", "SNAPSHOT", "DELEGATION")
        variables = {f"NOTARY_{role}_PASSPHRASE": PASSPHRASE for role in roles}
        return {**variables, **({"NOTARY_AUTH": base64_text(self.login.encode())} if self.login else {})}

    def words(self, pins=None, gun=None):
        """The options of every call."""
        settings = {"trust_pinning": pins.section(gun)} if pins else {}
        return [self.executable, "-c", configuration(self.directory, **settings), "-s", self.url, "-d", self.trust]

    def call(self, *arguments, answer=None):
        """A call that must work."""
        return run_or_fail([*self.words(), *arguments], self.directory, self.environment, answer)

    def init(self, gun, root, certificate=None):
        """A new collection, its root key by openssl; without a certificate notary makes one."""
        file = self.directory / f"{root.name}.encrypted"
        # The pseudo-random function is the one that notary can read.
        how = ["-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", "-passout", f"pass:{PASSPHRASE}"]
        file.write_bytes(run_or_fail(["openssl", "pkcs8", *how, "-in", root.private], self.directory))
        self.call("init", gun, "--rootkey", file, *(["--rootcert", certificate] if certificate else []), "-p")

    def add(self, gun, tag, image, *roles, sha512=None):
        """Signs the digest of an image under a tag, into `targets` or into delegations, and publishes."""
        hashes = ["--sha256", image.digest.removeprefix("sha256:"), *(["--sha512", sha512] if sha512 else [])]
        into = [word for role in roles for word in ("-r", role)]
        self.call("addhash", gun, tag, str(len(image.content)), *hashes, *into, "-p")

    def remove(self, gun, tag):
        """Takes a tag out of `targets`, and publishes."""
        self.call("remove", gun, tag, "-p")

    def delegate(self, gun, role, *publics, paths=None):
        """Declares a delegation to public keys or certificates, and publishes."""
        scope = ["--paths", ",".join(paths)] if paths else ["--all-paths"]
        self.call("delegation", "add", gun, role, *publics, *scope, "-p")

    def import_key(self, key):
        """Makes a private key one with which delegations are signed."""
        self.call("key", "import", key.private, "-r", "delegation")

    def rotate(self, gun, role, *words):
        """A new key for a role; `-r` makes it the server's."""
        self.call("key", "rotate", gun, role, *words, answer=b"yes\n")

    def private_keys(self):
        """Every private key that notary has, by its ID; the IDs are those of bare keys."""
        return {file.stem: self.private_key(file) for file in sorted((self.trust / "private").glob("*.key"))}

    def private_key(self, file):
        """One of notary's keys, opened."""
        private, public = self.directory / f"{file.stem}.pem", self.directory / f"{file.stem}.pub"
        content = re.sub(r"^\w+: .*\n", "", file.read_text(), flags=re.MULTILINE).replace("-----\n\n", "-----\n")
        words = ["openssl", "pkey", "-passin", f"pass:{PASSPHRASE}"]
        private.write_bytes(run_or_fail(words, self.directory, content=content.encode()))
        public.write_bytes(run_or_fail(["openssl", "pkey", "-in", private, "-pubout"], self.directory))
        return Key(file.stem, "p256", private, public)

    def verdict(self, wish, pins=None):
        """The digest that may run, or none; and what notary said."""
        if not wish.delegations:
            finished, found = self.entries(wish.gun, pins, *DOCKER_ROLES)
            return wish.choose(found, DOCKER_ROLES), last_line(finished)
        digests, said = set(), []
        for signer in wish.delegations:
            role = "targets/" + signer.removeprefix("targets/")
            finished, found = self.entries(wish.gun, pins, role)
            digests.add(wish.choose(found, (role,)))
            said.append(last_line(finished))
        return digests.pop() if len(digests) == 1 else None, "; ".join(said)

    def entries(self, gun, pins=None, *roles):
        """The finished `notary list`, and its entries: a digest by tag and role."""
        into = [word for role in roles for word in ("-r", role)]
        finished = run([*self.words(pins, gun), "list", gun, *into], self.directory, self.environment)
        rows = [line.split() for line in finished.stdout.decode().splitlines()]
        found = {(row[0], row[3]): f"sha256:{row[1]}" for row in rows if len(row) == 4 and row[2].isdigit()}
        return finished, found
