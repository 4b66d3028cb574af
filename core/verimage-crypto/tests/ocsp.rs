//! Questions and answers by OpenSSL: `fixtures/ocsp.json`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common {
    #[allow(dead_code)] // the others read lists, too
    pub(super) mod json;
}

use common::json::bytes;
use serde_json::Value;
use verimage_crypto::{
    CryptoSet,
    x509::{Certificate, CertificateError, OcspError, OcspResponse, OcspStatus, ocsp_request},
};

struct Fixtures(Value);

impl Fixtures {
    fn new() -> Self {
        Self(serde_json::from_str(include_str!("fixtures/ocsp.json")).expect("JSON"))
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_der(&bytes(&self.0["certificates"][name])).expect("a good certificate")
    }

    fn answer(&self, name: &str) -> OcspResponse {
        OcspResponse::from_der(&bytes(&self.0["answers"][name])).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What an answer says about a certificate of the authority.
    fn status(&self, answer: &str, certificate: &str) -> Option<OcspStatus> {
        let (certificate, issuer) = (self.certificate(certificate), self.certificate("ca"));
        self.answer(answer).response(&certificate, &issuer).expect("a good key").map(|response| response.status)
    }
}

#[test]
fn questions_are_those_of_openssl() {
    let fixtures = Fixtures::new();
    for name in ["good", "revoked", "unknown"] {
        let question = ocsp_request(&fixtures.certificate(name), &fixtures.certificate("ca")).expect("a good key");
        assert_eq!(question, bytes(&fixtures.0["requests"][name]), "{name}");
    }
}

#[test]
fn answers_tell_the_status() {
    let fixtures = Fixtures::new();
    for name in ["good", "delegated", "by-key", "sha384", "sha1", "nonce", "hash-sha256"] {
        assert_eq!(fixtures.status(name, "good"), Some(OcspStatus::Good), "{name}");
    }
    assert_eq!(fixtures.status("unknown", "unknown"), Some(OcspStatus::Unknown));
    let revoked = fixtures.status("revoked", "revoked");
    assert_eq!(revoked, Some(OcspStatus::Revoked { time: 1_735_689_600, reason: 1, invalidity_date: None }));
    assert_eq!(fixtures.status("good", "revoked"), None, "about another certificate");
}

#[test]
fn answers_are_verified_over_their_original_bytes() {
    let fixtures = Fixtures::new();
    let (authority, responder) = (fixtures.certificate("ca"), fixtures.certificate("responder"));
    let sets = [
        CryptoSet::rustcrypto(),
        #[cfg(feature = "aws-lc-rs")]
        CryptoSet::aws_lc(),
    ];
    for set in sets {
        for name in ["good", "revoked", "unknown", "sha384", "nonce", "hash-sha256"] {
            let answer = fixtures.answer(name);
            assert!(answer.names(&authority) && !answer.names(&responder), "{name}");
            assert_eq!(answer.verify_signed_by(&authority, &set), Ok(()), "{name}");
            assert!(answer.verify_signed_by(&responder, &set).is_err(), "{name}");
        }
        for name in ["delegated", "by-key"] {
            let answer = fixtures.answer(name);
            assert!(answer.names(&responder) && !answer.names(&authority), "{name}");
            assert!(answer.certificates().contains(&responder), "{name}");
            assert_eq!(answer.verify_signed_by(&responder, &set), Ok(()), "{name}");
        }
        let weak = fixtures.answer("sha1").verify_signed_by(&authority, &set);
        assert!(matches!(weak, Err(CertificateError::SignatureAlgorithm { .. })));
    }
}

#[test]
fn attack_changed_and_cut_answers() {
    let fixtures = Fixtures::new();
    let (authority, set) = (fixtures.certificate("ca"), CryptoSet::rustcrypto());
    let good = bytes(&fixtures.0["answers"]["good"]);
    let says_good = |der: &[u8]| {
        OcspResponse::from_der(der).is_ok_and(|answer| {
            let about = answer.response(&fixtures.certificate("good"), &authority).ok().flatten().is_some();
            about && answer.names(&authority) && answer.verify_signed_by(&authority, &set).is_ok()
        })
    };
    assert!(says_good(&good));
    let signed = good.len() - bytes(&fixtures.0["certificates"]["ca"]).len();
    for at in 0..good.len() {
        assert!(!says_good(&good[..at]), "cut at {at}");
        let mut changed = good.clone();
        changed[at] ^= 1 << (at % 8);
        // The certificates that come with it are not signed.
        assert!(at >= signed - 8 || !says_good(&changed), "byte {at}");
    }
}

#[test]
fn errors_have_a_status() {
    for status in [1, 2, 3, 5, 6, 7] {
        let error = OcspResponse::from_der(&[0x30, 3, 0x0a, 1, status]).expect_err("an error");
        assert_eq!(error, OcspError::Status { status: status.into() });
    }
    assert!(matches!(OcspResponse::from_der(&[0x30, 3, 0x0a, 1, 0]), Err(OcspError::Status { status: 0 })));
    let large = OcspResponse::from_der(&vec![0x30; OcspResponse::MAX_SIZE + 1]);
    assert!(matches!(large, Err(OcspError::Certificate(CertificateError::TooLarge { .. }))));
}

#[test]
fn certificates_say_where_to_ask() {
    let fixtures = Fixtures::new();
    let leaf = fixtures.certificate("good");
    assert_eq!(leaf.ocsp_urls().expect("readable"), ["http://one.example/ocsp", "http://two.example/"]);
    assert_eq!(leaf.revocation_list_urls(), ["http://list.example/a.crl", "http://list.example/b.crl"]);
    assert!(!leaf.has_freshest_list());
    let authority = fixtures.certificate("ca");
    assert!(authority.ocsp_urls().expect("readable").is_empty() && authority.revocation_list_urls().is_empty());
}
