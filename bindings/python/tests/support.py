"""What the tests share: the fixture folders of the repository, layouts as a store, and a small registry."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import verimage

REPOSITORY = Path(__file__).parents[3]
FIXTURES = REPOSITORY / "tests/fixtures"
SIGNED = f"oci:{FIXTURES}/cosign/layouts/p256:v1"
UNSIGNED = f"oci:{FIXTURES}/cosign/layouts/unsigned:v1"
POLICY = FIXTURES / "cosign/cases/p256/policy.yaml"
NAME = "registry.example/demo/app:v1"
DIGEST = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136"


def json_of(path: Path) -> Any:
    return json.loads(path.read_bytes())


def native(rule: dict[str, Any], **trust: Any) -> dict[str, Any]:
    """A native policy with one rule for every image."""
    rule = {"name": "demo", "images": ["**/**"], **rule}
    policy: dict[str, Any] = {"apiVersion": "verimage/v1", "kind": "ImagePolicy", "rules": [rule]}
    return {**policy, "trust": trust} if trust else policy


def by_key(name: str = "p256") -> dict[str, Any]:
    """A policy for signatures of cosign by one key of the fixtures."""
    key = {"publicKey": {"file": str(FIXTURES / f"cosign/keys/{name}.pub")}}
    return native({"require": {"cosign": {"key": "key", "transparency": "none"}}}, key=key)


def summary(verdict: verimage.Verdict) -> dict[str, Any]:
    """What the cases expect: the digest counts only if it may run."""
    assert verdict.allowed == bool(verdict) == (verdict.decision == "allow")
    assert (verdict.code is None) == verdict.allowed
    return {"decision": verdict.decision, "code": verdict.code, "digest": verdict.digest if verdict.allowed else None}


class Layout:
    """A layout as a signature store; `tag` is what the image's own tag names, whatever it is."""

    def __init__(self, folder: Path, tag: str | None = None) -> None:
        self.folder = folder
        self.tag = tag
        self.entries: list[dict[str, Any]] = json_of(folder / "index.json")["manifests"]

    def fetch(self, image: str, want: verimage.Want, /) -> bytes:
        if want.kind == "resolve":
            return self.named(self.tag or image.split("@")[0].rsplit(":", 1)[1])
        if want.kind == "manifest-by-tag":
            assert want.tag is not None
            return self.named(want.tag)
        if want.kind in ("manifest", "blob"):
            assert want.digest is not None
            return self.blob(want.digest)
        if want.kind == "referrers":
            return json.dumps({"schemaVersion": 2, "manifests": self.referrers(want.digest)}).encode()
        raise verimage.StoreError("not-found", "a layout holds no GPG signatures")

    def named(self, name: str) -> bytes:
        for entry in self.entries:
            if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == name:
                return self.blob(entry["digest"])
        raise verimage.StoreError("not-found", f"the layout has no {name}")

    def blob(self, digest: str) -> bytes:
        try:
            return (self.folder / "blobs" / digest.replace(":", "/")).read_bytes()
        except FileNotFoundError:
            raise verimage.StoreError("not-found", digest) from None

    def referrers(self, subject: str | None) -> list[dict[str, Any]]:
        manifests = [(entry, json.loads(self.blob(entry["digest"]))) for entry in self.entries]
        return [entry for entry, manifest in manifests if manifest.get("subject", {}).get("digest") == subject]


class Registry(ThreadingHTTPServer):
    """A registry on the loopback interface that serves one layout and counts connections."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.layout = Layout(folder)
        # Who may ask, if not everybody.
        self.password: str | None = None
        self.lock = threading.Lock()
        self.connections = 0
        self.requests: list[str] = []
        # While this is not set, nothing is answered.
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self.left = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go away; that is what some tests are about."""


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests.append(self.path)
        self.server.asked.set()
        if not self.server.open.is_set():
            self.connection.settimeout(20)
            if self.connection.recv(1) == b"":
                self.server.left.set()
            self.close_connection = True
            return
        if self.server.password is not None and self.headers.get("Authorization") != self.server.password:
            self.answer(401, b"{}", ("WWW-Authenticate", 'Basic realm="tests"'))
            return
        try:
            body = self.found()
        except verimage.StoreError:
            self.answer(404, b"{}")
        else:
            self.answer(200, body)

    def found(self) -> bytes:
        kind, name = self.path.split("?")[0].rsplit("/", 2)[1:]
        if kind == "referrers":
            return json.dumps({"schemaVersion": 2, "manifests": self.server.layout.referrers(name)}).encode()
        if name.startswith("sha256:"):
            return self.server.layout.blob(name)
        return self.server.layout.named(name)

    def answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        media_type = json.loads(body).get("mediaType") if body.startswith(b"{") else None
        self.send_response(status)
        self.send_header("Content-Type", media_type or "application/vnd.oci.image.index.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest())
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@contextmanager
def registry(layout: str = "p256") -> Iterator[Registry]:
    server = Registry(FIXTURES / "cosign/layouts" / layout)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.open.set()
        server.shutdown()
        server.server_close()
        thread.join()
