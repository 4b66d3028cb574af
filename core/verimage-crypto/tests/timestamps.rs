//! Time stamps made by OpenSSL, and twins that must be refused: `fixtures/timestamps.json`.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common {
    #[allow(dead_code)] // the others read lists, too
    pub(super) mod json;
}

use std::time::Duration;

use common::json::bytes;
use serde_json::Value;
use verimage_crypto::{
    CryptoSet, HashAlgorithm,
    rfc3161::{Embedded, Form, SigningCertificate, Stamped, Timestamp, TimestampError, TokenRules},
    x509::{Certificate, PathFault},
};

struct Fixtures(Value);

impl Fixtures {
    fn new() -> Self {
        Self(serde_json::from_str(include_str!("fixtures/timestamps.json")).expect("JSON"))
    }

    fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_der(&bytes(&self.0["certificates"][name])).expect("a good certificate")
    }

    fn token(&self, name: &str) -> Vec<u8> {
        bytes(&self.0["tokens"][name])
    }

    fn message(&self) -> Vec<u8> {
        bytes(&self.0["message"])
    }

    /// Verified with the root alone.
    #[track_caller]
    fn verify(&self, name: &str) -> Result<Timestamp, TimestampError> {
        let roots = [self.certificate("root")];
        self.verify_with(&TokenRules::new(&roots), &self.token(name))
    }

    /// Verified under every crypto set, which must agree.
    #[track_caller]
    fn verify_with(&self, rules: &TokenRules<'_>, token: &[u8]) -> Result<Timestamp, TimestampError> {
        let message = self.message();
        let outcome = rules.verify(token, Stamped::Message(&message), &CryptoSet::rustcrypto());
        #[cfg(feature = "aws-lc-rs")]
        assert_eq!(outcome, rules.verify(token, Stamped::Message(&message), &CryptoSet::aws_lc()));
        outcome
    }
}

#[track_caller]
fn fault(outcome: Result<Timestamp, TimestampError>) -> PathFault {
    match outcome {
        Err(TimestampError::Path(error)) => error.fault().clone(),
        other => panic!("expected a path error, found {other:?}"),
    }
}

#[test]
fn sound_time_stamps_are_accepted() {
    let fixtures = Fixtures::new();
    for name in [
        "response",
        "token",
        "token-without-nonce",
        "token-sha384",
        "token-sha512",
        "token-ess-v1",
        "token-ess-sha512",
        "token-ess-chain",
        "token-rsa",
        "cms",
        "cms-fraction",
        "cms-key-identifier",
        "cms-without-ess",
        "cms-at-last-second",
        "cms-decoy-beside",
    ] {
        let timestamp = fixtures.verify(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(timestamp.path().anchor(), &fixtures.certificate("root"));
        assert_eq!(timestamp.path().certificates().len(), 3);
    }
}

#[test]
fn what_was_stamped_is_told() {
    let fixtures = Fixtures::new();
    let timestamp = fixtures.verify("token-sha384").expect("a good token");
    assert_eq!(timestamp.signer(), &fixtures.certificate("tsa"));
    assert_eq!(timestamp.policy().to_string(), "1.3.6.1.4.1.57264.2");
    assert_eq!(timestamp.accuracy(), Some(Duration::from_micros(1_500_100)));
    assert_eq!(timestamp.imprint_hash(), HashAlgorithm::Sha384);
    assert!(timestamp.nonce().is_some());
    let timestamp = fixtures.verify("cms-fraction").expect("a good token");
    assert_eq!((timestamp.gen_time(), timestamp.nanoseconds()), (1_767_225_600, 250_000_000));
    assert_eq!((timestamp.accuracy(), timestamp.serial(), timestamp.nonce()), (None, &[7][..], None));
    assert!(timestamp.signing_time().is_some());
}

#[test]
fn nonces_are_not_compared() {
    let fixtures = Fixtures::new();
    assert!(fixtures.verify("token").expect("a good token").nonce().is_some());
    assert_eq!(fixtures.verify("token-without-nonce").expect("a good token").nonce(), None);
}

#[test]
fn attack_imprint_of_another_message() {
    let fixtures = Fixtures::new();
    let expected = TimestampError::Imprint { hash: HashAlgorithm::Sha256 };
    assert_eq!(fixtures.verify("cms-other-message"), Err(expected.clone()));
    let roots = [fixtures.certificate("root")];
    let rules = TokenRules::new(&roots);
    assert_eq!(rules.verify(&fixtures.token("token"), Stamped::Message(b""), &CryptoSet::rustcrypto()), Err(expected));
    assert!(rules.verify(&fixtures.token("token"), Stamped::InsecureAnything, &CryptoSet::rustcrypto()).is_ok());
}

#[test]
fn attack_imprint_by_sha1() {
    let oid = "1.3.14.3.2.26".parse().expect("an identifier");
    assert_eq!(Fixtures::new().verify("token-imprint-sha1"), Err(TimestampError::Algorithm { oid }));
}

#[test]
fn attack_flipped_bits() {
    let fixtures = Fixtures::new();
    let (roots, message) = ([fixtures.certificate("root")], fixtures.message());
    let rules = TokenRules::new(&roots);
    for name in ["cms", "token"] {
        let token = fixtures.token(name);
        for at in 0..token.len() {
            let mut flipped = token.clone();
            flipped[at] ^= 1 << (at % 8);
            let outcome = rules.verify(&flipped, Stamped::Message(&message), &CryptoSet::rustcrypto());
            assert!(outcome.is_err(), "{name}: byte {at} of {}", token.len());
        }
    }
}

#[test]
fn attack_cut_and_trailing_bytes() {
    let fixtures = Fixtures::new();
    let roots = [fixtures.certificate("root")];
    let rules = TokenRules::new(&roots);
    for name in ["cms", "response"] {
        let token = fixtures.token(name);
        for length in 0..token.len() {
            assert!(fixtures.verify_with(&rules, &token[..length]).is_err(), "{name}: {length} bytes");
        }
        let longer = [&token[..], &[0]].concat();
        let expected = TimestampError::Malformed { part: "time stamp" };
        assert_eq!(fixtures.verify_with(&rules, &longer), Err(expected), "{name}");
    }
    let limit = TokenRules::MAX_SIZE;
    assert_eq!(fixtures.verify_with(&rules, &vec![0x30; limit + 1]), Err(TimestampError::TooLarge { limit }));
}

#[test]
fn attack_rejected_response() {
    let fixtures = Fixtures::new();
    assert_eq!(fixtures.verify("response-rejected"), Err(TimestampError::Rejected { status: 2 }));
    let mut response = fixtures.token("response");
    // The status of a response that has a token, too: granted, rejected, waiting.
    let status = response.windows(3).position(|bytes| bytes == [2, 1, 0]).expect("a status") + 2;
    let roots = [fixtures.certificate("root")];
    for (number, expected) in [(0, None), (1, None), (2, Some(2)), (3, Some(3))] {
        response[status] = number;
        let outcome = fixtures.verify_with(&TokenRules::new(&roots), &response);
        assert_eq!(outcome.err(), expected.map(|status| TimestampError::Rejected { status }));
    }
}

#[test]
fn attack_expired_authority() {
    let fixtures = Fixtures::new();
    assert!(matches!(fault(fixtures.verify("cms-after-tsa-expired")), PathFault::Expired { not_after: 1_735_689_600, .. }));
    // The last second counts as a whole moment: a fraction beyond it is too late.
    assert!(matches!(fault(fixtures.verify("cms-after-last-second")), PathFault::Expired { .. }));
}

/// The stamped time is good, but the signing time attribute is after the last second of the signer.
#[test]
fn attack_signing_time_after_the_authority_expired() {
    assert!(matches!(fault(Fixtures::new().verify("cms-before-tsa-expired")), PathFault::Expired { time, .. } if time > 1_735_689_600));
}

#[test]
fn attack_signer_for_other_purposes() {
    let fixtures = Fixtures::new();
    for name in ["cms-purpose-not-critical", "cms-purpose-extra", "cms-purpose-any", "cms-purpose-absent"] {
        assert_eq!(fixtures.verify(name), Err(TimestampError::SignerPurpose), "{name}");
    }
    assert_eq!(fixtures.verify("cms-signer-is-authority"), Err(TimestampError::SignerIsAuthority));
    let purpose = "1.3.6.1.5.5.7.3.8".parse().expect("an identifier");
    assert_eq!(fault(fixtures.verify("cms-intermediate-for-code")), PathFault::ExtendedKeyUsage { purpose });
}

#[test]
fn attack_another_root() {
    let fixtures = Fixtures::new();
    assert!(matches!(fault(fixtures.verify("cms-other-root")), PathFault::UnknownIssuer { .. }));
    let other = [fixtures.certificate("other")];
    assert!(fixtures.verify_with(&TokenRules::new(&other), &fixtures.token("cms-other-root")).is_ok());
    assert!(matches!(fault(fixtures.verify_with(&TokenRules::new(&other), &fixtures.token("cms"))), PathFault::UnknownIssuer { .. }));
    assert!(matches!(fault(fixtures.verify_with(&TokenRules::new(&[]), &fixtures.token("cms"))), PathFault::UnknownIssuer { .. }));
}

#[test]
fn attack_two_signers() {
    assert_eq!(Fixtures::new().verify("cms-two-signers"), Err(TimestampError::Signers { found: 2 }));
}

#[test]
fn one_good_signer_of_a_few_suffices_where_the_form_says_so() {
    let fixtures = Fixtures::new();
    let roots = [fixtures.certificate("root")];
    let rules = TokenRules::new(&roots).form(Form::NotaryProject);
    for name in ["cms", "token", "cms-two-signers"] {
        let timestamp = fixtures.verify_with(&rules, &fixtures.token(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(timestamp.signer(), &fixtures.certificate("tsa"));
    }
}

#[test]
fn attack_versions_that_the_form_does_not_have() {
    let fixtures = Fixtures::new();
    let roots = [fixtures.certificate("root")];
    let strict = TokenRules::new(&roots).form(Form::NotaryProject);
    let mut token = fixtures.token("cms");
    let version = token.windows(3).position(|bytes| bytes == [2, 1, 3]).expect("a version") + 2;
    for found in [4, 5] {
        token[version] = found;
        assert!(fixtures.verify_with(&TokenRules::new(&roots), &token).is_ok());
        let expected = TimestampError::Version { part: "signed data", found: found.into() };
        assert_eq!(fixtures.verify_with(&strict, &token), Err(expected));
    }
    let expected = TimestampError::Version { part: "signer info", found: 3 };
    assert_eq!(fixtures.verify_with(&strict, &fixtures.token("cms-key-identifier")), Err(expected));
}

#[test]
fn attack_other_content() {
    let fixtures = Fixtures::new();
    assert!(matches!(fixtures.verify("cms-content-is-data"), Err(TimestampError::ContentType { .. })));
    let part = "time stamp information";
    assert_eq!(fixtures.verify("cms-version-2"), Err(TimestampError::Version { part, found: 2 }));
    assert_eq!(fixtures.verify("cms-not-information"), Err(TimestampError::Malformed { part }));
    let id = "1.2.3.4".parse().expect("an identifier");
    assert_eq!(fixtures.verify("cms-unknown-critical"), Err(TimestampError::UnknownCriticalExtension { id }));
}

/// GHSA-xm5m-wgh2-rrg3: the certificate that is checked must be the one that signed.
#[test]
fn attack_decoy_with_the_name_of_the_signer() {
    let fixtures = Fixtures::new();
    let timestamp = fixtures.verify("cms-decoy-beside").expect("the signer is in the bag, too");
    assert_eq!(timestamp.signer(), &fixtures.certificate("tsa"));
    assert!(matches!(fixtures.verify("cms-decoy-alone"), Err(TimestampError::Signature(_))));
    assert_eq!(fixtures.verify("cms-ess-mismatch"), Err(TimestampError::EssMismatch));
}

#[test]
fn signer_can_be_pinned() {
    let fixtures = Fixtures::new();
    let (roots, intermediates) = ([fixtures.certificate("root")], [fixtures.certificate("intermediate")]);
    let (tsa, twin, decoy) = (fixtures.certificate("tsa"), fixtures.certificate("tsa-twin"), fixtures.certificate("tsa-decoy"));
    let rules = TokenRules::new(&roots).intermediates(&intermediates);
    let without = fixtures.token("token-without-certificates");
    assert_eq!(fixtures.verify_with(&rules, &without), Err(TimestampError::SignerUnknown));
    let pinned = rules.clone().pinned_signer(&tsa);
    assert_eq!(fixtures.verify_with(&pinned, &without).expect("a good token").signer(), &tsa);
    assert!(fixtures.verify_with(&pinned, &fixtures.token("cms")).is_ok());
    for other in [&twin, &decoy, &roots[0]] {
        let outcome = fixtures.verify_with(&rules.clone().pinned_signer(other), &fixtures.token("cms"));
        assert_eq!(outcome, Err(TimestampError::SignerUnknown), "an embedded certificate must be the pinned one");
    }
    let outcome = fixtures.verify_with(&rules.clone().pinned_signer(&twin), &without);
    assert_eq!(outcome, Err(TimestampError::EssMismatch));
    let outcome = fixtures.verify_with(&rules.pinned_signer(&decoy), &without);
    assert!(matches!(outcome, Err(TimestampError::Signature(_))));
}

#[test]
fn embedded_certificates_may_be_kept_out_of_the_path() {
    let fixtures = Fixtures::new();
    let (roots, intermediates) = ([fixtures.certificate("root")], [fixtures.certificate("intermediate")]);
    let rules = TokenRules::new(&roots).embedded(Embedded::SignerOnly);
    assert!(matches!(fault(fixtures.verify_with(&rules, &fixtures.token("cms"))), PathFault::UnknownIssuer { .. }));
    assert!(fixtures.verify_with(&rules.intermediates(&intermediates), &fixtures.token("cms")).is_ok());
}

#[test]
fn newer_signing_certificate_attribute_can_be_required() {
    let fixtures = Fixtures::new();
    let roots = [fixtures.certificate("root")];
    let rules = TokenRules::new(&roots).signing_certificate(SigningCertificate::V2Required);
    for (name, missing) in [("cms", false), ("token-ess-sha512", false), ("cms-without-ess", true), ("token-ess-v1", true)] {
        let outcome = fixtures.verify_with(&rules, &fixtures.token(name));
        assert_eq!(outcome.err(), missing.then_some(TimestampError::EssMissing), "{name}");
    }
}

#[test]
fn future_time_stamps_can_be_refused() {
    let fixtures = Fixtures::new();
    let roots = [fixtures.certificate("root")];
    let gen_time = 1_767_225_600;
    let rules = TokenRules::new(&roots);
    assert!(fixtures.verify_with(&rules.clone().now(gen_time), &fixtures.token("cms")).is_ok());
    let now = gen_time - 1;
    assert_eq!(fixtures.verify_with(&rules.now(now), &fixtures.token("cms")), Err(TimestampError::Future { gen_time, now }));
}
