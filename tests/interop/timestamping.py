"""A timestamp authority made of openssl, behind HTTP on the loopback interface."""

import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from authority import BEGIN, END
from signing import run_or_fail

CONFIGURATION = """\
[tsa]
serial = {directory}/serial
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""

STAMPS = ("basicConstraints = critical, CA:false", "keyUsage = critical, digitalSignature", "extendedKeyUsage = critical, timeStamping")


class TimestampAuthority:
    """Answers queries of RFC 3161, with the status that the client insists on; use it in a `with` statement."""

    def __init__(self, office, status=201):
        self.directory = Path(tempfile.mkdtemp(prefix="verimage-tsa-"))
        self.root = office.authority("tsa-root", "/O=Demo/CN=Demo Timestamp Root")
        self.signer = office.issue("tsa", "/O=Demo/CN=Demo Timestamps", STAMPS, self.root, begin=BEGIN, end=END)
        self.configuration = self.directory / "configuration"
        self.configuration.write_text(CONFIGURATION.format(directory=self.directory))
        (self.directory / "serial").write_text("01\n")
        self.status = status
        self.lock = threading.Lock()
        self.server = None

    def __enter__(self):
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                content = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(authority.status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        """Where to ask."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/api/v1/timestamp"

    def words(self, cosign, bundle):
        """What makes cosign ask here: a flag, or for the bundles of version 3 a signing configuration with one service."""
        if cosign.line == "v2" or not bundle:
            return ["--timestamp-server-url", self.url]
        file = self.directory / "signing-config.json"
        service = f"url={self.url},api-version=1,start-time=2025-01-01T00:00:00Z,operator=demo"
        words = ["signing-config", "create", "--tsa", service, "--tsa-config", "ANY", "--out", file]
        run_or_fail([cosign.executable, *words], cosign.directory)
        return ["--signing-config", file]

    def answer(self, query):
        """The response to a query, both in DER."""
        with self.lock:
            question, answer = self.directory / "query", self.directory / "answer"
            question.write_bytes(query)
            who = ["-signer", self.signer.file, "-inkey", self.signer.key.private, "-section", "tsa"]
            command = ["openssl", "ts", "-reply", "-config", self.configuration, *who, "-chain", self.root.file]
            run_or_fail([*command, "-queryfile", question, "-out", answer], self.directory)
            return answer.read_bytes()
