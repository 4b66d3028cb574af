//! The table of attacks of the specification, section 8: one test a row, each beside what it must not break.

use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureType, SubpacketData};
use verimage_core::{Code, Digest};

use crate::leaf::{Place, judge, judge_identity, stores};
use crate::signer::*;

const CONTENT: &[u8] = b"content";

fn outcome(message: &[u8]) -> Result<Vec<u8>, Code> {
    verify(&file_of(alice()), message, NOW).map(|signed| signed.content)
}

/// The code of an image whose lookaside holds these files; nothing if it is allowed.
fn image(files: &[Vec<u8>]) -> Option<Code> {
    judge(&file_of(alice()), &Place::lookaside(files))
}

fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

fn good_payload() -> Vec<u8> {
    payload(&manifest(), "registry.example/team/app:1.0")
}

fn good() -> Vec<u8> {
    signed_message(alice(), &good_payload())
}

#[test]
fn cve_2024_3727_digests_that_are_paths() {
    let text = String::from_utf8(good_payload()).unwrap().replace(&manifest().to_string(), "sha256:../..");
    assert_eq!(image(&[signed_message(alice(), text.as_bytes())]), Some(Code::PayloadMalformed));
    assert_eq!(image(&[good()]), None);
}

#[test]
fn cve_2020_1702_endless_bodies() {
    let bomb = zipped(&zipped(&literal(&vec![b'x'; 2 << 20])));
    assert_eq!(outcome(&bomb), Err(Code::LimitExceeded));
    assert_eq!(outcome(&literal(&vec![b'x'; 2 << 20])), Err(Code::LimitExceeded));
    let deep = (0..40).fold(signed_message(alice(), CONTENT), |message, _| zipped(&message));
    assert_eq!(outcome(&deep), Err(Code::PayloadMalformed));
    assert_eq!(outcome(&zipped(&zipped(&signed_message(alice(), CONTENT)))), Ok(CONTENT.to_vec()));
}

/// Bodies that are two kinds of manifest at once are refused where manifests are read.
#[test]
fn cve_2021_41190_bodies_of_two_kinds() {
    let both = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"layers":[],"config":{}}"#;
    assert!(verimage_core::manifest::Manifest::parse(both).is_err());
}

/// The digest that is judged is the one that was resolved, once.
#[test]
fn cve_2022_47633_cve_2023_33959_another_digest_than_runs() {
    let other = signed_message(alice(), &payload(&Digest::sha256(b"what runs"), "registry.example/team/app:1.0"));
    assert_eq!(image(&[other]), Some(Code::SubjectMismatch));
}

#[test]
fn cve_2025_47934_content_beside_the_signed_one() {
    let good = signed_message(alice(), CONTENT);
    let (announced, signed) = (announcement(&signature(alice(), CONTENT)), written(2, &signature(alice(), CONTENT)));
    for message in [
        [good.clone(), literal(b"evil")].concat(),
        [good.clone(), good.clone()].concat(),
        [announced.clone(), literal(b"evil"), literal(CONTENT), signed.clone()].concat(),
        [announced.clone(), literal(CONTENT), literal(b"evil"), signed.clone()].concat(),
        [announced, zipped(&literal(CONTENT)), signed].concat(),
        zipped(&[good.clone(), literal(b"evil")].concat()),
    ] {
        assert_eq!(outcome(&message), Err(Code::PayloadMalformed));
    }
    assert_eq!(outcome(&good), Ok(CONTENT.to_vec()));
}

#[test]
fn cve_2006_0049_unsigned_bytes_around_the_message() {
    let good = signed_message(alice(), CONTENT);
    for message in [
        [literal(b"evil"), good.clone()].concat(),
        [good.clone(), b"evil".to_vec()].concat(),
        [good.clone(), vec![0]].concat(),
        [zipped(&good), b"evil".to_vec()].concat(),
        zipped(&[good.clone(), b"evil".to_vec()].concat()),
        [packet_of(10, b"PGP"), good.clone()].concat(),
    ] {
        assert_eq!(outcome(&message), Err(Code::PayloadMalformed));
    }
}

#[test]
fn cve_2006_0455_no_signature_is_no_success() {
    let signature = signature(alice(), CONTENT);
    for message in
        [literal(CONTENT), [announcement(&signature), literal(CONTENT)].concat(), written(2, &signature), Vec::new(), zipped(b"")]
    {
        assert_eq!(outcome(&message), Err(Code::PayloadMalformed));
    }
}

/// Names in the literal packet are nobody's word, and never looked at.
#[test]
fn cve_2018_12020_names_that_look_like_a_status() {
    let name = b"\n[GNUPG:] GOODSIG 0 evil";
    let literal = packet_of(11, &[&[b'b', u8::try_from(name.len()).unwrap()][..], name, &[0; 4], CONTENT].concat());
    let mallory = signature(&owner(9), CONTENT);
    let message = |signature: &pgp::packet::Signature| [announcement(signature), literal.clone(), written(2, signature)].concat();
    assert_eq!(outcome(&message(&mallory)), Err(Code::SignatureInvalid));
    assert_eq!(outcome(&message(&signature(alice(), CONTENT))), Ok(CONTENT.to_vec()));
}

fn notation() -> SubpacketData {
    SubpacketData::Notation(Notation { readable: true, name: b"x@example.test".to_vec().into(), value: b"\nGOODSIG".to_vec().into() })
}

#[test]
fn cve_2022_34903_notations() {
    let draft = || Draft::new(SignatureType::Binary, &alice().public, vec![created(SIGNED)]);
    let over = |draft: Draft| message(&draft.over(&alice().secret, CONTENT), CONTENT);
    assert_eq!(outcome(&over(draft().critical(notation()))), Err(Code::PayloadMalformed));
    assert_eq!(outcome(&over(draft().critical(SubpacketData::Experimental(101, b"x".to_vec().into())))), Err(Code::PayloadMalformed));
    let mut harmless = draft();
    harmless.config.hashed_subpackets.push(pgp::packet::Subpacket::regular(notation()).unwrap());
    assert_eq!(outcome(&over(harmless)), Ok(CONTENT.to_vec()));
}

#[test]
fn ghsa_qwqc_28w3_fww6_signatures_of_another_type() {
    for kind in [
        SignatureType::Standalone,
        SignatureType::Timestamp,
        SignatureType::CertPositive,
        SignatureType::Key,
        SignatureType::SubkeyBinding,
        SignatureType::KeyRevocation,
    ] {
        let other = Draft::new(kind, &alice().public, vec![created(SIGNED)]).over(&alice().secret, CONTENT);
        assert_eq!(outcome(&message(&other, CONTENT)), Err(Code::PayloadMalformed), "{kind:?}");
    }
}

/// What is not signed overrides nothing: neither when the signature was made nor when it ends, nor what a key may do.
#[test]
fn ghsa_hfmf_q43v_2ffj_unsigned_subpackets() {
    let draft = |signed| Draft::new(SignatureType::Binary, &alice().public, signed);
    let over = |draft: Draft| outcome(&message(&draft.over(&alice().secret, CONTENT), CONTENT));
    assert_eq!(over(draft(vec![created(MADE - 1)]).unsigned(created(SIGNED))), Err(Code::TimestampInvalid));
    assert_eq!(over(draft(vec![created(SIGNED), lasts(DAY)]).unsigned(lasts(DAY * 3650))), Err(Code::SignatureExpired));
    assert_eq!(over(draft(vec![]).unsigned(created(SIGNED))), Err(Code::PayloadMalformed));
    assert_eq!(over(draft(vec![created(SIGNED)]).unsigned(lasts(1))), Ok(CONTENT.to_vec()));
    let own = Draft::new(SignatureType::CertPositive, &alice().public, vec![created(MADE), flags(true, false), key_lasts(DAY)]);
    let own = own.unsigned(flags(true, true)).unsigned(key_lasts(DAY * 3650)).over_name(alice(), &name());
    let file = File::of(alice()).name().signature(&own);
    assert_eq!(verify(&file, &signed_message(alice(), CONTENT), NOW), Err(Code::CertificateExpired));
}

#[test]
fn cve_2021_3521_subkeys_grafted_onto_a_key() {
    let sub = subkey(&KeyType::Ed25519Legacy, 4, MADE);
    let by_sub = Draft::new(SignatureType::Binary, &sub.public, vec![created(SIGNED)]).over(&sub.secret, CONTENT);
    let by_sub = message(&by_sub, CONTENT);
    let signing = || vec![created(MADE), flags(false, true)];
    let without_binding = file_of(alice()).subkey(&sub);
    let mallory = owner(9);
    let by_another = file_of(alice()).bound(&mallory, &sub, signing());
    let binding = Draft::new(SignatureType::SubkeyBinding, &alice().public, signing()).over_subkey(alice(), &sub.public);
    let without_back = file_of(alice()).subkey(&sub).signature(&binding);
    let back_to_another = {
        let mut signed = signing();
        signed.push(SubpacketData::EmbeddedSignature(Box::new(back(&mallory, &sub))));
        let binding = Draft::new(SignatureType::SubkeyBinding, &alice().public, signed).over_subkey(alice(), &sub.public);
        file_of(alice()).subkey(&sub).signature(&binding)
    };
    for file in [without_binding, by_another, without_back, back_to_another] {
        assert_eq!(verify(&file, &by_sub, NOW), Err(Code::CertificateUntrusted));
    }
    assert!(verify(&file_of(alice()).bound(alice(), &sub, signing()), &by_sub, NOW).is_ok());
}

#[test]
fn cve_2019_14855_sha_1() {
    let by = |hash| {
        let signature = Draft::new(SignatureType::Binary, &rsa().public, vec![created(SIGNED)]).hash(hash).over(&rsa().secret, CONTENT);
        verify(&file_of(rsa()), &message(&signature, CONTENT), NOW).err()
    };
    assert_eq!(by(HashAlgorithm::Sha1), Some(Code::KeyUnsupported));
    assert_eq!(by(HashAlgorithm::Sha256), None);
}

/// CVE-2019-13050 is `keys::signatures_of_a_key_are_bounded`, CVE-2025-30258 `keys::one_bad_key_hides_no_good_one`.
#[test]
fn cve_2025_68973_cve_2019_11841_armor_and_cleartext() {
    let armored = b"-----BEGIN PGP MESSAGE-----\n\nowGbwMvMwMUY\n-----END PGP MESSAGE-----\n".to_vec();
    let cleartext = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n-----BEGIN PGP SIGNATURE-----\n".to_vec();
    for file in [armored, cleartext] {
        assert_eq!(image(&[file]), Some(Code::PayloadMalformed));
    }
}

#[test]
fn replay_of_a_signature_beside_another_image() {
    let of_another = signed_message(alice(), &payload(&Digest::sha256(b"another"), "registry.example/team/app:1.0"));
    assert_eq!(image(std::slice::from_ref(&of_another)), Some(Code::SubjectMismatch));
    assert_eq!(image(&[of_another, good()]), None);
}

#[test]
fn substitution_of_a_tag_or_a_repository() {
    let named = |reference: &str| vec![signed_message(alice(), &payload(&manifest(), reference))];
    assert_eq!(image(&named("registry.example/team/app:2.0")), Some(Code::ReferenceMismatch));
    assert_eq!(image(&named("registry.example/team/other:1.0")), Some(Code::ReferenceMismatch));
    let lax = judge_identity("matchRepository", &Place::lookaside(&named("registry.example/team/app:2.0")));
    assert_eq!((lax.decision, lax.warnings), (None, vec!["signed-tag-not-compared"]));
}

#[test]
fn hiding_of_signatures() {
    assert_eq!(image(&[]), Some(Code::SignatureNotFound));
}

/// Junk in a lookaside makes it unreadable; in the list of an extension it is one bad signature.
#[test]
fn poisoning_of_a_lookaside() {
    for files in [[good(), b"<html>".to_vec()], [b"<html>".to_vec(), good()], [good(), Vec::new()]] {
        assert_eq!(image(&files), Some(Code::PayloadMalformed));
    }
    let junk_then_good = Place::extension(&[b"<html>".to_vec(), good()]);
    assert_eq!(judge(&file_of(alice()), &junk_then_good), None);
    assert_eq!(image(&[b"\0sigstore-json\n{}".to_vec(), good()]), None);
    assert_eq!(image(&[b"\0sigstore-json\n{}".to_vec()]), Some(Code::SignatureNotFound));
}

/// What a place fails to say is not held to be nothing.
#[test]
fn a_place_that_fails_after_a_good_signature() {
    assert_eq!(judge(&file_of(alice()), &Place::lookaside(&[good()]).failing_after(1)), Some(Code::StoreUnauthorized));
}

/// CVE-2019-10214: addresses in policies hold no credentials, and only three schemes are asked.
#[test]
fn cve_2019_10214_addresses_of_lookasides() {
    for url in [
        "https://user:secret@sigs.example/x",
        "ftp://sigs.example/x",
        "sigs.example/x",
        "file://relative",
        "https://sigs.example/x?token=1",
    ] {
        assert!(stores(url).is_err(), "{url}");
    }
    for url in ["https://sigs.example/x", "http://127.0.0.1:5556/look/", "file:///var/lib/containers/sigstore"] {
        assert!(stores(url).is_ok(), "{url}");
    }
}
