"""Notary Project envelopes by hand, signed with openssl: what notation's own signer never writes.

Every key is an RSA key, so the signature is RSASSA-PSS in both forms.
"""

import base64
import json

from images import MANIFEST_TYPE, descriptor, to_json
from notation import ARTIFACT_TYPE, MEDIA_TYPES
from signing import run_or_fail

PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json"
PREFIX = "io.cncf.notary."
SCHEME, TIME, AUTHENTIC = f"{PREFIX}signingScheme", f"{PREFIX}signingTime", f"{PREFIX}authenticSigningTime"
EXPIRY, PLUGIN = f"{PREFIX}expiry", f"{PREFIX}verificationPlugin"
SIGNED = "2026-01-15T12:00:00Z"
SIGNED_SECONDS = 1768478400
# A key of 1024 bits may not sign; here it does.
ALGORITHMS = {
    "rsa1024": ("PS256", -37, "sha256"),
    "rsa2048": ("PS256", -37, "sha256"),
    "rsa3072": ("PS384", -38, "sha384"),
    "rsa4096": ("PS512", -39, "sha512"),
}
CHAIN, CRITICAL, CONTENT, ALGORITHM = 33, 2, 3, 1


class Tagged:
    """A CBOR value with a tag."""

    def __init__(self, tag, value):
        self.tag = tag
        self.value = value


def cbor(value):
    """The CBOR bytes of a value, in the order of the keys as written; there are no other kinds than these."""
    if isinstance(value, Tagged):
        return head(6, value.tag) + cbor(value.value)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def head(major, number):
    """The first bytes of a CBOR item."""
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + number.to_bytes(size, "big")


def base64url(content):
    """Base64 as JWS wants it: the other alphabet, no padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def der(certificate):
    """The bytes of a certificate."""
    return base64.b64decode("".join(certificate.pem.splitlines()[1:-1]))


def target(image, **annotations):
    """The payload: what is signed about an image."""
    described = descriptor(image.content, image.media_type)
    return {"targetArtifact": {**described, "annotations": annotations} if annotations else described}


def sign(key, message, salt="digest", padding="pss"):
    """A signature with the hash that belongs to the size of the key, or another padding or salt."""
    options = ["-sigopt", f"rsa_padding_mode:{padding}"]
    if padding == "pss":
        options += ["-sigopt", f"rsa_pss_saltlen:{salt}"]
    digest = ALGORITHMS[key.kind][2]
    return run_or_fail(["openssl", "dgst", f"-{digest}", "-sign", key.private, *options], key.private.parent, content=message)


def protected_jws(key, changes=()):
    """The signed header of a JWS; a change to nothing removes the header."""
    header = {"alg": ALGORITHMS[key.kind][0], "crit": [SCHEME], "cty": PAYLOAD_TYPE, SCHEME: "notary.x509", TIME: SIGNED}
    return changed(header, changes)


def jws_parts(signer, payload, protected=None, **how):
    """The members of a JWS; the payload is bytes, the protected header a mapping or bytes."""
    protected = protected or protected_jws(signer[0].key)
    header = protected if isinstance(protected, bytes) else to_json(protected)
    first, second = base64url(header), base64url(payload)
    signature = sign(signer[0].key, f"{first}.{second}".encode(), **how)
    unprotected = {"x5c": [base64.b64encode(der(member)).decode() for member in signer]}
    return {"payload": second, "protected": first, "header": unprotected, "signature": base64url(signature)}


def jws(signer, payload, protected=None, **how):
    """A JWS as bytes."""
    return to_json(jws_parts(signer, payload, protected, **how))


def changed(header, changes):
    """A header with some changes."""
    return {name: value for name, value in {**header, **dict(changes)}.items() if value is not None}


def protected_cose(key, changes=()):
    """The signed header of a COSE message; a change to nothing removes the header."""
    header = {
        ALGORITHM: ALGORITHMS[key.kind][1],
        CRITICAL: [SCHEME],
        CONTENT: PAYLOAD_TYPE,
        SCHEME: "notary.x509",
        TIME: Tagged(1, SIGNED_SECONDS),
    }
    return changed(header, changes)


def cose_parts(signer, payload, protected=None, **how):
    """The four members of a COSE message."""
    header = cbor(protected or protected_cose(signer[0].key))
    signature = sign(signer[0].key, cbor(["Signature1", header, b"", payload]), **how)
    return [header, {CHAIN: [der(member) for member in signer]}, payload, signature]


def cose(signer, payload, protected=None, **how):
    """A COSE message as bytes."""
    return cbor(Tagged(18, cose_parts(signer, payload, protected, **how)))


def signature_manifest(image, envelope, form="jws", **changes):
    """The manifest of a signature as notation 1.3 writes it: its type is that of the configuration."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": descriptor(b"{}", ARTIFACT_TYPE),
        "layers": [descriptor(envelope, MEDIA_TYPES[form])],
        "subject": descriptor(image.content, image.media_type),
    }
    return to_json({**manifest, **changes})


def form_of(envelope):
    """The form of an envelope, by its first byte."""
    return "jws" if envelope[:1] == b"{" else "cose"


def decoded(part):
    """The JSON in a member of a JWS."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
