//! Section "Attacks, advisories, audit findings": the rows that a pure crate can stop, each by its name. Rows about registries,
//! caches, credentials and unpacking belong to the crates that do those things.

use notation_rs::{
    CborError, DistinguishedName, DnError, StoreName, TimestampError, Warning,
    chain::ChainError,
    envelope::{Envelope, EnvelopeError, Format, IntegrityError, PssSalt},
    manifest::{ManifestError, SignatureManifest},
    trust_policy::OciDocument,
    verify::{CheckError, CheckKind},
};
use serde_json::json;
use verimage_crypto::rfc3161;

use crate::{
    NOW, cose, jws, refused,
    sign::{
        Cose, DIGEST, Draft, Jws, Key, Pki,
        certificate::{ROOT, TIME_STAMPING, key_usage, purposes},
        cose::{SIGNED, int, list, map, tag, text},
        jws::{AUTHENTIC, EXPIRY, SIGNING_TIME},
        payload,
        token::Token,
    },
    statement, strict, verify, verify_at,
};

const KEY: Key = Key::P256("leaf");

/// CVE-2023-33959: a registry answers with another artifact that has good signatures.
#[test]
fn another_artifact_with_a_good_signature() {
    let other = format!("sha256:{}", "0".repeat(64));
    let outcome = verify(&strict(), &Jws::new(KEY).payload(&payload().replace(DIGEST, &other)).build());
    assert!(matches!(outcome.failure(), Some(CheckError::TargetMismatch { member: "digest", .. })));
}

/// CVE-2023-25656: a value in hexadecimal made the parser allocate without bound.
#[test]
fn names_with_values_in_hexadecimal() {
    refused!(DistinguishedName::parse("C=US, ST=WA, O=#1c84ffffffff"), DnError::HexValue { .. });
    refused!(DistinguishedName::parse(&"C=US,".repeat(1 << 16)), DnError::TooLong { .. });
}

/// CVE-2024-23332: under permissive levels an old signature passes, and the outcome says that nobody should trust it.
#[test]
fn rollback_under_permissive_levels_is_not_trusted() {
    let bytes = Jws::new(KEY).set_critical(EXPIRY, r#""2025-02-01T00:00:00Z""#).build();
    for level in ["permissive", "audit"] {
        let outcome = verify(&statement(json!({"signatureVerification": {"level": level}})), &bytes);
        assert!(outcome.is_allowed() && !outcome.is_trusted(), "{level}");
    }
    assert!(!verify(&strict(), &bytes).is_allowed());
}

/// Audit 2025, INFO-4 and INFO-7: nothing of a token counts before its signature does.
#[test]
fn a_token_that_is_not_signed_gives_no_time() {
    let mut envelope = Jws::new(KEY);
    let mut token = Token::new(&envelope.signature());
    token.pki.leaf.key = Key::P256("other");
    let mut der = token.der();
    let last = der.len() - 1;
    der[last] ^= 1;
    envelope.token = Some(der);
    let statement = statement(json!({"trustStores": ["ca:test", "tsa:test"]}));
    let outcome = verify(&statement, &envelope.build());
    assert!(outcome.timestamp.is_none());
    assert!(matches!(outcome.failure(), Some(CheckError::Timestamp(TimestampError::Token(rfc3161::TimestampError::Signature(_))))));
}

/// Audit 2025, INFO-9: certificates that say nowhere where to ask.
#[test]
fn certificates_without_a_revocation_source_are_told() {
    let outcome = verify(&strict(), &Jws::new(KEY).build());
    assert_eq!(outcome.warnings.iter().filter(|warning| matches!(warning, Warning::NoRevocationSource { .. })).count(), 2);
}

/// A signature by nobody, or by a key that everybody has.
#[test]
fn algorithm_confusion() {
    for header in ["none", "HS256", "RS256"] {
        let outcome = jws(&Jws::new(KEY).set("alg", &format!("{header:?}")));
        refused!(outcome, IntegrityError::Envelope(EnvelopeError::Algorithm { .. }));
    }
    refused!(jws(&Jws::new(Key::Rsa(2048)).set("alg", r#""ES256""#)), IntegrityError::AlgorithmMismatch { .. });
}

#[test]
fn header_smuggling() {
    let signed = Jws::new(KEY);
    for smuggled in [
        signed.clone().add("alg", r#""PS256""#),
        signed.clone().set("Alg", r#""PS256""#),
        signed.clone().unsigned("alg", r#""PS256""#),
        signed.clone().set("b64", "false"),
        signed.clone().set_critical("b64", "false"),
        signed.clone().set_critical("exp", "1"),
        signed.payload(&payload().replace("\"targetArtifact\"", r#""TARGETARTIFACT":{"digest":"x"},"targetArtifact""#)),
    ] {
        assert!(jws(&smuggled).is_err(), "{:?}", smuggled.protected);
    }
}

/// A chain that anybody can make, with the trusted root as decoration.
#[test]
fn a_foreign_chain_with_the_trusted_root_behind_it() {
    let own_root = Key::P256("own root");
    let leaf = Draft::leaf("own root", KEY).der(own_root);
    let root = Draft::authority("own root", "own root", own_root).der(own_root);
    let trusted = Pki::new(KEY).root.der(ROOT);
    for chain in [vec![leaf.clone(), root.clone(), trusted.clone()], vec![leaf.clone(), trusted.clone(), root], vec![leaf, trusted]] {
        refused!(jws(&Jws::new(KEY).chain(chain)), IntegrityError::Chain(_));
    }
}

/// A leaf that is pinned in a trust store, added to the chain of an attacker.
#[test]
fn a_trusted_leaf_as_decoy() {
    let pinned_key = Key::P256("pinned");
    let pinned = Draft::new("pinned", "pinned", pinned_key).with(key_usage(true, 0x80)).der(pinned_key);
    let own = Draft::new("leaf", "leaf", KEY).with(key_usage(true, 0x80)).der(KEY);
    refused!(jws(&Jws::new(KEY).chain(vec![own.clone(), pinned.clone()])), IntegrityError::Chain(ChainError::NotIssued { .. }));
    refused!(jws(&Jws::new(KEY).chain(vec![pinned.clone(), own])), IntegrityError::Signature(_));
    // It names the pinned certificate as its issuer, which never signed it.
    let forged = Draft::new("leaf", "pinned", KEY).with(key_usage(true, 0x80)).der(Key::P256("foreign"));
    refused!(jws(&Jws::new(KEY).chain(vec![forged, pinned])), IntegrityError::Chain(ChainError::NotIssued { .. }));
}

/// A signer with a certificate of an authority that vouches for its own time.
#[test]
fn signing_authority_masquerade() {
    let bytes = Jws::by_authority(KEY).build();
    let outcome = verify(&statement(json!({"trustStores": ["ca:test"]})), &bytes);
    assert_eq!(outcome.failure(), Some(&CheckError::NoTrustedCertificates));
    let outcome = verify(&statement(json!({"trustStores": ["signingAuthority:test"]})), &Jws::new(KEY).build());
    assert_eq!(outcome.failure(), Some(&CheckError::NoTrustedCertificates));
}

#[test]
fn time_games() {
    refused!(jws(&Jws::new(KEY).set_critical(EXPIRY, r#""2025-01-01T00:00:00Z""#)), IntegrityError::Envelope(EnvelopeError::Expiry));
    refused!(
        jws(&Jws::new(KEY).set_critical(AUTHENTIC, r#""2025-01-01T00:00:00Z""#)),
        IntegrityError::Envelope(EnvelopeError::TimeOfOtherScheme { .. })
    );
    for time in [int(SIGNED), tag(0, text("2025-01-01T00:00:00Z"))] {
        refused!(cose(&Cose::new(KEY).set(text(SIGNING_TIME), time)), IntegrityError::Envelope(EnvelopeError::Header { .. }));
    }
    let future = Jws::new(KEY).set(SIGNING_TIME, r#""2029-01-01T00:00:00Z""#).build();
    assert!(matches!(verify(&strict(), &future).failure(), Some(CheckError::FromTheFuture { .. })));
}

#[test]
fn timestamp_swap() {
    let statement = statement(json!({"trustStores": ["ca:test", "tsa:test"]}));
    let other = Jws::new(KEY).set(SIGNING_TIME, r#""2025-01-02T00:00:00Z""#);
    for message in [other.signature(), payload().into_bytes()] {
        let mut envelope = Jws::new(KEY);
        envelope.token = Some(Token::new(&message).der());
        let outcome = verify(&statement, &envelope.build());
        assert!(matches!(outcome.failure(), Some(CheckError::Timestamp(TimestampError::Token(rfc3161::TimestampError::Imprint { .. })))));
    }
}

/// A signature binds a digest, not a name; the scope of a statement is what keeps repositories apart.
#[test]
fn replay_across_repositories_is_a_matter_of_scopes() {
    let scoped = json!({"version": "1.0", "trustPolicies": [{"name": "a", "registryScopes": ["registry.example/a"],
        "signatureVerification": {"level": "strict"}, "trustStores": ["ca:test"], "trustedIdentities": ["*"]}]});
    let document = OciDocument::parse(scoped.to_string().as_bytes()).unwrap();
    assert!(document.select(&format!("registry.example/a@{DIGEST}")).is_ok());
    assert!(document.select(&format!("registry.example/b@{DIGEST}")).is_err());
}

#[test]
fn trust_stores_that_lead_elsewhere() {
    assert!(StoreName::new("..").is_err());
}

#[test]
fn manifests_without_one_envelope() {
    let manifest = |layers: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.cncf.notary.signature",
            "config":{{"mediaType":"application/vnd.oci.empty.v1+json"}},"layers":{layers},
            "subject":{{"mediaType":"a","digest":"{DIGEST}","size":1}}}}"#
        )
    };
    refused!(SignatureManifest::parse(manifest("[]").as_bytes()), ManifestError::Count { found: 0 });
    refused!(SignatureManifest::parse(manifest("[{},{}]").as_bytes()), ManifestError::Count { found: 2 });
    refused!(SignatureManifest::parse(manifest("null").as_bytes()), ManifestError::Member { .. });
}

/// A compressed envelope is no envelope.
#[test]
fn nothing_is_decompressed() {
    refused!(Envelope::parse(Format::Jws, &[0x1f, 0x8b, 8, 0]), EnvelopeError::Json(_));
}

/// Nested values, lengths that promise too much, strings in pieces: refused at once.
#[test]
fn cbor_bombs() {
    let read = |bytes: &[u8]| Envelope::parse(Format::Cose, bytes).map(drop);
    let bombs = [
        ([&[0xd2, 0x84][..], &vec![0x81; 1 << 22]].concat(), CborError::Depth),
        ([&[0xd2, 0x84, 0x5b][..], &[0xff; 8]].concat(), CborError::Truncated),
        ([&[0xd2, 0x84, 0x9b][..], &[0x7f; 8]].concat(), CborError::Truncated),
        ([&[0xd2, 0x84, 0x5f][..], &[0x40; 1 << 20], &[0xff]].concat(), CborError::Indefinite),
    ];
    for (bomb, expected) in bombs {
        refused!(read(&bomb), EnvelopeError::Cbor(found) if found == expected);
    }
}

/// Whole envelopes with nothing wrong but how much is in them.
#[test]
fn cbor_bombs_that_are_whole() {
    let read = |bytes: &[u8]| Envelope::parse(Format::Cose, bytes).map(drop);
    let numbers = |count: i64| list(&vec![int(0); count as usize]);
    let labels = |count: i64| map(&(0..count).map(|label| (int(label), int(0))).collect::<Vec<_>>());
    let good = Cose::new(KEY);
    for value in [numbers(65_000), labels(32_000)] {
        assert!(read(&good.clone().unsigned(int(99), value.clone()).build()).is_ok());
        assert!(read(&good.clone().set(int(99), value).build()).is_ok());
    }
    for value in [numbers(66_000), numbers(1 << 20), labels(33_000), labels(1 << 20)] {
        refused!(read(&good.clone().unsigned(int(99), value.clone()).build()), EnvelopeError::Cbor(CborError::TooMany));
        refused!(read(&good.clone().set(int(99), value).build()), EnvelopeError::Cbor(CborError::TooMany));
    }
}

/// The same in JSON.
#[test]
fn json_bombs() {
    let read = |text: String| Envelope::parse(Format::Jws, text.as_bytes()).map(drop);
    let with = |value: &str| String::from_utf8(Jws::new(KEY).unsigned("note", value).build()).unwrap();
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let numbers = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    for good in [nested(10), numbers(65_000)] {
        assert!(read(with(&good)).is_ok());
    }
    for (bomb, why) in [
        ("[".repeat(1 << 22), "more than 16 levels deep"),
        (with(&nested(100)), "more than 16 levels deep"),
        (with(&numbers(66_000)), "more than 65536 values"),
        (with(&numbers(1 << 20)), "more than 65536 values"),
    ] {
        refused!(read(bomb), EnvelopeError::Json(found) if found.to_string().contains(why));
    }
    refused!(read(format!(r#"{{"x5c":"{}"}}"#, "A".repeat(1 << 24))), EnvelopeError::UnknownMember { .. });
}

/// A certificate for timestamps does not sign artifacts, and the other way around.
#[test]
fn certificates_for_another_purpose() {
    let mut pki = Pki::new(KEY);
    pki.leaf = pki.leaf.with(purposes(true, &[TIME_STAMPING]));
    refused!(jws(&Jws::new(KEY).chain(pki.chain())), IntegrityError::Chain(ChainError::ForeignPurpose { .. }));
}

/// Under audit, anybody's signature passes; it is never trusted, and what is enforced is still enforced.
#[test]
fn audit_is_not_trust() {
    let own = Draft::new("leaf", "leaf", KEY).with(key_usage(true, 0x80)).der(KEY);
    let audit = statement(json!({"signatureVerification": {"level": "audit"}}));
    let outcome = verify_at(&audit, Format::Jws, &Jws::new(KEY).chain(vec![own]).build(), NOW);
    assert!(outcome.is_allowed() && !outcome.is_trusted());
    assert!(outcome.failures().all(|(check, _)| check.kind != CheckKind::TargetArtifact));
}

/// Whatever byte of an envelope is changed, it is refused: nothing in it is not bound by a signature or by the form.
#[test]
fn no_byte_can_be_changed() {
    let set = verimage_crypto::CryptoSet::rustcrypto();
    for (format, good) in [(Format::Jws, Jws::new(KEY).build()), (Format::Cose, Cose::new(KEY).build())] {
        let accepts =
            |bytes: &[u8]| Envelope::parse(format, bytes).is_ok_and(|envelope| envelope.verify_integrity(&set, PssSalt::AnyInJws).is_ok());
        assert!(accepts(&good));
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1 << (at % 7);
            assert!(!accepts(&changed), "{format}: byte {at} of {}", good.len());
            assert!(!accepts(&good[..at]), "{format}: cut at {at}");
        }
    }
}
