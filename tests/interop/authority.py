"""A certificate authority of one's own, made with openssl: root, intermediate, and certificates of any kind beneath."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from signing import Key, make_key, run_or_fail

BEGIN, END = "20250101000000Z", "20450101000000Z"
START = "2025-01-01T00:00:00Z"

CONFIGURATION = """\
[ca]
default_ca = authority
[authority]
new_certs_dir = {directory}
database = {directory}/database
rand_serial = yes
default_md = sha256
policy = anything
preserve = yes
unique_subject = no
[anything]
commonName = optional
organizationName = optional
organizationalUnitName = optional
countryName = optional
stateOrProvinceName = optional
[request]
distinguished_name = nothing
prompt = no
[nothing]
"""

AUTHORITY = ("basicConstraints = critical, CA:true{length}", "keyUsage = critical, keyCertSign, cRLSign")
SIGNER = ("basicConstraints = critical, CA:false", "keyUsage = critical, digitalSignature")
CODE_SIGNING = "extendedKeyUsage = codeSigning"
RELEASE = "email:release@registry.example, URI:https://registry.example/build"
SUMMER = "20250601000000Z"
# As Fulcio writes it: who vouched for the name, as bytes and as a UTF-8 string.
ISSUER, WORKLOAD = "https://issuer.example", "https://registry.example/workflow@refs/heads/main"
ISSUED = (
    f"1.3.6.1.4.1.57264.1.1 = DER:{ISSUER.encode().hex()}",
    f"1.3.6.1.4.1.57264.1.8 = ASN1:UTF8:{ISSUER}",
)


@dataclass(frozen=True)
class Certificate:
    """A certificate and the key that it is for."""

    name: str
    file: Path
    key: Key

    @property
    def pem(self):
        """The text of the certificate alone."""
        return self.file.read_text()


class Office:
    """Where certificates are issued; everything stays in one directory that does not outlive the run."""

    def __init__(self, directory):
        self.directory = Path(directory) / "authority"
        self.directory.mkdir()
        (self.directory / "database").write_text("")
        self.configuration = self.directory / "configuration"
        self.configuration.write_text(CONFIGURATION.format(directory=self.directory))

    def issue(self, name, subject, extensions, issuer=None, kind="p256", begin=BEGIN, end=END):
        """A certificate for a new key; without an issuer it issues itself."""
        key = make_key(self.directory, name, kind)
        request, file, fields = (self.directory / f"{name}.{ending}" for ending in ("csr", "crt", "ext"))
        fields.write_text("\n".join(extensions) + "\n")
        common = ["-config", self.configuration]
        wish = ["-new", "-key", key.private, "-subj", subject, "-out", request]
        run_or_fail(["openssl", "req", *common, "-section", "request", *wish], self.directory)
        signer = ["-cert", issuer.file, "-keyfile", issuer.key.private] if issuer else ["-selfsign", "-keyfile", key.private]
        dates = ["-startdate", begin, "-enddate", end]
        order = ["-batch", "-notext", "-in", request, "-out", file, "-extfile", fields]
        run_or_fail(["openssl", "ca", *common, *signer, *dates, *order], self.directory)
        return Certificate(name, file, key)

    def authority(self, name, subject, issuer=None, path_length=None, **how):
        """A certificate that may issue others."""
        length = "" if path_length is None else f", pathlen:{path_length}"
        return self.issue(name, subject, [line.format(length=length) for line in AUTHORITY], issuer, **how)

    def signer(self, name, issuer, names=None, subject="/O=Demo/CN=release", extensions=(*SIGNER, CODE_SIGNING), **how):
        """A certificate that signs code; `names` is the value of `subjectAltName`."""
        named = [f"subjectAltName = {names}"] if names else []
        return self.issue(name, subject, [*extensions, *named], issuer, **how)


def make_certificates(office):
    """Every certificate that the fixtures and the live suite use, by name."""
    made = {}

    def keep(certificate):
        made[certificate.name] = certificate
        return certificate

    root = keep(office.authority("root", "/O=Demo/CN=Demo Root"))
    issuing = keep(office.authority("issuing", "/O=Demo/CN=Demo Issuing", root, path_length=0))
    make_good(office, issuing, keep)
    make_bad(office, root, issuing, keep)
    other_root = keep(office.authority("other-root", "/O=Demo/CN=Demo Root"))
    other_issuing = keep(office.authority("other-issuing", "/O=Demo/CN=Demo Issuing", other_root, path_length=0))
    keep(office.signer("impostor", other_issuing, RELEASE))
    return made


def make_good(office, issuing, keep):
    """Certificates that count, each under some policy."""
    keep(office.signer("release", issuing, RELEASE))
    keep(office.signer("release-rsa3072", issuing, RELEASE, kind="rsa3072"))
    keep(office.signer("colleague", issuing, "email:colleague@registry.example", subject="/O=Demo/CN=colleague"))
    keep(office.signer("workload", issuing, f"URI:{WORKLOAD}", extensions=(*SIGNER, CODE_SIGNING, *ISSUED)))
    keep(office.signer("nameless", issuing, subject="/O=Demo/CN=Build System"))
    mail = ("basicConstraints = CA:false", "keyUsage = critical, digitalSignature", "extendedKeyUsage = emailProtection")
    keep(office.signer("enterprise", issuing, RELEASE, extensions=mail))


def make_bad(office, root, issuing, keep):
    """Certificates with one fault each; the names are those of the right signer."""
    keep(office.signer("expired", issuing, RELEASE, end=SUMMER))
    keep(office.signer("not-yet-valid", issuing, RELEASE, begin="20400101000000Z"))
    expired = keep(office.authority("expired-issuing", "/O=Demo/CN=Demo Expired Issuing", root, path_length=0, end=SUMMER))
    keep(office.signer("below-expired", expired, RELEASE))
    deep = keep(office.authority("deep-issuing", "/O=Demo/CN=Demo Deep Issuing", issuing))
    keep(office.signer("too-deep", deep, RELEASE))
    signer = keep(office.signer("signer-as-authority", issuing, RELEASE, subject="/O=Demo/CN=Demo Signer"))
    keep(office.signer("below-signer", signer, RELEASE))
    keep(office.signer("self-signed", None, RELEASE))
    keep(office.signer("without-purpose", issuing, RELEASE, extensions=SIGNER))
    encipherment = ("basicConstraints = critical, CA:false", "keyUsage = critical, keyEncipherment", CODE_SIGNING)
    keep(office.signer("encipherment", issuing, RELEASE, extensions=encipherment))
    sub = ("basicConstraints = critical, CA:true", "keyUsage = critical, digitalSignature, keyCertSign", CODE_SIGNING)
    keep(office.signer("authority-as-signer", root, RELEASE, extensions=sub))


def chain(*certificates):
    """Several certificates as one text, in this order."""
    return "".join(certificate.pem for certificate in certificates)


def certificate_words(leaf, *above):
    """What tells cosign the certificate of a signer and what is above it."""
    if not above:
        return ["--certificate", leaf.file]
    file = leaf.file.with_suffix(".chain")
    file.write_text(chain(*above))
    return ["--certificate", leaf.file, "--certificate-chain", file]


def trusted_root(authorities=(), stamps=()):
    """A sigstore trusted root without logs; an authority is what is above its signers, the root last."""

    def entries(chains):
        return [
            {"subject": {}, "uri": "", "certChain": {"certificates": encoded(members)}, "validFor": {"start": START}}
            for members in chains
        ]

    def encoded(members):
        return [{"rawBytes": re.sub("-----.*?-----|\n", "", member.pem)} for member in members]

    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [],
            "certificateAuthorities": entries(authorities),
            "ctlogs": [],
            "timestampAuthorities": entries(stamps),
        }
    )
