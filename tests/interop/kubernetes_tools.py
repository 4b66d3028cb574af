"""The real etcd, kube-apiserver and kubectl, and `verimage serve` behind them, on the loopback interface only.

There is no kubelet and no controller: what is stored is what counts. Certificates are made with openssl for one run.
"""

import http.client
import json
import os
import secrets
import signal
import ssl
import sys
from pathlib import Path

from authority import SIGNER
from registry import Repository, Server, free_port
from signing import make_key, run

HERE = "subjectAltName = DNS:localhost, DNS:kubernetes.default.svc, IP:127.0.0.1"
SERVES = "extendedKeyUsage = serverAuth"
TOOLS = ("ETCD", "KUBE_APISERVER", "KUBECTL", "HELM")
LAYOUT_REGISTRY = Path(__file__).resolve().parents[2] / "examples" / "registry.py"


def kubernetes_tools():
    """The executables that tests/tools/env.sh found, and the names of the variables of those that are absent."""
    return {name: os.environ.get(name) for name in TOOLS}, [name for name in TOOLS if not os.environ.get(name)]


def answers(address, path, authority, headers=None):
    """Whether a server of this authority says that all is well."""
    context = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection(address, context=context, timeout=30)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status == 200
    finally:
        connection.close()


class Etcd(Server):
    """Where the API server keeps everything."""

    def __init__(self, executable):
        super().__init__("etcd", executable)

    def command(self):
        peer = f"http://127.0.0.1:{free_port()}"
        words = {
            "data-dir": self.directory / "data",
            "listen-client-urls": f"http://{self.address}",
            "advertise-client-urls": f"http://{self.address}",
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"default={peer}",
        }
        return [self.executable, *(f"--{name}={value}" for name, value in words.items())]

    def is_ready(self):
        return Repository(self.address, "").request("GET", "/health")[0] == 200


class ApiServer(Server):
    """A kube-apiserver with one administrator, known by a token. Pods need no service account, since nobody would make it."""

    def __init__(self, executable, etcd, office):
        super().__init__("kube-apiserver", executable)
        self.etcd = etcd
        self.authority = office.authority("cluster", "/CN=Demo Cluster")
        self.certificate = office.issue("kube-apiserver", "/CN=kube-apiserver", (*SIGNER, SERVES, HERE), self.authority)
        self.accounts = make_key(office.directory, "service-accounts", "p256")
        self.token = secrets.token_hex(16)

    def command(self):
        tokens = self.directory / "tokens.csv"
        tokens.write_text(f'{self.token},administrator,administrator,"system:masters"\n')
        words = {
            "etcd-servers": f"http://{self.etcd.address}",
            "bind-address": "127.0.0.1",
            "secure-port": self.address.rpartition(":")[2],
            "endpoint-reconciler-type": "none",
            "tls-cert-file": self.certificate.file,
            "tls-private-key-file": self.certificate.key.private,
            "token-auth-file": tokens,
            "authorization-mode": "RBAC",
            "disable-admission-plugins": "ServiceAccount",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": self.accounts.public,
            "service-account-signing-key-file": self.accounts.private,
            "service-cluster-ip-range": "10.0.0.0/24",
            "cert-dir": self.directory,
        }
        return [self.executable, *(f"--{name}={value}" for name, value in words.items())]

    def wait_until_ready(self, seconds=120):
        super().wait_until_ready(seconds)

    def is_ready(self):
        return answers(self.address, "/readyz", self.authority.file, {"Authorization": f"Bearer {self.token}"})

    def configuration(self):
        """What kubectl needs to know."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "clusters": [
                {
                    "name": "demo",
                    "cluster": {
                        "server": f"https://{self.address}",
                        "certificate-authority": str(self.authority.file),
                    },
                }
            ],
            "users": [{"name": "demo", "user": {"token": self.token}}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo", "namespace": "demo"}}],
        }


class LayoutRegistry(Server):
    """A folder of OCI layouts as a registry."""

    def __init__(self, folder):
        super().__init__("layouts", sys.executable)
        self.folder = folder

    def command(self):
        return [self.executable, str(LAYOUT_REGISTRY), str(self.folder), str(self.directory / "address")]

    def is_ready(self):
        self.address = (self.directory / "address").read_text().strip()
        return Repository(self.address, "").request("GET", "/v2/")[0] == 404


class AdmissionServer(Server):
    """`verimage serve` with a configuration as it stands in a ConfigMap."""

    def __init__(self, executable, files, certificates, registries):
        super().__init__("verimage serve", executable)
        self.files = files
        self.certificates = certificates
        self.registries = registries

    def command(self):
        for name, text in self.files.items():
            (self.directory / name).write_text(text)
        # What differs from a container: where the certificate is, and the port.
        server = self.directory / "server.yaml"
        server.write_text(
            server.read_text().replace("/run/verimage/tls", str(self.certificates)) + f"listen: {self.address}\ndrainSeconds: 0\nloopbackRegistries: true\n"
        )
        (self.directory / "registries.conf").write_text(self.registries)
        (self.directory / "credentials.json").write_text("{}")
        return [
            *(self.executable, "serve", "--no-state", "--config", str(server)),
            *("--registries-conf", str(self.directory / "registries.conf")),
            *("--registry-config", str(self.directory / "credentials.json")),
        ]

    def is_ready(self):
        return answers(self.address, "/readyz", self.certificates / "ca.crt")

    def stop(self):
        """Ends it before its time."""
        self.process.terminate()
        self.process.wait(timeout=30)

    def pause(self):
        """It stays, and says nothing any more."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        """After `pause`."""
        self.process.send_signal(signal.SIGCONT)


class Kubectl:
    """The command line, as its administrator uses it."""

    def __init__(self, executable, directory, configuration):
        self.executable = executable
        self.directory = Path(directory)
        self.file = self.directory / "kubeconfig"
        self.file.write_text(json.dumps(configuration))

    def run(self, *words, content=None):
        """The finished process; content is an object, or a text of several."""
        if content is not None and not isinstance(content, str):
            content = json.dumps(content)
        command = [self.executable, f"--kubeconfig={self.file}", *words]
        return run(command, self.directory, content=content.encode() if content is not None else None)

    def get(self, name, *words):
        """A stored object, by kind/name; None if there is none."""
        finished = self.run("get", name, "-o", "json", "--ignore-not-found", *words)
        if finished.returncode != 0:
            raise RuntimeError(f"get {name}: {finished.stderr.decode()}")
        return json.loads(finished.stdout) if finished.stdout.strip() else None
