#!/usr/bin/env python3
"""A registry for the examples: serves a tree of OCI layouts, read-only, on the loopback interface.

    python3 examples/registry.py FOLDER ADDRESS_FILE [--token-file FILE] [--delay MILLISECONDS]

The layout in FOLDER/a/b is the repository `a/b`. The address is written to ADDRESS_FILE once somebody may ask. With a token file, only
whoever shows the token that is in it now is answered. With a delay each answer takes at least so long, as if the registry were
elsewhere.
"""

import argparse
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "org.opencontainers.image.ref.name"
RESOURCE = re.compile(r"/v2/(?P<repository>[a-z0-9./_-]+)/(?P<kind>manifests|blobs)/(?P<reference>[A-Za-z0-9:._-]+)")


class Registry(BaseHTTPRequestHandler):
    """Manifests and blobs; there is no list of referrers."""

    # Connections are kept, and an answer is sent in one piece: otherwise each waits for the other side.
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    root = None
    token_file = None
    delay = 0

    def do_GET(self):
        time.sleep(self.delay)
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


class Server(ThreadingHTTPServer):
    """Lets many wait at the same time."""

    request_queue_size = 128


def named(layout, tag):
    """The digest of what a tag names."""
    entries = json.loads((layout / "index.json").read_text())["manifests"]
    return next((entry["digest"] for entry in entries if entry.get("annotations", {}).get(NAME) == tag), None)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("address_file", type=Path)
    arguments.add_argument("--token-file", type=Path)
    arguments.add_argument("--delay", type=int, default=0)
    asked = arguments.parse_args()
    Registry.root, Registry.token_file, Registry.delay = asked.folder.resolve(), asked.token_file, asked.delay / 1000
    server = Server(("127.0.0.1", 0), Registry)
    asked.address_file.write_text(f"127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
