#!/usr/bin/env python3
"""The admission server for a long time under load, while its registry and its files go wrong in 24 mixed ways.

    python3 tests/interop/soak.py [SECONDS] [SEED]        ten minutes, unless it says otherwise; VERIMAGE names the binary

In each case two faults of the registry take turns with good answers, and something happens to the server itself. Clients ask about
signed images and about some that must not run. It fails if one of the latter is admitted, if a signed one is admitted with another
digest, if a question is not answered, if the server does not admit signed images again once the faults are over, or if memory, files
and threads grow from the first quarter to the last.
"""

import base64
import contextlib
import gzip
import http.client
import json
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/cosign"
VERIMAGE = os.environ.get("VERIMAGE", str(ROOT / "target/debug/verimage"))
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
SIGNED = "p256"
REFUSED = ["unsigned", "attack-tampered-signature", "attack-wrong-key", "attack-payload-swapped"]
CASES = 24
DEADLINE = 5


class Layout:
    """An OCI layout of the fixtures, as a registry has it."""

    def __init__(self, name):
        self.blobs = FIXTURES / "layouts" / name / "blobs/sha256"
        entries = json.loads((FIXTURES / "layouts" / name / "index.json").read_text())["manifests"]
        self.tags = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in entries}

    def find(self, kind, reference):
        digest = self.tags.get(reference, reference) if kind == "manifests" else reference
        path = self.blobs / digest.removeprefix("sha256:")
        return (digest, path.read_bytes()) if digest.startswith("sha256:") and path.exists() else (None, None)


LAYOUTS = {name: Layout(name) for name in [SIGNED, *REFUSED]}


class Registry:
    """Repositories `LAYOUT-NUMBER` on the loopback interface; some answers are faults."""

    def __init__(self, seed):
        self.random, self.faults, self.injected = random.Random(seed), [], 0
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fault = registry.choose()
                with contextlib.suppress(OSError):
                    if fault is None:
                        self.good()
                    else:
                        fault(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

            def content(self):
                """Digest and bytes of what is asked for."""
                parts = self.path.split("/")
                if len(parts) != 5 or parts[3] not in ("manifests", "blobs"):
                    return None, None
                return LAYOUTS[parts[2].rpartition("-")[0]].find(parts[3], parts[4])

            def good(self):
                digest, content = self.content()
                if content is None:
                    self.answer(404 if self.path != "/v2/" else 200, b"{}")
                else:
                    self.answer(200, content, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest})

            def answer(self, status, content, headers=None):
                self.send_response(status)
                for name, value in {"Content-Length": len(content), **(headers or {})}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def hang_up(self):
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def choose(self):
        """Three of four answers are faults while there are any."""
        if not self.faults or self.random.random() < 0.25:
            return None
        self.injected += 1
        return self.random.choice(self.faults)


def status(code, **headers):
    return lambda handler: handler.answer(code, b'{"errors":[]}', {name.replace("_", "-"): value for name, value in headers.items()})


def reset(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.hang_up()


def truncated(handler):
    _, content = handler.content()
    handler.answer(200, (content or b"{}")[:-1], {"Content-Length": len(content or b"{}")})
    handler.close_connection = True


def silence(handler):
    time.sleep(DEADLINE + 1)
    handler.hang_up()


def drip(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(20 * (DEADLINE + 1)):
        handler.wfile.write(b" ")
        time.sleep(0.05)
    handler.close_connection = True


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1024):
        handler.wfile.write(bytes(65536))
    handler.close_connection = True


def flipped(handler):
    digest, content = handler.content()
    changed = bytearray(content or b"{}")
    changed[len(changed) // 2] ^= 1
    handler.answer(200, bytes(changed), {"Content-Type": MANIFEST, "Docker-Content-Digest": digest or "sha256:0"})


def another_image(handler):
    digest, content = LAYOUTS["unsigned"].find("manifests", "v1")
    handler.answer(200, content, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest})


def lying_digest(handler):
    _, content = handler.content()
    digest, _ = LAYOUTS["unsigned"].find("manifests", "v1")
    handler.answer(200, content or b"{}", {"Content-Type": MANIFEST, "Docker-Content-Digest": digest})


def redirect_to_itself(handler):
    handler.answer(307, b"", {"Location": handler.path})


def no_protocol(handler):
    handler.wfile.write(b"\x00\x01\x02 this is no answer\r\n\r\n")
    handler.close_connection = True


def one_tebibyte(handler):
    handler.answer(200, b"{", {"Content-Length": 1 << 40})
    handler.close_connection = True


def bomb(handler):
    handler.answer(200, BOMB, {"Content-Encoding": "gzip"})


def many_headers(handler):
    handler.answer(200, b"{}", {f"X-{number}": "x" * 100 for number in range(5000)})


def hang_up(handler):
    handler.hang_up()


BOMB = gzip.compress(bytes(32 << 20))
FAULTS = {
    "500": status(500),
    "503": status(503),
    "429, at once again": status(429, Retry_After="0"),
    "429, in an hour": status(429, Retry_After="3600"),
    "401 without a challenge": status(401),
    "401 with a token service at a link-local address": status(401, WWW_Authenticate='Bearer realm="http://169.254.169.254/token",service="s"'),
    "403": status(403),
    "404": status(404),
    "redirect to itself": redirect_to_itself,
    "redirect to a link-local address": status(307, Location="http://169.254.169.254/latest"),
    "closed connection": hang_up,
    "reset within the body": reset,
    "a byte too few": truncated,
    "silence": silence,
    "drip": drip,
    "a body without end": endless,
    "a flipped bit": flipped,
    "the manifest of another image": another_image,
    "the digest of another image": lying_digest,
    "nothing": lambda handler: handler.answer(200, b""),
    "another protocol": no_protocol,
    "1 TiB announced": one_tebibyte,
    "a compression bomb": bomb,
    "5,000 headers": many_headers,
}


def policy_broken(server):
    with replaced(server.work / "policy.yaml", "rules: [{ name: x"):
        yield


def policy_gone(server):
    path = server.work / "policy.yaml"
    path.rename(server.work / "elsewhere")
    yield
    (server.work / "elsewhere").rename(path)


def certificate_broken(server):
    with replaced(server.work / "tls.crt", "no certificate"):
        yield


def stopped(server):
    """The process stands still for a while."""
    server.process.send_signal(signal.SIGSTOP)
    time.sleep(1)
    server.process.send_signal(signal.SIGCONT)
    yield


def nothing(_):
    yield


@contextlib.contextmanager
def replaced(path, text):
    before = path.read_text()
    path.write_text(text)
    yield
    path.write_text(before)


HAPPENINGS = [nothing, policy_broken, certificate_broken, policy_gone, stopped]


class Server:
    def __init__(self, work):
        self.work = work
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=verimage"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
        subprocess.run([*make, *names, "-keyout", work / "tls.key", "-out", work / "tls.crt"], check=True, stderr=subprocess.DEVNULL)
        (work / "policy.yaml").write_text(
            "apiVersion: verimage/v1\nkind: ImagePolicy\n"
            f"trust: {{ demo: {{ publicKey: {{ file: {FIXTURES}/keys/p256.pub }} }} }}\n"
            'rules: [{ name: all, images: ["**/**"], require: { cosign: { key: demo, transparency: none } } }]\n'
        )
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = listener.getsockname()[1]
        (work / "server.yaml").write_text(
            f'apiVersion: verimage/v1\nkind: ServerConfig\nlisten: "127.0.0.1:{self.port}"\npolicy: policy.yaml\n'
            f"tls: {{ certificate: tls.crt, key: tls.key }}\nloopbackRegistries: true\nreloadSeconds: 1\ndeadlineSeconds: {DEADLINE}\n"
            "cache: { allowedSeconds: 2, deniedSeconds: 0 }\n"
        )
        self.trusted = ssl.create_default_context(cafile=str(work / "tls.crt"))
        log = (work / "server.log").open("w")
        command = [VERIMAGE, "serve", "--config", work / "server.yaml", "--no-state"]
        self.process = subprocess.Popen(command, env={"HOME": str(work)}, stdout=log, stderr=log)
        while "listening" not in (work / "server.log").read_text():
            if self.process.poll() is not None:
                raise SystemExit((work / "server.log").read_text())
            time.sleep(0.05)

    def connection(self):
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.trusted)

    def size(self):
        """Resident memory in MiB, open files, threads."""
        status = dict(line.split(":", 1) for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        files = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        return int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"])


class Clients:
    """Whoever asks, and what was answered."""

    def __init__(self, server, registry):
        self.server, self.registry = server, registry
        self.digest, _ = LAYOUTS[SIGNED].find("manifests", "v1")
        self.asked, self.allowed, self.wrong, self.lost, self.over = 0, 0, [], [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask_on, args=(number,)) for number in range(8)]

    def ask(self, connection, image):
        """Whether the image is admitted, and the digest that is pinned."""
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "demo"}, "spec": {"containers": [{"name": "c", "image": image}]}}
        request = {"uid": "0", "operation": "CREATE", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "demo", "name": "p", "object": pod}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        connection.request("POST", "/mutate", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise ValueError(f"{response.status}: {text[:500]}")
        answer = json.loads(text)["response"]
        patch = json.loads(base64.b64decode(answer["patch"])) if "patch" in answer else []
        return answer["allowed"], next((step["value"].partition("@")[2] for step in patch if step["op"] != "test"), None)

    def ask_on(self, number):
        connection, turn = self.server.connection(), 0
        while not self.over.is_set():
            turn += 1
            name = SIGNED if turn % 2 else REFUSED[turn // 2 % len(REFUSED)]
            image = f"{self.registry.host}/{name}-{number * 1000 + turn % 50}:v1"
            try:
                allowed, digest = self.ask(connection, image)
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                with self.lock:
                    self.lost.append(f"{image}: {error!r}")
                connection = self.server.connection()
                continue
            with self.lock:
                self.asked += 1
                self.allowed += allowed
                if allowed and (name != SIGNED or digest != self.digest):
                    self.wrong.append(f"{image}: admitted, {digest}")

    def recovered(self):
        """How long it takes until a signed image is admitted."""
        connection, begin = self.server.connection(), time.monotonic()
        while not self.ask(connection, f"{self.registry.host}/{SIGNED}-0:v1")[0]:
            if time.monotonic() - begin > 60:
                raise SystemExit("signed images are not admitted any more")
            time.sleep(0.1)
        return time.monotonic() - begin


def run(seconds, seed, work):
    chosen, registry, server = random.Random(seed), Registry(seed), Server(work)
    clients, sizes, recoveries = Clients(server, registry), [], []
    try:
        recoveries.append(clients.recovered())
        for thread in clients.threads:
            thread.start()
        for case in range(CASES):
            names = [list(FAULTS)[case], chosen.choice(list(FAULTS))]
            happening = HAPPENINGS[case % len(HAPPENINGS)]
            registry.faults = [FAULTS[name] for name in names]
            for _ in happening(server):
                time.sleep(seconds / CASES)
            registry.faults = []
            recoveries.append(clients.recovered())
            sizes.append(server.size())
            print(f"{case + 1:>2} {' and '.join(names)}; {happening.__name__.replace('_', ' ')}: {clients.asked} asked, {sizes[-1][0]:.0f} MiB", flush=True)
    finally:
        clients.over.set()
        for thread in clients.threads:
            if thread.is_alive():
                thread.join()
        is_alive = server.process.poll() is None
        server.process.terminate()
        server.process.wait()
    quarter = CASES // 4
    grown = [max(size[part] for size in sizes[-quarter:]) - max(size[part] for size in sizes[:quarter]) for part in range(3)]
    print(
        f"{CASES} cases in {seconds} s: {clients.asked} questions, {registry.injected} faults, {len(clients.lost)} answers lost, {len(clients.wrong)} wrong allows, "
        f"{clients.allowed} right ones; slowest recovery {max(recoveries):.1f} s; {grown[0]:+.0f} MiB, {grown[1]:+} files, {grown[2]:+} threads"
    )
    for line in [*clients.wrong, *clients.lost][:20]:
        print(f"  {line}")
    if clients.wrong or clients.lost or not is_alive or not clients.allowed or grown[0] > 32 or grown[1] > 64 or grown[2] > 4:
        raise SystemExit("failed")


def main():
    seconds, seed = (*map(int, sys.argv[1:]), *(600, 1)[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        run(seconds, seed, Path(folder))


main()
