"""Questions about signatures by the holders of certificates."""

import certificate_attacks
from authority import ISSUER, WORKLOAD, certificate_words, chain, trusted_root
from uploading import stored

MAIL, BUILD = "release@registry.example", "https://registry.example/build"

# Attacks that a policy with more than chain and name is about.
OTHER_POLICIES = ("certificate-swapped-for-anybody", "other-certificate-than-pinned", "other-signer-than-pinned")


def above(suite, *names):
    """A file with what is above a signer, the root last."""
    file = suite.directory / f"{'-'.join(names)}.chain.pem"
    file.write_text(chain(*(suite.certificates[name] for name in names)))
    return file


def ask(suite, label, name, trust, identity=("--certificate-identity", MAIL), cosign_trust=None, **how):
    """Asks everybody with the same certificates and names.

    cosign wants an issuer besides, and there is none in certificates of one's own; it asks for a certificate
    transparency log unless told otherwise.
    """
    own_words = ["--certificate-oidc-issuer-regexp", ".*", "--insecure-ignore-sct"]
    cosign = [*(cosign_trust or trust), *identity, *own_words]
    suite.compare(label, name, cosign, [*trust, *identity, "--insecure-ignore-tlog"], **how)


def ask_attached(suite):
    """Signatures by openssl with certificate and chain, with the certificate alone, with neither."""
    workshop, certificates = suite.workshop, suite.certificates
    release, rsa = certificates["release"], certificates["release-rsa3072"]
    over, root = (certificates["issuing"], certificates["root"]), certificates["root"].file
    both = above(suite, "issuing", "root")
    for label, words in (("chain", certificate_words(release, *over)), ("alone", certificate_words(release)), ("bare", [])):
        workshop.certified(f"certificate-{label}", release, *words, line=workshop.line)
        name = f"certificate-{label}"
        ask(suite, name, name, ["--certificate-chain", both])
        ask(suite, f"{name}-root", name, ["--ca-roots", root])
        pinned = ["--certificate", release.file, "--certificate-chain", both]
        ask(suite, f"{name}-pinned-and-chain", name, pinned)
        other = ["--certificate", certificates["colleague"].file, "--certificate-chain", both]
        ask(suite, f"{name}-other-pinned", name, other, identity=["--certificate-identity", "colleague@registry.example"])
    workshop.certified("certificate-rsa", rsa, *certificate_words(rsa, *over), line=workshop.line)
    ask(suite, "certificate-rsa", "certificate-rsa", ["--ca-roots", root])


def ask_names(suite):
    """Who the certificate must name."""
    trust, name = ["--ca-roots", suite.certificates["root"].file], "certificate-chain"
    for label, identity in (
        ("uri", ["--certificate-identity", BUILD]),
        ("other", ["--certificate-identity", "other@registry.example"]),
        ("upper-case", ["--certificate-identity", MAIL.upper()]),
        ("regexp", ["--certificate-identity-regexp", "^release@registry"]),
        ("regexp-anywhere", ["--certificate-identity-regexp", "registry"]),
        ("regexp-other", ["--certificate-identity-regexp", "^registry"]),
    ):
        ask(suite, f"name-{label}", name, trust, identity)
    identity = ["--certificate-identity", MAIL, "--certificate-oidc-issuer", ISSUER]
    suite.compare("name-issuer", name, [*trust, *identity, "--insecure-ignore-sct"], [*trust, *identity, "--insecure-ignore-tlog"])
    ask(suite, "other-authority", name, ["--ca-roots", suite.certificates["other-root"].file])
    ask(suite, "other-chain", name, ["--certificate-chain", above(suite, "other-issuing", "other-root")])
    everything = [*trust, "--certificate-identity", MAIL, "--certificate-oidc-issuer-regexp", ".*", "--insecure-ignore-sct"]
    suite.compare("any-issuer", name, everything, [*everything, "--insecure-ignore-tlog"])


def ask_signed(suite):
    """Signed by cosign with a key that has a certificate; asked for with the certificate and with the key."""
    certificates = suite.certificates
    words = certificate_words(certificates["release"], certificates["issuing"], certificates["root"])
    suite.workshop.signed("with-certificate", "release", *words)
    ask(suite, "with-certificate", "with-certificate", ["--ca-roots", certificates["root"].file])
    suite.add("with-certificate-key", "with-certificate", "release")
    suite.add("with-certificate-other-key", "with-certificate", "p256")


def ask_attacks(suite):
    """The attacks of the fixtures, made anew; what a policy is needed for is left out."""
    if "chain-v2" not in suite.workshop.layouts:
        release = suite.certificates["release"]
        words = certificate_words(release, suite.certificates["issuing"], suite.certificates["root"])
        suite.workshop.certified("chain-v2", release, *words, line=suite.workshop.line)
    layouts = certificate_attacks.make(suite.workshop.layouts, suite.certificates)
    layouts = {name: layout for name, layout in layouts.items() if name.removeprefix("attack-") not in OTHER_POLICIES}
    renamed = {name.replace("attack-", "attack-certificate-"): layout for name, layout in layouts.items()}
    for name, digest in stored(suite, renamed):
        trust = ["--certificate-chain", above(suite, "issuing", "root")]
        ask(suite, name, name, trust, digest=digest, suffixes={"tag": ":v1"})


def ask_bundles(suite):
    """Bundles with certificates; cosign takes a trusted root, verimage the same authority."""
    workshop, certificates = suite.workshop, suite.certificates
    release, over = certificates["release"], (certificates["issuing"], certificates["root"])
    workshop.bundled("bundle", "release", *certificate_words(release), line=workshop.line)
    root = suite.directory / "own-trusted-root.json"
    root.write_text(trusted_root([over]))
    trust, cosign = ["--certificate-chain", above(suite, "issuing", "root")], ["--trusted-root", root]
    build = ("--certificate-identity", BUILD)
    for label, identity in (
        ("name", build),
        ("name-mail", ("--certificate-identity", MAIL)),
        ("name-other", ("--certificate-identity", "https://registry.example/other")),
        ("name-regexp", ("--certificate-identity-regexp", "registry.example/b")),
    ):
        ask(suite, label, "bundle", trust, identity, cosign)
    other = suite.directory / "other-trusted-root.json"
    other.write_text(trusted_root([(certificates["other-issuing"], certificates["other-root"])]))
    elsewhere = ["--certificate-chain", above(suite, "other-issuing", "other-root")]
    ask(suite, "other-authority", "bundle", elsewhere, build, ["--trusted-root", other])
    workshop.bundled("bundle-chain", "release", *certificate_words(release, *over), line=workshop.line)
    ask(suite, "chain-in-bundle", "bundle-chain", trust, build, cosign)
    suite.compare("key-of-certificate", "bundle", ["--key", release.key.public, "--trusted-root", root], key_words(release))


def key_words(certificate):
    """The key of a certificate in place of the certificate."""
    return ["--cosign-key", certificate.key.public, "--insecure-ignore-tlog"]


def ask_stamped_bundles(suite):
    """Bundles with certificates and timestamps, under one trusted root for everybody, as for keyless signatures."""
    workshop, certificates = suite.workshop, suite.certificates
    authority, over = certificates["stamps"], (certificates["issuing"], certificates["root"])
    cosign = workshop.lines[workshop.line]
    workshop.keys["workload"] = certificates["workload"].key
    words = [*certificate_words(certificates["workload"]), *authority.words(cosign, bundle=True)]
    workshop.bundled("stamped", "workload", *words, line=workshop.line)
    workshop.bundled("not-stamped", "workload", *certificate_words(certificates["workload"]), line=workshop.line)
    root, other = suite.directory / "stamping-root.json", suite.directory / "other-stamping-root.json"
    root.write_text(trusted_root([over], [(authority.signer, authority.root)]))
    other.write_text(trusted_root([over], [(certificates["root"],)]))
    stamps = suite.directory / "stamps.pem"
    stamps.write_text(chain(authority.signer, authority.root))
    ours, foreign = (WORKLOAD, ISSUER), ("https://registry.example/other", "https://other.example")
    for label, name, file, subject, issuer, demanded in (
        ("stamped", "stamped", root, *ours, True),
        ("stamped-other-name", "stamped", root, foreign[0], ours[1], True),
        ("stamped-other-issuer", "stamped", root, ours[0], foreign[1], True),
        ("stamped-other-authority", "stamped", other, *ours, False),
        ("not-stamped", "not-stamped", root, *ours, True),
        ("not-stamped-not-demanded", "not-stamped", root, *ours, False),
    ):
        identity = ["--certificate-identity", subject, "--certificate-oidc-issuer", issuer, "--trusted-root", file]
        waived = [*identity, "--insecure-ignore-sct"]
        demand = ["--timestamp-certificate-chain", stamps] if demanded else []
        flag = ["--use-signed-timestamps"] if demanded or file == other else []
        suite.compare(label, name, [*waived, *flag], [*waived, "--insecure-ignore-tlog", *demand])


SCENES = (ask_attached, ask_names, ask_signed, ask_attacks)
BUNDLE_SCENES = (ask_bundles, ask_stamped_bundles)
