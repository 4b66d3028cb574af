//! Section "Certificate chain rules": one test for each row, and for each kind of certificate that it is about.

use notation_rs::{
    UnsupportedKey, Warning,
    chain::{ChainError, check_time_stamping, check_validity},
    envelope::{Envelope, EnvelopeError, IntegrityError},
};
use verimage_crypto::{CryptoSet, x509::CertificateError};

use crate::{
    at, jws, refused,
    sign::{
        Draft, Jws, Key, Pki,
        certificate::{
            BASIC_CONSTRAINTS, CERT_SIGN, CODE_SIGNING, CONTENT_COMMITMENT, CRL_SIGN, DIGITAL_SIGNATURE, EXTENDED_KEY_USAGE, INTERMEDIATE,
            KEY_USAGE, ROOT, TIME_STAMPING, basic_constraints, key_usage, name, purposes,
        },
        der::{extension, oid, sequence},
    },
};

const LEAF: Key = Key::P256("leaf");

fn of_chain(chain: Vec<Vec<u8>>) -> Result<Vec<Warning>, IntegrityError> {
    jws(&Jws::new(LEAF).chain(chain)).map(|verified| verified.warnings().to_vec())
}

fn spoilt(spoil: impl FnOnce(&mut Pki)) -> Result<Vec<Warning>, IntegrityError> {
    let mut pki = Pki::new(LEAF);
    spoil(&mut pki);
    of_chain(pki.chain())
}

/// A chain of one: the signing certificate, signed with its own key.
fn single(spoil: impl FnOnce(&mut Draft)) -> Result<Vec<Warning>, IntegrityError> {
    let mut draft = Draft::new("leaf", "leaf", LEAF).with(key_usage(true, DIGITAL_SIGNATURE));
    spoil(&mut draft);
    of_chain(vec![draft.der(LEAF)])
}

fn stamping(spoil: impl FnOnce(&mut Pki)) -> Result<(), ChainError> {
    let mut pki = Pki::stamping(LEAF);
    spoil(&mut pki);
    check_time_stamping(&pki.certificates(), &CryptoSet::rustcrypto())
}

macro_rules! chain {
    ($outcome:expr, $pattern:pat) => {
        refused!($outcome, IntegrityError::Chain($pattern))
    };
}

fn replace(draft: &mut Draft, id: &str, extension: Vec<u8>) {
    *draft = draft.clone().replacing(id, extension);
}

#[test]
fn good_chains_pass() {
    assert_eq!(spoilt(|_| {}).unwrap(), []);
    assert_eq!(single(|_| {}).unwrap(), []);
    assert_eq!(stamping(|_| {}), Ok(()));
    let root = Pki::new(LEAF).root;
    assert!(of_chain(vec![Draft::leaf("root", LEAF).der(ROOT), root.der(ROOT)]).is_ok());
}

#[test]
fn row_1_empty_chains_are_refused() {
    refused!(of_chain(Vec::new()), IntegrityError::Envelope(EnvelopeError::CertificateChainMissing));
}

#[test]
fn row_1_the_last_certificate_is_signed_with_its_own_key() {
    let pki = Pki::new(LEAF);
    chain!(of_chain(pki.chain()[..2].to_vec()), ChainError::RootNotSelfSigned { .. });
    chain!(of_chain(pki.chain()[..1].to_vec()), ChainError::InvalidSelfSigned { .. });
}

#[test]
fn row_2_signatures_verify_up_the_chain() {
    // Right names, wrong keys.
    let pki = Pki::new(LEAF);
    chain!(of_chain(vec![pki.leaf.der(ROOT), pki.intermediate.der(ROOT), pki.root.der(ROOT)]), ChainError::NotIssued { .. });
    let other = Key::P256("other");
    chain!(of_chain(vec![pki.leaf.der(INTERMEDIATE), pki.intermediate.der(other), pki.root.der(ROOT)]), ChainError::NotIssued { .. });
}

#[test]
fn row_2_names_are_the_same_byte_for_byte() {
    chain!(spoilt(|pki| pki.leaf.issuer = name("another")), ChainError::NotIssued { .. });
    // PrintableString instead of UTF8String is the same text in other bytes; 12 is also the length of the common name.
    let text = [&[0x0c, 12][..], b"intermediate"].concat();
    let mut printable = name("intermediate");
    let at = printable.windows(text.len()).position(|window| window == text).unwrap();
    printable[at] = 0x13;
    chain!(spoilt(|pki| pki.leaf.issuer = printable), ChainError::NotIssued { .. });
}

#[test]
fn row_3_the_root_names_itself_as_issuer() {
    chain!(spoilt(|pki| pki.root.issuer = name("another")), ChainError::RootNotSelfSigned { .. });
    let pki = Pki::new(LEAF);
    let chain = vec![pki.leaf.der(INTERMEDIATE), pki.intermediate.der(ROOT), pki.root.der(Key::P256("other"))];
    chain!(of_chain(chain), ChainError::RootNotSelfSigned { .. });
    chain!(single(|leaf| leaf.issuer = name("another")), ChainError::InvalidSelfSigned { .. });
}

#[test]
fn row_4_no_root_in_the_middle() {
    let pki = Pki::new(LEAF);
    let root = pki.root.der(ROOT);
    let chain = vec![Draft::leaf("root", LEAF).der(ROOT), root.clone(), root];
    chain!(of_chain(chain), ChainError::SelfSignedIntermediate { .. });
}

#[test]
fn row_4_no_root_as_leaf() {
    let root = Draft::authority("root", "root", LEAF).der(LEAF);
    chain!(of_chain(vec![root.clone(), root]), ChainError::SelfSignedLeaf { .. });
}

#[test]
fn row_4_a_leaf_of_the_name_of_its_root_is_not_self_signed() {
    let mut leaf = Draft::leaf("root", LEAF);
    leaf.subject = name("root");
    assert!(of_chain(vec![leaf.der(ROOT), Pki::new(LEAF).root.der(ROOT)]).is_ok());
}

#[test]
fn row_5_authorities_say_so_critically() {
    for constraints in [basic_constraints(false, true, None), basic_constraints(true, false, None), extension("2.5.29.18", false, &[5, 0])]
    {
        chain!(spoilt(|pki| replace(&mut pki.intermediate, BASIC_CONSTRAINTS, constraints.clone())), ChainError::NotAuthority { .. });
        chain!(spoilt(|pki| replace(&mut pki.root, BASIC_CONSTRAINTS, constraints.clone())), ChainError::NotAuthority { .. });
    }
}

#[test]
fn row_5_old_roots_are_no_authorities() {
    chain!(
        spoilt(|pki| {
            pki.root.version = 0;
            pki.root.extensions.clear();
        }),
        ChainError::NotAuthority { .. }
    );
}

#[test]
fn row_6_leaves_are_no_authorities() {
    let ca = || basic_constraints(true, true, None);
    chain!(spoilt(|pki| replace(&mut pki.leaf, BASIC_CONSTRAINTS, ca())), ChainError::LeafIsAuthority { .. });
    chain!(single(|leaf| replace(leaf, BASIC_CONSTRAINTS, ca())), ChainError::LeafIsAuthority { .. });
    refused!(stamping(|pki| replace(&mut pki.leaf, BASIC_CONSTRAINTS, ca())), ChainError::LeafIsAuthority { .. });
    assert!(spoilt(|pki| pki.leaf = pki.leaf.clone().without(BASIC_CONSTRAINTS)).is_ok());
    assert!(single(|leaf| replace(leaf, BASIC_CONSTRAINTS, basic_constraints(true, false, None))).is_ok());
}

#[test]
fn row_7_path_lengths_are_kept() {
    let limited = |length| move |draft: &mut Draft| replace(draft, BASIC_CONSTRAINTS, basic_constraints(true, true, Some(length)));
    assert!(spoilt(|pki| limited(0)(&mut pki.intermediate)).is_ok());
    assert!(spoilt(|pki| limited(1)(&mut pki.root)).is_ok());
    chain!(spoilt(|pki| limited(0)(&mut pki.root)), ChainError::PathLength { expected: 1, found: 0, .. });
    let pki = Pki::new(LEAF);
    let second = Draft::authority("second", "intermediate", Key::P256("second"));
    let mut leaf = pki.leaf.clone();
    leaf.issuer = name("second");
    let mut intermediate = pki.intermediate.clone();
    limited(0)(&mut intermediate);
    let chain = vec![leaf.der(second.key), second.der(INTERMEDIATE), intermediate.der(ROOT), pki.root.der(ROOT)];
    chain!(of_chain(chain), ChainError::PathLength { expected: 1, found: 0, .. });
}

#[test]
fn row_8_key_usage_is_there_and_critical() {
    let without = |draft: &mut Draft| *draft = draft.clone().without(KEY_USAGE);
    chain!(spoilt(|pki| without(&mut pki.leaf)), ChainError::KeyUsageMissing { .. });
    chain!(spoilt(|pki| without(&mut pki.intermediate)), ChainError::KeyUsageMissing { .. });
    chain!(spoilt(|pki| without(&mut pki.root)), ChainError::KeyUsageMissing { .. });
    chain!(single(without), ChainError::KeyUsageMissing { .. });
    refused!(stamping(|pki| without(&mut pki.leaf)), ChainError::KeyUsageMissing { .. });
    let lax = |usage| move |draft: &mut Draft| replace(draft, KEY_USAGE, key_usage(false, usage));
    chain!(spoilt(|pki| lax(DIGITAL_SIGNATURE)(&mut pki.leaf)), ChainError::KeyUsageNotCritical { .. });
    chain!(spoilt(|pki| lax(CERT_SIGN)(&mut pki.intermediate)), ChainError::KeyUsageNotCritical { .. });
    chain!(spoilt(|pki| lax(CERT_SIGN)(&mut pki.root)), ChainError::KeyUsageNotCritical { .. });
    chain!(single(lax(DIGITAL_SIGNATURE)), ChainError::KeyUsageNotCritical { .. });
    // For timestamps it should be, and need not.
    assert_eq!(stamping(|pki| lax(DIGITAL_SIGNATURE)(&mut pki.leaf)), Ok(()));
}

#[test]
fn row_9_authorities_sign_certificates() {
    let other = || key_usage(true, CRL_SIGN);
    chain!(spoilt(|pki| replace(&mut pki.intermediate, KEY_USAGE, other())), ChainError::NotForCertificates { .. });
    chain!(spoilt(|pki| replace(&mut pki.root, KEY_USAGE, other())), ChainError::NotForCertificates { .. });
}

#[test]
fn row_10_leaves_sign_and_nothing_else() {
    let usage = |usage| move |draft: &mut Draft| replace(draft, KEY_USAGE, key_usage(true, usage));
    chain!(spoilt(|pki| usage(CONTENT_COMMITMENT)(&mut pki.leaf)), ChainError::NotForSignatures { .. });
    chain!(single(usage(CONTENT_COMMITMENT)), ChainError::NotForSignatures { .. });
    refused!(stamping(|pki| usage(CONTENT_COMMITMENT)(&mut pki.leaf)), ChainError::NotForSignatures { .. });
    for foreign in [0x20, 0x10, 0x08, CERT_SIGN, CRL_SIGN, 0x01] {
        chain!(spoilt(|pki| usage(DIGITAL_SIGNATURE | foreign)(&mut pki.leaf)), ChainError::ForeignUsage { .. });
        chain!(single(usage(DIGITAL_SIGNATURE | foreign)), ChainError::ForeignUsage { .. });
        refused!(stamping(|pki| usage(DIGITAL_SIGNATURE | foreign)(&mut pki.leaf)), ChainError::ForeignUsage { .. });
    }
    assert!(spoilt(|pki| usage(DIGITAL_SIGNATURE | CONTENT_COMMITMENT)(&mut pki.leaf)).is_ok());
}

#[test]
fn row_10_decipher_only_is_the_ninth_bit() {
    let usage = extension(KEY_USAGE, true, &[3, 3, 7, 0x80, 0x80]);
    chain!(spoilt(|pki| replace(&mut pki.leaf, KEY_USAGE, usage)), ChainError::ForeignUsage { found: "DecipherOnly", .. });
}

#[test]
fn row_11_leaves_have_no_foreign_purpose() {
    for foreign in ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4", TIME_STAMPING, "1.3.6.1.5.5.7.3.9", "2.5.29.37.0"] {
        for list in [&[foreign][..], &[CODE_SIGNING, foreign]] {
            chain!(spoilt(|pki| pki.leaf = pki.leaf.clone().with(purposes(false, list))), ChainError::ForeignPurpose { .. });
            chain!(single(|leaf| *leaf = leaf.clone().with(purposes(true, list))), ChainError::ForeignPurpose { .. });
        }
    }
    assert!(spoilt(|pki| pki.leaf = pki.leaf.clone().with(purposes(true, &[CODE_SIGNING, "1.2.3.4"]))).is_ok());
}

#[test]
fn row_12_timestamps_are_the_only_purpose_and_critical() {
    for wrong in [purposes(false, &[TIME_STAMPING]), purposes(true, &[TIME_STAMPING, CODE_SIGNING]), purposes(true, &[CODE_SIGNING])] {
        refused!(stamping(|pki| replace(&mut pki.leaf, EXTENDED_KEY_USAGE, wrong)), ChainError::NotForTimestamps { .. });
    }
    refused!(stamping(|pki| pki.leaf = pki.leaf.clone().without(EXTENDED_KEY_USAGE)), ChainError::NotForTimestamps { .. });
}

#[test]
fn row_13_keys_are_of_the_six_kinds() {
    refused!(jws(&Jws::new(Key::Modulus(2560))), IntegrityError::Key(UnsupportedKey::RsaSize { bits: 2560 }));
    refused!(stamping(|pki| pki.leaf.key = Key::Modulus(1024)), ChainError::LeafKey { .. });
}

#[test]
fn row_14_sha1_and_md5_are_refused_everywhere() {
    // RSA and ECDSA with SHA-1, RSA with MD5.
    for weak in ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.113549.1.1.4"] {
        let weak = sequence(&[&oid(weak)]);
        let set = |draft: &mut Draft| draft.algorithm = Some(weak.clone());
        chain!(spoilt(|pki| set(&mut pki.leaf)), ChainError::InsecureAlgorithm { .. });
        chain!(spoilt(|pki| set(&mut pki.intermediate)), ChainError::InsecureAlgorithm { .. });
        chain!(spoilt(|pki| set(&mut pki.root)), ChainError::InsecureAlgorithm { .. });
        chain!(single(set), ChainError::InsecureAlgorithm { .. });
        refused!(stamping(|pki| set(&mut pki.leaf)), ChainError::InsecureAlgorithm { .. });
    }
}

#[test]
fn row_15_both_ends_of_validity_are_included() {
    let chain = Pki::new(LEAF).certificates();
    let valid = |text: &str| check_validity(&chain, at(text), at(text)).is_ok();
    assert!(valid("2024-01-01T00:00:00Z") && valid("2030-01-01T00:00:00Z"));
    assert!(!valid("2023-12-31T23:59:59.999Z") && !valid("2030-01-01T00:00:00.001Z"));
    assert!(check_validity(&chain, at("2023-12-31T23:59:59Z"), at("2025-01-01T00:00:00Z")).is_err());
    assert!(check_validity(&chain, at("2025-01-01T00:00:00Z"), at("2030-01-01T00:00:01Z")).is_err());
}

#[test]
fn serial_numbers_are_positive() {
    for serial in [&[0][..], &[0x80], &[0xff]] {
        chain!(spoilt(|pki| pki.leaf.serial = serial.to_vec()), ChainError::Serial { .. });
        chain!(spoilt(|pki| pki.root.serial = serial.to_vec()), ChainError::Serial { .. });
    }
}

#[test]
fn unknown_critical_extensions_are_told_and_pass() {
    // Name constraints and one that nobody knows.
    for (id, value) in [("2.5.29.30", sequence(&[&[0xa0, 6, 0x30, 4, 0x82, 2, b'a', b'b']])), ("1.2.3.4", vec![5, 0])] {
        let warnings = spoilt(|pki| pki.intermediate = pki.intermediate.clone().with(extension(id, true, &value))).unwrap();
        assert!(matches!(warnings.as_slice(), [Warning::CriticalExtension { id: found, .. }] if found.to_string() == id));
    }
}

#[test]
fn an_extension_stands_once() {
    let twice = spoilt(|pki| pki.leaf = pki.leaf.clone().with(key_usage(true, DIGITAL_SIGNATURE)));
    refused!(twice, IntegrityError::Envelope(EnvelopeError::Certificate { index: 0, error: CertificateError::Malformed { .. } }));
}

#[test]
fn certificates_are_nothing_but_certificates() {
    let mut chain = Pki::new(LEAF).chain();
    chain[1].push(0);
    refused!(of_chain(chain), IntegrityError::Envelope(EnvelopeError::Certificate { index: 1, .. }));
    let large = Pki::new(LEAF).leaf.with(extension("1.2.3.4", false, &vec![0; 64 * 1024]));
    let chain = vec![large.der(INTERMEDIATE)];
    refused!(of_chain(chain), IntegrityError::Envelope(EnvelopeError::Certificate { error: CertificateError::TooLarge { .. }, .. }));
}

#[test]
fn long_chains_are_refused_before_they_are_read() {
    let chain = |length: usize| vec![vec![0; 1024]; length];
    let read = |length| of_chain(chain(length));
    refused!(read(Envelope::MAX_CERTIFICATES), IntegrityError::Envelope(EnvelopeError::Certificate { index: 0, .. }));
    for length in [Envelope::MAX_CERTIFICATES + 1, 2000] {
        refused!(read(length), IntegrityError::Envelope(EnvelopeError::TooManyCertificates { .. }));
    }
}

#[test]
fn chains_are_not_sorted_or_completed() {
    let good = Pki::new(LEAF).chain();
    let [leaf, intermediate, root] = good.as_slice() else { panic!("three") };
    let decoy = Draft::authority("decoy", "decoy", Key::P256("decoy")).der(Key::P256("decoy"));
    for chain in [
        vec![leaf, root, intermediate],
        vec![intermediate, leaf, root],
        vec![leaf, root],
        vec![leaf, intermediate, root, &decoy],
        vec![leaf, &decoy, intermediate, root],
        vec![leaf, intermediate, root, root],
        vec![root, intermediate, leaf],
    ] {
        assert!(of_chain(chain.into_iter().cloned().collect()).is_err());
    }
}
