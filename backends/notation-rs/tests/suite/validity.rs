//! Section "Certificate chain rules", row 15: every certificate of a chain is valid at the instant that counts, not the leaf alone.

use notation_rs::{
    StoreType, TimestampError, TrustStores,
    chain::ValidityError,
    envelope::Format,
    revocation::Material,
    verify::{CheckError, Outcome, Verification},
};
use serde_json::json;
use verimage_crypto::{
    CryptoSet, rfc3161,
    x509::{PathError, PathFault},
};

use crate::{
    EXPECTED, NOW, at,
    sign::{Draft, Jws, Key, Pki, certificate::ROOT, token::Token},
    statement,
};

const KEY: Key = Key::P256("leaf");
const FROM: &str = "20240101000000Z";
const UNTIL: &str = "20300101000000Z";

/// One certificate of a chain, and its name.
type Place = (&'static str, fn(&mut Pki) -> &mut Draft);
const PLACES: [Place; 3] = [("leaf", |pki| &mut pki.leaf), ("intermediate", |pki| &mut pki.intermediate), ("root", |pki| &mut pki.root)];

/// Verified with the roots of both chains, whatever their validity.
fn verify(jws: &Jws, signing: &Pki, stamping: &Pki, stores: &[&str]) -> Outcome {
    let store = |kind, pki: &Pki| crate::store(kind, &[pki.root.der(ROOT)]);
    let kinds = [(StoreType::Ca, signing), (StoreType::SigningAuthority, signing), (StoreType::Tsa, stamping)];
    let trusted: TrustStores = kinds.into_iter().map(|(kind, pki)| store(kind, pki)).collect();
    let statement = statement(json!({"trustStores": stores}));
    let outcomes = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()]
        .map(|set| Verification::new(&statement, &trusted, set).verify(Format::Jws, &jws.build(), EXPECTED, at(NOW), &Material::new()));
    assert_eq!(outcomes[0].checks, outcomes[1].checks);
    outcomes.into_iter().next().unwrap()
}

fn spoilt(mut pki: Pki, place: Place, validity: (&'static str, &'static str)) -> Pki {
    place.1(&mut pki).validity = validity;
    pki
}

/// Whether it is this certificate that ends too early, or begins too late.
#[track_caller]
fn assert_names(error: &ValidityError, place: Place, early: bool) {
    let (subject, is_early) = match error {
        ValidityError::Expired { subject, .. } => (subject, false),
        ValidityError::NotYetValid { subject, .. } => (subject, true),
        other => panic!("found {other:?}"),
    };
    assert!(subject.contains(&format!("CN={}", place.0)) && is_early == early, "{error}");
}

#[test]
fn row_15_x509_without_timestamp_now() {
    let verify = |pki: &Pki| verify(&Jws::new(KEY).chain(pki.chain()), pki, &Pki::stamping(KEY), &["ca:test"]);
    for place in PLACES {
        for (validity, early) in [((FROM, "20250531235959Z"), false), (("20250601000001Z", UNTIL), true)] {
            match verify(&spoilt(Pki::new(KEY), place, validity)).failure() {
                Some(CheckError::NotValidNow(error)) => assert_names(error, place, early),
                other => panic!("{}: found {other:?}", place.0),
            }
        }
        assert!(verify(&spoilt(Pki::new(KEY), place, ("20250601000000Z", "20250601000000Z"))).is_trusted());
    }
}

/// Stamped at 2025-06-01T00:00:00Z, five seconds more or less.
fn stamped(signing: &Pki, stamping: Option<Pki>) -> Outcome {
    let mut jws = Jws::new(KEY).chain(signing.chain());
    let mut token = Token::new(&jws.signature());
    token.accuracy = Some(5);
    token.pki = stamping.unwrap_or(token.pki);
    jws.token = Some(token.der());
    verify(&jws, signing, &token.pki, &["ca:test", "tsa:test"])
}

#[test]
fn row_15_x509_with_timestamp_the_whole_interval() {
    for place in PLACES {
        for (validity, early) in [((FROM, "20250601000004Z"), false), (("20250531235956Z", UNTIL), true)] {
            match stamped(&spoilt(Pki::new(KEY), place, validity), None).failure() {
                Some(CheckError::Timestamp(TimestampError::Outside(error))) => assert_names(error, place, early),
                other => panic!("{}: found {other:?}", place.0),
            }
        }
        assert!(stamped(&spoilt(Pki::new(KEY), place, ("20250531235955Z", "20250601000005Z")), None).is_trusted());
    }
}

#[test]
fn row_15_signing_authority_the_time_that_it_attests() {
    let verify = |pki: &Pki| verify(&Jws::by_authority(KEY).chain(pki.chain()), pki, &Pki::stamping(KEY), &["signingAuthority:test"]);
    for place in PLACES {
        for (validity, early) in [((FROM, "20241231235959Z"), false), (("20250101000001Z", UNTIL), true)] {
            match verify(&spoilt(Pki::new(KEY), place, validity)).failure() {
                Some(CheckError::NotValidWhenSigned { error, .. }) => assert_names(error, place, early),
                other => panic!("{}: found {other:?}", place.0),
            }
        }
        assert!(verify(&spoilt(Pki::new(KEY), place, ("20250101000000Z", "20250101000000Z"))).is_trusted());
    }
}

/// What the path of a token fails with.
#[track_caller]
fn path_fault(outcome: &Outcome) -> PathFault {
    match outcome.failure() {
        Some(CheckError::Timestamp(TimestampError::Token(rfc3161::TimestampError::Path(error)))) => PathError::fault(error).clone(),
        other => panic!("found {other:?}"),
    }
}

#[test]
fn row_15_chain_of_the_timestamp_authority_the_stamped_time() {
    let stamping = |place, validity| Some(spoilt(Pki::stamping(crate::sign::token::STAMPER), place, validity));
    let signing = Pki::new(KEY);
    for place in PLACES {
        let expired = path_fault(&stamped(&signing, stamping(place, (FROM, "20250531235959Z"))));
        assert!(matches!(expired, PathFault::Expired { .. }), "{}: {expired:?}", place.0);
        let early = path_fault(&stamped(&signing, stamping(place, ("20250601000001Z", UNTIL))));
        assert!(matches!(early, PathFault::NotYetValid { .. }), "{}: {early:?}", place.0);
        assert!(stamped(&signing, stamping(place, ("20250601000000Z", "20250601000000Z"))).is_trusted());
    }
}
