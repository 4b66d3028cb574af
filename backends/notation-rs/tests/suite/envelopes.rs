//! Section "Envelopes": forms and headers.

use notation_rs::{
    CborError, Label,
    envelope::{Envelope, EnvelopeError, Format, IntegrityError, SigningScheme},
};

use crate::{
    at, cose, jws, refused,
    sign::{
        Cose, Jws, Key,
        cose::{ALG, CTY, SIGNED, X5CHAIN, bytes, head, int, list, map, tag, text},
        jws::{AUTHENTIC, EXPIRY, PLUGIN, PLUGIN_VERSION, SCHEME, SIGNING_TIME, TIMESTAMP},
    },
};

const KEY: Key = Key::P256("leaf");

macro_rules! envelope {
    ($outcome:expr, $pattern:pat) => {
        refused!($outcome, IntegrityError::Envelope($pattern))
    };
}

fn good() -> Jws {
    Jws::new(KEY)
}

fn good_cose() -> Cose {
    Cose::new(KEY)
}

fn parse(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
    Envelope::parse(Format::Jws, bytes)
}

#[test]
fn what_is_signed_is_read() {
    let envelope = good()
        .set_critical(EXPIRY, r#""2025-12-01T00:00:00Z""#)
        .set("vendor.note", r#"{"a":[1,"b",null]}"#)
        .unsigned("io.cncf.notary.signingAgent", r#""tester/1""#)
        .unsigned("kid", r#""whatever""#);
    let verified = jws(&envelope).unwrap();
    let info = verified.signer_info();
    assert_eq!(info.signing_scheme, SigningScheme::X509);
    assert_eq!((info.signing_time, info.authentic_signing_time), (Some(at("2025-01-01T00:00:00Z")), None));
    assert_eq!(info.expiry, Some(at("2025-12-01T00:00:00Z")));
    assert_eq!(info.signing_agent.as_deref(), Some("tester/1"));
    assert_eq!(info.extended_attributes.len(), 1);
    assert_eq!((info.extended_attributes[0].label.clone(), info.extended_attributes[0].critical), (Label::from("vendor.note"), false));
    assert_eq!(verified.target().annotations["build"], "123");
    let verified = jws(&Jws::by_authority(KEY)).unwrap();
    assert_eq!(verified.signer_info().authentic_signing_time, Some(at("2025-01-01T00:00:00Z")));
}

#[test]
fn media_types_name_two_forms() {
    assert_eq!(Format::from_media_type("application/jose+json"), Ok(Format::Jws));
    assert_eq!(Format::from_media_type("application/cose"), Ok(Format::Cose));
    for other in ["application/jose", "application/JOSE+json", "application/cose; x=1", ""] {
        refused!(Format::from_media_type(other), EnvelopeError::Format { .. });
    }
}

#[test]
fn jws_has_four_members_and_no_other() {
    let more = |name: &str, json: &str| {
        let mut envelope = good();
        envelope.more.push((name.to_owned(), json.to_owned()));
        jws(&envelope)
    };
    for (name, json) in [("signatures", "[]"), ("x", "1"), ("Payload", r#""e30""#), ("", "1")] {
        envelope!(more(name, json), EnvelopeError::UnknownMember { .. });
    }
    for twice in ["payload", "protected", "signature"] {
        envelope!(more(twice, r#""e30""#), EnvelopeError::Json(_));
    }
    let text = String::from_utf8(good().build()).unwrap();
    for member in ["payload", "protected", "header", "signature"] {
        refused!(parse(text.replacen(&format!("{member:?}"), "\"p\"", 1).as_bytes()), EnvelopeError::UnknownMember { .. });
    }
    refused!(parse(br#"{"payload":"e30","protected":"e30","header":{}}"#), EnvelopeError::MissingMember { member: "signature", .. });
    refused!(parse(br#"{"payload":"","protected":"e30","header":{},"signature":"AA"}"#), EnvelopeError::MissingMember { .. });
    refused!(parse(br#"{"payload":"e30","protected":"e30","header":{},"signature":""}"#), EnvelopeError::MissingMember { .. });
}

#[test]
fn jws_is_not_compact_and_nothing_follows() {
    refused!(parse(b"e30.e30.AA"), EnvelopeError::Json(_));
    refused!(parse(&[&good().build()[..], b"{}"].concat()), EnvelopeError::Json(_));
    refused!(parse(b"[]"), EnvelopeError::Json(_));
    refused!(parse(b""), EnvelopeError::Json(_));
    refused!(parse(&vec![b' '; Envelope::MAX_SIZE + 1]), EnvelopeError::TooLarge { .. });
}

#[test]
fn base64url_has_one_form() {
    let text = String::from_utf8(good().build()).unwrap();
    let value = |member: &str| {
        let start = text.find(&format!("{member:?}:\"")).unwrap() + member.len() + 4;
        let end = start + text[start..].find('"').unwrap();
        (start, end)
    };
    for member in ["payload", "protected", "signature"] {
        let (start, end) = value(member);
        for (at, piece) in [(end, "="), (start + 4, "\\n"), (start + 4, "\\r"), (start + 4, " "), (start + 4, "+"), (start + 4, "/")] {
            let mut changed = text.clone();
            changed.insert_str(at, piece);
            assert!(parse(changed.as_bytes()).is_err(), "{member} {piece}");
        }
    }
    // The last character of 64 bytes has four bits to spare.
    let (_, end) = value("signature");
    let mut spare = text.clone();
    let last = char::from(text.as_bytes()[end - 1]);
    let next = if last == 'A' { "B" } else { "_" };
    spare.replace_range(end - 1..end, next);
    refused!(parse(spare.as_bytes()), EnvelopeError::Base64 { member: "signature" });
}

#[test]
fn certificates_are_in_padded_standard_base64() {
    let text = String::from_utf8(good().build()).unwrap();
    let start = text.find("\"x5c\":[\"").unwrap() + 8;
    for piece in ["\\n", " ", "-", "_"] {
        let mut changed = text.clone();
        changed.insert_str(start + 4, piece);
        refused!(parse(changed.as_bytes()), EnvelopeError::Base64 { member: "x5c" });
    }
    refused!(parse(text.replacen("\"x5c\"", "\"y\"", 1).as_bytes()), EnvelopeError::CertificateChainMissing);
    envelope!(jws(&good().chain(Vec::new())), EnvelopeError::CertificateChainMissing);
    envelope!(jws(&good().unsigned(TIMESTAMP, r#""a b""#)), EnvelopeError::Base64 { .. });
}

#[test]
fn headers_stand_once_in_one_case_and_one_place() {
    for name in ["alg", SCHEME, "vendor.note"] {
        envelope!(jws(&good().set("vendor.note", "1").add(name, r#""x""#)), EnvelopeError::Json(_));
    }
    envelope!(jws(&good().set("v", r#"{"a":1,"a":2}"#)), EnvelopeError::Json(_));
    for name in ["Alg", "CRIT", "ctY", "io.cncf.notary.SigningScheme", "IO.CNCF.NOTARY.EXPIRY", "B64"] {
        envelope!(jws(&good().set(name, r#""x""#)), EnvelopeError::CaseVariant { .. });
    }
    for name in ["X5C", "io.cncf.notary.timestampsignature"] {
        envelope!(jws(&good().unsigned(name, r#""x""#)), EnvelopeError::CaseVariant { .. });
    }
    for name in ["alg", "crit", SCHEME] {
        envelope!(jws(&good().unsigned(name, r#""ES256""#)), EnvelopeError::Disjoint { .. });
    }
    envelope!(jws(&good().unsigned("x5c", "[]")), EnvelopeError::Json(_));
}

#[test]
fn keys_come_from_the_unsigned_chain_only() {
    for name in ["jku", "jwk", "x5u", "kid", "x5c"] {
        let plain = jws(&good().set(name, r#""x""#));
        let critical = jws(&good().set_critical(name, r#""x""#));
        if name == "x5c" {
            envelope!(plain, EnvelopeError::Disjoint { .. });
        } else {
            assert!(plain.is_ok(), "{name}");
            envelope!(critical, EnvelopeError::UnknownCritical { .. });
        }
    }
    for value in ["true", "false"] {
        envelope!(jws(&good().set("b64", value)), EnvelopeError::Forbidden { .. });
        envelope!(jws(&good().set_critical("b64", value)), EnvelopeError::Forbidden { .. });
    }
}

#[test]
fn critical_headers_are_listed_known_and_there() {
    envelope!(jws(&good().unset("crit")), EnvelopeError::CriticalMissing);
    envelope!(jws(&good().set("crit", "[]")), EnvelopeError::CriticalMalformed);
    for wrong in ["null", "1", r#""x""#, "[1]", "{}"] {
        envelope!(jws(&good().set("crit", wrong)), EnvelopeError::CriticalMalformed);
    }
    envelope!(jws(&good().critical("absent")), EnvelopeError::CriticalNotPresent { .. });
    envelope!(jws(&good().critical(SCHEME)), EnvelopeError::CriticalTwice { .. });
    for name in ["alg", "cty", "crit"] {
        envelope!(jws(&good().critical(name)), EnvelopeError::CriticalForbidden { .. });
    }
    envelope!(jws(&good().set("crit", &format!("[{SIGNING_TIME:?}]"))), EnvelopeError::NotCritical { .. });
    envelope!(jws(&good().set(EXPIRY, r#""2026-01-01T00:00:00Z""#)), EnvelopeError::NotCritical { .. });
    envelope!(jws(&good().set(PLUGIN, r#""p""#)), EnvelopeError::NotCritical { .. });
    let authority = Jws::by_authority(KEY).set("crit", &format!("[{SCHEME:?}]"));
    envelope!(jws(&authority), EnvelopeError::NotCritical { .. });
    envelope!(jws(&good().set_critical("vendor.note", "1")), EnvelopeError::UnknownCritical { .. });
    assert!(jws(&good().critical(SIGNING_TIME)).is_ok());
}

#[test]
fn content_type_and_scheme_are_known() {
    envelope!(jws(&good().set("cty", r#""application/json""#)), EnvelopeError::ContentType { .. });
    envelope!(jws(&good().unset("cty")), EnvelopeError::MissingHeader { name: "cty" });
    envelope!(jws(&good().unset("alg")), EnvelopeError::MissingHeader { name: "alg" });
    envelope!(jws(&good().set("alg", "7")), EnvelopeError::Header { .. });
    envelope!(jws(&good().set(SCHEME, r#""notary.x509.x""#)), EnvelopeError::SigningScheme { .. });
    envelope!(jws(&good().set(SCHEME, "1")), EnvelopeError::Header { .. });
    let without = good().unset(SCHEME).set("crit", &format!("[{SIGNING_TIME:?}]"));
    envelope!(jws(&without), EnvelopeError::MissingHeader { .. });
}

#[test]
fn each_scheme_has_its_own_time() {
    envelope!(jws(&good().unset(SIGNING_TIME)), EnvelopeError::SigningTimeMissing);
    let both = good().set_critical(AUTHENTIC, r#""2025-01-01T00:00:00Z""#);
    envelope!(jws(&both), EnvelopeError::TimeOfOtherScheme { .. });
    let both = Jws::by_authority(KEY).set(SIGNING_TIME, r#""2025-01-01T00:00:00Z""#);
    envelope!(jws(&both), EnvelopeError::TimeOfOtherScheme { .. });
    let without = Jws::by_authority(KEY).unset(AUTHENTIC).set("crit", &format!("[{SCHEME:?}]"));
    envelope!(jws(&without), EnvelopeError::SigningTimeMissing);
    for wrong in ["1735689600", r#""2025-01-01""#, r#""2025-01-01T00:00:00""#, r#""2025-13-01T00:00:00Z""#, "null"] {
        envelope!(jws(&good().set(SIGNING_TIME, wrong)), EnvelopeError::Header { name: SIGNING_TIME, .. });
    }
}

#[test]
fn expiry_is_after_signing() {
    for early in ["2025-01-01T00:00:00Z", "2024-12-31T23:59:59Z", "2025-01-01T08:00:00+08:00"] {
        envelope!(jws(&good().set_critical(EXPIRY, &format!("{early:?}"))), EnvelopeError::Expiry);
        envelope!(jws(&Jws::by_authority(KEY).set_critical(EXPIRY, &format!("{early:?}"))), EnvelopeError::Expiry);
    }
    assert!(jws(&good().set_critical(EXPIRY, r#""2025-01-01T00:00:00.1Z""#)).is_ok());
}

#[test]
fn plugins_are_named_by_texts() {
    let plugin = |name: &str| good().set_critical(PLUGIN, name);
    for blank in [r#""""#, r#""  ""#] {
        envelope!(jws(&plugin(blank)), EnvelopeError::PluginAttributeEmpty { .. });
    }
    envelope!(jws(&plugin("1")), EnvelopeError::Header { .. });
    envelope!(jws(&plugin(r#""p""#).set_critical(PLUGIN_VERSION, r#""1""#)), EnvelopeError::PluginVersion { .. });
    envelope!(jws(&good().set_critical(PLUGIN_VERSION, r#""1.0.0""#)), EnvelopeError::PluginMissing);
    let named = jws(&plugin(r#""p""#).set_critical(PLUGIN_VERSION, r#""1.0.0""#).set_critical("vendor.note", "1")).unwrap();
    assert_eq!(named.signer_info().plugin.as_ref().unwrap().name, "p");
    assert_eq!(named.signer_info().unknown_critical_attributes().count(), 1);
}

#[test]
fn payloads_are_about_one_artifact() {
    for payload in ["{}", "[]", "x", r#"{"targetArtifact":{}}"#] {
        refused!(jws(&good().payload(payload)), IntegrityError::Payload(_));
    }
}

#[test]
fn a_changed_payload_or_header_is_not_signed() {
    let (one, other) = (good(), good().payload(&crate::sign::payload().replace("123", "124")));
    let (one, other) = (String::from_utf8(one.build()).unwrap(), String::from_utf8(other.build()).unwrap());
    let payload = |text: &str| text[12..12 + text[12..].find('"').unwrap()].to_owned();
    let swapped = one.replacen(&payload(&one), &payload(&other), 1);
    assert_ne!(swapped, one);
    let outcome = crate::integrity_with(Format::Jws, swapped.as_bytes(), notation_rs::envelope::PssSalt::AnyInJws);
    refused!(outcome, IntegrityError::Signature(_));
}

#[test]
fn cose_is_tagged_and_has_four_parts() {
    let envelope = good_cose();
    let protected = envelope.protected_bytes();
    let parse = |bytes: &[u8]| Envelope::parse(Format::Cose, bytes);
    assert!(parse(&envelope.build()).is_ok());
    refused!(parse(&envelope.untagged(&protected)), EnvelopeError::Structure { .. });
    refused!(parse(&tag(98, envelope.untagged(&protected))), EnvelopeError::Structure { .. });
    refused!(parse(&tag(18, tag(18, envelope.untagged(&protected)))), EnvelopeError::Structure { .. });
    refused!(parse(&[0xd8, 18, 0x84]), EnvelopeError::Structure { .. });
    refused!(parse(&[&envelope.build()[..], &[0]].concat()), EnvelopeError::Cbor(CborError::Trailing));
    refused!(parse(b"{}"), EnvelopeError::Structure { .. });
    refused!(parse(&[0xd2, 0x84]), EnvelopeError::Cbor(CborError::Truncated));
    let part = |at: usize, value: Vec<u8>| {
        let mut parts = [bytes(&protected), map(&[]), bytes(b"x"), bytes(b"y")];
        parts[at] = value;
        parse(&tag(18, list(&parts)))
    };
    refused!(part(2, vec![0xf6]), EnvelopeError::MissingMember { member: "payload", .. });
    refused!(part(2, bytes(b"")), EnvelopeError::MissingMember { .. });
    refused!(part(3, bytes(b"")), EnvelopeError::MissingMember { .. });
    refused!(part(3, text("x")), EnvelopeError::Header { .. });
    refused!(part(0, map(&[])), EnvelopeError::Structure { .. });
    refused!(part(1, list(&[])), EnvelopeError::Structure { .. });
}

#[test]
fn cose_headers_are_strict_cbor() {
    let envelope = good_cose();
    let of = |protected: &[u8]| crate::integrity_with(Format::Cose, &envelope.build_with(protected), Default::default());
    for empty in [&[][..], &[0xa0]] {
        envelope!(of(empty), EnvelopeError::MissingHeader { .. });
    }
    let good = envelope.protected_bytes();
    let indefinite = [&[0xbf][..], &good[1..], &[0xff]].concat();
    envelope!(of(&indefinite), EnvelopeError::Cbor(CborError::Indefinite));
    let members = |more: &[(Vec<u8>, Vec<u8>)]| {
        let pairs: Vec<u8> = more.iter().flat_map(|(label, value)| [label.as_slice(), value].concat()).collect();
        [&head(5, u64::from(good[0] & 0x1f) + more.len() as u64)[..], &good[1..], &pairs].concat()
    };
    envelope!(of(&members(&[(int(ALG), int(-7))])), EnvelopeError::Cbor(CborError::DuplicateLabel { .. }));
    envelope!(of(&members(&[(vec![0x18, 1], int(-7))])), EnvelopeError::Cbor(CborError::DuplicateLabel { .. }));
    envelope!(of(&members(&[(text("v"), [&[0x9f][..], &[0xff]].concat())])), EnvelopeError::Cbor(CborError::Indefinite));
    envelope!(of(&[&good[..], &[0]].concat()), EnvelopeError::Cbor(CborError::Trailing));
    envelope!(of(&members(&[(text("v"), [vec![0x81; 40], int(0)].concat())])), EnvelopeError::Cbor(CborError::Depth));
    envelope!(of(&members(&[(text("v"), vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])])), EnvelopeError::Cbor(_));
    // An integer that is longer than it need be is still that integer.
    assert!(of(&members(&[(int(99), vec![0x18, 1])])).is_ok());
    envelope!(of(&list(&[])), EnvelopeError::Structure { .. });
}

#[test]
fn cose_labels_are_in_one_place_and_tags_on_times_only() {
    envelope!(cose(&good_cose().unsigned(int(ALG), int(-7))), EnvelopeError::Disjoint { .. });
    envelope!(cose(&good_cose().set(int(99), tag(1, int(0)))), EnvelopeError::Tag { .. });
    envelope!(cose(&good_cose().unsigned(int(99), list(&[tag(2, bytes(b"x"))]))), EnvelopeError::Tag { .. });
    assert!(cose(&good_cose().set(int(99), text("x"))).is_ok());
    assert!(cose(&good_cose().unsigned(int(4), bytes(b"key"))).is_ok());
}

#[test]
fn cose_times_are_tagged_numbers() {
    for wrong in [
        int(SIGNED),
        tag(0, text("2025-01-01T00:00:00Z")),
        tag(1, text("2025-01-01T00:00:00Z")),
        tag(1, tag(1, int(SIGNED))),
        tag(1, vec![0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
        tag(1, [&[0xfb][..], &1.5_f64.to_be_bytes()].concat()),
        text("2025-01-01T00:00:00Z"),
    ] {
        envelope!(cose(&good_cose().set(text(SIGNING_TIME), wrong.clone())), EnvelopeError::Header { name: SIGNING_TIME, .. });
        envelope!(cose(&good_cose().set_critical(text(EXPIRY), wrong)), EnvelopeError::Header { name: EXPIRY, .. });
    }
    let float = tag(1, [&[0xfb][..], &(SIGNED as f64).to_be_bytes()].concat());
    assert!(cose(&good_cose().set(text(SIGNING_TIME), float)).is_ok());
    envelope!(cose(&good_cose().set_critical(text(EXPIRY), tag(1, int(SIGNED)))), EnvelopeError::Expiry);
    assert!(cose(&good_cose().set_critical(text(EXPIRY), tag(1, int(SIGNED + 1)))).is_ok());
}

#[test]
fn cose_headers_have_their_types() {
    envelope!(cose(&good_cose().set(int(ALG), text("ES256"))), EnvelopeError::Header { .. });
    envelope!(cose(&good_cose().set(int(CTY), int(50))), EnvelopeError::Header { .. });
    envelope!(cose(&good_cose().unset(&int(CTY))), EnvelopeError::MissingHeader { .. });
    envelope!(cose(&good_cose().set(text(SCHEME), int(1))), EnvelopeError::Header { .. });
    let mut none = good_cose();
    none.critical.clear();
    envelope!(cose(&none), EnvelopeError::CriticalMissing);
    for number in 0..=8 {
        let mut listed = good_cose();
        listed.critical.push(int(number));
        envelope!(cose(&listed), EnvelopeError::CriticalForbidden { .. });
    }
    let mut absent = good_cose();
    absent.critical.push(int(99));
    envelope!(cose(&absent), EnvelopeError::CriticalNotPresent { .. });
    envelope!(cose(&good_cose().set_critical(int(99), int(0))), EnvelopeError::UnknownCritical { .. });
    envelope!(cose(&good_cose().set_critical(text("vendor.note"), int(0))), EnvelopeError::UnknownCritical { .. });
    let mut wrong = good_cose();
    wrong.critical.push(bytes(b"x"));
    envelope!(cose(&wrong), EnvelopeError::CriticalMalformed);
    envelope!(cose(&good_cose().unsigned(text(TIMESTAMP), text("x"))), EnvelopeError::Header { .. });
}

#[test]
fn cose_chains_are_unsigned_lists() {
    let chain = good_cose().chain;
    let without = good_cose().chain(Vec::new());
    envelope!(cose(&without), EnvelopeError::CertificateChainMissing);
    envelope!(cose(&without.clone().unsigned(int(X5CHAIN), bytes(&chain[0]))), EnvelopeError::Header { .. });
    let many = good_cose().chain(vec![chain[0].clone(); Envelope::MAX_CERTIFICATES + 1]);
    envelope!(cose(&many), EnvelopeError::TooManyCertificates { found: 11, limit: 10 });
    let signed = without.set(int(X5CHAIN), list(&chain.iter().map(|der| bytes(der)).collect::<Vec<_>>()));
    envelope!(cose(&signed), EnvelopeError::CertificateChainMissing);
}
