#!/usr/bin/env python3
"""Registries and a lookaside for the examples: serves folders, read-only, on the loopback interface.

    python3 examples/signature_server.py FOLDER ADDRESS_FILE

As a proxy it stands for the hosts that FOLDER has something of, whatever their ports; the address is written to
ADDRESS_FILE once somebody may ask.

    FOLDER/registry/HOST/a/b                         an OCI layout: the repository `a/b`
    FOLDER/extension/HOST/a/b@sha256=HEX.json        what OpenShift's registry says when asked for signatures; a host with
                                                     this folder says that it can be asked
    FOLDER/lookaside/HOST/a/b@sha256=HEX/signature-N a lookaside
"""

import json
import re
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

sys.dont_write_bytecode = True

from registry import Registry

SIGNATURES = re.compile(r"/extensions/v2/(?P<repository>[a-z0-9./_-]+)/signatures/sha256:(?P<digest>[0-9a-f]{64})")


class Hosts(Registry):
    """Chooses the folder by the host that is asked."""

    def do_GET(self):
        parts = urlsplit(self.path)
        self.host, self.path = parts.hostname or "", parts.path
        if ".." in self.host + self.path:
            self.send_error(404)
        elif self.path == "/v2/" and (self.root / self.host).is_dir():
            self.answer(b"{}", "application/json")
        elif SIGNATURES.fullmatch(self.path):
            self.answer_file(self.signature_list(), "application/json")
        elif self.path.startswith("/v2/"):
            super().do_GET()
        else:
            self.answer_file(self.folder / "lookaside" / self.host / self.path.strip("/"), "application/octet-stream")

    do_HEAD = do_GET

    def find(self):
        """What the host's registry has."""
        self.path = f"/v2/{self.host}{self.path.removeprefix('/v2')}"
        return super().find()

    def signature_list(self):
        """The file with the signatures of a manifest."""
        found = SIGNATURES.fullmatch(self.path)
        return self.folder / "extension" / self.host / f"{found['repository']}@sha256={found['digest']}.json"

    def answer_file(self, file, media_type):
        """What a file holds. OpenShift's registry has an empty list where nobody signed."""
        if file.is_file():
            self.answer(file.read_bytes(), media_type)
        elif media_type == "application/json":
            self.answer(json.dumps({"signatures": []}).encode(), media_type)
        else:
            self.send_error(404)

    def answer(self, content, media_type):
        """Content that is there."""
        self.send_response(200)
        if (self.folder / "extension" / self.host).is_dir():
            self.send_header("X-Registry-Supports-Signatures", "1")
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def main():
    Hosts.folder = Path(sys.argv[1]).resolve()
    Hosts.root = Hosts.folder / "registry"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hosts)
    Path(sys.argv[2]).write_text(f"127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main()
