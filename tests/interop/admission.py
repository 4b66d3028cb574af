#!/usr/bin/env python3
"""Asks a real kube-apiserver to store objects while `verimage serve` is its admission server.

    . tests/tools/env.sh && VERIMAGE=target/debug/verimage python3 tests/interop/admission.py [--require]

The manifests are those of cli/deploy, rendered by kubectl and helm and taken by the API server; the certificate is made by
cli/deploy/certificates.sh, and the server reads its configuration from the ConfigMap. Only the address differs: a URL of the loopback
interface in the place of the Service. Every scene counts what the API server answers, or what it stored. Without the tools it is
skipped aloud. The exit status is 1 when a scene ends otherwise, and, with --require, when a tool is absent.
"""

import argparse
import json
import os
import shutil
import ssl
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

sys.dont_write_bytecode = True

import admission_scenes
from authority import Office
from kubernetes_tools import AdmissionServer, ApiServer, Etcd, Kubectl, LayoutRegistry, kubernetes_tools
from signing import run_or_fail
from small_server import SmallServer
from trust_data import base64_text

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "cli" / "deploy"
FIXTURES = ROOT / "tests" / "fixtures" / "cosign"
POLICY = """\
apiVersion: verimage/v1
kind: ImagePolicy
trust:
  release: { publicKey: { file: release.pub } }
rules:
- name: demo
  images: ["registry.example/**", "silent.example/**"]
  require: { cosign: { key: release, transparency: none } }
- name: audited
  images: ["audited.example/**"]
  mode: audit
  require: { cosign: { key: release, transparency: none } }
"""


class SilentRegistry(SmallServer):
    """Takes questions and gives no answer, for as long as it is open."""

    def __init__(self):
        super().__init__()
        self.closed = threading.Event()

    def answer(self, path, headers):
        self.closed.wait()
        return 503, {}, b""

    def __exit__(self, *arguments):
        self.closed.set()
        super().__exit__(*arguments)


class Injector(SmallServer):
    """A mutating webhook, as service meshes have one: adds a container with the image that an annotation names."""

    def __init__(self, certificates):
        super().__init__()
        self.certificates = certificates

    def __enter__(self):
        super().__enter__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates / "tls.crt", self.certificates / "tls.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        return self

    def respond(self, method, path, headers, content):
        request = json.loads(content)["request"]
        image = request["object"]["metadata"].get("annotations", {}).get(admission_scenes.INJECT)
        response = {"uid": request["uid"], "allowed": True}
        if image and len(request["object"]["spec"]["containers"]) == 1:
            container = {"op": "add", "path": "/spec/containers/-", "value": {"name": "added", "image": image}}
            response |= {"patchType": "JSONPatch", "patch": base64_text(json.dumps([container]).encode())}
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


class Manifests:
    """A copy of cli/deploy with the policy, the key and the certificates of one run, as a user would fill it in."""

    def __init__(self, tools, directory):
        self.tools = tools
        self.folder = Path(directory) / "deploy"
        self.example = self.folder / "kustomize" / "example"
        self.certificates = self.example / "certificates"
        shutil.copytree(DEPLOY, self.folder, ignore=shutil.ignore_patterns("certificates"))
        self.run(self.folder / "certificates.sh", self.certificates, "--also", "IP:127.0.0.1")
        (self.example / "policy.yaml").write_text(POLICY)
        shutil.copy(FIXTURES / "keys" / "p256.pub", self.example / "release.pub")

    def run(self, *command):
        """The output of a tool, as text."""
        return run_or_fail(command, self.folder).decode()

    def kustomized(self, *components):
        """The example, with components."""
        if components:
            lines = "".join(f"- ../components/{name}\n" for name in components)
            with open(self.example / "kustomization.yaml", "a", encoding="utf-8") as file:
                file.write(f"components:\n{lines}")
        return self.run(self.tools["KUBECTL"], "kustomize", self.example)

    def settings(self):
        """What the chart must be told."""
        files = [f"policy={self.example / 'policy.yaml'}", f"files.release\\.pub={self.example / 'release.pub'}"]
        files.append(f"tls.authority={self.certificates / 'ca.crt'}")
        return [word for file in files for word in ("--set-file", file)]

    def chart(self, release, *words):
        """The objects of the chart, under the name of a release."""
        return self.helm("template", release, self.folder / "chart", "--kube-version", "1.35.4", *self.settings(), *words)

    def install(self, verb, *words):
        """Installs the chart, or upgrades it."""
        return self.helm(verb, "verimage", self.folder / "chart", *self.settings(), *words)

    def helm(self, *words):
        """What helm prints; it knows the cluster by the file that kubectl has."""
        place = ("--namespace", "verimage-system", "--kubeconfig", self.folder.parent / "kubeconfig")
        return self.run(self.tools["HELM"], *words, *place)


class Cluster:
    """An API server, and the rows of the table."""

    def __init__(self, kubectl):
        self.kubectl = kubectl
        self.failed = 0
        self.passed = 0

    def count(self, scene, problem=None):
        """Keeps what became of a scene."""
        print(f"{scene.ljust(72)}  {f'FAIL: {problem}' if problem else 'as expected'}")
        self.failed += bool(problem)
        self.passed += not problem

    def admitted(self, scene, *words, content=None, says=()):
        """The API server does what kubectl asks of it, and says something."""
        finished = self.kubectl.run(*words, content=content)
        said = finished.stderr.decode()
        missing = [text for text in says if text not in said]
        refused = f"exit {finished.returncode}: {said.strip()}" if finished.returncode != 0 else None
        self.count(scene, refused or (f"it does not say {missing}: {said}" if missing else None))
        return finished.stdout.decode()

    def refused(self, scene, *words, content=None, says=("signature-not-found",)):
        """The API server refuses, in these words."""
        finished = self.kubectl.run(*words, content=content)
        said = finished.stderr.decode()
        missing = [text for text in says if text not in said]
        problem = "it is admitted" if finished.returncode == 0 else f"it does not say {missing}: {said}" if missing else None
        self.count(scene, problem)

    def equal(self, scene, found, expected):
        """Something stored is as it should be."""
        self.count(scene, None if found == expected else f"{found!r} in the place of {expected!r}")

    def register(self, server):
        """Points both webhooks to an address on this machine; the rest of them stays as it is."""
        for name in admission_scenes.WEBHOOKS:
            configuration = self.kubectl.get(name)
            for webhook in configuration["webhooks"]:
                path = webhook["clientConfig"].pop("service")["path"]
                webhook["clientConfig"]["url"] = f"https://{server.address}{path}"
            self.must("replace", "-f", "-", content=configuration)

    def must(self, *words, content=None):
        """Something that no scene is about."""
        finished = self.kubectl.run(*words, content=content)
        if finished.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(words)}: {finished.stderr.decode()}")
        return finished.stdout.decode()


def registries(layouts, silent):
    """registries.conf: hosts by name, and where they are."""
    places = [("registry.example", layouts.address), ("audited.example", layouts.address), ("silent.example", silent.address)]
    return "".join(f'[[registry]]\nprefix = "{name}"\nlocation = "{place}"\ninsecure = true\n' for name, place in places)


def run_scenes(tools, verimage, directory):
    """The number of failures."""
    manifests = Manifests(tools, directory)
    with ExitStack() as stack:
        etcd = stack.enter_context(Etcd(tools["ETCD"]))
        server = stack.enter_context(ApiServer(tools["KUBE_APISERVER"], etcd, Office(directory)))
        cluster = Cluster(Kubectl(tools["KUBECTL"], directory, server.configuration()))
        admission_scenes.before(cluster)
        admission_scenes.release(cluster, manifests)
        admission_scenes.manifests(cluster, manifests)
        layouts = stack.enter_context(LayoutRegistry(FIXTURES / "layouts"))
        silent = stack.enter_context(SilentRegistry())
        files = cluster.kubectl.get("configmap/verimage", "--namespace=verimage-system")["data"]
        admission = AdmissionServer(verimage, files, manifests.certificates, registries(layouts, silent))
        admission = stack.enter_context(admission)
        cluster.register(admission)
        admission_scenes.pods(cluster)
        injector = stack.enter_context(Injector(manifests.certificates))
        admission_scenes.other_webhooks(cluster, injector, manifests.certificates / "ca.crt")
        admission_scenes.workloads(cluster)
        admission_scenes.changes(cluster)
        admission_scenes.pinned_templates(cluster, manifests, admission)
        admission_scenes.outages(cluster, admission)
    print(f"{cluster.passed} passed, {cluster.failed} failed")
    return cluster.failed


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--require", action="store_true", help="an absent tool is a failure")
    require = arguments.parse_args().require
    tools, absent = kubernetes_tools()
    for name in absent:
        print(f"SKIPPED: {name} is not set or empty")
    if absent:
        return 1 if require else 0
    with tempfile.TemporaryDirectory(prefix="verimage-admission-") as directory:
        return 1 if run_scenes(tools, os.path.abspath(os.environ["VERIMAGE"]), Path(directory)) else 0


if __name__ == "__main__":
    sys.exit(main())
