//! Which messages are signed ones (specification sections 1.1, 1.2 and 2.4).

use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureType, Subpacket, SubpacketData};
use verimage_core::Code;

use crate::signer::*;

const CONTENT: &[u8] = b"line one\nline two\n";

fn outcome(message: &[u8]) -> Result<Vec<u8>, Code> {
    verify(&file_of(alice()), message, NOW).map(|signed| signed.content)
}

fn by(draft: Draft) -> Vec<u8> {
    message(&draft.over(&alice().secret, CONTENT), CONTENT)
}

fn draft(signed: Vec<SubpacketData>) -> Draft {
    Draft::new(SignatureType::Binary, &alice().public, signed)
}

#[test]
fn forms_of_messages() {
    let good = signed_message(alice(), CONTENT);
    let old_order = [written(2, &signature(alice(), CONTENT)), literal(CONTENT)].concat();
    let named = packet_of(11, &[&[b't', 4][..], b"evil", &[1, 2, 3, 4], CONTENT].concat());
    let with_name = [announcement(&signature(alice(), CONTENT)), named, written(2, &signature(alice(), CONTENT))].concat();
    let partial = [&[0xcb, 0xe4][..], &literal(CONTENT)[6..22], &[8][..], &literal(CONTENT)[22..]].concat();
    let in_parts = [announcement(&signature(alice(), CONTENT)), partial, written(2, &signature(alice(), CONTENT))].concat();
    for message in [&good, &old_order, &with_name, &in_parts, &zipped(&good), &zipped(&zipped(&good))] {
        assert_eq!(outcome(message), Ok(CONTENT.to_vec()));
    }
}

/// A signature over text is over its lines, however they end.
#[test]
fn text_is_signed_with_its_own_line_ends() {
    let text = Draft::new(SignatureType::Text, &alice().public, vec![created(SIGNED)]).over(&alice().secret, b"line one\r\nline two\r\n");
    assert_eq!(outcome(&message(&text, CONTENT)), Ok(CONTENT.to_vec()));
    assert_eq!(outcome(&message(&text, b"line one\nline 2\n")), Err(Code::SignatureInvalid));
}

#[test]
fn hashes_of_content() {
    let outcome = |hash| {
        let signature = Draft::new(SignatureType::Binary, &rsa().public, vec![created(SIGNED)]).hash(hash).over(&rsa().secret, CONTENT);
        verify(&file_of(rsa()), &message(&signature, CONTENT), NOW).err()
    };
    for hash in [HashAlgorithm::Sha224, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        assert_eq!(outcome(hash), None, "{hash}");
    }
    for hash in [HashAlgorithm::Md5, HashAlgorithm::Sha1, HashAlgorithm::Ripemd160] {
        assert_eq!(outcome(hash), Some(Code::KeyUnsupported), "{hash}");
    }
}

#[test]
fn times_of_signatures() {
    let now = u32::try_from(NOW).unwrap();
    for (signed, code) in [
        (vec![created(SIGNED), lasts(DAY)], Some(Code::SignatureExpired)),
        (vec![created(SIGNED), lasts(DAY * 3650)], None),
        (vec![created(SIGNED), lasts(0)], None),
        (vec![created(now + 299)], None),
        (vec![created(now + 301)], Some(Code::TimestampInvalid)),
        (vec![created(MADE)], None),
        (vec![created(MADE - 1)], Some(Code::TimestampInvalid)),
        (vec![], Some(Code::PayloadMalformed)),
        (vec![created(SIGNED), created(SIGNED)], Some(Code::PayloadMalformed)),
    ] {
        assert_eq!(outcome(&by(draft(signed.clone()))).err(), code, "{signed:?}");
    }
}

#[test]
fn version_3_counts_with_rsa_and_sha_2() {
    use pgp::packet::SignatureConfig;
    use pgp::types::{KeyDetails as _, Timestamp};
    let version_3 = |owner: &Owner, hash| {
        let (algorithm, id) = (owner.public.algorithm(), owner.public.legacy_key_id());
        let config = SignatureConfig::v3(SignatureType::Binary, algorithm, hash, Timestamp::from_secs(SIGNED), id);
        message(&Draft { config }.over(&owner.secret, CONTENT), CONTENT)
    };
    assert!(verify(&file_of(rsa()), &version_3(rsa(), HashAlgorithm::Sha256), NOW).is_ok());
    assert_eq!(verify(&file_of(rsa()), &version_3(rsa(), HashAlgorithm::Sha1), NOW), Err(Code::PayloadMalformed));
    assert_eq!(verify(&file_of(alice()), &version_3(alice(), HashAlgorithm::Sha256), NOW), Err(Code::PayloadMalformed));
}

#[test]
fn the_maker_is_named_by_fingerprint_or_else_by_key_id() {
    use pgp::types::KeyDetails as _;
    let id = SubpacketData::IssuerKeyId(alice().public.legacy_key_id());
    let mut by_id = draft(vec![created(SIGNED)]).unsigned(id.clone());
    by_id.config.hashed_subpackets.pop();
    assert!(outcome(&by(by_id)).is_ok());
    let mut nobody = draft(vec![created(SIGNED)]);
    nobody.config.hashed_subpackets.pop();
    assert_eq!(outcome(&by(nobody)), Err(Code::SignatureInvalid));
    let mut other = draft(vec![created(SIGNED)]).unsigned(id);
    other.config.hashed_subpackets.pop();
    other.config.hashed_subpackets.push(Subpacket::regular(SubpacketData::IssuerFingerprint(owner(2).public.fingerprint())).unwrap());
    assert_eq!(outcome(&by(other)), Err(Code::SignatureInvalid));
}

/// Writes the seeds of the fuzz target: `cargo test -p verimage-simple-signing -- --ignored writes_the_seeds`.
#[test]
#[ignore = "writes files"]
#[allow(clippy::disallowed_methods, reason = "only the tests of the crate write files")]
fn writes_the_seeds() {
    use base64::Engine as _;
    use pgp::composed::KeyType;
    use pgp::crypto::ecc_curve::ECCCurve;
    use pgp::types::KeyVersion;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let owner = owner_of(&KeyType::ECDSA(ECCCurve::P256), 11, MADE, KeyVersion::V4);
    let armor = base64::engine::general_purpose::STANDARD.encode(file_of(&owner).0);
    let armor = format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{armor}\n-----END PGP PUBLIC KEY BLOCK-----\n");
    let content = payload(&verimage_core::Digest::sha256(b"manifest"), "registry.example/team/app:1.0");
    let plain = signed_message(&owner, &content);
    let old_order = [written(2, &signature(&owner, &content)), literal(&content)].concat();
    std::fs::create_dir_all(folder.join("simple-signing")).unwrap();
    for (name, bytes) in [
        ("openpgp.asc", armor.into_bytes()),
        ("simple-signing/plain", plain.clone()),
        ("simple-signing/compressed", zipped(&plain)),
        ("simple-signing/old-order", old_order),
        ("simple-signing/key", file_of(&owner).0),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
