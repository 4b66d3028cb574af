//! Section "Authentic timestamp".

use notation_rs::{
    TimestampError, TrustStores, Warning,
    chain::ChainError,
    envelope::Format,
    revocation::{Answer, Material},
    verify::{CheckError, Outcome, Verification},
};
use serde_json::{Value, json};
use verimage_crypto::{CryptoSet, rfc3161, x509::PathFault};

use crate::{
    EXPECTED, at,
    sign::{
        Cose, Draft, Jws, Key, Pki,
        certificate::{CERT_SIGN, CRL_SIGN, DIGITAL_SIGNATURE, KEY_USAGE, key_usage},
        der::{octets, oid, sequence, time},
        revocation::{ListDraft, distribution_points},
        token::{Attributes, CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE, SIGNING_TIME, STAMPER, TST_INFO, Token},
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

/// The same with what the token becomes.
fn stamped_with(make: impl FnOnce(&Token) -> Vec<u8>) -> Vec<u8> {
    let mut jws = Jws::new(KEY);
    jws.token = Some(make(&Token::new(&jws.signature())));
    jws.build()
}

/// A token whose attributes are signed as they are, whatever they are.
fn with_attributes(spoil: impl FnOnce(&mut Attributes)) -> Vec<u8> {
    stamped_with(|token| {
        let mut attributes = token.attributes();
        spoil(&mut attributes);
        token.with_signers(&[token.signer(&attributes)])
    })
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

/// Why the token itself does not verify.
#[track_caller]
fn token_error(bytes: &[u8]) -> rfc3161::TimestampError {
    match error(bytes) {
        TimestampError::Token(error) => error,
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
    // The chain ends with the first moment of 2030; whatever is later is after it.
    for (now, trusted) in [("2030-01-01T00:00:00Z", true), ("2030-01-01T00:00:00.000000001Z", false), ("2030-01-01T00:00:00.5Z", false)] {
        assert_eq!(verify_at(&statement, Format::Jws, &without, now).is_trusted(), trusted, "{now}");
        assert!(verify_at(&statement, Format::Jws, &stamped(|_| {}), now).is_trusted(), "{now}");
    }
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
fn row_2_signed_data_is_of_version_3() {
    for found in [1, 2, 4, 5] {
        let expected = rfc3161::TimestampError::Version { part: "signed data", found: found.into() };
        assert_eq!(token_error(&stamped(|token| token.data_version = found)), expected);
    }
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

/// Audit 2025, INFO-6: what is bound by signed attributes is bound once.
#[test]
fn row_5_attack_attributes_that_stand_twice() {
    let once = with_attributes(|attributes| attributes.push((SIGNING_TIME, vec![time("20250601000000Z")])));
    assert!(always(&once, NOW).is_trusted());
    for id in [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE, SIGNING_TIME] {
        let values = |attributes: &mut Attributes| {
            attributes.push((SIGNING_TIME, vec![time("20250601000000Z")]));
            attributes.iter().position(|(known, _)| *known == id).unwrap()
        };
        let twice = with_attributes(|attributes| {
            let at = values(attributes);
            attributes.push(attributes[at].clone());
        });
        let two_values = with_attributes(|attributes| {
            let at = values(attributes);
            let value = attributes[at].1[0].clone();
            attributes[at].1.push(value);
        });
        for bytes in [twice, two_values] {
            assert_eq!(token_error(&bytes), rfc3161::TimestampError::Attribute { id: id.parse().unwrap() });
        }
    }
}

#[test]
fn row_5_attack_attributes_that_are_absent() {
    for id in [CONTENT_TYPE, MESSAGE_DIGEST] {
        let bytes = with_attributes(|attributes| attributes.retain(|(known, _)| *known != id));
        assert_eq!(token_error(&bytes), rfc3161::TimestampError::Attribute { id: id.parse().unwrap() });
    }
}

#[test]
fn row_5_attack_the_content_type_of_something_else() {
    let data = "1.2.840.113549.1.7.1";
    let bytes = with_attributes(|attributes| attributes[0].1 = vec![oid(data)]);
    let (expected, found) = (TST_INFO.parse().unwrap(), data.parse().unwrap());
    assert_eq!(token_error(&bytes), rfc3161::TimestampError::ContentType { expected, found });
}

#[test]
fn row_5_attack_the_digest_of_something_else() {
    for digest in [octets(&[0; 32]), octets(&[]), time("20250601000000Z")] {
        let bytes = with_attributes(|attributes| attributes[1].1 = vec![digest]);
        assert_eq!(token_error(&bytes), rfc3161::TimestampError::MessageDigest);
    }
}

/// One good signer suffices; a bad one beside it does no harm, and two bad ones are none.
#[test]
fn row_5_any_one_signer_suffices() {
    let with = |order: &[bool]| {
        stamped_with(|token| {
            let good = token.signer(&token.attributes());
            let mut attributes = token.attributes();
            attributes[1].1 = vec![octets(&[0; 32])];
            let bad = token.signer(&attributes);
            token.with_signers(&order.iter().map(|is_good| if *is_good { good.clone() } else { bad.clone() }).collect::<Vec<_>>())
        })
    };
    for order in [&[true][..], &[true, false], &[false, true], &[false, false, false, true]] {
        assert!(always(&with(order), NOW).is_trusted(), "{order:?}");
    }
    assert_eq!(token_error(&with(&[false, false])), rfc3161::TimestampError::MessageDigest);
    assert_eq!(token_error(&with(&[])), rfc3161::TimestampError::Signers { found: 0 });
    assert_eq!(token_error(&with(&[true; 5])), rfc3161::TimestampError::Signers { found: 5 });
    // One that cannot even be read.
    let unread = stamped_with(|token| token.with_signers(&[sequence(&[]), token.signer(&token.attributes())]));
    assert!(always(&unread, NOW).is_trusted());
    let unread = stamped_with(|token| token.with_signers(&[sequence(&[]), sequence(&[])]));
    assert_eq!(token_error(&unread), rfc3161::TimestampError::Malformed { part: "signer info" });
}

#[test]
fn row_6_the_token_names_the_certificate() {
    let found = error(&stamped(|token| token.names_certificate = false));
    assert_eq!(found, TimestampError::Token(rfc3161::TimestampError::EssMissing));
}

/// The authority signed, as it says, when its certificate was not valid.
#[test]
fn row_7_the_signing_time_lies_in_the_validity_of_the_authority() {
    let signed_at = |text| {
        stamped_with(|token| {
            let mut token = token.clone();
            token.pki.leaf.validity = ("20250501000000Z", "20250602000000Z");
            let mut attributes = token.attributes();
            attributes.push((SIGNING_TIME, vec![time(text)]));
            token.with_signers(&[token.signer(&attributes)])
        })
    };
    let fault = |text| match token_error(&signed_at(text)) {
        rfc3161::TimestampError::Path(error) => error.fault().clone(),
        other => panic!("found {other:?}"),
    };
    assert!(always(&signed_at("20250501000000Z"), NOW).is_trusted() && always(&signed_at("20250602000000Z"), NOW).is_trusted());
    assert!(matches!(fault("20250430235959Z"), PathFault::NotYetValid { .. }));
    assert!(matches!(fault("20250602000001Z"), PathFault::Expired { .. }));
}

#[test]
fn sha1_is_refused_in_tokens() {
    const SHA1: &str = "1.3.14.3.2.26";
    const ECDSA_SHA1: &str = "1.2.840.10045.4.1";
    let refused = |oid: &str| rfc3161::TimestampError::Algorithm { oid: oid.parse().unwrap() };
    let digest = stamped(|token| token.digest = sequence(&[&oid(SHA1)]));
    assert_eq!(token_error(&digest), refused(SHA1));
    let signature = stamped(|token| token.algorithm = Some(sequence(&[&oid(ECDSA_SHA1)])));
    assert_eq!(token_error(&signature), refused(ECDSA_SHA1));
}

#[test]
fn row_8_the_chain_of_the_authority_follows_the_rules() {
    let found = error(&stamped(|token| token.pki = Pki::new(STAMPER)));
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
    let issuer = Pki::stamping(STAMPER).intermediate;
    let with = |list: ListDraft| {
        let mut material = Material::new();
        material.insert(request.clone(), Answer::Response { status: 200, body: list.der() });
        verify(&material)
    };
    assert!(with(ListDraft::new(&issuer)).is_allowed());
    let revoked = with(ListDraft::new(&issuer).revoke(1, "20250101000000Z", Vec::new()));
    assert!(matches!(revoked.failure(), Some(CheckError::Revoked { role: "timestamping", .. })));
}

/// What a revoked authority says, or one of which that is not known, is no time, even where its failure is only told.
#[test]
fn row_10_a_timestamp_that_failed_is_no_time() {
    let bytes = stamped(|token| token.pki.leaf = token.pki.leaf.clone().with(distribution_points(&["http://list.example/tsa"])));
    let mut members = with_store("always");
    members["signatureVerification"]["level"] = json!("permissive");
    let (statement, stores) = (statement(members), stores());
    let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto());
    let verify = |material: &Material| verification.verify(Format::Jws, &bytes, EXPECTED, at("2025-06-10T00:00:00Z"), material);
    let open = verify(&Material::new());
    assert!(open.timestamp.is_none() && open.is_allowed() && !open.is_final());
    let issuer = Pki::stamping(STAMPER).intermediate;
    for (list, expected) in
        [(ListDraft::new(&issuer), Some("2025-06-01T00:00:00Z")), (ListDraft::new(&issuer).revoke(1, "20250101000000Z", Vec::new()), None)]
    {
        let mut material = Material::new();
        material.insert(open.needed[0].clone(), Answer::Response { status: 200, body: list.der() });
        let outcome = verify(&material);
        assert!(outcome.is_allowed() && outcome.is_final());
        assert_eq!((outcome.timestamp.as_ref().map(|stamp| stamp.time), outcome.is_trusted()), (expected.map(at), expected.is_some()));
    }
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
