"""The real `skopeo`: copies, signs and judges, with nothing of this machine but its clock."""

import json
from pathlib import Path

from signing import run, run_or_fail

ACCEPT_ALL = {"default": [{"type": "insecureAcceptAnything"}]}


class Skopeo:
    """The command line with a home of its own; `proxy` is the address that stands for all hosts but this one."""

    def __init__(self, executable, directory, proxy=None, environment=None):
        self.executable = executable
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.environment = dict(environment or {})
        self.no_maps = self.write("registries.conf", "")
        if proxy:
            # What is asked through TLS first is refused there, and asked again without.
            self.environment |= {"http_proxy": f"http://{proxy}", "https_proxy": f"http://{proxy}"}
        self.accept_all = self.write("accept-all.json", json.dumps(ACCEPT_ALL))

    def write(self, name, text):
        """A file in the home directory."""
        file = self.directory / name
        file.write_text(text)
        return file

    def lookaside(self, name, base, **more):
        """A `registries.d` with one base for all registries, also for writing."""
        folder = self.directory / name
        folder.mkdir(exist_ok=True)
        places = {"lookaside": base, "lookaside-staging": base, **more}
        # JSON is YAML.
        (folder / "default.yaml").write_text(json.dumps({"default-docker": places}))
        return folder

    def words(self, policy, registries, maps=None):
        """The options of every call; `maps` is a registries.conf."""
        places = ["--registries.d", registries, "--registries-conf", maps or self.no_maps]
        return [self.executable, "--policy", policy or self.accept_all, *places]

    def copy(self, source, target, registries, *arguments):
        """A copy that must work, bytes unchanged."""
        flags = ["--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", "--quiet"]
        run_or_fail(
            [*self.words(None, registries), "copy", *flags, *arguments, source, target], self.directory, self.environment
        )

    def standalone(self, manifest, reference, fingerprint):
        """A signature of a manifest under a name, which need not be that of any image."""
        file, output = self.write("manifest.json", ""), self.directory / "standalone.signature"
        file.write_bytes(manifest)
        words = [self.executable, "standalone-sign", file, reference, fingerprint, "--output", output]
        run_or_fail(words, self.directory, self.environment)
        return output.read_bytes()

    def judge(self, source, target, registries, policy, *arguments, chosen=(), directory=None, maps=None):
        """The finished copy of an image into a directory, whatever its outcome; `chosen` are options of the platform,
        `maps` a registries.conf."""
        flags = ["--src-tls-verify=false", "--quiet"]
        words = [*self.words(policy, registries, maps), *chosen, "copy", *flags, *arguments, source, f"dir:{target}"]
        return run(words, directory or self.directory, self.environment)


def said(finished):
    """What skopeo gave as its reason."""
    lines = finished.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].partition("msg=")[2].strip('"') if lines else "nothing"
