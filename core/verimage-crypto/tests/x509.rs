//! Certificates and paths: what must be accepted, and its twins that must be refused.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common {
    pub(super) mod issue;
}

use common::issue::{Draft, ECDSA_SHA384, ListDraft, basic_constraints, extension, key_usage, name, oid, purposes, rdn, tlv};
use verimage_crypto::{
    CryptoSet, EcdsaKey, EcdsaVerifier, PublicKey, Refused,
    x509::{
        Certificate, CertificateError, GeneralName, KeyUsage, Leaf, NameConstraintRule, ObjectIdentifier, Path, PathError, PathFault,
        PathRules, PolicyRules, RevocationList,
    },
};

/// 2025-01-01.
const NOW: i64 = 1_735_689_600;
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

fn id(text: &str) -> ObjectIdentifier {
    text.parse().expect("an identifier")
}

/// Under every crypto set, which must agree.
#[track_caller]
fn find(rules: &PathRules<'_>, leaf: &Certificate) -> Result<Path, PathError> {
    let found = rules.find(leaf, &CryptoSet::rustcrypto());
    #[cfg(feature = "aws-lc-rs")]
    assert_eq!(found, rules.find(leaf, &CryptoSet::aws_lc()));
    found
}

/// A root, one intermediate and a leaf, of which one is to be replaced.
#[derive(Clone)]
struct Chain {
    root: Draft,
    intermediate: Draft,
    leaf: Draft,
}

type Pick = fn(&mut Chain) -> &mut Draft;

impl Chain {
    fn new() -> Self {
        Self { root: Draft::authority("root", "root"), intermediate: Draft::authority("ca", "root"), leaf: Draft::new("leaf", "ca") }
    }

    fn root_mut(&mut self) -> &mut Draft {
        &mut self.root
    }

    fn intermediate_mut(&mut self) -> &mut Draft {
        &mut self.intermediate
    }

    fn leaf_mut(&mut self) -> &mut Draft {
        &mut self.leaf
    }

    #[track_caller]
    fn find(&self) -> Result<Path, PathFault> {
        self.find_with(|rules| rules)
    }

    #[track_caller]
    fn find_with(&self, change: impl for<'a> FnOnce(PathRules<'a>) -> PathRules<'a>) -> Result<Path, PathFault> {
        let (roots, intermediates) = ([self.root.issue()], [self.intermediate.issue()]);
        let rules = change(PathRules::new(&roots, &intermediates, NOW));
        find(&rules, &self.leaf.issue()).map_err(|error| error.fault().clone())
    }
}

#[test]
fn a_sound_chain_is_a_path() {
    let chain = Chain::new();
    let path = chain.find().expect("a path");
    assert_eq!(path.certificates(), [chain.leaf.issue(), chain.intermediate.issue(), chain.root.issue()]);
    assert_eq!((path.leaf(), path.issuer(), path.anchor()), (&chain.leaf.issue(), &chain.intermediate.issue(), &chain.root.issue()));
}

#[test]
fn anchors_need_not_be_self_signed() {
    let chain = Chain::new();
    let anchors = [chain.intermediate.issue()];
    let path = find(&PathRules::new(&anchors, &[], NOW), &chain.leaf.issue()).expect("a path");
    assert_eq!(path.certificates().len(), 2);
}

#[test]
fn a_certificate_is_not_its_own_anchor() {
    let leaf = Draft::new("leaf", "leaf").issue();
    let outcome = find(&PathRules::new(std::slice::from_ref(&leaf), &[], NOW), &leaf);
    assert!(outcome.is_err(), "{outcome:?}");
    let root = Draft::authority("root", "root").issue();
    let outcome = find(&PathRules::new(std::slice::from_ref(&root), &[], NOW).leaf(Leaf::Any), &root);
    assert!(outcome.is_err(), "{outcome:?}");
}

#[test]
fn validity_includes_both_ends() {
    let (roots, intermediates, leaf) = {
        let mut chain = Chain::new();
        chain.leaf.validity = ("20250101000000Z", "20250101000010Z");
        ([chain.root.issue()], [chain.intermediate.issue()], chain.leaf.issue())
    };
    let at = |time| find(&PathRules::new(&roots, &intermediates, time), &leaf).map_err(|error| error.fault().clone());
    assert!(at(NOW).is_ok());
    assert!(at(NOW + 10).is_ok());
    assert_eq!(at(NOW - 1), Err(PathFault::NotYetValid { time: NOW - 1, not_before: NOW }));
    assert_eq!(at(NOW + 11), Err(PathFault::Expired { time: NOW + 11, not_after: NOW + 10 }));
}

/// GHSA-wfqv-66vq-46rm: the whole chain is valid at the moment that counts, the anchor too.
#[test]
fn attack_expired_intermediate_or_anchor() {
    for pick in [Chain::intermediate_mut as Pick, Chain::root_mut as Pick] {
        let mut chain = Chain::new();
        pick(&mut chain).validity.1 = "20241231235959Z";
        assert_eq!(chain.find(), Err(PathFault::Expired { time: NOW, not_after: NOW - 1 }));
    }
}

#[test]
fn attack_leaf_is_authority() {
    let mut chain = Chain::new();
    chain.leaf = Draft::authority("leaf", "ca");
    assert_eq!(chain.find(), Err(PathFault::LeafIsAuthority));
    assert!(chain.find_with(|rules| rules.leaf(Leaf::Any)).is_ok());
}

/// A leaf of the same authority signs another leaf.
#[test]
fn attack_leaf_as_issuer() {
    let mut chain = Chain::new();
    for extensions in [vec![], vec![key_usage(0x80)], vec![extension("2.5.29.19", true, &[0x30, 0])], vec![key_usage(4)]] {
        chain.intermediate.extensions = extensions;
        assert_eq!(chain.find(), Err(PathFault::NotAuthority));
    }
}

#[test]
fn attack_issuer_without_key_cert_sign() {
    for pick in [Chain::intermediate_mut as Pick, Chain::root_mut as Pick] {
        let mut chain = Chain::new();
        pick(&mut chain).extensions = vec![basic_constraints(None), key_usage(0x82)];
        assert_eq!(chain.find(), Err(PathFault::KeyUsage { needed: KeyUsage::KEY_CERT_SIGN }));
    }
    let mut chain = Chain::new();
    chain.intermediate.extensions = vec![basic_constraints(None)];
    assert!(chain.find().is_ok(), "without the extension, all uses are permitted");
}

#[test]
fn attack_path_longer_than_permitted() {
    let mut chain = Chain::new();
    chain.root.extensions = vec![basic_constraints(Some(0)), key_usage(4)];
    assert_eq!(chain.find(), Err(PathFault::PathLength { limit: 0 }));
    chain.root.extensions = vec![basic_constraints(Some(1)), key_usage(4)];
    assert!(chain.find().is_ok());
    assert!(chain.find_with(|rules| rules.most_intermediates(1)).is_ok());
    assert_eq!(chain.find_with(|rules| rules.most_intermediates(0)), Err(PathFault::PathLength { limit: 0 }));
}

/// An authority signs its own new key: one name, so one step.
#[test]
fn self_issued_certificates_do_not_count() {
    let root = Draft::authority("root", "root");
    let roots = [Draft { extensions: vec![basic_constraints(Some(1)), key_usage(4)], ..root }.issue()];
    let renewed = Draft { key: "new key".to_owned(), ..Draft::authority("ca", "ca") }.issue();
    let pool = [Draft::authority("ca", "root").issue(), renewed];
    let leaf = Draft { signed_with: "new key".to_owned(), ..Draft::new("leaf", "ca") }.issue();
    assert_eq!(find(&PathRules::new(&roots, &pool, NOW), &leaf).expect("a path").certificates().len(), 4);
}

#[test]
fn ten_intermediates_are_the_most() {
    let names: Vec<_> = (0..=11).map(|depth| format!("ca {depth}")).collect();
    let pool: Vec<_> = names.windows(2).map(|pair| Draft::authority(&pair[1], &pair[0]).issue()).collect();
    let roots = [Draft::authority("ca 0", "ca 0").issue()];
    let find = |depth: usize| find(&PathRules::new(&roots, &pool, NOW).most_intermediates(99), &Draft::new("leaf", &names[depth]).issue());
    assert_eq!(find(10).expect("a path").certificates().len(), 12);
    assert_eq!(find(11).expect_err("too long").fault(), &PathFault::PathLength { limit: 10 });
}

/// The name of the issuer is right, its key is not.
#[test]
fn attack_name_without_key() {
    let mut chain = Chain::new();
    chain.intermediate.signed_with = "someone".to_owned();
    assert!(matches!(chain.find(), Err(PathFault::Signature { error: CertificateError::Signature { .. } })));
    let mut chain = Chain::new();
    chain.leaf.signed_with = "someone".to_owned();
    assert!(matches!(chain.find(), Err(PathFault::Signature { error: CertificateError::Signature { .. } })));
}

/// The key of the issuer is right, its name is not.
#[test]
fn attack_key_without_name() {
    let mut chain = Chain::new();
    chain.leaf.issuer = name("ca.");
    assert_eq!(chain.find(), Err(PathFault::UnknownIssuer { issuer: "CN=ca.".to_owned() }));
}

/// An attacker's chain carries the trusted root as decoration.
#[test]
fn attack_trusted_root_as_decoration() {
    let root = Draft::authority("root", "root").issue();
    let evil = Draft::authority("evil", "evil").issue();
    let pool = [root.clone(), evil];
    let outcome = find(&PathRules::new(&[root], &pool, NOW), &Draft::new("leaf", "evil").issue());
    assert!(matches!(outcome.expect_err("untrusted").fault(), PathFault::UnknownIssuer { .. }));
}

#[test]
fn names_are_compared_without_case_and_spaces() {
    let mut chain = Chain::new();
    chain.intermediate.subject = tlv(0x30, &[&rdn("2.5.4.3", 0x13, "  The  CA ")]);
    chain.intermediate.key = "ca".to_owned();
    chain.leaf.issuer = tlv(0x30, &[&rdn("2.5.4.3", 0x0c, "the ca")]);
    assert!(chain.find().is_ok());
    chain.leaf.issuer = tlv(0x30, &[&rdn("2.5.4.10", 0x0c, "the ca")]);
    assert!(chain.find().is_err(), "another attribute");
    chain.leaf.issuer = tlv(0x30, &[&rdn("2.5.4.3", 0x0c, "theca")]);
    assert!(chain.find().is_err(), "another word");
}

#[test]
fn attack_unknown_critical_extension() {
    let unknown = |critical| extension("1.2.3.4", critical, &[5, 0]);
    for pick in [Chain::leaf_mut as Pick, Chain::intermediate_mut as Pick, Chain::root_mut as Pick] {
        let mut chain = Chain::new();
        pick(&mut chain).extensions.push(unknown(false));
        assert!(chain.find().is_ok());
        pick(&mut chain).extensions.pop();
        pick(&mut chain).extensions.push(unknown(true));
        assert_eq!(chain.find(), Err(PathFault::UnknownCriticalExtension { id: id("1.2.3.4") }));
    }
}

#[test]
fn attack_duplicate_extension() {
    for twice in [basic_constraints(None), extension("1.2.3.4", false, &[5, 0])] {
        let draft = Draft::new("leaf", "ca").with(twice.clone()).with(twice);
        assert_eq!(draft.read(), Err(CertificateError::Malformed { part: "extensions" }));
    }
}

#[test]
fn attack_inner_and_outer_algorithm_differ() {
    let mut draft = Draft::new("leaf", "ca");
    draft.outer_algorithm = ECDSA_SHA384;
    assert_eq!(draft.read(), Err(CertificateError::AlgorithmMismatch));
    draft.inner_algorithm = ECDSA_SHA384;
    assert!(draft.read().is_ok());
}

#[test]
fn attack_extensions_in_an_old_version() {
    let mut draft = Draft::authority("leaf", "ca");
    for version in [0, 1, 3] {
        draft.version = version;
        assert_eq!(draft.read(), Err(CertificateError::Malformed { part: "certificate" }), "{version}");
    }
    let mut chain = Chain::new();
    chain.root = Draft { version: 0, extensions: Vec::new(), ..chain.root };
    assert!(chain.find().is_ok(), "an anchor may be of version 1");
    let mut chain = Chain::new();
    chain.intermediate = Draft { version: 0, extensions: Vec::new(), ..chain.intermediate };
    assert_eq!(chain.find(), Err(PathFault::NotAuthority));
}

#[test]
fn serial_numbers_have_20_bytes_and_are_not_zero() {
    let mut chain = Chain::new();
    chain.leaf.serial = vec![0];
    assert_eq!(chain.find(), Err(PathFault::SerialZero));
    let mut above = Chain::new();
    above.root.serial = vec![0];
    assert!(above.find().is_ok(), "anchors are exempt");
    above.intermediate.serial = vec![0];
    assert_eq!(above.find(), Err(PathFault::SerialZero));
    chain.leaf.serial = vec![0x7f; 20];
    assert!(chain.find().is_ok());
    for (serial, expected) in [
        (vec![0x7f; 21], CertificateError::TooMany { part: "certificate" }),
        (vec![], CertificateError::Malformed { part: "certificate" }),
        (vec![0, 1], CertificateError::Malformed { part: "certificate" }),
    ] {
        assert_eq!(Draft { serial, ..chain.leaf.clone() }.read(), Err(expected));
    }
}

#[test]
fn purposes_are_nested() {
    let needed = |chain: &Chain| chain.find_with(|rules| rules.purpose(id(CODE_SIGNING)));
    let refused = Err(PathFault::ExtendedKeyUsage { purpose: id(CODE_SIGNING) });
    let mut chain = Chain::new();
    assert_eq!(needed(&chain), refused, "the leaf names no purpose");
    chain.leaf.extensions = vec![purposes(&["2.5.29.37.0"])];
    assert_eq!(needed(&chain), refused, "any purpose is not this one");
    chain.leaf.extensions = vec![purposes(&[CODE_SIGNING])];
    assert!(needed(&chain).is_ok());
    for (above, good) in [(&["1.3.6.1.5.5.7.3.1"][..], false), (&[CODE_SIGNING, "1.2.3"], true), (&["2.5.29.37.0"], true)] {
        for pick in [Chain::intermediate_mut as Pick, Chain::root_mut as Pick] {
            let mut chain = chain.clone();
            pick(&mut chain).extensions.push(purposes(above));
            assert_eq!(needed(&chain).is_ok(), good, "{above:?}");
        }
    }
}

#[test]
fn key_usage_of_the_leaf_can_be_required() {
    let needed = |chain: &Chain| chain.find_with(|rules| rules.leaf_key_usage(KeyUsage::DIGITAL_SIGNATURE));
    let mut chain = Chain::new();
    let refused = Err(PathFault::KeyUsage { needed: KeyUsage::DIGITAL_SIGNATURE });
    assert_eq!(needed(&chain), refused);
    chain.leaf.extensions = vec![key_usage(0x20)];
    assert_eq!(needed(&chain), refused);
    chain.leaf.extensions = vec![key_usage(0xc0)];
    assert!(needed(&chain).is_ok());
}

#[test]
fn attack_name_outside_the_constraints() {
    let permitted = tlv(0xa0, &[&tlv(0x30, &[&tlv(0x82, &[b"example.com"])])]);
    let mut chain = Chain::new();
    chain.root.extensions.push(extension("2.5.29.30", true, &tlv(0x30, &[&permitted])));
    let alternative = |dns: &str| extension("2.5.29.17", false, &tlv(0x30, &[&tlv(0x82, &[dns.as_bytes()])]));
    chain.leaf.extensions = vec![alternative("a.example.com")];
    assert!(chain.find().is_ok());
    chain.leaf.extensions = vec![alternative("example.org")];
    assert_eq!(chain.find(), Err(PathFault::NameConstraint));
    assert!(chain.find_with(|rules| rules.name_constraints(NameConstraintRule::InsecureIgnored)).is_ok());
}

#[test]
fn alternative_names_keep_their_kind() {
    let username = "1.3.6.1.4.1.57264.1.7";
    let other = tlv(0xa0, &[&oid(username), &tlv(0xa0, &[&tlv(0x0c, &[b"me!issuer"])])]);
    let names = tlv(0x30, &[&tlv(0x81, &[b"me@example.com"]), &tlv(0x86, &[b"https://example.com/me"]), &other]);
    let certificate = Draft { subject: name(""), ..Draft::new("leaf", "ca") }.with(extension("2.5.29.17", true, &names)).issue();
    let [GeneralName::Email(email), GeneralName::Uri(uri), other] = certificate.alternative_names() else { panic!("three names") };
    assert_eq!((email.as_str(), uri.as_str()), ("me@example.com", "https://example.com/me"));
    assert_eq!(other.other_text(id(username)), Some("me!issuer"));
    assert_eq!(other.other_text(id("1.2.3")), None);
}

#[test]
fn attack_alternative_names_with_traps() {
    let names = |names: &[u8]| Draft::new("leaf", "ca").with(extension("2.5.29.17", false, &tlv(0x30, &[names]))).read();
    let refused = Err(CertificateError::Extension { id: id("2.5.29.17") });
    for trap in [
        tlv(0x82, &[b"good.example\0.evil"]),
        tlv(0x81, &[b"me@example.com\n"]),
        tlv(0x86, &["https://ex\u{e4}mple".as_bytes()]),
        tlv(0x82, &[]),
        tlv(0x87, &[&[127, 0, 0]]),
        tlv(0x89, &[b"x"]),
        Vec::new(),
    ] {
        assert_eq!(names(&trap), refused, "{trap:x?}");
    }
}

#[test]
fn any_extension_can_be_read_raw() {
    let certificate = Draft::new("leaf", "ca").with(extension("1.3.6.1.4.1.57264.1.1", false, b"https://issuer.example")).issue();
    let found = certificate.extension(id("1.3.6.1.4.1.57264.1.1")).expect("there");
    assert_eq!((found.value(), found.is_critical()), (&b"https://issuer.example"[..], false));
    assert_eq!(certificate.extension(id("1.3.6.1.4.1.11129.2.4.2")), None);
}

#[test]
fn attack_flipped_bits() {
    let chain = Chain::new();
    let (roots, intermediates) = ([chain.root.issue()], [chain.intermediate.issue()]);
    let rules = PathRules::new(&roots, &intermediates, NOW);
    let der = chain.leaf.der();
    for at in 0..der.len() * 8 {
        let mut flipped = der.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let accepted = Certificate::from_der(&flipped).is_ok_and(|leaf| rules.find(&leaf, &CryptoSet::rustcrypto()).is_ok());
        assert!(!accepted, "bit {at}");
    }
}

#[test]
fn attack_cut_trailing_and_huge() {
    let der = Draft::new("leaf", "ca").der();
    for length in 0..der.len() {
        assert!(Certificate::from_der(&der[..length]).is_err());
    }
    assert!(Certificate::from_der(&[&der[..], &[0]].concat()).is_err());
    let limit = Certificate::MAX_SIZE;
    assert_eq!(Certificate::from_der(&vec![0x30; limit + 1]), Err(CertificateError::TooLarge { limit }));
    let many = (0..200_u32).map(|number| extension(&format!("1.2.3.{number}"), false, &[5, 0])).fold(Draft::new("leaf", "ca"), Draft::with);
    assert_eq!(many.read(), Err(CertificateError::TooMany { part: "extensions" }));
}

#[test]
fn the_original_bytes_are_kept() {
    let draft = Draft::authority("ca", "root");
    let (certificate, der) = (draft.issue(), draft.der());
    assert_eq!(certificate.der(), der);
    let at = der.windows(certificate.tbs_der().len()).position(|window| window == certificate.tbs_der());
    assert_eq!(at, Some(4));
    assert_eq!(certificate.public_key().expect("a key").spki_der(), certificate.spki_der());
    assert_eq!(certificate.subject().to_string(), "CN=ca");
    assert!(certificate.verify_signed_by(&Draft::authority("root", "root").issue(), &CryptoSet::rustcrypto()).is_ok());
    assert!(certificate.verify_signed_by(&certificate, &CryptoSet::rustcrypto()).is_err());
}

/// A part that says yes to everything.
#[derive(Debug)]
struct Yes;

impl EcdsaVerifier for Yes {
    fn load(&self, _: &PublicKey) -> Result<Box<dyn EcdsaKey>, Refused> {
        Ok(Box::new(Self))
    }
}

impl EcdsaKey for Yes {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), Refused> {
        Ok(())
    }
}

/// What is remembered of a certificate holds for the same key and the same set, whatever the set is called.
#[test]
fn a_signature_that_held_says_nothing_about_other_keys_and_sets() {
    let (set, yes) = (CryptoSet::rustcrypto(), CryptoSet { ecdsa: &Yes, ..CryptoSet::rustcrypto() });
    let (root, other) = (Draft::authority("root", "root").issue(), Draft::authority("other", "root").issue());
    let signed = Draft::authority("ca", "root").issue();
    for _ in 0..2 {
        assert!(signed.verify_signed_by(&root, &set).is_ok());
        assert!(signed.verify_signed_by(&other, &set).is_err());
    }
    let forged = Draft::authority("ca", "root").issue();
    for _ in 0..2 {
        assert!(forged.verify_signed_by(&other, &yes).is_ok());
        assert!(forged.verify_signed_by(&other, &set).is_err());
        assert!(forged.verify_signed_by(&root, &set).is_ok());
    }
}

#[test]
fn a_thousand_other_certificates_do_no_harm() {
    let chain = Chain::new();
    let mut pool: Vec<_> = (0..1_000).map(|number| Draft::authority(&format!("other {number}"), "root").issue()).collect();
    pool.push(chain.intermediate.issue());
    let roots = [chain.root.issue()];
    assert!(find(&PathRules::new(&roots, &pool, NOW), &chain.leaf.issue()).is_ok());
}

/// All have the name of the issuer, and its key is in none of them.
#[test]
fn attack_a_thousand_decoys_end_the_budget() {
    let chain = Chain::new();
    let decoy = |number: u32| Draft { key: format!("decoy {number}"), ..chain.intermediate.clone() }.issue();
    let pool: Vec<_> = (0..1_000).map(decoy).collect();
    let roots = [chain.root.issue()];
    let error = find(&PathRules::new(&roots, &pool, NOW), &chain.leaf.issue()).expect_err("too much work");
    assert_eq!(error.fault(), &PathFault::Budget { what: "signature checks", limit: 100 });
}

/// Authorities that certify each other make exponentially many paths.
#[test]
fn attack_mesh_ends_the_budget() {
    let names: Vec<_> = (0..8).map(|number| format!("mesh {number}")).collect();
    let pairs =
        names.iter().flat_map(|subject| names.iter().map(move |issuer| (subject, issuer))).filter(|(subject, issuer)| subject != issuer);
    let pool: Vec<_> = pairs.map(|(subject, issuer)| Draft::authority(subject, issuer).issue()).collect();
    let roots = [Draft::authority("root", "root").issue()];
    let error = find(&PathRules::new(&roots, &pool, NOW), &Draft::new("leaf", "mesh 0").issue()).expect_err("no path");
    assert!(matches!(error.fault(), PathFault::Budget { .. }), "{error}");
}

/// One path is expired, the other leads nowhere: the first is told, whatever the order.
#[test]
fn the_closest_path_is_told() {
    let chain = Chain::new();
    let stray = Draft { issuer: name("nobody"), ..chain.intermediate.clone() }.issue();
    let expired = Draft { validity: ("20200101000000Z", "20210101000000Z"), ..chain.intermediate.clone() }.issue();
    let roots = [chain.root.issue()];
    for pool in [[stray.clone(), expired.clone()], [expired, stray]] {
        let error = find(&PathRules::new(&roots, &pool, NOW), &chain.leaf.issue()).expect_err("no path");
        assert!(matches!(error.fault(), PathFault::Expired { .. }), "{error}");
        assert_eq!(error.to_string(), "certificate `CN=ca`: expired");
    }
}

#[test]
fn pem_bundles_hold_certificates_only() {
    let pem = |label: &str, der: &[u8]| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    };
    let (one, two) = (Draft::new("one", "ca"), Draft::new("two", "ca"));
    let first = pem("CERTIFICATE", &one.der());
    let bundle = format!("subject one\n{first}\nsubject two\n{}end", pem("CERTIFICATE", &two.der()));
    assert_eq!(Certificate::from_pem(first.as_bytes()), Ok(one.issue()));
    assert_eq!(Certificate::from_pem(bundle.as_bytes()), Err(CertificateError::Count { found: 2 }));
    assert_eq!(Certificate::all_from_pem(bundle.as_bytes()), Ok(vec![one.issue(), two.issue()]));
    assert_eq!(Certificate::all_from_file(&[one.der(), two.der()].concat()), Ok(vec![one.issue(), two.issue()]));
    let refused = |text: &str| Certificate::all_from_file(text.as_bytes()).expect_err("refused").to_string();
    assert_eq!(refused(&format!("{first}{}", pem("EC PRIVATE KEY", b"x"))), "found a private key, expected a PEM block `CERTIFICATE`");
    assert_eq!(refused("nothing"), "found text without a PEM block, expected a PEM block `CERTIFICATE`");
    assert_eq!(refused(first.trim_end().trim_end_matches('-')), "PEM block is damaged");
}

/// RFC 6962: what a log signed is the certificate without the proof of having been logged.
#[test]
fn one_extension_can_be_left_out() {
    let (kept, logged) = (key_usage(0x80), extension("1.3.6.1.4.1.11129.2.4.2", false, &[4; 200]));
    let before = Draft::new("leaf", "ca").with(kept.clone()).issue();
    let after = Draft::new("leaf", "ca").with(kept).with(logged.clone()).issue();
    let sct_list = id("1.3.6.1.4.1.11129.2.4.2");
    assert_eq!(after.tbs_der_without(sct_list).as_deref(), Some(before.tbs_der()));
    assert_eq!(before.tbs_der_without(sct_list), None);
    let alone = Draft::new("leaf", "ca").with(logged).issue();
    assert_eq!(alone.tbs_der_without(sct_list).as_deref(), Some(Draft::new("leaf", "ca").issue().tbs_der()));
}

/// The chain with the intermediate's key allowed to sign lists, under these lists.
#[track_caller]
fn with_lists(lists: &[RevocationList]) -> Result<Path, PathFault> {
    let mut chain = Chain::new();
    chain.root.extensions = vec![basic_constraints(None), key_usage(6)];
    chain.intermediate = Draft { serial: vec![2], extensions: chain.root.extensions.clone(), ..chain.intermediate };
    chain.leaf.serial = vec![3];
    let (roots, intermediates) = ([chain.root.issue()], [chain.intermediate.issue()]);
    let rules = PathRules::new(&roots, &intermediates, NOW).revocation(lists);
    find(&rules, &chain.leaf.issue()).map_err(|error| error.fault().clone())
}

#[test]
fn every_certificate_needs_a_list() {
    let (root, ca) = (ListDraft::new("root").issue(), ListDraft::new("ca").issue());
    assert!(with_lists(&[root.clone(), ca.clone()]).is_ok());
    for lists in [&[][..], &[root], &[ca]] {
        assert_eq!(with_lists(lists), Err(PathFault::RevocationUnknown));
    }
}

#[test]
fn attack_revoked_certificates() {
    let (root, ca) = (ListDraft::new("root"), ListDraft::new("ca"));
    let reason = extension("2.5.29.21", false, &[0x0a, 1, 6]);
    let revoked = |reason| Err(PathFault::Revoked { time: 1_731_628_800, reason });
    assert_eq!(with_lists(&[root.issue(), ca.clone().revoke(3, vec![]).issue()]), revoked(0));
    assert_eq!(with_lists(&[root.issue(), ca.clone().revoke(4, vec![]).revoke(3, vec![reason]).issue()]), revoked(6));
    assert_eq!(with_lists(&[root.clone().revoke(2, vec![]).issue(), ca.issue()]), revoked(0));
    assert!(with_lists(&[root.revoke(3, vec![]).issue(), ca.revoke(2, vec![]).issue()]).is_ok(), "numbers of other issuers");
}

/// A list that does not count leaves the status unknown, though it lists nothing.
#[test]
fn attack_lists_that_do_not_count() {
    let (root, ca) = (ListDraft::new("root").issue(), ListDraft::new("ca"));
    let scope = |flag: u8| extension("2.5.29.28", true, &tlv(0x30, &[&[0x80 | flag, 1, 0xff]]));
    for (why, list) in [
        ("signed by someone", ListDraft { signed_with: "someone".to_owned(), ..ca.clone() }),
        ("signed by the leaf", ListDraft { signed_with: "leaf".to_owned(), ..ca.clone() }),
        ("another issuer", ListDraft { issuer: name("other"), ..ca.clone() }),
        ("old", ListDraft { updates: ("20240101000000Z", Some("20241231235959Z")), ..ca.clone() }),
        ("of the future", ListDraft { updates: ("20250101000001Z", Some("20260101000000Z")), ..ca.clone() }),
        ("without end", ListDraft { updates: ("20240101000000Z", None), ..ca.clone() }),
        ("an unknown critical extension", ca.clone().with(extension("1.2.3.4", true, &[5, 0]))),
        ("an unknown critical extension of an entry", ca.clone().revoke(9, vec![extension("1.2.3.4", true, &[5, 0])])),
        ("an addition alone", ca.clone().with(extension("2.5.29.27", true, &[2, 1, 1]))),
        ("authorities only", ca.clone().with(scope(2))),
        ("attributes only", ca.clone().with(scope(5))),
        ("some reasons", ca.clone().with(extension("2.5.29.28", true, &tlv(0x30, &[&[0x83, 2, 6, 0x40]])))),
    ] {
        assert_eq!(with_lists(&[root.clone(), list.issue()]), Err(PathFault::RevocationUnknown), "{why}");
    }
    assert!(with_lists(&[root, ca.with(scope(1)).issue()]).is_ok(), "end entities only");
}

/// Another anchor's authority takes the name of the issuer and says that nothing was revoked.
#[test]
fn attack_list_under_another_anchor() {
    let signer = |subject: &str, issuer: &str, key: &str, serial: u8| {
        let extensions = vec![basic_constraints(None), key_usage(6)];
        Draft { key: key.to_owned(), serial: vec![serial], extensions, ..Draft::new(subject, issuer) }.issue()
    };
    let namesake = ListDraft { signed_with: "namesake".to_owned(), ..ListDraft::new("ca") };
    let lists = [ListDraft::new("root").issue(), ListDraft::new("other").issue(), namesake.issue()];
    let leaf = Draft { serial: vec![3], ..Draft::new("leaf", "ca") }.issue();
    let roots = [signer("root", "root", "root", 1), signer("other", "other", "other", 1)];
    let outcome = |issuer: &str| {
        let pool = [signer("ca", "root", "ca", 2), signer("ca", issuer, "namesake", 4)];
        find(&PathRules::new(&roots, &pool, NOW).revocation(&lists), &leaf).map_err(|error| error.fault().clone())
    };
    assert_eq!(outcome("other"), Err(PathFault::RevocationUnknown));
    assert!(outcome("root").is_ok(), "an authority may have a key of its own for lists");
}

#[test]
fn additions_to_a_list_count() {
    let number = |number: u8| extension("2.5.29.20", false, &[2, 1, number]);
    let base = |number: u8| extension("2.5.29.27", true, &[2, 1, number]);
    let (root, ca) = (ListDraft::new("root").issue(), ListDraft::new("ca"));
    let removed = extension("2.5.29.21", false, &[0x0a, 1, 8]);
    let complete = ca.clone().with(number(5)).issue();
    let addition = ca.clone().with(number(6)).with(base(5)).revoke(3, vec![]);
    assert!(matches!(with_lists(&[root.clone(), complete.clone(), addition.issue()]), Err(PathFault::Revoked { .. })));
    let later_base = ca.clone().with(number(7)).with(base(6)).revoke(3, vec![]);
    assert!(with_lists(&[root.clone(), complete.clone(), later_base.issue()]).is_ok(), "it adds to another list");
    let forged = ListDraft { signed_with: "someone".to_owned(), ..addition };
    assert!(with_lists(&[root.clone(), complete, forged.issue()]).is_ok(), "it is not the issuer's");
    let on_hold = ca.clone().with(number(5)).revoke(3, vec![extension("2.5.29.21", false, &[0x0a, 1, 6])]).issue();
    let released = ca.with(number(6)).with(base(5)).revoke(3, vec![removed]).issue();
    assert!(matches!(with_lists(&[root.clone(), on_hold.clone()]), Err(PathFault::Revoked { reason: 6, .. })));
    assert!(with_lists(&[root, on_hold, released]).is_ok());
}

#[test]
fn policies_hold_for_the_whole_path() {
    let policies = |list: &[&str]| {
        let list: Vec<_> = list.iter().flat_map(|policy| tlv(0x30, &[&oid(policy)])).collect();
        extension("2.5.29.32", false, &tlv(0x30, &[&list]))
    };
    let mut chain = Chain::new();
    let required = |chain: &Chain, policy: &str| {
        let rules = PolicyRules::default().require_explicit().acceptable(vec![id(policy)]);
        chain.find_with(|path| path.policies(rules)).is_ok()
    };
    assert!(!required(&chain, "1.2.3"));
    chain.intermediate.extensions.push(policies(&["1.2.3", "1.2.4"]));
    chain.leaf.extensions = vec![policies(&["1.2.4", "1.2.5"])];
    assert!(chain.find().is_ok(), "nobody asks");
    assert_eq!([required(&chain, "1.2.3"), required(&chain, "1.2.4"), required(&chain, "1.2.5")], [false, true, false]);
    let explicit = extension("2.5.29.36", true, &tlv(0x30, &[&[0x80, 1, 0]]));
    chain.intermediate.extensions.push(explicit);
    assert!(chain.find().is_ok());
    chain.leaf.extensions = vec![policies(&["1.2.5"])];
    assert_eq!(chain.find(), Err(PathFault::Policy), "the authority asks");
}
