//! Section "Authentic timestamp".

use notation_rs::{
    TimestampError, TrustStores, Warning,
    chain::ChainError,
    envelope::Format,
    revocation::{Answer, Material},
    verify::{CheckError, Outcome, Verification},
};
use serde_json::{Value, json};
use verimage_crypto::{CryptoSet, rfc3161};

use crate::{
    EXPECTED, at,
    sign::{
        Cose, Draft, Jws, Key, Pki,
        certificate::{CERT_SIGN, CRL_SIGN, DIGITAL_SIGNATURE, KEY_USAGE, key_usage},
        revocation::{ListDraft, distribution_points},
        token::Token,
    },
    statement, stores, verify_at,
};

const KEY: Key = Key::P256("leaf");
/// After the certificates of the signer and of the authority.
const LATER: &str = "2031-01-01T00:00:00Z";
const NOW: &str = "2025-07-01T00:00:00Z";

fn with_store(verify: &str) -> Value {
    json!({"signatureVerification": {"level": "strict", "verifyTimestamp": verify}, "trustStores": ["ca:test", "signingAuthority:test", "tsa:test"]})
}

/// A JWS envelope with a token over its signature.
fn stamped(spoil: impl FnOnce(&mut Token)) -> Vec<u8> {
    let mut jws = Jws::new(KEY);
    let mut token = Token::new(&jws.signature());
    spoil(&mut token);
    jws.token = Some(token.der());
    jws.build()
}

#[track_caller]
fn always(bytes: &[u8], now: &str) -> Outcome {
    verify_at(&statement(with_store("always")), Format::Jws, bytes, now)
}

#[track_caller]
fn error(bytes: &[u8]) -> TimestampError {
    match always(bytes, NOW).failure() {
        Some(CheckError::Timestamp(error)) => error.clone(),
        other => panic!("found {other:?}"),
    }
}

#[test]
fn a_timestamp_keeps_a_signature_good_when_its_chain_has_expired() {
    let bytes = stamped(|_| {});
    for now in [NOW, LATER] {
        let outcome = always(&bytes, now);
        assert!(outcome.is_trusted(), "{:?}", outcome.checks);
        assert_eq!(outcome.timestamp.unwrap().time, at("2025-06-01T00:00:00Z"));
    }
    let mut cose = Cose::new(KEY);
    cose.token = Some(Token::new(&cose.signature()).der());
    assert!(verify_at(&statement(with_store("always")), Format::Cose, &cose.build(), LATER).is_trusted());
}

#[test]
fn without_a_store_a_timestamp_is_of_no_use() {
    let statement = statement(json!({}));
    assert!(verify_at(&statement, Format::Jws, &stamped(|_| {}), NOW).is_trusted());
    let outcome = verify_at(&statement, Format::Jws, &stamped(|_| {}), LATER);
    assert!(matches!(outcome.failure(), Some(CheckError::NotValidNow(_))));
}

#[test]
fn after_expiry_a_timestamp_is_looked_at_only_then() {
    let statement = statement(with_store("afterCertExpiry"));
    let without = Jws::new(KEY).build();
    assert!(verify_at(&statement, Format::Jws, &without, NOW).is_trusted());
    assert!(verify_at(&statement, Format::Jws, &stamped(|token| token.message = b"x".to_vec()), NOW).is_trusted());
    let outcome = verify_at(&statement, Format::Jws, &without, LATER);
    assert_eq!(outcome.failure(), Some(&CheckError::Timestamp(TimestampError::Missing)));
    assert!(verify_at(&statement, Format::Jws, &stamped(|_| {}), LATER).is_trusted());
}

#[test]
fn signing_authorities_need_no_timestamp() {
    let outcome = always(&Jws::by_authority(KEY).build(), LATER);
    assert!(outcome.is_trusted() && outcome.timestamp.is_none());
}

#[test]
fn row_1_a_token_is_there() {
    assert_eq!(error(&Jws::new(KEY).build()), TimestampError::Missing);
}

#[test]
fn row_2_the_token_is_a_token() {
    let with = |token: &[u8]| {
        let mut jws = Jws::new(KEY);
        jws.token = Some(token.to_vec());
        error(&jws.build())
    };
    assert_eq!(with(b"x"), TimestampError::NotToken);
    assert_eq!(with(&[]), TimestampError::NotToken);
    assert!(matches!(with(&[0x30, 3, 6, 1, 0x2a]), TimestampError::Token(rfc3161::TimestampError::Malformed { .. })));
    // A response is no token.
    let jws = Jws::new(KEY);
    let response = crate::sign::der::sequence(&[&[0x30, 3, 2, 1, 0], &Token::new(&jws.signature()).der()]);
    assert_eq!(with(&response), TimestampError::NotToken);
    assert!(matches!(with(&vec![0x30; 300 * 1024]), TimestampError::Token(rfc3161::TimestampError::TooLarge { .. })));
}

#[test]
fn row_2_tokens_in_ber_are_read() {
    let mut jws = Jws::new(KEY);
    let token = Token::new(&jws.signature());
    assert_ne!(token.ber(), token.der());
    jws.token = Some(token.ber());
    assert!(always(&jws.build(), NOW).is_trusted());
}

#[test]
fn row_3_the_version_is_known() {
    let found = error(&stamped(|token| token.version = 2));
    assert!(matches!(found, TimestampError::Token(rfc3161::TimestampError::Version { .. })));
}

#[test]
fn row_3_attack_the_token_of_another_signature_or_of_the_payload() {
    for message in [Jws::new(Key::P384("leaf")).signature(), crate::sign::payload().into_bytes()] {
        let found = error(&stamped(|token| token.message = message));
        assert!(matches!(found, TimestampError::Token(rfc3161::TimestampError::Imprint { .. })));
    }
}

#[test]
fn row_4_the_authority_is_trusted_for_timestamps() {
    let bytes = stamped(|_| {});
    let foreign = Key::P256("foreign");
    let mut stores: TrustStores = stores();
    stores.insert(crate::store(notation_rs::StoreType::Tsa, &[Draft::authority("root", "root", foreign).der(foreign)]));
    let statement = statement(with_store("always"));
    let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto());
    let outcome = verification.verify(Format::Jws, &bytes, EXPECTED, at(NOW), &Material::new());
    assert!(matches!(outcome.failure(), Some(CheckError::Timestamp(TimestampError::Token(rfc3161::TimestampError::Path(_))))));
}

#[test]
fn row_4_the_chain_of_the_authority_was_valid_then() {
    let found = error(&stamped(|token| token.pki.leaf.validity = ("20240101000000Z", "20250531235959Z")));
    assert!(matches!(found, TimestampError::Token(rfc3161::TimestampError::Path(_))));
}

#[test]
fn row_6_the_token_names_the_certificate() {
    let found = error(&stamped(|token| token.names_certificate = false));
    assert_eq!(found, TimestampError::Token(rfc3161::TimestampError::EssMissing));
}

#[test]
fn row_8_the_chain_of_the_authority_follows_the_rules() {
    let found = error(&stamped(|token| token.pki = Pki::new(crate::sign::token::STAMPER)));
    assert_eq!(found, TimestampError::Token(rfc3161::TimestampError::SignerPurpose));
    let usage = key_usage(true, DIGITAL_SIGNATURE | CRL_SIGN);
    let found = error(&stamped(|token| token.pki.leaf = token.pki.leaf.clone().replacing(KEY_USAGE, usage)));
    assert!(matches!(found, TimestampError::Chain(ChainError::ForeignUsage { .. })));
    let usage = key_usage(false, CERT_SIGN);
    let found = error(&stamped(|token| token.pki.intermediate = token.pki.intermediate.clone().replacing(KEY_USAGE, usage)));
    assert!(matches!(found, TimestampError::Chain(ChainError::KeyUsageNotCritical { .. })));
}

/// The whole interval lies in the validity of the signing chain, which begins 2024 and ends 2030.
#[test]
fn row_9_the_interval_lies_in_the_validity() {
    let stamp = |time, accuracy, policy| {
        stamped(move |token| {
            token.time = time;
            token.accuracy = accuracy;
            token.policy = policy;
            for draft in [&mut token.pki.leaf, &mut token.pki.intermediate] {
                draft.validity = ("20200101000000Z", "20400101000000Z");
            }
        })
    };
    // The root of the authority is that of the signer, so the path ends where the validity does.
    const PLAIN: &str = "1.2.3.4";
    const BASELINE: &str = "0.4.0.2023.1.1";
    let allowed = |bytes: &[u8]| always(bytes, LATER).is_trusted();
    assert!(allowed(&stamp("20240101000000Z", None, PLAIN)));
    assert!(allowed(&stamp("20300101000000Z", None, PLAIN)));
    assert!(allowed(&stamp("20240101000005Z", Some(5), PLAIN)));
    for outside in [
        stamp("20240101000004Z", Some(5), PLAIN),
        stamp("20291231235958Z", Some(5), PLAIN),
        stamp("20240101000000Z", None, BASELINE),
        stamp("20300101000000Z", None, BASELINE),
    ] {
        assert!(matches!(always(&outside, LATER).failure(), Some(CheckError::Timestamp(TimestampError::Outside(_)))));
    }
    assert!(allowed(&stamp("20240101000001Z", None, BASELINE)));
}

#[test]
fn row_10_the_authority_must_not_be_revoked_whatever_the_level_says() {
    let with_list = |token: &mut Token| {
        token.pki.leaf = token.pki.leaf.clone().with(distribution_points(&["http://list.example/tsa"]));
    };
    let bytes = stamped(with_list);
    let mut members = with_store("always");
    members["signatureVerification"]["override"] = json!({"revocation": "skip"});
    let (statement, stores) = (statement(members), stores());
    let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto());
    let verify = |material: &Material| verification.verify(Format::Jws, &bytes, EXPECTED, at("2025-06-10T00:00:00Z"), material);
    let outcome = verify(&Material::new());
    assert!(matches!(outcome.failure(), Some(CheckError::RevocationUnknown { role: "timestamping", .. })));
    let [request] = outcome.needed.as_slice() else { panic!("one question") };
    let issuer = Pki::stamping(crate::sign::token::STAMPER).intermediate;
    let with = |list: ListDraft| {
        let mut material = Material::new();
        material.insert(request.clone(), Answer::Response { status: 200, body: list.der() });
        verify(&material)
    };
    assert!(with(ListDraft::new(&issuer)).is_allowed());
    let revoked = with(ListDraft::new(&issuer).revoke(1, "20250101000000Z", Vec::new()));
    assert!(matches!(revoked.failure(), Some(CheckError::Revoked { role: "timestamping", .. })));
}

#[test]
fn another_hash_than_that_of_the_key_is_told() {
    let mut jws = Jws::new(Key::P384("leaf"));
    jws.token = Some(Token::new(&jws.signature()).der());
    let outcome = always(&jws.build(), NOW);
    assert!(outcome.is_trusted());
    assert!(outcome.warnings.iter().any(|warning| matches!(warning, Warning::ImprintHash { .. })));
}

#[test]
fn times_in_the_far_future_are_lies() {
    for bytes in [Jws::new(KEY).build(), Jws::by_authority(KEY).build()] {
        let outcome = verify_at(&statement(json!({})), Format::Jws, &bytes, "2024-06-01T00:00:00Z");
        assert!(matches!(outcome.failure(), Some(CheckError::FromTheFuture { .. })));
    }
    let bytes = stamped(|token| token.time = "20260101000000Z");
    assert!(matches!(error(&bytes), TimestampError::Token(rfc3161::TimestampError::Future { .. })));
}

#[test]
fn the_chain_was_valid_when_the_authority_signed() {
    let mut pki = Pki::new(KEY);
    pki.leaf.validity = ("20250102000000Z", "20300101000000Z");
    let bytes = Jws::by_authority(KEY).chain(pki.chain()).build();
    let outcome = verify_at(&statement(json!({})), Format::Jws, &bytes, NOW);
    assert!(matches!(outcome.failure(), Some(CheckError::NotValidWhenSigned { .. })));
}
