#!/usr/bin/env python3
"""A notary server for the examples: serves trust data that never changes, read-only, on the loopback interface.

    python3 examples/trust_server.py FOLDER ADDRESS_FILE

The role files in FOLDER/docker.io/a/b are those of the repository `docker.io/a/b`; under a name with a hash in it
(`targets.<sha256>.json`, as clients ask for it) they are the same. The address is written to ADDRESS_FILE once somebody
may ask. As a proxy it stands for whatever host it is asked about.
"""

import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RESOURCE = re.compile(r"/v2/(?P<gun>[A-Za-z0-9:._/-]+)/_trust/tuf/(?P<role>[a-z0-9._/-]+?)(\.[0-9a-f]{64})?\.json")
ABSENT = b'{"errors":[{"code":"METADATA_NOT_FOUND","message":"no trust data available"}]}'


class TrustServer(BaseHTTPRequestHandler):
    """Role files, and an answer to who asks whether this is a server."""

    root = None

    def do_GET(self):
        self.path = re.sub("^http://[^/]*", "", self.path)
        found = b"{}" if self.path == "/v2/" else self.find()
        content = ABSENT if found is None else found
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def find(self):
        """The bytes of the role file that the path names, if there is one."""
        resource = RESOURCE.fullmatch(self.path)
        if resource is None or ".." in self.path:
            return None
        file = self.root / resource["gun"] / f"{resource['role']}.json"
        return file.read_bytes() if file.is_file() else None

    def log_message(self, *_):
        pass


def main():
    TrustServer.root = Path(sys.argv[1]).resolve()
    server = ThreadingHTTPServer(("127.0.0.1", 0), TrustServer)
    Path(sys.argv[2]).write_text(f"127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
