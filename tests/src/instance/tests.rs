//! The instance against the product's parts that judge single pieces of evidence.

use verimage_cosign::log::canonical::rfc8785;
use verimage_cosign::log::merkle::{TreeHash, verify_inclusion};
use verimage_crypto::rfc3161::{Stamped, TimestampError, TokenRules};
use verimage_crypto::x509::{Certificate, KeyUsage, PathFault, PathRules};
use verimage_crypto::{Algorithm, CryptoSet, EcdsaEncoding, HashAlgorithm, PublicKey};

use super::tsa::{decoy, self_made};
use super::*;

const SETS: [fn() -> CryptoSet; 2] = [CryptoSet::rustcrypto, CryptoSet::aws_lc];
const KINDS: [Kind; 4] = [Kind::P256, Kind::P384, Kind::Ed25519, Kind::Rsa];

fn verifies(key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let public = PublicKey::from_spki_der(&key.spki()).unwrap();
    let mut found = SETS.map(|set| set().load(&public).unwrap().verify(algorithm, message, signature).is_ok()).to_vec();
    found.dedup();
    assert_eq!(found.len(), 1, "the crypto sets disagree");
    found[0]
}

fn algorithm(kind: Kind, hash: Hash) -> Algorithm {
    let hash = match hash {
        Hash::Sha256 => HashAlgorithm::Sha256,
        Hash::Sha384 => HashAlgorithm::Sha384,
        Hash::Sha512 => HashAlgorithm::Sha512,
    };
    match kind {
        Kind::P256 | Kind::P384 => Algorithm::Ecdsa { hash, encoding: EcdsaEncoding::Der },
        Kind::Ed25519 => Algorithm::Ed25519,
        Kind::Rsa => Algorithm::RsaPkcs1 { hash },
    }
}

fn certificate(der: &[u8]) -> Certificate {
    Certificate::from_der(der).unwrap()
}

#[test]
fn keys_sign() {
    for kind in KINDS {
        let (key, other) = (Key::new(kind, "one"), Key::new(kind, "another"));
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let signature = key.sign_with(hash, b"message");
            assert!(verifies(&key, algorithm(kind, hash), b"message", &signature), "{kind:?} {hash:?}");
            assert!(!verifies(&key, algorithm(kind, hash), b"massage", &signature), "{kind:?} {hash:?}");
            assert!(kind == Kind::Rsa || !verifies(&other, algorithm(kind, hash), b"message", &signature));
        }
        assert_eq!(key.spki(), Key::new(kind, "one").spki(), "the same name is the same key");
        assert!(PublicKey::from_pem(key.pem().as_bytes()).is_ok());
    }
    let key = Key::new(Kind::Ed25519, "one");
    assert!(verifies(&key, Algorithm::Ed25519ph, b"message", &key.sign_prehashed(b"message")));
}

#[test]
fn leaves_have_a_path() {
    let world = Instance::new();
    let (roots, pool) = ([certificate(&world.root.certificate())], [certificate(&world.issuer.certificate())]);
    let path = |leaf: &Leaf, time: i64| {
        let rules = PathRules::new(&roots, &pool, time).purpose(purpose::CODE_SIGNING.parse().unwrap());
        rules.leaf_key_usage(KeyUsage::DIGITAL_SIGNATURE).find(&certificate(&world.certify(leaf)), &CryptoSet::rustcrypto())
    };
    for kind in KINDS {
        for leaf in [Leaf::github(), Leaf::email(), Leaf::user("alice!example.com"), Leaf::enterprise("Alice")] {
            let leaf = Leaf { key: Key::new(kind, "leaf"), ..leaf };
            let found = path(&leaf, SIGNED).unwrap();
            assert_eq!(found.certificates().len(), 3);
        }
    }
    assert!(path(&Leaf::github(), ISSUED).is_ok() && path(&Leaf::github(), ISSUED + LEAF_SECONDS).is_ok());
    let fault = |leaf: Leaf, time: i64| path(&leaf, time).unwrap_err().fault().clone();
    assert!(matches!(fault(Leaf::github(), ISSUED - 1), PathFault::NotYetValid { .. }));
    assert!(matches!(fault(Leaf::github(), ISSUED + LEAF_SECONDS + 1), PathFault::Expired { .. }));
    let other = Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION]), ..Leaf::github() };
    assert!(matches!(fault(other, SIGNED), PathFault::ExtendedKeyUsage { .. }));
    for odd in [
        Leaf { usage: Some(usage::KEY_AGREEMENT), ..Leaf::github() },
        Leaf { usage: None, ..Leaf::github() },
        Leaf { is_authority: Some(true), ..Leaf::github() },
        Leaf { purposes: None, ..Leaf::github() },
    ] {
        let certificate = certificate(&world.certify(&odd));
        assert_eq!(certificate.key_usage().is_none(), odd.usage.is_none());
        assert_eq!(certificate.is_ca(), odd.is_authority == Some(true));
        assert_eq!(certificate.extended_key_usage().is_none(), odd.purposes.is_none());
    }
}

#[test]
fn scts_sign_the_certificate_without_their_list() {
    let world = Instance::new();
    let draft = SctDraft { extensions: ct::leaf_index(5), ..world.sct() };
    let leaf = Leaf::github().issue(&world.issuer, std::slice::from_ref(&draft));
    let without = certificate(&leaf).tbs_der_without(ct::SCT_LIST.parse().unwrap()).unwrap();
    let list = certificate(&leaf).extension(ct::SCT_LIST.parse().unwrap()).unwrap().value().to_vec();
    let sct = draft.sign(&without, &world.issuer.key.spki());
    assert!(list.ends_with(&sct), "the signatures are the same each time, so those bytes are the SCT");
    let time = draft.time.to_be_bytes();
    let issuer = Hash::Sha256.of(&world.issuer.key.spki());
    let length = (without.len() as u32).to_be_bytes();
    let signed = [&[0, 0][..], &time, &[0, 1], &issuer, &length[1..], &without, &[0, 8, 0, 0, 5, 0, 0, 0, 0, 5]].concat();
    let at = 1 + 32 + 8 + 10 + 2 + 2;
    assert!(verifies(&world.certificate_log, algorithm(Kind::P256, Hash::Sha256), &signed, &sct[at..]));
    assert_eq!(sct[1..33], world.certificate_log.id());
}

#[test]
fn entries_are_promised_and_proven() {
    let world = Instance::new();
    for signer in [world.keyless(&Leaf::github()), world.keyless_tiles(&Leaf::github())] {
        let log = signer.logs[0].clone();
        for (before, after) in [(0, 0), (0, 1), (3, 4), (7, 0), (6, 9)] {
            let log = Rekor { before, after, ..log.clone() };
            let signed = Signer { logs: vec![log.clone()], ..signer.clone() }.sign_image(IMAGE);
            let entry = &signed.entries[0];
            assert_eq!(rfc8785(&entry.body).unwrap(), entry.body);
            let proof = entry.proof.as_ref().unwrap();
            let hashes: Vec<_> = proof.hashes.iter().map(|hash| TreeHash::try_from(&hash[..]).unwrap()).collect();
            let root = TreeHash::try_from(&proof.root[..]).unwrap();
            let verify = |body: &[u8]| verify_inclusion(proof.index as u64, proof.size as u64, &TreeHash::leaf(body), &hashes, &root);
            assert_eq!(verify(&entry.body), Ok(()), "{before} before, {after} after");
            assert!(verify(b"another").is_err());
            assert_eq!(entry.promise.is_some(), !log.is_v2());
            if let Some(promise) = &entry.promise {
                let message = serde_json::json!({"body": base64(&entry.body), "integratedTime": entry.time,
                    "logID": hex::encode(log.key.id()), "logIndex": entry.index});
                let message = rfc8785(message.to_string().as_bytes()).unwrap();
                assert!(verifies(&log.key, algorithm(Kind::P256, Hash::Sha256), &message, promise));
            }
        }
    }
}

#[test]
fn checkpoints_are_signed_notes() {
    let world = Instance::new();
    for log in [&world.rekor, &world.tiles] {
        let log = Rekor { lines: vec!["Timestamp: 1".to_owned()], ..log.clone() };
        let note = log.prove(b"entry").checkpoint;
        let (text, signatures) = note.rsplit_once("\n\n").unwrap();
        let text = format!("{text}\n");
        assert_eq!(text.lines().next().unwrap(), log.origin());
        assert_eq!((text.lines().nth(1).unwrap(), text.lines().nth(3).unwrap()), ("8", "Timestamp: 1"));
        let lines: Vec<_> = signatures.lines().collect();
        assert_eq!(lines.len(), 1 + log.witnesses.len());
        let (name, signature) = lines[0].strip_prefix("\u{2014} ").unwrap().split_once(' ').unwrap();
        let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, signature).unwrap();
        assert_eq!((name, &signature[..4]), (log.host.as_str(), &log.key_hint()[..]));
        assert!(verifies(&log.key, algorithm(log.key.kind(), Hash::Sha256), text.as_bytes(), &signature[4..]));
    }
}

#[test]
fn tokens_verify() {
    let world = Instance::new();
    let authority = &world.timestamps;
    let roots = [certificate(authority.chain().last().unwrap())];
    let pool: Vec<_> = authority.chain().iter().map(|der| certificate(der)).collect();
    let verify = |authority: &TimestampAuthority, token: &Token| {
        let response = authority.stamp(b"signature", token);
        TokenRules::new(&roots).intermediates(&pool).verify(&response, Stamped::Message(b"signature"), &CryptoSet::rustcrypto())
    };
    for certificates in [Certificates::Nothing, Certificates::Signer, Certificates::Chain] {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let token = Token { certificates: certificates.clone(), hash, digest: Some(hash), ..Token::default() };
            assert_eq!(verify(authority, &token).unwrap().gen_time(), SIGNED);
        }
    }
    let bag = vec![decoy(authority, &Key::p256("decoy")), authority.certificate()];
    assert!(verify(authority, &Token { certificates: Certificates::These(bag), ..Token::default() }).is_ok());
    let refused = |authority: &TimestampAuthority, token: Token| verify(authority, &token).unwrap_err();
    let wrong = Token { imprint: Some(Hash::Sha256.of(b"another")), ..Token::default() };
    assert!(matches!(refused(authority, wrong), TimestampError::Imprint { .. }));
    assert!(matches!(refused(authority, Token { status: 2, ..Token::default() }), TimestampError::Rejected { status: 2 }));
    for odd in [
        TimestampAuthority { purposes: vec![purpose::TIME_STAMPING, "1.3.6.1.4.1.99999.1"], ..authority.clone() },
        TimestampAuthority { purposes: vec![purpose::CODE_SIGNING], ..authority.clone() },
        TimestampAuthority { purposes_critical: false, ..authority.clone() },
    ] {
        assert_eq!(refused(&odd, Token::default()), TimestampError::SignerPurpose);
    }
    let odd = TimestampAuthority { is_authority: true, ..authority.clone() };
    assert_eq!(refused(&odd, Token::default()), TimestampError::SignerIsAuthority);
    let odd = TimestampAuthority { not_after: SIGNED - 1, ..authority.clone() };
    assert!(matches!(refused(&odd, Token::default()), TimestampError::Path(_)));
    assert!(matches!(refused(&self_made(authority), Token::default()), TimestampError::Path(_) | TimestampError::Signature(_)));
}

/// What is made is the same each time: the fixtures of a failing test can be looked at.
#[test]
fn everything_is_repeatable() {
    let make = || bundle(&Instance::new().keyless_tiles(&Leaf::email()).attest(&image_statement(IMAGE)), Version::V03).to_string();
    assert_eq!(make(), make());
    assert_eq!(crate::memory::digest(IMAGE_MANIFEST), IMAGE);
}
