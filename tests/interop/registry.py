"""Starts real registries for tests and talks to them over plain HTTP.

Two servers are known: Debian's `docker-registry`, which has no Referrers API, and
`referrers-registry` (tests/tools), which has one. Both listen on the loopback interface only.
"""

import hashlib
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)

DOCKER_REGISTRY_CONFIGURATION = """\
version: 0.1
log: {{ level: warn, accesslog: {{ disabled: true }} }}
storage: {{ filesystem: {{ rootdirectory: {root} }}, delete: {{ enabled: true }} }}
http: {{ addr: "{address}", secret: only-for-tests }}
"""


def digest_of(content):
    """The `sha256:...` digest of some bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def free_port():
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A registry process with a directory of its own; use it in a `with` statement."""

    def __init__(self, name, executable):
        self.name = name
        self.executable = executable
        self.address = f"127.0.0.1:{free_port()}"
        self.directory = None
        self.process = None

    def command(self):
        """The command line that serves `self.directory` at `self.address`."""
        raise NotImplementedError

    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="verimage-registry-"))
        self.log = open(self.directory / "log", "wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait_until_ready(self, seconds=20):
        """Waits until the server answers; fails with the server's own words when it ends early."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.is_ready():
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not start: {(self.directory / 'log').read_text()}")

    def is_ready(self):
        """Whether `/v2/` answers."""
        return Repository(self.address, "").request("GET", "/v2/")[0] == 200

    def overwrite(self, digest, content):
        """Changes stored bytes behind the registry's back, as a hostile one could; False when it cannot."""
        return False

    def repository(self, name):
        """A client for one repository of this registry."""
        return Repository(self.address, name)


class DockerRegistry(Server):
    """The registry that Debian packages: distribution 2.8, without the Referrers API."""

    def command(self):
        configuration = self.directory / "configuration.yml"
        configuration.write_text(
            DOCKER_REGISTRY_CONFIGURATION.format(root=self.directory / "data", address=self.address)
        )
        return [self.executable, "serve", str(configuration)]

    def overwrite(self, digest, content):
        algorithm, text = digest.split(":")
        blobs = self.directory / "data" / "docker" / "registry" / "v2" / "blobs"
        (blobs / algorithm / text[:2] / text / "data").write_bytes(content)
        return True


class ReferrersRegistry(Server):
    """A registry with the Referrers API, in memory."""

    def command(self):
        return [self.executable, "-address", self.address]


class RegistryError(Exception):
    """A registry answered with a status that the test did not expect."""

    def __init__(self, status, what, body):
        super().__init__(f"{what}: status {status}: {body[:300]!r}")
        self.status = status


class Repository:
    """Pushes and pulls exact bytes; nothing is parsed, so broken content can be stored too."""

    def __init__(self, address, name):
        self.address = address
        self.name = name

    def request(self, method, path, body=None, headers=None):
        """One request; gives status, headers and body."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def expect(self, expected, method, path, body=None, headers=None):
        """One request that must have the expected status; gives headers and body."""
        status, answered, content = self.request(method, path, body, headers)
        if status != expected:
            raise RegistryError(status, f"{method} {path}", content)
        return answered, content

    def push_blob(self, content):
        """Stores a blob and gives its digest."""
        digest = digest_of(content)
        if self.request("HEAD", f"/v2/{self.name}/blobs/{digest}")[0] == 200:
            return digest
        headers, _ = self.expect(202, "POST", f"/v2/{self.name}/blobs/uploads/")
        location = headers["Location"].split(self.address, 1)[-1]
        separator = "&" if "?" in location else "?"
        self.expect(
            201,
            "PUT",
            f"{location}{separator}digest={digest}",
            content,
            {"Content-Type": "application/octet-stream", "Content-Length": str(len(content))},
        )
        return digest

    def push_manifest(self, content, media_type, tag=None):
        """Stores a manifest under its digest, and under a tag when one is given."""
        digest = digest_of(content)
        self.expect(201, "PUT", f"/v2/{self.name}/manifests/{tag or digest}", content, {"Content-Type": media_type})
        return digest

    def delete_manifest(self, digest):
        """Removes a manifest and with it the tags that name it."""
        self.expect(202, "DELETE", f"/v2/{self.name}/manifests/{digest}")

    def manifest(self, reference):
        """The bytes and the media type of a manifest, by tag or by digest."""
        headers, content = self.expect(
            200, "GET", f"/v2/{self.name}/manifests/{reference}", headers={"Accept": ", ".join(MANIFEST_TYPES)}
        )
        return content, headers["Content-Type"]

    def referrers(self, digest):
        """What the Referrers API lists for a digest; nothing where the registry has none."""
        status, _, content = self.request("GET", f"/v2/{self.name}/referrers/{digest}")
        return json.loads(content)["manifests"] if status == 200 else []

    def blob(self, digest):
        """The bytes of a blob."""
        return self.expect(200, "GET", f"/v2/{self.name}/blobs/{digest}")[1]

    def tags(self):
        """All tags, sorted; none when the repository does not exist."""
        status, _, content = self.request("GET", f"/v2/{self.name}/tags/list")
        return sorted(json.loads(content).get("tags") or []) if status == 200 else []
