"""How long sigstore-python takes for a bundle, in one process.

    beside.py COUNT RUNS bundle ROOT BUNDLE DIGEST SUBJECT ISSUER

Prints the microseconds of one verification: the shortest of RUNS runs of COUNT, after one run to warm up. The trusted root is read
before; the bundle is parsed each time.

Checked, offline: the certificate's chain at the verified time, up to any certificate of the trusted root, its embedded SCT, its name
and issuer, the log entry's inclusion proof, checkpoint and promise, or the timestamp, the entry's body, the signature of the envelope.
The library leaves the statement to its caller: that it names the digest is checked here.
"""

import json
import sys
import time
from pathlib import Path

from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import Identity


def bundle(root, file, subject, issuer):
    """A function that verifies that the bundle is about a digest."""
    verifier = Verifier(trusted_root=TrustedRoot.from_file(root))
    text, identity = Path(file).read_bytes(), Identity(identity=subject, issuer=issuer)

    def verify(digest):
        kind, payload = verifier.verify_dsse(Bundle.from_json(text), identity)
        if kind != "application/vnd.in-toto+json":
            raise ValueError(f"the payload is {kind}")
        if not any(f"sha256:{subject['digest'].get('sha256')}" == digest for subject in json.loads(payload)["subject"]):
            raise ValueError("the statement is about something else")

    return verify


def run(verify, digest, count):
    """The microseconds of one verification among so many."""
    begin = time.perf_counter()
    for _ in range(count):
        verify(digest)
    return (time.perf_counter() - begin) / count * 1e6


def refuses(verify, digest):
    """Whether the evidence is not taken for a digest."""
    try:
        verify(digest)
    except ValueError:
        return True
    return False


def main():
    count, runs, case, root, file, digest, subject, issuer = sys.argv[1:]
    if case != "bundle":
        sys.exit(f"there is no {case}")
    verify = bundle(root, file, subject, issuer)
    run(verify, digest, int(count))
    if not refuses(verify, "sha256:" + "0" * 64):
        sys.exit("evidence about another image was accepted")
    print(f"{min(run(verify, digest, int(count)) for _ in range(int(runs))):.1f}")


main()
