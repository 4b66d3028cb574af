"""A server on the loopback interface that answers as the test wants."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SmallServer:
    """Answers GET, and HEAD without the body; use it in a `with` statement."""

    def __init__(self):
        self.server = None

    def answer(self, path, headers):
        """Status, headers and body."""
        raise NotImplementedError

    def respond(self, method, path, headers, content):
        """The answer to a request of any method."""
        return self.answer(path, headers) if method in ("GET", "HEAD") else (405, {}, b"")

    @property
    def address(self):
        """Host and port."""
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def url(self):
        """Where it is."""
        return f"http://{self.address}"

    def __enter__(self):
        small = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
                status, headers, content = small.respond(self.command, self.path, self.headers, sent)
                self.send_response(status)
                for name, value in {"Content-Length": len(content), **headers}.items():
                    self.send_header(name, str(value))
                try:
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(content)
                except ConnectionError:
                    # The client had read enough.
                    self.close_connection = True

            do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
