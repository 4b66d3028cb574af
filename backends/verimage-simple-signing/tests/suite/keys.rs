//! Which keys count, and when (specification sections 2.1 to 2.4): each rule with a twin that it lets through.

use pgp::composed::{DsaKeySize, KeyType};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureType, SubpacketData};
use pgp::types::KeyVersion;
use verimage_core::Code;
use verimage_simple_signing::KeyRingError;

use crate::signer::*;

const CONTENT: &[u8] = b"content";

fn verdict(file: &File) -> Result<String, Code> {
    verify(file, &signed_message(alice(), CONTENT), NOW).map(|signed| signed.fingerprint)
}

fn ok() -> Result<String, Code> {
    let signed = verify(&file_of(alice()), &signed_message(alice(), CONTENT), NOW).unwrap();
    Ok(signed.fingerprint)
}

fn is_unusable(file: &File) -> bool {
    matches!(file.ring(), Err(KeyRingError::Unusable(_)))
}

#[test]
fn kinds_of_keys() {
    for (kind, version) in [
        (KeyType::Ed25519Legacy, KeyVersion::V4),
        (KeyType::Ed25519, KeyVersion::V4),
        (KeyType::Ed25519, KeyVersion::V6),
        (KeyType::Ed448, KeyVersion::V6),
        (KeyType::ECDSA(ECCCurve::P256), KeyVersion::V4),
        (KeyType::ECDSA(ECCCurve::P384), KeyVersion::V4),
        (KeyType::ECDSA(ECCCurve::P521), KeyVersion::V4),
        (KeyType::Rsa(2048), KeyVersion::V4),
    ] {
        let owner = owner_of(&kind, 2, MADE, version);
        let draft = |signed| Draft::new(SignatureType::Binary, &owner.public, signed).hash(HashAlgorithm::Sha512);
        let certified = Draft::new(SignatureType::CertPositive, &owner.public, vec![created(MADE), flags(true, true)]);
        let file = File::of(&owner).name().signature(&certified.hash(HashAlgorithm::Sha512).over_name(&owner, &name()));
        let good = draft(vec![created(SIGNED)]).over(&owner.secret, CONTENT);
        assert_eq!(verify(&file, &message(&good, CONTENT), NOW).unwrap().content, CONTENT, "{kind:?} {version:?}");
        assert_eq!(verify(&file, &message(&good, b"Content"), NOW), Err(Code::SignatureInvalid), "{kind:?} {version:?}");
    }
    for kind in [KeyType::ECDSA(ECCCurve::Secp256k1), KeyType::Rsa(1024), KeyType::Dsa(DsaKeySize::B1024)] {
        let owner = owner_of(&kind, 2, MADE, KeyVersion::V4);
        assert!(is_unusable(&file_of(&owner)), "{kind:?}");
    }
}

#[test]
fn a_key_without_a_valid_signature_by_itself_is_none() {
    assert!(is_unusable(&File::of(alice())));
    assert!(is_unusable(&File::of(alice()).name()));
    let foreign = Draft::new(SignatureType::CertPositive, &owner(2).public, vec![created(MADE)]).over_name(&owner(2), &name());
    assert!(is_unusable(&File::of(alice()).name().signature(&foreign)));
    assert_eq!(verdict(&file_of(alice()).signature(&foreign)), ok());
    let direct = Draft::new(SignatureType::Key, &alice().public, vec![created(MADE)]).over_key(alice(), &alice().public);
    assert_eq!(verdict(&File::of(alice()).signature(&direct)), ok());
}

#[test]
fn keys_expire_now_and_not_when_they_signed() {
    let expiring = |seconds| File::of(alice()).certified(alice(), vec![created(MADE), key_lasts(seconds)]);
    assert_eq!(verdict(&expiring(DAY * 365)), Err(Code::CertificateExpired));
    assert_eq!(verdict(&expiring(DAY * 3650)), ok());
    assert_eq!(verdict(&expiring(0)), ok());
}

#[test]
fn the_newest_self_signature_says_when_a_key_expires() {
    let renewed = |first: u32, second: u32| {
        let at = |time, seconds| Draft::new(SignatureType::CertPositive, &alice().public, vec![created(time), key_lasts(seconds)]);
        let (old, new) = (at(MADE, first).over_name(alice(), &name()), at(MADE + DAY, second).over_name(alice(), &name()));
        File::of(alice()).name().signature(&new).signature(&old)
    };
    assert_eq!(verdict(&renewed(DAY, DAY * 3650)), ok());
    assert_eq!(verdict(&renewed(DAY * 3650, DAY * 2)), Err(Code::CertificateExpired));
    // Of two that are equally new, what each of them allows.
    let both = File::of(alice()).certified(alice(), vec![created(MADE), key_lasts(DAY)]).certified(alice(), vec![created(MADE)]);
    assert_eq!(verdict(&both), Err(Code::CertificateExpired));
    // One that is dated in the future, or has expired itself, says nothing.
    let ahead = u32::try_from(NOW).unwrap() + DAY;
    let early = file_of(alice()).certified(alice(), vec![created(ahead), key_lasts(1)]);
    assert_eq!(verdict(&early), ok());
    let over = File::of(alice()).certified(alice(), vec![created(MADE), lasts(DAY)]);
    assert_eq!(verdict(&over), Err(Code::CertificateUntrusted));
}

#[test]
fn keys_from_the_future_do_not_count() {
    let ahead = u32::try_from(NOW).unwrap() + DAY;
    let future = owner_of(&KeyType::Ed25519Legacy, 3, ahead, KeyVersion::V4);
    let file = File::of(&future).certified(&future, vec![created(MADE)]);
    let early = Draft::new(SignatureType::Binary, &future.public, vec![created(ahead)]).over(&future.secret, CONTENT);
    assert_eq!(verify(&file, &message(&early, CONTENT), NOW), Err(Code::CertificateExpired));
    assert!(verify(&file, &message(&early, CONTENT), i64::from(ahead)).is_ok());
}

#[test]
fn revoked_keys_never_count() {
    let revocation =
        |by: &'static Owner, at| Draft::new(SignatureType::KeyRevocation, &by.public, vec![created(at)]).over_key(by, &alice().public);
    let with = |signature: &pgp::packet::Signature| File::of(alice()).signature(signature).certified(alice(), vec![created(MADE)]);
    assert_eq!(verdict(&with(&revocation(alice(), SIGNED + DAY))), Err(Code::CertificateRevoked));
    // Behind a name, where some tools put it.
    assert_eq!(verdict(&file_of(alice()).signature(&revocation(alice(), SIGNED))), Err(Code::CertificateRevoked));
    // By anybody else it says nothing, unless the key names that revoker.
    let mallory: &'static Owner = Box::leak(Box::new(owner(9)));
    assert_eq!(verdict(&with(&revocation(mallory, SIGNED))), ok());
    let named = Draft::new(SignatureType::Key, &alice().public, vec![created(MADE), revoker(mallory)]).over_key(alice(), &alice().public);
    let by_revoker = File::of(alice()).signature(&named).signature(&revocation(mallory, SIGNED)).certified(alice(), vec![created(MADE)]);
    assert_eq!(verdict(&by_revoker), Err(Code::CertificateRevoked));
    // SHA-1 is good enough to take a word back.
    let weak = Draft::new(SignatureType::KeyRevocation, &rsa().public, vec![created(SIGNED)]).hash(HashAlgorithm::Sha1);
    let file = file_of(rsa()).signature(&weak.over_key(rsa(), &rsa().public));
    assert_eq!(verify(&file, &signed_message(rsa(), CONTENT), NOW), Err(Code::CertificateRevoked));
}

#[test]
fn a_name_that_was_taken_back_vouches_for_nothing() {
    let back = |at| Draft::new(SignatureType::CertRevocation, &alice().public, vec![created(at)]).over_name(alice(), &name());
    assert!(is_unusable(&file_of(alice()).signature(&back(SIGNED))));
    let again = Draft::new(SignatureType::CertPositive, &alice().public, vec![created(SIGNED + DAY)]).over_name(alice(), &name());
    assert_eq!(verdict(&file_of(alice()).signature(&back(SIGNED)).signature(&again)), ok());
}

#[test]
fn keys_that_are_not_for_signing_do_not_sign() {
    let flagged = |sign| File::of(alice()).certified(alice(), vec![created(MADE), flags(true, sign)]);
    assert_eq!(verdict(&flagged(false)), Err(Code::KeyUnsupported));
    assert_eq!(verdict(&flagged(true)), ok());
    assert_eq!(verdict(&File::of(alice()).certified(alice(), vec![created(MADE)])), ok());
}

#[test]
fn hashes_of_self_signatures() {
    let with = |hash, at| {
        let own = Draft::new(SignatureType::CertPositive, &rsa().public, vec![created(at)]).hash(hash);
        File::of(rsa()).name().signature(&own.over_name(rsa(), &name()))
    };
    let counts = |file: &File| verify(file, &signed_message(rsa(), CONTENT), NOW).is_ok();
    let (before, after) = (1_675_209_599, 1_675_209_600);
    assert!(counts(&with(HashAlgorithm::Sha1, before)));
    assert!(is_unusable(&with(HashAlgorithm::Sha1, after)));
    assert!(is_unusable(&with(HashAlgorithm::Md5, before)));
    assert!(is_unusable(&with(HashAlgorithm::Ripemd160, before)));
    assert!(counts(&with(HashAlgorithm::Sha384, after)));
}

#[test]
fn what_a_key_says_critically_must_be_understood() {
    let with = |data| {
        let own = Draft::new(SignatureType::CertPositive, &alice().public, vec![created(MADE)]).critical(data);
        File::of(alice()).name().signature(&own.over_name(alice(), &name()))
    };
    assert!(is_unusable(&with(SubpacketData::Experimental(101, b"x".to_vec().into()))));
    assert_eq!(verdict(&with(key_lasts(DAY * 3650))), ok());
}

/// Alice with a subkey that is bound like this, and a message that the subkey signed.
fn by_subkey(bind: impl FnOnce(File, &Sub) -> File) -> Result<(String, String), Code> {
    let sub = subkey(&KeyType::Ed25519Legacy, 4, MADE);
    let file = bind(File::of(alice()).certified(alice(), vec![created(MADE), flags(true, false)]), &sub);
    let good = Draft::new(SignatureType::Binary, &sub.public, vec![created(SIGNED)]).over(&sub.secret, CONTENT);
    let signed = verify(&file, &message(&good, CONTENT), NOW)?;
    assert_ne!(signed.fingerprint, signed.signing_key);
    Ok((signed.fingerprint, signed.signing_key))
}

#[test]
fn subkeys_sign_for_their_primary_key() {
    let (primary, _) = by_subkey(|file, sub| file.bound(alice(), sub, vec![created(MADE), flags(false, true)])).unwrap();
    assert_eq!(Ok(primary), ok());
    for (signed, code) in [
        (vec![created(MADE)], Code::KeyUnsupported),
        (vec![created(MADE), flags(true, false)], Code::KeyUnsupported),
        (vec![created(MADE), flags(false, true), key_lasts(DAY * 100)], Code::CertificateExpired),
        (vec![created(MADE), flags(false, true), lasts(DAY * 100)], Code::CertificateUntrusted),
    ] {
        assert_eq!(by_subkey(|file, sub| file.bound(alice(), sub, signed)).unwrap_err(), code);
    }
    let expiring = vec![created(MADE), flags(false, true), key_lasts(DAY * 3650)];
    assert!(by_subkey(|file, sub| file.bound(alice(), sub, expiring)).is_ok());
}

#[test]
fn revoked_subkeys_never_count() {
    let revoked = |by: Owner| {
        by_subkey(move |file, sub| {
            let revocation =
                Draft::new(SignatureType::SubkeyRevocation, &by.public, vec![created(SIGNED + DAY)]).over_subkey(&by, &sub.public);
            file.bound(alice(), sub, vec![created(MADE), flags(false, true)]).signature(&revocation)
        })
    };
    assert_eq!(revoked(owner(1)).unwrap_err(), Code::CertificateRevoked);
    assert!(revoked(owner(9)).is_ok());
    // One that cannot be read could be the owner's.
    let unreadable = by_subkey(|file, sub| {
        let mut file = file.bound(alice(), sub, vec![created(MADE), flags(false, true)]);
        file.0.extend(packet_of(2, &[4, 0x28, 22, 8]));
        file
    });
    assert_eq!(unreadable.unwrap_err(), Code::CertificateRevoked);
}

#[test]
fn an_expired_primary_key_takes_its_subkeys_along() {
    let sub = subkey(&KeyType::Ed25519Legacy, 4, MADE);
    let file = File::of(alice()).certified(alice(), vec![created(MADE), key_lasts(DAY * 365)]);
    let file = file.bound(alice(), &sub, vec![created(MADE), flags(false, true)]);
    let good = Draft::new(SignatureType::Binary, &sub.public, vec![created(SIGNED)]).over(&sub.secret, CONTENT);
    assert_eq!(verify(&file, &message(&good, CONTENT), NOW), Err(Code::CertificateExpired));
    assert!(verify(&file, &message(&good, CONTENT), i64::from(SIGNED)).is_ok());
}

#[test]
fn one_bad_key_hides_no_good_one() {
    let weak = file_of(&owner_of(&KeyType::Rsa(1024), 5, MADE, KeyVersion::V4));
    let unknown = packet_of(6, &[4, 0, 0, 0, 0, 200, 1, 2, 3]);
    let bare = File::of(&owner(6));
    for other in [weak.0, unknown, bare.0] {
        for parts in [[other.clone(), file_of(alice()).0], [file_of(alice()).0, other.clone()]] {
            let file = File(parts.concat());
            assert_eq!(verdict(&file), ok());
            assert!(file.ring().unwrap().has_unusable_keys());
        }
    }
}

#[test]
fn files_that_are_no_keys_are_refused() {
    let secret = File::default().with(5, &alice().secret);
    let message = File(signed_message(alice(), CONTENT));
    let behind = File([file_of(alice()).0, signed_message(alice(), CONTENT)].concat());
    let cut = File(file_of(alice()).0[..100].to_vec());
    let junk = File([file_of(alice()).0, b"junk".to_vec()].concat());
    for file in [secret, message, behind, cut, junk, File(b"garbage".to_vec()), File(vec![0x99; 2 << 20])] {
        assert!(matches!(file.ring(), Err(KeyRingError::Malformed(_))));
    }
    assert!(file_of(alice()).ring().is_ok());
}

/// CVE-2019-13050: keys with very many signatures.
#[test]
fn signatures_of_a_key_are_bounded() {
    let foreign = Draft::new(SignatureType::CertGeneric, &owner(2).public, vec![created(MADE)]).over_name(&owner(2), &name());
    let with = |count| (0..count).fold(file_of(alice()), |file, _| file.signature(&foreign));
    assert!(with(900).ring().is_ok());
    assert!(is_unusable(&with(1100)));
}
