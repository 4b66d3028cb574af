#!/usr/bin/env python3
"""A release is published, signed by each line of cosign and verified by its own binary, all on this machine.

    . tests/tools/env.sh && python3 tests/interop/release.py [--require] FOLDER

FOLDER is what cli/deploy/release.sh made. The key does not outlive the run. Tools that are absent are skipped aloud; the exit
status is 1 when an answer is wrong and, with --require, when something was skipped. Beside every image that must be allowed
stand those that must be refused: an altered twin with the signature of the original, and a release by another key.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "cli/deploy"

from registry import DockerRegistry
from signing import BUNDLE_FLAGS, SIGN_FLAGS, Cosign, make_key, run_or_fail
from verimage import Verimage
from workshop import cosign_lines

ALLOWED, DENIED = 0, 1
FLAGS = {"v2": {"layer": SIGN_FLAGS["v2"]}, "v3": {"layer": SIGN_FLAGS["v3"], "bundle": BUNDLE_FLAGS["v3"]}}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--require", action="store_true")
    parser.add_argument("folder", type=Path)
    return parser.parse_args()


class Trial:
    """Signing and verifying in one registry, with what is wrong counted."""

    def __init__(self, folder, registry, directory):
        self.folder = folder.resolve()
        self.registry = registry
        self.directory = Path(directory)
        self.verimage = Verimage(str(self.released_binary()), self.directory)
        self.key = make_key(directory, "verimage", "p256")
        self.other = make_key(directory, "other", "p256")
        self.wrong = 0

    def released_binary(self):
        """The binary as a user gets it."""
        (binary,) = self.folder.glob("verimage-*-unknown-linux-*")
        target = self.directory / "verimage"
        shutil.copyfile(binary, target)
        target.chmod(0o755)
        return target

    def expect(self, name, reference, policy, status, code=None):
        answer = self.verimage.verdict(reference, ["--policy", policy])
        good = answer[0] == status and answer[2] == code and (status != ALLOWED or reference.endswith(answer[1] or "?"))
        self.wrong += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}: exit {answer[0]}, {answer[2] or answer[1]}")

    def policy(self, repository):
        """The policy that is shipped, with the registry of this trial in it."""
        policy = self.directory / "release-policy.yaml"
        policy.write_text((DEPLOY / "release-policy.yaml").read_text().replace("registry.example/verimage", repository))
        return policy

    def publish(self, name, cosign, key, flags):
        """What sign.sh does for a maintainer; gives the repository and the references that it prints."""
        repository = f"{self.registry.address}/{name}"
        environment = {"COSIGN": cosign.executable}
        command = [DEPLOY / "sign.sh", self.folder, repository, f"{cosign.import_key(key)}", *flags]
        return repository, run_or_fail(command, self.directory, environment).decode().split()

    def judge(self, name, cosign, flags):
        """A release that must be allowed, and its twin that must not, whatever stands beside it."""
        repository, published = self.publish(name, cosign, self.key, flags)
        policy = self.policy(repository)
        for reference, what in zip(published, ("image", "files"), strict=True):
            self.expect(f"{name}: {what}", reference, policy, ALLOWED)
        original = published[0].split("@")[1]
        twin = self.push_twin(repository)
        self.expect(f"{name}: altered twin", f"{repository}@{twin}", policy, DENIED, "signature-not-found")
        self.move_signatures(self.registry.repository(name), original, twin)
        self.expect(f"{name}: altered twin, signature moved", f"{repository}@{twin}", policy, DENIED, "subject-mismatch")

    def push_twin(self, repository):
        """The image of a binary that somebody has changed by one byte; gives its digest."""
        changed, archive = self.directory / "changed", self.directory / "twin.tar"
        changed.write_bytes(Path(self.verimage.executable).read_bytes() + b"\n")
        command = [sys.executable, DEPLOY / "oci.py", "image", changed, "twin", archive]
        digest = run_or_fail(command, self.directory, {"SOURCE_DATE_EPOCH": "0"}).decode().strip()
        flags = ["--quiet", "--preserve-digests", "--dest-tls-verify=false"]
        target = f"docker://{repository}:twin"
        run_or_fail([os.environ["SKOPEO"], "--insecure-policy", "copy", *flags, f"oci-archive:{archive}", target], self.directory)
        return digest

    def move_signatures(self, repository, original, twin):
        """Under the names where signatures of the twin are looked for, those of the original, as if they were about it."""
        layer, referrers = (original.replace(":", "-") + suffix for suffix in (".sig", ""))
        if layer in repository.tags():
            repository.push_manifest(*repository.manifest(layer), twin.replace(":", "-") + ".sig")
        if referrers in repository.tags():
            content, media_type = repository.manifest(referrers)
            index = json.loads(content)
            for entry in index["manifests"]:
                manifest = repository.manifest(entry["digest"])[0].replace(original.encode(), twin.encode())
                entry |= {"digest": repository.push_manifest(manifest, entry["mediaType"]), "size": len(manifest)}
            repository.push_manifest(json.dumps(index).encode(), media_type, twin.replace(":", "-"))

    def by_another(self, name, cosign, flags):
        """The same release, signed by a key that the policy does not name."""
        repository, published = self.publish(name, cosign, self.other, flags)
        self.expect(f"{name}: by another key", published[0], self.policy(repository), DENIED, "signature-invalid")


def missing():
    """The tools that are not there."""
    tools = {"docker-registry": "DOCKER_REGISTRY", "skopeo": "SKOPEO", "cosign 2": "COSIGN2", "cosign 3": "COSIGN3"}
    return [tool for tool, variable in tools.items() if not os.environ.get(variable)]


def main():
    options = arguments()
    absent = missing()
    for tool in absent:
        print(f"SKIPPED: there is no {tool}")
    lines = cosign_lines()
    if not (lines and os.environ.get("DOCKER_REGISTRY") and os.environ.get("SKOPEO")):
        print("SKIPPED: the release is not signed")
        return int(options.require)
    with DockerRegistry("docker-registry", os.environ["DOCKER_REGISTRY"]) as registry, tempfile.TemporaryDirectory() as directory:
        trial = Trial(options.folder, registry, directory)
        for line, executable in lines.items():
            cosign = Cosign(line, executable, directory)
            for form, flags in FLAGS[line].items():
                trial.judge(f"{line}-{form}", cosign, flags)
                trial.by_another(f"{line}-{form}-other", cosign, flags)
    print(f"{trial.wrong} wrong")
    return int(trial.wrong > 0 or (options.require and bool(absent)))


if __name__ == "__main__":
    sys.exit(main())
