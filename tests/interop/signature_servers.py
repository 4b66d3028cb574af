"""Small servers for simple signing: a lookaside, a registry with the signature extension, one that serves a layout."""

import http.client
import json
import re
from pathlib import Path

from layouts import blob_path, name_of
from registry import digest_of
from small_server import SmallServer

EXTENSION = "X-Registry-Supports-Signatures"
SIGNATURES = re.compile(r"/extensions/v2/(?P<repository>.+)/signatures/(?P<digest>[a-z0-9]+:[0-9a-f]+)")
RESOURCE = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
ABSENT = 404, {}, b'{"errors":[{"code":"NOT_FOUND"}]}'


class Lookaside(SmallServer):
    """Serves the files of a folder, and counts what is asked for; `special` has other answers by the end of a path."""

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self.special = {}
        self.asked = []

    def answer(self, path, headers):
        self.asked.append(path)
        for end, found in self.special.items():
            if path.endswith(end):
                return found
        file = self.folder / path.strip("/")
        return (200, {"Content-Type": "application/octet-stream"}, file.read_bytes()) if file.is_file() else ABSENT


class SigningRegistry(SmallServer):
    """A registry with OpenShift's extension for signatures: it keeps those itself, the rest is in a registry behind it.

    `changed` has other lists by digest than those that were written: status and body. As a proxy it is asked about any host.
    """

    def __init__(self, behind):
        super().__init__()
        self.behind = behind
        self.lists = {}
        self.changed = {}
        self.asked = []

    def respond(self, method, path, headers, content):
        path = re.sub("^http://[^/]*", "", path)
        self.asked.append((method, path))
        found = SIGNATURES.fullmatch(path)
        if found:
            return self.signatures(method, found, content)
        status, answered, content = self.forward(method, path, headers, content)
        return status, {**answered, EXTENSION: "1"}, content

    def signatures(self, method, found, content):
        """Reads or adds a signature of one manifest of one repository."""
        place = found["repository"], found["digest"]
        if method == "PUT":
            self.lists.setdefault(place, []).append(json.loads(content))
            return 201, {}, b""
        if found["digest"] in self.changed:
            status, body = self.changed[found["digest"]]
            return status, {"Content-Type": "application/json"}, body
        body = {"signatures": self.lists.get(place, [])}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    def forward(self, method, path, headers, content):
        """What the registry behind says."""
        connection = http.client.HTTPConnection(self.behind.address, timeout=30)
        try:
            connection.request(method, path, content, {name: headers[name] for name in headers.keys()})
            response = connection.getresponse()
            body = response.read()
            kept = {name: value for name, value in response.getheaders() if name not in ("Date", "Transfer-Encoding")}
            return response.status, kept, body
        finally:
            connection.close()


class LayoutRegistry(SmallServer):
    """A layout that stands for every repository of every host, and one of its images for every tag: a proxy."""

    def __init__(self, folder, served):
        super().__init__()
        self.folder = Path(folder)
        self.served = served

    def answer(self, path, headers):
        path = re.sub("^http://[^/]*", "", path)
        if path == "/v2/":
            return 200, {}, b"{}"
        resource = RESOURCE.fullmatch(path)
        return self.find(resource["kind"], resource["reference"]) if resource else ABSENT

    def find(self, kind, reference):
        """A blob or a manifest."""
        file = self.folder / blob_path(reference if ":" in reference else self.named(self.served))
        if not file.is_file():
            return ABSENT
        content = file.read_bytes()
        media_type = json.loads(content)["mediaType"] if kind == "manifests" else "application/octet-stream"
        return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(content)}, content

    def named(self, name):
        """The digest of what a name in the layout stands for."""
        entries = json.loads((self.folder / "index.json").read_text())["manifests"]
        return next(entry["digest"] for entry in entries if name_of(entry) == name)


class ChangingRegistry(LayoutRegistry):
    """A registry that gives one image to whoever asks for a tag first, and another one afterwards."""

    def __init__(self, folder, first, later):
        super().__init__(folder, first)
        self.first = first
        self.later = later

    def begin(self):
        """The next one is the first again."""
        self.served = self.first

    def respond(self, method, path, headers, content):
        answer = super().respond(method, path, headers, content)
        if method == "GET" and "/manifests/" in path and "/manifests/sha256:" not in path:
            self.served = self.later
        return answer
