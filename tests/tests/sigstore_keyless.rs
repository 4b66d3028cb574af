//! Whoever signed has a certificate: identities, the profile of the certificate, its path, its SCTs. Each test has a
//! signature that is accepted and twins that are not, in both forms of image signatures where the form is no matter.

use serde_json::{Value, json};
use verimage_tests::instance::*;

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// The image signed by whoever has this leaf.
fn by(world: &Instance, leaf: &Leaf) -> [Signed; 2] {
    world.keyless(leaf).both_forms()
}

/// The image signed with the workflow's certificate, which has these SCTs.
fn with_scts(world: &Instance, scts: &[SctDraft]) -> [Signed; 2] {
    world.keyless_with(&Leaf::github(), Leaf::github().issue(&world.issuer, scts)).both_forms()
}

fn named(name: AlternativeName) -> Leaf {
    Leaf { names: vec![name], ..Leaf::github() }
}

#[test]
fn the_identity_must_be_the_expected_one() {
    let (world, question) = world();
    let (github, email) = (by(&world, &Leaf::github()), by(&world, &Leaf::email()));
    let other = |subject: &str, issuer: &str| question.clone().identities(json!([{"subject": subject, "issuer": issuer}]));
    let either = question
        .clone()
        .identities(json!([{"subject": EMAIL_SUBJECT, "issuer": EMAIL_ISSUER}, {"subject": GITHUB_SUBJECT, "issuer": GITHUB_ISSUER}]));
    Table::new()
        .accept_each("subject and issuer", &question, &github)
        .refuse_each("somebody else", &question, &email, "identity-mismatch")
        .accept_each("one of two identities", &either, &github)
        .accept_each("the other of two identities", &either, &email)
        .refuse_each("the subject of one, the issuer of another", &other(GITHUB_SUBJECT, EMAIL_ISSUER), &github, "identity-mismatch")
        .refuse_each("another subject", &other(EMAIL_SUBJECT, GITHUB_ISSUER), &github, "identity-mismatch")
        .refuse_each("a subject that goes on", &other(&GITHUB_SUBJECT[..60], GITHUB_ISSUER), &github, "identity-mismatch")
        .refuse_each("other letters", &other(&GITHUB_SUBJECT.to_uppercase(), GITHUB_ISSUER), &github, "identity-mismatch")
        .check();
}

/// GHSA-59jp-pj84-45mr: patterns are for the whole value.
#[test]
fn patterns_are_anchored() {
    let (world, question) = world();
    let github = by(&world, &Leaf::github());
    let pattern = |subject: &str, text: &str| question.clone().identities(json!([{subject: text, "issuer": GITHUB_ISSUER}]));
    let issuer = |field: &str, text: &str| question.clone().identities(json!([{"subject": GITHUB_SUBJECT, field: text}]));
    let mismatch = "identity-mismatch";
    Table::new()
        .accept_each("regular expression", &pattern("subjectRegex", r"https://github\.com/example/[a-z]+/.*"), &github)
        .accept_each("alternatives", &pattern("subjectRegex", r"x|https://github\.com/.*"), &github)
        .accept_each("glob", &pattern("subjectGlob", "https://github.com/example/app/**"), &github)
        .accept_each("issuer's expression", &issuer("issuerRegex", r"https://token\.actions\.githubusercontent\.com"), &github)
        .accept_each("issuer's glob", &issuer("issuerGlob", "https://token.actions.*.com"), &github)
        .refuse_each("a part in the middle", &pattern("subjectRegex", "example/app"), &github, mismatch)
        .refuse_each("a beginning", &pattern("subjectRegex", "https://github.com/example/app"), &github, mismatch)
        .refuse_each("an end", &pattern("subjectRegex", "refs/heads/main"), &github, mismatch)
        .refuse_each("one of the alternatives in part", &pattern("subjectRegex", "https://github.com|example"), &github, mismatch)
        .refuse_each("glob in part", &pattern("subjectGlob", "https://github.com/example"), &github, mismatch)
        .refuse_each("issuer in part", &issuer("issuerRegex", "githubusercontent"), &github, mismatch)
        .check();
}

#[test]
fn an_issuer_is_no_prefix() {
    let (world, question) = world();
    let evil = |text: &str| Leaf { issuer: Some(text.to_owned()), issuer_raw: Some(text.to_owned()), ..Leaf::github() };
    let expression = json!([{"issuerRegex": r"https://token\.actions\.githubusercontent\.com", "subject": GITHUB_SUBJECT}]);
    let mut table = Table::new().accept_each("the issuer", &question, &by(&world, &evil(GITHUB_ISSUER)));
    for issuer in
        ["https://token.actions.githubusercontent.com.evil", "https://token.actions.githubusercontent.com/", "https://token.actions"]
    {
        let signed = by(&world, &evil(issuer));
        table = table.refuse_each(issuer, &question, &signed, "identity-mismatch");
        table = table.refuse_each(issuer, &question.clone().identities(expression.clone()), &signed, "identity-mismatch");
    }
    table.check();
}

/// An e-mail address and a user name may be the same text, and are not the same person.
#[test]
fn names_have_kinds() {
    let (world, question) = world();
    let text = "alice@example.com";
    let leaves = [
        ("email", named(AlternativeName::Email(text.to_owned()))),
        ("uri", named(AlternativeName::Uri(text.to_owned()))),
        ("dns", named(AlternativeName::Dns(text.to_owned()))),
        ("otherName", named(AlternativeName::UserName(text.to_owned()))),
    ];
    let mut table = Table::new();
    for (kind, leaf) in &leaves {
        let signed = by(&world, leaf);
        let any = question.clone().identities(json!([{"subject": text, "issuer": GITHUB_ISSUER}]));
        table = table.accept_each(&format!("{kind}, any kind"), &any, &signed);
        for (wanted, _) in &leaves {
            let pinned = question.clone().identities(json!([{"subject": text, "issuer": GITHUB_ISSUER, "subjectKind": wanted}]));
            let case = format!("{kind}, {wanted} wanted");
            table = match kind == wanted {
                true => table.accept_each(&case, &pinned, &signed),
                false => table.refuse_each(&case, &pinned, &signed, "identity-mismatch"),
            };
        }
    }
    table.check();
}

#[test]
fn one_of_several_names_is_enough() {
    let (world, question) = world();
    let names = |names: &[AlternativeName]| by(&world, &Leaf { names: names.to_vec(), ..Leaf::github() });
    let (email, uri) = (AlternativeName::Email("bob@example.com".to_owned()), AlternativeName::Uri(GITHUB_SUBJECT.to_owned()));
    let odd = AlternativeName::Raw(der::tlv(0x87, &[&[10, 0, 0, 1]]));
    Table::new()
        .accept_each("second of two", &question, &names(&[email.clone(), uri.clone()]))
        .accept_each("beside an address", &question, &names(&[odd, uri]))
        .refuse_each("none of the names", &question, &names(std::slice::from_ref(&email)), "identity-mismatch")
        .refuse_each("no name", &question, &names(&[]), "identity-mismatch")
        .check();
}

/// All of Fulcio's extensions (`oid-info.md`), by number and two by name.
#[test]
fn extensions_are_compared() {
    let (world, question) = world();
    let github = by(&world, &Leaf::github());
    let with = |extensions: Value| {
        question.clone().identities(json!([{"subject": GITHUB_SUBJECT, "issuer": GITHUB_ISSUER, "extensions": extensions}]))
    };
    let mut table = Table::new()
        .accept_each("by name", &with(json!({"githubWorkflowTrigger": "push"})), &github)
        .refuse_each("by name, another", &with(json!({"githubWorkflowTrigger": "pull_request"})), &github, "identity-mismatch")
        .accept_each("by name, in DER", &with(json!({"sourceRepositoryUri": "https://github.com/example/app"})), &github)
        .refuse_each(
            "by name, in DER, another",
            &with(json!({"sourceRepositoryUri": "https://github.com/e/app"})),
            &github,
            "identity-mismatch",
        );
    for (number, text) in Leaf::github().claims {
        let name = format!("{}.{number}", leaf::FULCIO);
        let others: Vec<_> = Leaf::github().claims.into_iter().filter(|(other, _)| *other != number).collect();
        let without = by(&world, &Leaf { claims: others, ..Leaf::github() });
        table = table
            .accept_each(&name, &with(json!({&name: &text})), &github[..1])
            .refuse_each(&name, &with(json!({&name: format!("{text} ")})), &github[1..], "identity-mismatch")
            .refuse_each(&name, &with(json!({&name: &text})), &without[..1], "identity-mismatch");
    }
    table
        .accept_each("two of them", &with(json!({"githubWorkflowTrigger": "push", "1.3.6.1.4.1.57264.1.22": "public"})), &github)
        .refuse_each(
            "one of two",
            &with(json!({"githubWorkflowTrigger": "push", "1.3.6.1.4.1.57264.1.22": "private"})),
            &github,
            "identity-mismatch",
        )
        .check();
}

#[test]
fn both_issuer_extensions_agree() {
    let (world, question) = world();
    let issuers = |older: Option<&str>, newer: Option<&str>| {
        by(&world, &Leaf { issuer_raw: older.map(str::to_owned), issuer: newer.map(str::to_owned), ..Leaf::github() })
    };
    let evil = Some("https://evil.example");
    Table::new()
        .accept_each("both", &question, &issuers(Some(GITHUB_ISSUER), Some(GITHUB_ISSUER)))
        .accept_each("older alone", &question, &issuers(Some(GITHUB_ISSUER), None))
        .accept_each("newer alone", &question, &issuers(None, Some(GITHUB_ISSUER)))
        .refuse_each("none", &question, &issuers(None, None), "identity-mismatch")
        .refuse_each("older differs", &question, &issuers(evil, Some(GITHUB_ISSUER)), "certificate-malformed")
        .refuse_each("newer differs", &question, &issuers(Some(GITHUB_ISSUER), evil), "certificate-malformed")
        .check();
}

#[test]
fn extensions_that_can_be_read_in_two_ways_are_refused() {
    let (world, question) = world();
    let id = format!("{}.8", leaf::FULCIO);
    let without = Leaf { issuer: None, issuer_raw: None, ..Leaf::github() };
    let with = |value: Vec<u8>| by(&world, &Leaf { others: vec![Extension::new(&id, value)], ..without.clone() });
    let text = der::utf8(GITHUB_ISSUER);
    let twice = by(&world, &Leaf { others: vec![leaf::claim(8, "https://evil.example")], ..Leaf::github() });
    Table::new()
        .accept_each("UTF8String", &question, &with(text.clone()))
        .refuse_each("trailing bytes", &question, &with([&text[..], &[0]].concat()), "certificate-malformed")
        .refuse_each("another string type", &question, &with(der::tlv(0x13, &[GITHUB_ISSUER.as_bytes()])), "certificate-malformed")
        .refuse_each("plain bytes", &question, &with(GITHUB_ISSUER.as_bytes().to_vec()), "certificate-malformed")
        .refuse_each("twice", &question, &twice, "certificate-malformed")
        .check();
}

#[test]
fn a_path_leads_to_an_authority_of_the_root() {
    let (world, question) = world();
    let github = Leaf::github();
    let stranger = Authority::root("sigstore.example intermediate", Key::p256("stranger"), AUTHORITY_YEARS);
    let strange = Instance { issuer: stranger.clone(), ..world.clone() };
    let mut shown = strange.keyless(&github);
    shown.chain = vec![stranger.certificate()];
    let below_leaf = Authority { is_authority: false, usage: usage::DIGITAL_SIGNATURE, ..world.issuer.below("leaf", Key::p256("leaf")) };
    let forged = Instance { issuer: below_leaf.clone(), ..world.clone() };
    let mut by_leaf = forged.keyless(&github);
    by_leaf.chain = vec![below_leaf.certificate(), world.issuer.certificate()];
    let none = world.keyless(&github).both_forms().map(|signed| signed.changed(|it| it.certificate = Some(b"none".to_vec())));
    Table::new()
        .accept_each("an authority of the root", &question, &by(&world, &github))
        .refuse_each("a stranger of the same name", &question, &by(&strange, &github), "certificate-untrusted")
        .refuse_each("a stranger who shows his root", &question, &shown.both_forms(), "certificate-untrusted")
        .refuse_each("a leaf that issues", &question, &by_leaf.both_forms(), "certificate-untrusted")
        .refuse_each("no certificate", &question, &none, "certificate-malformed")
        .check();
}

#[test]
fn authorities_may_have_several_intermediates() {
    let (world, _) = world();
    let second = world.issuer.below("second intermediate", Key::p256("second"));
    let below = Instance { issuer: second, ..world.clone() };
    let twin = Authority { key: Key::p256("twin"), serial: 3, ..world.issuer.clone() };
    let twin = Instance { issuer: twin, ..world.clone() };
    let of = |issuer: &Authority| AuthorityService::certificates("https://fulcio.example", issuer);
    let both = TrustedRoot { authorities: vec![of(&world.issuer), of(&twin.issuer)], ..world.trusted_root() };
    let direct = Instance { issuer: world.root.clone(), ..world.clone() };
    Table::new()
        .accept_each("two in a row", &Question::keyless(&below.trusted_root()), &by(&below, &Leaf::github()))
        .accept_each("none", &Question::keyless(&direct.trusted_root()), &by(&direct, &Leaf::github()))
        .accept_each("the first of two with one name", &Question::keyless(&both), &by(&world, &Leaf::github()))
        .accept_each("the second of two with one name", &Question::keyless(&both), &by(&twin, &Leaf::github()))
        .refuse_each(
            "one that is not there",
            &Question::keyless(&world.trusted_root()),
            &by(&twin, &Leaf::github()),
            "certificate-untrusted",
        )
        .check();
}

/// The profile of a signing certificate.
#[test]
fn a_leaf_is_for_signing_code() {
    let (world, question) = world();
    let with = |leaf: Leaf| by(&world, &leaf);
    let unknown = Extension::critical("1.3.6.1.4.1.99999.1", der::utf8("?"));
    let mut table = Table::new().accept_each("as it should be", &question, &with(Leaf::github()));
    for (case, leaf) in [
        ("for servers", Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION]), ..Leaf::github() }),
        ("without a purpose", Leaf { purposes: None, ..Leaf::github() }),
        ("with a key that agrees on keys", Leaf { usage: Some(usage::KEY_AGREEMENT), ..Leaf::github() }),
        ("with a key that signs certificates", Leaf { usage: Some(usage::AUTHORITY), ..Leaf::github() }),
        ("without a key usage", Leaf { usage: None, ..Leaf::github() }),
        ("an authority", Leaf { is_authority: Some(true), ..Leaf::github() }),
        ("with a critical extension that nobody knows", Leaf { others: vec![unknown], ..Leaf::github() }),
    ] {
        table = table.refuse_each(case, &question, &with(leaf), "certificate-untrusted");
    }
    let several = Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION, purpose::CODE_SIGNING]), ..Leaf::github() };
    let stated = Leaf { is_authority: Some(false), ..Leaf::github() };
    table
        .accept_each("for servers, too", &question, &with(several))
        .accept_each("no authority, and says so", &question, &with(stated))
        .check();
}

/// Both ends of a validity belong to it, and there is no tolerance.
#[test]
fn a_leaf_is_valid_at_every_verified_time() {
    let (world, question) = world();
    let at = |time: i64| Signer { time, ..world.keyless(&Leaf::github()) }.both_forms();
    let last = ISSUED + LEAF_SECONDS;
    Table::new()
        .accept_each("in the first second", &question, &at(ISSUED))
        .accept_each("in the last second", &question, &at(last))
        .refuse_each("a second before", &question, &at(ISSUED - 1), "certificate-expired")
        .refuse_each("a second after", &question, &at(last + 1), "certificate-expired")
        .check();
}

/// GHSA-wfqv-66vq-46rm: the whole path is valid at the verified time, whatever is valid now.
#[test]
fn authorities_are_valid_when_it_was_signed() {
    let (world, question) = world();
    let until = |not_after: i64| Instance { issuer: Authority { not_after, ..world.issuer.clone() }, ..world.clone() };
    let from = |not_before: i64| Instance { issuer: Authority { not_before, ..world.issuer.clone() }, ..world.clone() };
    let expired_root = Authority { not_after: SIGNED - 1, ..world.root.clone() };
    let below_expired = Authority { issuer: Some(Box::new(expired_root)), ..world.issuer.clone() };
    let below_expired = Instance { issuer: below_expired, ..world.clone() };
    let asked = |world: &Instance| Question::keyless(&world.trusted_root());
    let signed = |world: &Instance| by(world, &Leaf::github());
    let (old, older, newer) = (until(SIGNED), until(SIGNED - 1), from(SIGNED + 1));
    Table::new()
        .accept_each("valid today", &question, &signed(&world))
        .accept_each("expired since", &asked(&old), &signed(&old))
        .refuse_each("intermediate expired before", &asked(&older), &signed(&older), "certificate-expired")
        .refuse_each("intermediate not yet valid", &asked(&newer), &signed(&newer), "certificate-expired")
        .refuse_each("root expired before", &asked(&below_expired), &signed(&below_expired), "certificate-expired")
        .check();
}

/// The window of an authority in the trusted root is closed: both ends belong to it.
#[test]
fn authorities_count_within_their_window() {
    let (world, _) = world();
    let github = by(&world, &Leaf::github());
    let within = |window: Window| {
        let mut root = world.trusted_root();
        root.authorities[0].window = window;
        Question::keyless(&root)
    };
    Table::new()
        .accept_each("to the second of signing", &within(Window::until(SIGNED)), &github)
        .accept_each("from the second of signing", &within(Window::since(SIGNED)), &github)
        .refuse_each("to the second before", &within(Window::until(SIGNED - 1)), &github, "certificate-untrusted")
        .refuse_each("from the second after", &within(Window::since(SIGNED + 1)), &github, "certificate-untrusted")
        .check();
}

#[test]
fn every_kind_of_key_signs() {
    let (world, question) = world();
    let mut table = Table::new();
    for kind in [Kind::P256, Kind::P384, Kind::Rsa] {
        let leaf = Leaf { key: Key::new(kind, "signer"), ..Leaf::github() };
        let signed = by(&world, &leaf);
        let spoilt = signed.clone().map(|signed| signed.changed(|it| *it.signature.last_mut().unwrap() ^= 1));
        table = table.accept_each(&format!("{kind:?}"), &question, &signed);
        table = table.refuse_each(&format!("{kind:?}, a bit flipped"), &question, &spoilt, "signature-invalid");
    }
    let sha256 = Signer { hash: Some(Hash::Sha256), ..world.keyless(&Leaf { key: Key::new(Kind::P384, "signer"), ..Leaf::github() }) };
    table.accept_each("P-384 with SHA-256", &question, &sha256.both_forms()).check();
}

#[test]
fn a_signature_is_by_the_key_of_the_certificate() {
    let (world, question) = world();
    let other = Signer { key: Key::p256("another key"), ..world.keyless(&Leaf::github()) };
    Table::new()
        .accept_each("its key", &question, &by(&world, &Leaf::github()))
        .refuse_each("another key", &question, &other.both_forms(), "signature-invalid")
        .check();
}

#[test]
fn an_sct_is_there() {
    let (world, question) = world();
    let none = with_scts(&world, &[]);
    let unknown = with_scts(&world, &[SctDraft::new(&Key::p256("unknown"), ISSUED)]);
    let off = question.clone().with("sct", json!("none"));
    Table::new()
        .accept_each("one", &question, &with_scts(&world, &[world.sct()]))
        .refuse_each("none", &question, &none, "sct-missing")
        .refuse_each("of an unknown log", &question, &unknown, "sct-missing")
        .accept_each("none is needed", &off, &none)
        .check();
}

/// A root that can prove nothing is found out when the policy is loaded.
#[test]
fn a_root_without_certificate_logs_needs_no_sct() {
    let (world, _) = world();
    let bare = TrustedRoot { certificate_logs: Vec::new(), ..world.trusted_root() };
    assert_eq!(Question::keyless(&bare).load_error().pointer, "/rules/0/require/cosign/keyless/root");
    let none = Question::keyless(&bare).with("sct", json!("none"));
    Table::new().accept_each("none is needed", &none, &with_scts(&world, &[])).check();
}

/// RFC 6962, section 3.2: what an SCT signs.
#[test]
fn an_sct_is_for_this_certificate() {
    let (world, question) = world();
    let draft = || world.sct();
    let mut table = Table::new().accept_each("as it should be", &question, &with_scts(&world, &[draft()]));
    for (case, draft) in [
        ("by another key", SctDraft { key: Key::p256("unknown"), log_id: Some(world.certificate_log.id()), ..draft() }),
        ("for another issuer", SctDraft { issuer: Some(world.root.key.spki()), ..draft() }),
    ] {
        table = table.refuse_each(case, &question, &with_scts(&world, &[draft]), "sct-invalid");
    }
    table.check();
}

#[test]
fn the_sct_of_another_certificate_is_refused() {
    let (world, question) = world();
    let other = Leaf { serial: 78, ..Leaf::github() };
    let sct = |leaf: &Leaf| {
        let without = verimage_crypto::x509::Certificate::from_der(&world.certify(leaf)).unwrap();
        let without = without.tbs_der_without(ct::SCT_LIST.parse().unwrap()).unwrap();
        world.sct().sign(&without, &world.issuer.key.spki())
    };
    let with = |sct: Vec<u8>| {
        let leaf = Leaf { others: vec![ct::sct_list(&[sct])], ..Leaf::github() };
        world.keyless_with(&leaf, leaf.issue(&world.issuer, &[])).both_forms()
    };
    let own = sct(&Leaf::github());
    let mut cut = own.clone();
    cut.pop();
    let later = [&[1][..], &own[1..]].concat();
    Table::new()
        .accept_each("its own", &question, &with(own.clone()))
        .refuse_each("of another certificate", &question, &with(sct(&other)), "sct-invalid")
        .refuse_each("cut", &question, &with(cut), "sct-invalid")
        .refuse_each("of another version", &question, &with(later), "sct-invalid")
        .refuse_each("with more bytes", &question, &with([&own[..], &[0]].concat()), "sct-invalid")
        .check();
}

#[test]
fn an_sct_is_of_a_log_that_counted_then() {
    let (world, _) = world();
    let github = by(&world, &Leaf::github());
    let within = |window: Window| {
        let mut root = world.trusted_root();
        root.certificate_logs[0].window = window;
        Question::keyless(&root)
    };
    Table::new()
        .accept_each("to the second of the SCT", &within(Window::until(ISSUED)), &github)
        .accept_each("from the second of the SCT", &within(Window::since(ISSUED)), &github)
        .refuse_each("to the second before", &within(Window::until(ISSUED - 1)), &github, "sct-invalid")
        .refuse_each("from the second after", &within(Window::since(ISSUED + 1)), &github, "sct-invalid")
        .check();
}

/// Extensions of SCTs are signed as they stand: logs with static tiles write the number of the leaf there.
#[test]
fn scts_may_have_extensions() {
    let (world, question) = world();
    let draft = SctDraft { extensions: ct::leaf_index(1_234_567), ..world.sct() };
    let good = Leaf::github().issue(&world.issuer, std::slice::from_ref(&draft));
    let at = good.windows(8).position(|window| window == draft.extensions).unwrap();
    let body = |der: &[u8]| verimage_crypto::x509::Certificate::from_der(der).unwrap().tbs_der().to_vec();
    let mut edited = good.clone();
    edited[at + 7] ^= 1;
    let edited = resign(&world, &body(&edited));
    Table::new()
        .accept_each("signed", &question, &world.keyless_with(&Leaf::github(), good).both_forms())
        .refuse_each("edited", &question, &world.keyless_with(&Leaf::github(), edited).both_forms(), "sct-invalid")
        .check();
}

/// A certificate over these bytes by the instance's authority.
fn resign(world: &Instance, body: &[u8]) -> Vec<u8> {
    let key = &world.issuer.key;
    der::sequence(&[body, &key.algorithm(), &der::bits(&key.sign(body))])
}

#[test]
fn a_wrong_sct_is_not_outvoted() {
    let (world, _) = world();
    let second = Key::p256("second certificate log");
    let mut root = world.trusted_root();
    root.certificate_logs.push(LogService::certificates("second.example", &second));
    let question = Question::keyless(&root);
    let good = SctDraft::new(&second, ISSUED);
    let wrong = SctDraft { issuer: Some(world.root.key.spki()), ..world.sct() };
    let unknown = SctDraft::new(&Key::p256("unknown"), ISSUED);
    Table::new()
        .accept_each("two of two logs", &question, &with_scts(&world, &[world.sct(), good.clone()]))
        .accept_each("one of a log that is not known", &question, &with_scts(&world, &[unknown, good.clone()]))
        .refuse_each("wrong before good", &question, &with_scts(&world, &[wrong.clone(), good.clone()]), "sct-invalid")
        .refuse_each("wrong behind good", &question, &with_scts(&world, &[good, wrong]), "sct-invalid")
        .check();
}

#[test]
fn certificate_logs_may_have_rsa_keys() {
    let world = Instance { certificate_log: Key::new(Kind::Rsa, "certificate log"), ..Instance::new() };
    let question = Question::keyless(&world.trusted_root());
    let wrong = SctDraft { issuer: Some(world.root.key.spki()), ..world.sct() };
    Table::new()
        .accept_each("RSA", &question, &with_scts(&world, &[world.sct()]))
        .refuse_each("RSA, for another issuer", &question, &with_scts(&world, &[wrong]), "sct-invalid")
        .check();
}

/// Of several certificates the first is the signer's, as cosign takes it; the right one is not looked for.
#[test]
fn the_first_certificate_of_the_annotation_is_the_signers() {
    let (world, question) = world();
    let (github, email) = (world.keyless(&Leaf::github()).sign_image(IMAGE), world.certify(&Leaf::email()));
    let layer = Layer::new(&github);
    let name = "dev.sigstore.cosign/certificate";
    let (own, other) = (layer.annotation(name).to_owned(), pem("CERTIFICATE", &email));
    let with = |text: &str| question.clone().layers(&[layer.clone().annotated(name, text)]);
    let cut = &own[..own.len() / 2];
    Table::new()
        .accept("its own alone", &with(&own))
        .accept("its own first", &with(&format!("{own}{other}")))
        .refuse("another first", &with(&format!("{other}{own}")), "identity-mismatch")
        .refuse("cut", &with(cut), "certificate-malformed")
        .refuse("a public key", &with(&Leaf::github().key.pem()), "certificate-malformed")
        .refuse("blank", &with(" \n"), "identity-mismatch")
        .check();
}

#[test]
fn a_key_is_no_identity() {
    let (world, question) = world();
    let managed = world.managed(&Leaf::github().key).both_forms();
    Table::new()
        .accept_each("with a certificate", &question, &by(&world, &Leaf::github()))
        .refuse_each("by the same key, without one", &question, &managed, "identity-mismatch")
        .check();
}

mod certificates {
    //! The leaf `certificate`: authorities and certificates of one's own, without sigstore's extensions.

    use super::*;

    /// An enterprise whose certificates are valid for years.
    fn enterprise() -> (Authority, Leaf) {
        let root = Authority::root("Enterprise root", Key::p256("enterprise root"), AUTHORITY_YEARS);
        let leaf = Leaf { not_before: AUTHORITY_YEARS.0, not_after: AUTHORITY_YEARS.1, ..Leaf::enterprise("Alice") };
        (root, leaf)
    }

    fn signer(issuer: &Authority, leaf: &Leaf) -> Signer {
        Signer { certificate: Some(leaf.issue(issuer, &[])), ..Signer::managed(leaf.key.clone()) }
    }

    #[test]
    fn an_authority_vouches_for_leaves() {
        let (root, leaf) = enterprise();
        let stranger = Authority::root("Enterprise root", Key::p256("stranger"), AUTHORITY_YEARS);
        let question = Question::certificate(&root);
        let forged = Signer { key: Key::p256("another"), ..signer(&root, &leaf) };
        Table::new()
            .accept_each("of the authority", &question, &signer(&root, &leaf).both_forms())
            .refuse_each("of a stranger of the same name", &question, &signer(&stranger, &leaf).both_forms(), "certificate-untrusted")
            .refuse_each("by another key", &question, &forged.both_forms(), "signature-invalid")
            .check();
    }

    /// Certificates beside the signature lead to the authority, and are none themselves.
    #[test]
    fn intermediates_come_with_the_signature() {
        let (root, leaf) = enterprise();
        let middle = root.below("Enterprise middle", Key::p256("enterprise middle"));
        let stranger = Authority::root("Enterprise root", Key::p256("stranger"), AUTHORITY_YEARS);
        let strange = stranger.below("Enterprise middle", Key::p256("strange middle"));
        let with = |issuer: &Authority, chain: Vec<Vec<u8>>| Signer { chain, ..signer(issuer, &leaf) }.sign_image(IMAGE);
        let question = Question::certificate(&root);
        Table::new()
            .accept_each("with it", &question, &[with(&middle, vec![middle.certificate()])])
            .accept_each("with it and the root", &question, &[with(&middle, middle.chain())])
            .refuse_each("without it", &question, &[with(&middle, Vec::new())], "certificate-untrusted")
            .refuse_each("with a strange root", &question, &[with(&strange, strange.chain())], "certificate-untrusted")
            .check();
    }

    #[test]
    fn identities_are_compared() {
        let (root, leaf) = enterprise();
        let alice = signer(&root, &leaf).both_forms();
        let asked = |identity: Value| Question::certificate(&root).certificate_with("identity", identity);
        let fulcio = Leaf { issuer: Some(EMAIL_ISSUER.to_owned()), ..leaf.clone() };
        let with_issuer = signer(&root, &fulcio).both_forms();
        Table::new()
            .accept_each("anybody", &asked(json!("any")), &alice)
            .accept_each("the subject", &asked(json!([{"subject": EMAIL_SUBJECT}])), &alice)
            .refuse_each("another", &asked(json!([{"subject": "bob@example.com"}])), &alice, "identity-mismatch")
            .refuse_each("another kind", &asked(json!([{"subject": EMAIL_SUBJECT, "subjectKind": "uri"}])), &alice, "identity-mismatch")
            .accept_each("the issuer", &asked(json!([{"subject": EMAIL_SUBJECT, "issuer": EMAIL_ISSUER}])), &with_issuer)
            .refuse_each(
                "an issuer that is not there",
                &asked(json!([{"subject": EMAIL_SUBJECT, "issuer": EMAIL_ISSUER}])),
                &alice,
                "identity-mismatch",
            )
            .check();
    }

    #[test]
    fn purposes_can_be_left_open() {
        let (root, leaf) = enterprise();
        let plain = signer(&root, &Leaf { purposes: None, ..leaf.clone() }).both_forms();
        let server = signer(&root, &Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION]), ..leaf.clone() }).both_forms();
        let agreement = signer(&root, &Leaf { purposes: None, usage: Some(usage::KEY_AGREEMENT), ..leaf.clone() }).both_forms();
        let without_usage = signer(&root, &Leaf { purposes: None, usage: None, ..leaf }).both_forms();
        let strict = Question::certificate(&root);
        let open = Question::certificate(&root).certificate_with("eku", json!("any"));
        Table::new()
            .refuse_each("no purpose, code signing wanted", &strict, &plain, "certificate-untrusted")
            .refuse_each("servers, code signing wanted", &strict, &server, "certificate-untrusted")
            .accept_each("no purpose, any wanted", &open, &plain)
            .accept_each("servers, any wanted", &open, &server)
            .accept_each("nothing said of its use, any wanted", &open, &without_usage)
            .refuse_each("for agreement alone, any wanted", &open, &agreement, "certificate-untrusted")
            .check();
    }

    /// Nothing but a verified time says that an expired certificate was valid.
    #[test]
    fn without_a_time_certificates_are_valid_now() {
        let (root, leaf) = enterprise();
        let short = Leaf { not_before: ISSUED, not_after: NOW, ..leaf };
        let signed = signer(&root, &short).both_forms();
        let stamps = Instance::new();
        let stamped = Signer { stamps: vec![stamps.stamp()], ..signer(&root, &short) }.both_forms();
        let question = Question::certificate(&root);
        let with_time = question.clone().stamped_by(&stamps.timestamps, 1);
        Table::new()
            .accept_each("in the last second", &question, &signed)
            .refuse_each("a second after", &question.clone().at(NOW + 1), &signed, "certificate-expired")
            .accept_each("after, with a time stamp", &with_time.clone().at(NOW + 1), &stamped)
            .refuse_each("after, without the time stamp", &with_time.at(NOW + 1), &signed, "timestamp-missing")
            .check();
    }

    /// The certificate itself can be named: its key is the signer, and the signature need not bring it.
    #[test]
    fn a_certificate_can_be_pinned() {
        let (root, leaf) = enterprise();
        let der = leaf.issue(&root, &[]);
        let pinned = |der: &[u8]| {
            let anchor = json!({"x509": {"pem": pem("CERTIFICATE", der), "type": "ca"}});
            Question::certificate(&root).trusting("leaf", anchor).certificate_with("leaf", json!("leaf"))
        };
        let bare = Signer { certificate: None, ..signer(&root, &leaf) }.both_forms();
        let other = Leaf { key: Key::p256("another"), ..leaf.clone() };
        Table::new()
            .accept_each("by its key, without the certificate", &pinned(&der), &bare)
            .accept_each("by its key, with the certificate", &pinned(&der), &signer(&root, &leaf).both_forms())
            .refuse_each("by another key", &pinned(&other.issue(&root, &[])), &bare, "signature-invalid")
            .check();
    }
}
