#!/usr/bin/env python3
"""A signing plugin for notation that has openssl sign, with a salt of 32 bytes whatever the hash.

The key identifier is the file of an RSA-4096 key; the option `chain` names the file of its certificates.
"""

import base64
import json
import re
import subprocess
import sys

METADATA = {
    "name": "external",
    "description": "Signs with openssl",
    "version": "1.0.0",
    "url": "https://registry.example/external",
    "supportedContractVersions": ["1.0"],
    "capabilities": ["SIGNATURE_GENERATOR.RAW"],
}
OPTIONS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]


def signature(request):
    """The answer to `generate-signature`."""
    command = ["openssl", "dgst", "-sha512", "-sign", request["keyId"], *OPTIONS]
    signed = subprocess.run(command, input=base64.b64decode(request["payload"]), capture_output=True, check=True).stdout
    with open(request["pluginConfig"]["chain"], encoding="ascii") as file:
        chain = re.findall("-----BEGIN CERTIFICATE-----(.*?)-----END", file.read(), re.DOTALL)
    return {
        "keyId": request["keyId"],
        "signature": base64.b64encode(signed).decode(),
        "signingAlgorithm": "RSASSA-PSS-SHA-512",
        "certificateChain": ["".join(certificate.split()) for certificate in chain],
    }


def main():
    request = json.load(sys.stdin)
    if sys.argv[1] == "get-plugin-metadata":
        answer = METADATA
    elif sys.argv[1] == "describe-key":
        answer = {"keyId": request["keyId"], "keySpec": "RSA-4096"}
    else:
        answer = signature(request)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
