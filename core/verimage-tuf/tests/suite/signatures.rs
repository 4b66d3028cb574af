//! Section 2.2: key types, methods, and the bytes of signatures.

use proptest::prelude::*;
use serde_json::Value;
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, PublicKey, SignatureError};
use verimage_tuf::Check;

use crate::{
    Ask, assert_refused, base64, public,
    repository::{GUN, Repository, Server},
    sign::{Certificate, Key, Signer, in_der},
};

fn targets_by(signer: Signer) -> Repository {
    Repository::default().signed_by("targets", vec![signer])
}

#[test]
fn every_key_type_signs_with_its_methods() {
    let certified = |key| Signer::certified(key, &[Certificate::new("somebody", key).self_signed()]);
    let pkcs1 = |signer: Signer| Signer { method: "rsapkcs1v15", ..signer };
    let signers = [
        Signer::bare(Key::P256("a")),
        Signer::bare(Key::P384("a")),
        Signer::bare(Key::P521("a")),
        certified(Key::P256("a")),
        certified(Key::P384("a")),
        Signer::bare(Key::Ed25519("a")),
        Signer::bare(Key::Rsa),
        pkcs1(Signer::bare(Key::Rsa)),
        certified(Key::Rsa),
        pkcs1(certified(Key::Rsa)),
    ];
    for signer in signers {
        let evidence = Ask::default().evidence(&targets_by(signer.clone()).publish());
        assert_eq!(evidence.roles[3].signers, [public(signer.key)], "{}", signer.key_type);
    }
}

/// The dates of a delegation's certificate do not count, nor its name.
#[test]
fn certificates_of_other_roles_are_keys_only() {
    let certificate = Certificate { validity: ["20100101000000Z", "20110101000000Z"], ..Certificate::new("somebody", Key::P256("a")) };
    Ask::default().evidence(&targets_by(Signer::certified(Key::P256("a"), &[certificate.self_signed()])).publish());
}

#[test]
fn keys_of_another_kind_than_their_type_never_verify() {
    for (key, key_type) in [
        (Key::Rsa, "ecdsa"),
        (Key::P256("a"), "rsa"),
        (Key::P256("a"), "ed25519"),
        (Key::Ed25519("a"), "ecdsa"),
        (Key::P256("a"), "sphincs"),
    ] {
        let server = targets_by(Signer { key_type, ..Signer::bare(key) }).publish();
        assert_refused(&Ask::default(), &server, "targets", Check::Signatures, "signature-invalid");
    }
}

#[test]
fn methods_must_fit_the_key_type() {
    for (key, methods) in [
        (Key::P256("a"), ["eddsa", "rsapss", "", "ecdsa-sha2-nistp256"]),
        (Key::Ed25519("a"), ["ecdsa", "rsapkcs1v15", "ed25519", "none"]),
        (Key::Rsa, ["ecdsa", "pycrypto-pkcs#1 pss", "rsassa-pss-sha256", "eddsa"]),
    ] {
        for method in methods {
            let server = targets_by(Signer { method, ..Signer::bare(key) }).publish();
            assert_refused(&Ask::default(), &server, "targets", Check::Signatures, "signature-invalid");
        }
    }
}

/// A signature of one padding is none of the other.
#[test]
fn paddings_are_not_mixed() {
    for (signed, named) in [("rsapss", "rsapkcs1v15"), ("rsapkcs1v15", "rsapss")] {
        let mut repository = targets_by(Signer { method: signed, ..Signer::bare(Key::Rsa) });
        repository.targets.tamper(move |envelope| envelope["signatures"][0]["method"] = named.into());
        assert_refused(&Ask::default(), &repository.publish(), "targets", Check::Signatures, "signature-invalid");
    }
}

fn with_signature(key: Key, edit: fn(Vec<u8>) -> Vec<u8>) -> Server {
    let mut repository = targets_by(Signer::bare(key));
    repository.targets.tamper(move |envelope: &mut Value| {
        let message = verimage_tuf::canonical_json(envelope["signed"].to_string().as_bytes()).unwrap();
        envelope["signatures"][0]["sig"] = base64(&edit(key.sign("ecdsa", &message))).into();
    });
    repository.publish()
}

#[test]
fn ecdsa_signatures_have_one_form() {
    for key in [Key::P256("a"), Key::P384("a"), Key::P521("a")] {
        Ask::default().evidence(&with_signature(key, |fixed| fixed));
        for edit in [
            (|fixed| in_der(&fixed)) as fn(Vec<u8>) -> Vec<u8>,
            |fixed| fixed[1..].to_vec(),
            |fixed| [&[0], &fixed[..]].concat(),
            |fixed| [&fixed[..], &[0]].concat(),
            |fixed| [&[0], &fixed[..fixed.len() / 2], &[0], &fixed[fixed.len() / 2..]].concat(),
            |fixed| vec![0; fixed.len()],
            |fixed| vec![0xff; fixed.len()],
        ] {
            assert_refused(&Ask::default(), &with_signature(key, edit), "targets", Check::Signatures, "signature-invalid");
        }
    }
}

/// n-s instead of s: the same signature to ECDSA. Notary does not ask for the lower one.
#[test]
fn ecdsa_signatures_may_have_either_s() {
    use p256::elliptic_curve::ops::Neg as _;
    let other = |fixed: Vec<u8>| {
        let signature = p256::ecdsa::Signature::from_slice(&fixed).unwrap();
        let (r, s) = signature.split_scalars();
        p256::ecdsa::Signature::from_scalars(r, s.as_ref().neg()).unwrap().to_bytes().to_vec()
    };
    Ask::default().evidence(&with_signature(Key::P256("a"), other));
}

const FIXED: Algorithm = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Fixed };
const DER: Algorithm = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };

fn verdicts(key: &PublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let [first, second] =
        [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|set| set.load(key).unwrap().verify(algorithm, message, signature));
    assert_eq!(first, second, "the crypto sets disagree about {}", hex::encode(signature));
    first
}

/// Real signatures whose r or s begins with zeros: whole they verify, without the zeros they do not, on every curve.
#[test]
fn leading_zeros_stay() {
    for key in [Key::P256("a"), Key::P384("a"), Key::P521("a")] {
        let public = public(key);
        let mut found = [false; 2];
        for counter in 0..4000_u32 {
            let message = counter.to_be_bytes();
            let signature = key.sign("ecdsa", &message);
            let (r, s) = signature.split_at(signature.len() / 2);
            // The top byte of P-521 has one bit.
            let zeros = if matches!(key, Key::P521(_)) { 2 } else { 1 };
            for (index, part) in [r, s].into_iter().enumerate() {
                if part[..zeros].iter().all(|byte| *byte == 0) {
                    found[index] = true;
                    assert_eq!(verdicts(&public, FIXED, &message, &signature), Ok(()));
                    assert_eq!(verdicts(&public, DER, &message, &in_der(&signature)), Ok(()));
                    let strip = |part: &[u8]| part.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
                    assert!(verdicts(&public, FIXED, &message, &[strip(r), strip(s)].concat()).is_err());
                }
            }
            if found == [true; 2] {
                break;
            }
        }
        assert_eq!(found, [true; 2], "{key:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Numbers with zeros in front: both encodings and both crypto sets say the same, and never yes.
    #[test]
    fn fixed_width_and_der_agree(curve in 0_usize..3, r in prop::collection::vec(any::<u8>(), 66), s in prop::collection::vec(any::<u8>(), 66), zeros in (0_usize..67, 0_usize..67)) {
        let (key, width) = [(Key::P256("a"), 32), (Key::P384("a"), 48), (Key::P521("a"), 66)][curve];
        let part = |bytes: &[u8], zeros: usize| {
            let zeros = zeros.min(width);
            [&vec![0; zeros][..], &bytes[..width - zeros]].concat()
        };
        let signature = [part(&r, zeros.0), part(&s, zeros.1)].concat();
        let fixed = verdicts(&public(key), FIXED, b"message", &signature);
        prop_assert!(fixed.is_err());
        prop_assert_eq!(fixed, verdicts(&public(key), DER, b"message", &in_der(&signature)));
    }
}

#[test]
fn a_certificate_bundle_has_the_id_of_all_its_bytes() {
    let key = Key::P256("a");
    let leaf = Certificate::new(GUN, key).issued_by("authority").der(Key::P256("authority"));
    let authority = Certificate::authority("authority", Key::P256("authority")).self_signed();
    let [alone, bundle] = [Signer::certified(key, std::slice::from_ref(&leaf)), Signer::certified(key, &[leaf, authority])];
    assert_ne!(alone.id(), bundle.id());
    Ask::default().evidence(&targets_by(alone).publish());
    Ask::default().evidence(&targets_by(bundle).publish());
}
