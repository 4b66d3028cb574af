"""Revocation lists and answers of responders, by a web written in Python."""

import pytest
import verimage
from support import FIXTURES, NAME, native

ROOT = FIXTURES / "notation-revocation"


class Web:
    """Answers every question with one file, or is silent."""

    def __init__(self, file: str | None) -> None:
        self.file = file

    def fetch(self, image: str, want: verimage.Want, /) -> bytes:
        assert want.kind == "http" and want.remote_origin and want.url is not None
        assert want.url.startswith("http://revocation.example/")
        assert (want.method == "POST") == bool(want.body)
        if self.file is None:
            raise verimage.StoreError("unavailable", "silence")
        return (ROOT / "answers" / self.file).read_bytes()


def judge(way: str, file: str | None) -> verimage.Verdict:
    acme = {"x509": {"file": str(ROOT / "root.pem"), "type": "ca"}}
    rule = {"require": {"notation": {"stores": ["acme"], "identities": ["*"], "level": "strict"}}}
    with verimage.Verimage(native(rule, acme=acme), offline=True, web=Web(file)) as engine:
        return engine.verify(f"oci:{ROOT}/layouts/{way}:v1", name=NAME, at="2030-01-01T00:00:00Z")


@pytest.mark.parametrize(("way", "kind"), [("listed", "crl"), ("responded", "ocsp")])
def test_the_answer_decides(way: str, kind: str) -> None:
    assert judge(way, f"good.{kind}").allowed
    assert judge(way, f"revoked.{kind}").code == "certificate-revoked"
    assert judge(way, f"foreign.{kind}").code == "revocation-unknown"
    assert judge(way, None).decision == "inconclusive"
