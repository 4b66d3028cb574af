//! Refusals that no tool can be made to provoke, each with its code.

use crate::sign::{
    Key, Padding, Pki,
    certificate::Draft,
    cose::{ALG, int},
    der::{oid, sequence},
    jws::PLUGIN,
};
use crate::world::{COSE, JWS, KEY, World, cose, jws};

#[test]
fn good_envelopes_pass_in_both_forms() {
    World::new().attach(JWS, &jws().build()).accepts();
    for key in [KEY, Key::Rsa(2048)] {
        World::new().attach(COSE, &cose(key).build()).accepts();
    }
}

#[test]
fn certificates_signed_with_sha1_are_untrusted() {
    let sha1 = |draft: &mut Draft| draft.algorithm = Some(sequence(&[&oid("1.2.840.10045.4.1")]));
    let places: [fn(&mut Pki) -> &mut Draft; 3] = [|pki| &mut pki.leaf, |pki| &mut pki.intermediate, |pki| &mut pki.root];
    for place in places {
        let mut pki = Pki::new(KEY);
        sha1(place(&mut pki));
        World::new().attach(JWS, &jws().chain(pki.chain()).build()).denies("certificate-untrusted");
        World::new().attach(COSE, &cose(KEY).chain(pki.chain()).build()).denies("certificate-untrusted");
    }
}

#[test]
fn cbor_of_indefinite_length_is_malformed() {
    let envelope = cose(KEY);
    let headers = envelope.protected_bytes();
    let open = [&[0xbf][..], &headers[1..], &[0xff]].concat();
    World::new().attach(COSE, &envelope.build_with(&open)).denies("payload-malformed");
    let whole = envelope.untagged(&headers);
    World::new().attach(COSE, &[&[0xd2, 0x9f][..], &whole[1..], &[0xff]].concat()).denies("payload-malformed");
}

#[test]
fn cose_by_another_padding_or_algorithm_is_invalid() {
    for bits in [2048, 3072, 4096] {
        World::new().attach(COSE, &cose(Key::Rsa(bits)).padding(Padding::Pkcs1).build()).denies("signature-invalid");
    }
    for (key, wrong) in [(KEY, -35), (KEY, -37), (Key::Rsa(2048), -39), (Key::Rsa(2048), -7), (Key::P384("leaf"), -7)] {
        World::new().attach(COSE, &cose(key).set(int(ALG), int(wrong)).build()).denies("signature-invalid");
    }
    // RS256 is no algorithm of envelopes at all.
    World::new().attach(COSE, &cose(Key::Rsa(2048)).set(int(ALG), int(-257)).build()).denies("payload-malformed");
}

#[test]
fn nothing_is_decompressed() {
    let (envelope, other) = (jws().build(), cose(KEY).build());
    World::new().attach(JWS, &gzip(&envelope)).denies("payload-malformed");
    World::new().attach(COSE, &gzip(&other)).denies("payload-malformed");
    World::new().attach("application/jose+json+gzip", &gzip(&envelope)).denies("payload-malformed");
}

/// RFC 1952, with one block that is stored as it is (RFC 1951, section 3.2.4).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let table = |byte: u32| (0..8).fold(byte, |value, _| if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 });
    let sum = !bytes.iter().fold(!0_u32, |sum, byte| table((sum ^ u32::from(*byte)) & 0xff) ^ (sum >> 8));
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    [&head[..], &lengths, bytes, &sum.to_le_bytes(), &u32::from(length).to_le_bytes()].concat()
}

/// Names stand in signatures of anybody: verdicts hold little of them, and nothing that a terminal obeys.
#[test]
fn names_of_plugins_are_told_short_and_escaped() {
    let name = format!(r#""\u001b[31m{}""#, "x".repeat(1 << 16));
    let world = World::new().attach(JWS, &jws().set_critical(PLUGIN, &name).build());
    world.denies("plugin-required");
    let verdict = world.judge();
    for text in [&verdict.message, verdict.reports[0].detail.as_ref().unwrap()] {
        assert!(text.contains(r"\u{1b}[31mxxx") && !text.contains('\u{1b}') && text.len() < 600, "{text}");
    }
}
