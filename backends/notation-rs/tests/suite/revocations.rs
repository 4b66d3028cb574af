//! Section "Revocation": OCSP and lists as pure functions over what was fetched.

use notation_rs::{
    Warning,
    envelope::Format,
    revocation::{self, Answer, MOST_URLS, Material, Method, Purpose, Request, Revocation, Status},
    verify::{CheckError, Verification},
};
use serde_json::json;
use verimage_crypto::{CryptoSet, x509::RevocationList};

use crate::{
    EXPECTED, NOW, at,
    sign::{
        Draft, Jws, Key, Pki,
        certificate::{CERT_SIGN, DIGITAL_SIGNATURE, INTERMEDIATE, KEY_USAGE, ROOT, key_usage, purposes},
        der::{extension, oid, sequence, tlv},
        revocation::{
            ListDraft, OcspDraft, UNKNOWN, delta_of, distribution_points, freshest, invalidity_date, list_number, ocsp_access, reason,
            revoked,
        },
    },
    statement, stores, strict,
};

const KEY: Key = Key::P256("leaf");
const RESPONDER: &str = "http://ocsp.example";
const LIST: &str = "http://list.example/a";
const OTHER_LIST: &str = "http://list.example/b";
const DELTA: &str = "http://list.example/delta";

fn pki(extensions: &[Vec<u8>]) -> Pki {
    let mut pki = Pki::new(KEY);
    pki.leaf.extensions.extend_from_slice(extensions);
    pki
}

fn check_at(pki: &Pki, material: &Material, signed_at: Option<&str>) -> Revocation {
    let chain = pki.certificates();
    let outcomes =
        [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|set| revocation::check(&chain, material, at(NOW), signed_at.map(at), &set));
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes.into_iter().next().unwrap()
}

fn leaf_status(revocation: &Revocation) -> &Status {
    &revocation.certificates[0].status
}

fn ok(body: Vec<u8>) -> Answer {
    Answer::Response { status: 200, body }
}

/// Asks until nothing more is needed; `answer` gives what is at a URL.
fn ask(pki: &Pki, signed_at: Option<&str>, answer: impl Fn(&Request) -> Option<Answer>) -> Revocation {
    let mut material = Material::new();
    for _ in 0..10 {
        let found = check_at(pki, &material, signed_at);
        if found.needed.is_empty() {
            return found;
        }
        for request in found.needed {
            let failed = Answer::Failed { reason: "no route".to_owned() };
            material.insert(request.clone(), answer(&request).unwrap_or(failed));
        }
    }
    panic!("asks for ever")
}

/// The question inside a request by GET.
fn question(pki: &Pki) -> Vec<u8> {
    let [leaf, issuer, _] = pki.certificates().try_into().unwrap();
    verimage_crypto::x509::ocsp_request(&leaf, &issuer).unwrap()
}

/// What one answer of a responder is worth.
fn of_responder(spoil: impl Fn(&mut OcspDraft)) -> Revocation {
    of_responder_signed(None, spoil)
}

fn of_responder_signed(signed_at: Option<&str>, spoil: impl Fn(&mut OcspDraft)) -> Revocation {
    let pki = pki(&[ocsp_access(&[RESPONDER])]);
    let mut draft = OcspDraft::new(&question(&pki), &pki.intermediate);
    spoil(&mut draft);
    ask(&pki, signed_at, |_| Some(ok(draft.der())))
}

#[track_caller]
fn unknown(revocation: &Revocation, why: &str) {
    match leaf_status(revocation) {
        Status::Unknown { reasons } => assert!(reasons.iter().any(|reason| reason.contains(why)), "{reasons:?}"),
        other => panic!("found {other:?}"),
    }
}

#[test]
fn certificates_without_a_source_pass_with_a_warning() {
    let found = check_at(&pki(&[]), &Material::new(), None);
    assert_eq!(found.certificates.len(), 2, "every certificate but the root");
    assert!(found.worst().is_none() && found.needed.is_empty());
    assert!(matches!(found.warnings.as_slice(), [Warning::NoRevocationSource { .. }, Warning::NoRevocationSource { .. }]));
}

#[test]
fn sha1_is_refused_in_lists() {
    let pki = pki(&[distribution_points(&[LIST])]);
    let list = ListDraft { algorithm: Some(sequence(&[&oid("1.2.840.10045.4.1")])), ..ListDraft::new(&pki.intermediate) };
    let found = ask(&pki, None, |_| Some(ok(list.der())));
    unknown(&found, "1.2.840.10045.4.1");
}

#[test]
fn responders_are_asked_first_and_lists_only_if_they_do_not_know() {
    let pki = pki(&[ocsp_access(&[RESPONDER]), distribution_points(&[LIST])]);
    let found = check_at(&pki, &Material::new(), None);
    let [request] = found.needed.as_slice() else { panic!("one question") };
    assert_eq!((request.purpose, request.method), (Purpose::Ocsp, Method::Get));
    assert!(request.url.starts_with(&format!("{RESPONDER}/ME")), "{}", request.url);
    assert_eq!(request.purpose.max_bytes(), 20_480);
    let list = ListDraft::new(&pki.intermediate).der();
    let asked = std::cell::RefCell::new(Vec::new());
    let found = ask(&pki, None, |request| {
        asked.borrow_mut().push(request.purpose);
        (request.purpose == Purpose::RevocationList).then(|| ok(list.clone()))
    });
    assert_eq!((leaf_status(&found), asked.into_inner()), (&Status::Good, vec![Purpose::Ocsp, Purpose::RevocationList]));
    let good = OcspDraft::new(&question(&pki), &pki.intermediate).der();
    let found = ask(&pki, None, |request| (request.purpose == Purpose::Ocsp).then(|| ok(good.clone())));
    assert_eq!(leaf_status(&found), &Status::Good);
    assert_eq!(found.certificates[0].next_update, Some(at("2025-07-01T00:00:00Z")));
}

#[test]
fn responders_are_asked_in_their_order_until_one_is_definite() {
    let pki = pki(&[ocsp_access(&["http://one.example", "http://two.example", "http://three.example"])]);
    let draft = OcspDraft::new(&question(&pki), &pki.intermediate);
    let found = ask(&pki, None, |request| match &request.url {
        url if url.starts_with("http://one") => Some(Answer::Response { status: 500, body: Vec::new() }),
        url if url.starts_with("http://two") => Some(ok(draft.der())),
        _ => panic!("three is not asked"),
    });
    assert_eq!(leaf_status(&found), &Status::Good);
    // That the responder does not know is definite, too.
    let unknown_status = OcspDraft { status: UNKNOWN.to_vec(), ..draft };
    let found = ask(&pki, None, |request| {
        assert!(request.url.starts_with("http://one"));
        Some(ok(unknown_status.der()))
    });
    unknown(&found, "does not know");
}

#[test]
fn revoked_is_revoked_whatever_the_reason() {
    for number in [0, 1, 5, 6] {
        let found = of_responder(|draft| draft.status = revoked(number));
        assert!(matches!(leaf_status(&found), Status::Revoked { reason, .. } if *reason == number));
        assert!(matches!(found.worst().unwrap().status, Status::Revoked { .. }));
    }
}

#[test]
fn answers_are_about_the_certificate() {
    let mut other = pki(&[]);
    other.leaf.serial = vec![2];
    let question = question(&other);
    unknown(&of_responder(|draft| draft.request.clone_from(&question)), "not about the certificate");
}

#[test]
fn answers_are_of_this_time() {
    unknown(&of_responder(|draft| draft.this_update = "20250602000000Z"), "not valid yet");
    unknown(&of_responder(|draft| draft.next_update = Some("20250531235959Z")), "expired OCSP response");
    unknown(&of_responder(|draft| draft.next_update = None), "without nextUpdate");
    assert_eq!(leaf_status(&of_responder(|draft| draft.next_update = Some("20250601000000Z"))), &Status::Good);
}

#[test]
fn answers_are_signed_by_the_issuer() {
    unknown(&of_responder(|draft| draft.signer = ROOT), "not signed by the issuer");
    unknown(&of_responder(|draft| draft.signer = KEY), "not signed by the issuer");
    unknown(&of_responder(|draft| draft.responder = tlv(0xa1, &[&crate::sign::certificate::name("root")])), "not signed by the issuer");
}

const RESPONDER_KEY: Key = Key::P256("responder");
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

fn delegate() -> Draft {
    let mut draft = Draft::new("responder", "intermediate", RESPONDER_KEY).with(purposes(false, &[OCSP_SIGNING]));
    draft.extensions.push(key_usage(true, DIGITAL_SIGNATURE));
    draft
}

fn delegated(delegate: &Draft, signer: Key) -> Revocation {
    of_responder(|draft| {
        draft.responder = tlv(0xa1, &[&delegate.subject]);
        draft.signer = RESPONDER_KEY;
        draft.certificates = vec![delegate.der(signer)];
    })
}

#[test]
fn answers_may_be_signed_by_a_delegate() {
    let found = delegated(&delegate(), INTERMEDIATE);
    assert_eq!(leaf_status(&found), &Status::Good);
    assert!(found.warnings.iter().any(|warning| matches!(warning, Warning::ResponderNotChecked { .. })));
    let unchecked = delegate().with(extension("1.3.6.1.5.5.7.48.1.5", false, &[5, 0]));
    let found = delegated(&unchecked, INTERMEDIATE);
    assert!(!found.warnings.iter().any(|warning| matches!(warning, Warning::ResponderNotChecked { .. })));
}

#[test]
fn attack_delegates_without_the_purpose_the_issuer_or_the_time() {
    let without = delegate().without(crate::sign::certificate::EXTENDED_KEY_USAGE);
    unknown(&delegated(&without, INTERMEDIATE), "not signed by the issuer");
    unknown(&delegated(&without.with(purposes(false, &["2.5.29.37.0"])), INTERMEDIATE), "not signed by the issuer");
    unknown(&delegated(&delegate(), ROOT), "not signed by the issuer");
    let mut of_root = delegate();
    of_root.issuer = crate::sign::certificate::name("root");
    unknown(&delegated(&of_root, ROOT), "not signed by the issuer");
    let mut expired = delegate();
    expired.validity = ("20240101000000Z", "20250531235959Z");
    unknown(&delegated(&expired, INTERMEDIATE), "not signed by the issuer");
}

#[test]
fn answers_with_critical_extensions_say_nothing() {
    let critical = || extension("1.2.3.4", true, &[5, 0]);
    unknown(&of_responder(|draft| draft.single_extensions.push(critical())), "critical extension");
    unknown(&of_responder(|draft| draft.extensions.push(critical())), "critical extension");
    // A nonce that nobody asked for is no harm.
    let nonce = || extension("1.3.6.1.5.5.7.48.1.2", false, &[4, 1, 7]);
    assert_eq!(leaf_status(&of_responder(|draft| draft.extensions.push(nonce()))), &Status::Good);
}

#[test]
fn errors_garbage_and_large_bodies_are_unknown() {
    let pki = pki(&[ocsp_access(&[RESPONDER])]);
    let good = OcspDraft::new(&question(&pki), &pki.intermediate).der();
    for status in [1, 2, 3, 5, 6] {
        unknown(&ask(&pki, None, |_| Some(ok(vec![0x30, 3, 0x0a, 1, status]))), &format!("status {status}"));
    }
    unknown(&ask(&pki, None, |_| Some(ok(b"<html>".to_vec()))), "malformed");
    unknown(&ask(&pki, None, |_| Some(ok([&good[..], &[0]].concat()))), "malformed");
    unknown(&ask(&pki, None, |_| Some(ok([&good[..], &vec![0; 20_480]].concat()))), "more than 20480 bytes");
    unknown(&ask(&pki, None, |_| Some(Answer::Response { status: 203, body: good.clone() })), "status 203");
    unknown(&ask(&pki, None, |_| None), "no route");
}

#[test]
fn a_key_suspected_after_signing_was_good_for_signing_authorities_only() {
    let spoil = |draft: &mut OcspDraft| {
        draft.status = revoked(1);
        draft.single_extensions = vec![invalidity_date("20250301000000Z")];
    };
    assert_eq!(leaf_status(&of_responder_signed(Some("2025-02-28T23:59:59Z"), spoil)), &Status::Good);
    for signed in [Some("2025-03-01T00:00:00Z"), None] {
        assert!(matches!(leaf_status(&of_responder_signed(signed, spoil)), Status::Revoked { .. }));
    }
}

#[test]
fn urls_are_http_and_few() {
    for url in ["https://ocsp.example", "ldap://ocsp.example", "file:///etc/passwd", "ocsp.example"] {
        let found = check_at(&pki(&[ocsp_access(&[url])]), &Material::new(), None);
        assert!(found.needed.is_empty());
        unknown(&found, "is not supported, only http is");
        let found = check_at(&pki(&[distribution_points(&[LIST, url])]), &Material::new(), None);
        assert!(found.needed.is_empty());
        unknown(&found, "is not supported, only http is");
    }
    let many = vec![LIST; MOST_URLS + 1];
    for extension in [distribution_points(&many), ocsp_access(&many)] {
        unknown(&check_at(&pki(&[extension]), &Material::new(), None), "URLs");
    }
}

/// What one list is worth.
fn of_list(spoil: impl Fn(&mut ListDraft)) -> Revocation {
    let pki = pki(&[distribution_points(&[LIST])]);
    let mut draft = ListDraft::new(&pki.intermediate);
    spoil(&mut draft);
    ask(&pki, None, |_| Some(ok(draft.der())))
}

#[test]
fn lists_tell_who_was_revoked() {
    assert_eq!(leaf_status(&of_list(|_| {})), &Status::Good);
    assert_eq!(leaf_status(&of_list(|list| *list = list.clone().revoke(2, "20250101000000Z", Vec::new()))), &Status::Good);
    for number in [1, 6] {
        let found = of_list(|list| *list = list.clone().revoke(1, "20250101000000Z", vec![reason(number)]));
        assert!(matches!(leaf_status(&found), Status::Revoked { reason, .. } if *reason == number));
    }
}

#[test]
fn lists_are_signed_by_the_issuer_in_time_and_understood() {
    unknown(&of_list(|list| list.signer = ROOT), "signature");
    unknown(&of_list(|list| list.issuer = crate::sign::certificate::name("root")), "not of the issuer");
    unknown(&of_list(|list| list.next_update = Some("20250531235959Z")), "not of this time");
    unknown(&of_list(|list| list.this_update = "20250602000000Z"), "not of this time");
    unknown(&of_list(|list| list.next_update = None), "without nextUpdate");
    unknown(&of_list(|list| list.extensions.push(extension("1.2.3.4", true, &[5, 0]))), "not understood");
    let odd = |list: &mut ListDraft| *list = list.clone().revoke(9, "20250101000000Z", vec![extension("1.2.3.4", true, &[5, 0])]);
    unknown(&of_list(odd), "not understood");
    let pki = pki(&[distribution_points(&[LIST])]);
    unknown(&ask(&pki, None, |_| Some(ok(b"x".to_vec()))), "malformed");
    unknown(&ask(&pki, None, |_| Some(Answer::Response { status: 404, body: Vec::new() })), "status 404");
}

#[test]
fn issuers_may_sign_lists() {
    let mut pki = pki(&[distribution_points(&[LIST])]);
    pki.intermediate = pki.intermediate.replacing(KEY_USAGE, key_usage(true, CERT_SIGN));
    let list = ListDraft::new(&pki.intermediate).der();
    unknown(&ask(&pki, None, |_| Some(ok(list.clone()))), "must not sign revocation lists");
}

fn issuing_point(content: &[&[u8]]) -> Vec<u8> {
    extension("2.5.29.28", true, &sequence(content))
}

#[test]
fn attack_lists_about_others() {
    let name = |url: &str| tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[url.as_bytes()])])]);
    assert_eq!(leaf_status(&of_list(|list| list.extensions.push(issuing_point(&[&name(LIST)])))), &Status::Good);
    unknown(&of_list(|list| list.extensions.push(issuing_point(&[&name(OTHER_LIST)]))), "not about certificates");
    // Only authorities, only attributes, only some reasons; and indirect.
    unknown(&of_list(|list| list.extensions.push(issuing_point(&[&[0x82, 1, 0xff]]))), "not about certificates");
    unknown(&of_list(|list| list.extensions.push(issuing_point(&[&[0x85, 1, 0xff]]))), "not about certificates");
    unknown(&of_list(|list| list.extensions.push(issuing_point(&[&[0x83, 2, 6, 0x40]]))), "not about certificates");
    unknown(&of_list(|list| list.extensions.push(issuing_point(&[&[0x84, 1, 0xff]]))), "not of the issuer");
    assert_eq!(leaf_status(&of_list(|list| list.extensions.push(issuing_point(&[&[0x81, 1, 0xff]])))), &Status::Good);
}

#[test]
fn every_list_is_fetched_and_clean() {
    let pki = pki(&[distribution_points(&[LIST, OTHER_LIST])]);
    assert_eq!(check_at(&pki, &Material::new(), None).needed.len(), 2);
    let clean = ListDraft::new(&pki.intermediate).der();
    let other = ListDraft::new(&pki.intermediate).revoke(1, "20250101000000Z", Vec::new()).der();
    let with = |second: Option<Vec<u8>>| {
        ask(&pki, None, |request| if request.url == LIST { Some(ok(clean.clone())) } else { second.clone().map(ok) })
    };
    assert!(matches!(leaf_status(&with(Some(other))), Status::Revoked { .. }));
    unknown(&with(None), "no route");
}

/// A list, what adds to it, and what comes out.
fn of_delta(base: impl Fn(ListDraft) -> ListDraft, delta: impl Fn(ListDraft) -> ListDraft) -> Revocation {
    let pki = pki(&[distribution_points(&[LIST])]);
    let base = base(ListDraft::new(&pki.intermediate).with(list_number(5)).with(freshest(&[DELTA]))).der();
    let delta = delta(ListDraft::new(&pki.intermediate)).der();
    ask(&pki, None, |request| Some(ok(if request.url == DELTA { delta.clone() } else { base.clone() })))
}

#[test]
fn additions_have_the_last_word() {
    let numbers = |list: ListDraft| list.with(list_number(6)).with(delta_of(5));
    let (early, late) = ("20250101000000Z", "20250201000000Z");
    let hold = |list: ListDraft| list.revoke(1, early, vec![reason(6)]);
    assert_eq!(leaf_status(&of_delta(|base| base, numbers)), &Status::Good);
    let found = of_delta(|base| base, |delta| numbers(delta).revoke(1, late, vec![reason(1)]));
    assert!(matches!(leaf_status(&found), Status::Revoked { reason: 1, .. }));
    let released = of_delta(hold, |delta| numbers(delta).revoke(1, late, vec![reason(8)]));
    assert_eq!(leaf_status(&released), &Status::Good);
    let older = of_delta(|base| base.revoke(1, late, vec![reason(6)]), |delta| numbers(delta).revoke(1, early, vec![reason(8)]));
    assert!(matches!(leaf_status(&older), Status::Revoked { .. }));
    let for_ever = of_delta(|base| base.revoke(1, early, vec![reason(1)]), |delta| numbers(delta).revoke(1, late, vec![reason(8)]));
    assert!(matches!(leaf_status(&for_ever), Status::Revoked { reason: 1, .. }));
}

#[test]
fn additions_follow_their_base() {
    for (number, of) in [(5, 5), (4, 3), (7, 6)] {
        unknown(&of_delta(|base| base, |delta| delta.with(list_number(number)).with(delta_of(of))), "does not add to its base");
    }
    unknown(&of_delta(|base| base, |delta| delta.with(list_number(6))), "does not add to its base");
    unknown(&of_list(|list| *list = list.clone().with(list_number(6)).with(delta_of(5))), "only an addition");
    let announced = pki(&[distribution_points(&[LIST]), freshest(&[DELTA])]);
    let list = ListDraft::new(&announced.intermediate).der();
    unknown(&ask(&announced, None, |_| Some(ok(list.clone()))), "only the certificate announces");
    unknown(&ask(&pki(&[freshest(&[DELTA])]), None, |_| Some(ok(list.clone()))), "only an addition");
    // An addition that cannot be had.
    let pki = pki(&[distribution_points(&[LIST])]);
    let base = ListDraft::new(&pki.intermediate).with(list_number(5)).with(freshest(&[DELTA])).der();
    unknown(&ask(&pki, None, |request| (request.url == LIST).then(|| ok(base.clone()))), "no route");
}

#[test]
fn offline_nothing_is_asked_and_what_is_at_hand_counts() {
    let pki = pki(&[ocsp_access(&[RESPONDER]), distribution_points(&[LIST])]);
    let offline = |lists: &[ListDraft]| {
        let lists = lists.iter().map(|list| RevocationList::from_der(&list.der()).unwrap()).collect();
        let found = check_at(&pki, &Material::offline(lists), None);
        assert!(found.needed.is_empty());
        found
    };
    unknown(&offline(&[]), "no revocation list at hand");
    let clean = ListDraft::new(&pki.intermediate);
    assert_eq!(leaf_status(&offline(&[ListDraft::new(&pki.root), clean.clone()])), &Status::Good);
    let listed = clean.clone().revoke(1, "20250101000000Z", Vec::new());
    for order in [[clean.clone(), listed.clone()], [listed.clone(), clean.clone()]] {
        assert!(matches!(leaf_status(&offline(&order)), Status::Revoked { .. }));
    }
    let mut old = clean;
    old.next_update = Some("20250531235959Z");
    unknown(&offline(&[old]), "not of this time");
}

#[test]
fn revocation_is_not_asked_for_signers_that_nobody_trusts() {
    let pki = pki(&[ocsp_access(&[RESPONDER])]);
    let bytes = Jws::new(KEY).chain(pki.chain()).build();
    let stores = stores();
    for level in ["strict", "audit"] {
        let untrusting = statement(json!({"trustStores": ["ca:absent"], "signatureVerification": {"level": level}}));
        let verification = Verification::new(&untrusting, &stores, CryptoSet::rustcrypto());
        let outcome = verification.verify(Format::Jws, &bytes, EXPECTED, at(NOW), &Material::new());
        assert!(outcome.is_final() && !outcome.is_trusted(), "{level}");
        // Where trust is enforced, nobody gets as far as that.
        let is_told = outcome.failures().any(|(_, error)| *error == CheckError::RevocationNotAsked);
        assert_eq!(is_told, level == "audit");
    }
}

#[test]
fn the_whole_verification_asks_and_is_answered() {
    let pki = pki(&[ocsp_access(&[RESPONDER])]);
    let bytes = Jws::new(KEY).chain(pki.chain()).build();
    let (statement, stores) = (strict(), stores());
    let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto());
    let verify = |material: &Material| verification.verify(Format::Jws, &bytes, EXPECTED, at(NOW), material);
    let first = verify(&Material::new());
    assert!(!first.is_allowed() && !first.is_final());
    let with = |status: Option<Vec<u8>>| {
        let mut draft = OcspDraft::new(&question(&pki), &pki.intermediate);
        draft.status = status.unwrap_or(draft.status);
        let mut material = Material::new();
        material.insert(first.needed[0].clone(), ok(draft.der()));
        verify(&material)
    };
    assert!(with(None).is_trusted());
    assert!(matches!(with(Some(revoked(1))).failure(), Some(CheckError::Revoked { role: "signing", .. })));
}
