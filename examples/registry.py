#!/usr/bin/env python3
"""A registry for the examples: serves a tree of OCI layouts, read-only, on the loopback interface.

    python3 examples/registry.py FOLDER ADDRESS_FILE [TOKEN_FILE]

The layout in FOLDER/a/b is the repository `a/b`. The address is written to ADDRESS_FILE once somebody may ask. With TOKEN_FILE, only
whoever shows the token that is in it now is answered.
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "org.opencontainers.image.ref.name"
RESOURCE = re.compile(r"/v2/(?P<repository>[a-z0-9./_-]+)/(?P<kind>manifests|blobs)/(?P<reference>[A-Za-z0-9:._-]+)")


class Registry(BaseHTTPRequestHandler):
    """Manifests and blobs; there is no list of referrers."""

    root = None
    token_file = None

    def do_GET(self):
        if self.token_file and self.headers.get("Authorization") != f"Bearer {self.token_file.read_text().strip()}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Bearer realm="http://127.0.0.1/token"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        found = self.find()
        if found is None:
            self.send_error(404)
            return
        content, media_type = found
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def find(self):
        """The bytes and the media type that the path names, if there are any."""
        resource = RESOURCE.fullmatch(self.path)
        if resource is None or ".." in self.path:
            return None
        layout = self.root / resource["repository"]
        digest = resource["reference"]
        if not (layout / "index.json").is_file():
            return None
        if resource["kind"] == "manifests" and not digest.startswith("sha256:"):
            digest = named(layout, digest)
        blob = layout / "blobs" / (digest or "").replace(":", "/")
        if not blob.is_file():
            return None
        content = blob.read_bytes()
        plain = resource["kind"] == "blobs"
        return content, "application/octet-stream" if plain else json.loads(content)["mediaType"]

    def log_message(self, *_):
        pass


def named(layout, tag):
    """The digest of what a tag names."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    return next((entry["digest"] for entry in entries if entry.get("annotations", {}).get(NAME) == tag), None)


def main():
    Registry.root = Path(sys.argv[1]).resolve()
    Registry.token_file = Path(sys.argv[3]) if sys.argv[3:] else None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    Path(sys.argv[2]).write_text(f"127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
