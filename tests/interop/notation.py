"""The real `notation` command line, with a configuration of its own in a temporary directory."""

import json
import shutil
from pathlib import Path

from authority import chain
from signing import run, run_or_fail

ARTIFACT_TYPE = "application/vnd.cncf.notary.signature"
MEDIA_TYPES = {"jws": "application/jose+json", "cose": "application/cose"}


class Notation:
    """Signs with certificates and verifies under one trust policy."""

    def __init__(self, executable, directory):
        self.executable = executable
        self.directory = Path(directory)
        self.configuration = self.directory / "configuration" / "notation"
        self.configuration.mkdir(parents=True)
        self.keys = {}

    @property
    def environment(self):
        """Where the configuration is; layouts are read by an experimental option."""
        return {"XDG_CONFIG_HOME": str(self.configuration.parent), "NOTATION_EXPERIMENTAL": "1"}

    def name_key(self, signer):
        """Names the key of a certificate chain, the signer first, in the list of signing keys."""
        name = signer[0].name
        if name not in self.keys:
            file = self.directory / f"{name}.chain"
            file.write_text(chain(*signer))
            self.keys[name] = {"name": name, "keyPath": str(signer[0].key.private), "certPath": str(file)}
            document = {"default": None, "keys": list(self.keys.values())}
            (self.configuration / "signingkeys.json").write_text(json.dumps(document))
        return name

    def name_external(self, signer):
        """What makes notation hand the signing to a plugin that has openssl sign (`notation_plugin.py`)."""
        plugin = self.configuration / "plugins" / "external" / "notation-external"
        plugin.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).with_name("notation_plugin.py"), plugin)
        plugin.chmod(0o755)
        certificates = self.directory / "external.chain"
        certificates.write_text(chain(*signer))
        return ["--plugin", "external", "--id", signer[0].key.private, "--plugin-config", f"chain={certificates}"]

    def sign(self, signer, reference, *arguments, form="jws", referrers=False, external=False):
        """Signs an image of a registry without TLS; by the referrers tag, or through the Referrers API."""
        key = self.name_external(signer) if external else ["--key", self.name_key(signer)]
        words = ["--insecure-registry", "--signature-format", form, f"--force-referrers-tag={str(not referrers).lower()}"]
        command = [self.executable, "sign", *words, *key, *arguments, reference]
        run_or_fail(command, self.directory, self.environment)

    @property
    def trust_policy(self):
        """The file that `trust` writes."""
        return self.configuration / "trustpolicy.json"

    @property
    def trust_stores(self):
        """The folder that `trust` fills."""
        return self.configuration / "truststore"

    def trust(self, stores, identities, verification, scopes=("*",)):
        """Replaces trust stores and trust policy; stores are files by type and name."""
        shutil.rmtree(self.trust_stores, ignore_errors=True)
        for (kind, name), file in stores.items():
            folder = self.trust_stores / "x509" / kind / name
            folder.mkdir(parents=True)
            shutil.copy(file, folder)
        statement = {
            "name": "demo",
            "registryScopes": list(scopes),
            "signatureVerification": verification,
            "trustStores": [f"{kind}:{name}" for kind, name in stores],
            "trustedIdentities": identities,
        }
        document = {"version": "1.0", "trustPolicies": [statement]}
        self.trust_policy.write_text(json.dumps(document))

    def judge(self, reference, *arguments):
        """The finished `notation verify` of an image in a registry without TLS, whatever its outcome."""
        return run([self.executable, "verify", "--insecure-registry", *arguments, reference], self.directory, self.environment)

    def judge_layout(self, layout, digest, *arguments):
        """The finished `notation verify` of an image in an OCI layout, whatever its outcome."""
        words = ["--oci-layout", "--scope", "local/demo", *arguments, f"{layout}@{digest}"]
        return run([self.executable, "verify", *words], self.directory, self.environment)
