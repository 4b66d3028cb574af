#!/usr/bin/env python3
"""A registry for the examples: serves a tree of OCI layouts, read-only, on the loopback interface.

    python3 examples/registry.py FOLDER ADDRESS_FILE [MILLISECONDS]

The layout in FOLDER/a/b is the repository `a/b`. The address is written to ADDRESS_FILE once somebody may ask. Each answer takes at
least so many milliseconds, as if the registry were elsewhere.
"""

import json
import re
import sys
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
    delay = 0

    def do_GET(self):
        time.sleep(self.delay)
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
    Registry.root = Path(sys.argv[1]).resolve()
    Registry.delay = int(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0
    server = Server(("127.0.0.1", 0), Registry)
    Path(sys.argv[2]).write_text(f"127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
