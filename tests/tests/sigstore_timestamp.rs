//! Time stamps: what a token proves, and what it does not. Each test has a token that is accepted and twins that are not.

use serde_json::json;
use verimage_tests::instance::*;

const INVALID: &str = "timestamp-invalid";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// The image, signed by the workflow with an entry of the second generation and these tokens: nothing else gives a time.
fn stamped(world: &Instance, stamps: &[(TimestampAuthority, Token)]) -> [Signed; 1] {
    let signer = Signer { stamps: stamps.to_vec(), ..world.keyless_tiles(&Leaf::github()) };
    [signer.attest(&image_statement(IMAGE))]
}

/// The same with a token of the instance's authority.
fn with(world: &Instance, token: Token) -> [Signed; 1] {
    stamped(world, &[(world.timestamps.clone(), token)])
}

/// A world whose root holds this authority for time stamps.
fn of(world: &Instance, authority: &TimestampAuthority) -> (Question, [Signed; 1]) {
    let world = Instance { timestamps: authority.clone(), ..world.clone() };
    (Question::keyless(&world.trusted_root()), stamped(&world, &[world.stamp()]))
}

#[test]
fn the_second_generation_needs_a_token() {
    let (world, question) = world();
    Table::new()
        .accept_each("a token", &question, &with(&world, Token::default()))
        .refuse_each("none", &question, &stamped(&world, &[]), "timestamp-missing")
        .check();
}

/// Signatures by key need no time.
#[test]
fn a_key_needs_no_token() {
    let (world, _) = world();
    let key = Key::p256("managed");
    let signer = Signer { logs: vec![world.tiles.clone()], ..Signer::managed(key.clone()) };
    let wrong = Token { imprint: Some(Hash::Sha256.of(b"else")), ..Token::default() };
    let wrong = Signer { stamps: vec![(world.timestamps.clone(), wrong)], ..signer.clone() };
    let right = Signer { stamps: vec![world.stamp()], ..signer.clone() };
    let question = Question::key(&key, &world.trusted_root());
    let attest = |signer: &Signer| [signer.attest(&image_statement(IMAGE))];
    Table::new()
        .accept_each("none", &question, &attest(&signer))
        .accept_each("a right one", &question, &attest(&right))
        .refuse_each("a wrong one", &question, &attest(&wrong), INVALID)
        .check();
}

/// RFC 3161: the imprint is of this signature.
#[test]
fn a_token_is_over_this_signature() {
    let (world, question) = world();
    let good = with(&world, Token::default());
    let other = world.keyless_tiles(&Leaf::github()).attest(&image_statement(&format!("sha256:{}", "0".repeat(64))));
    let swapped = good[0].changed(|it| it.tokens = other.tokens.clone());
    let payload = world.timestamps.stamp(&good[0].payload, &Token::default());
    let mut table = Table::new()
        .accept_each("this signature", &question, &good)
        .refuse_each("another signature", &question, &[swapped], INVALID)
        .refuse_each("the payload", &question, &[good[0].changed(|it| it.tokens = vec![payload])], INVALID)
        .refuse_each("anything", &question, &with(&world, Token { imprint: Some(vec![0; 32]), ..Token::default() }), INVALID)
        .refuse_each("half a hash", &question, &with(&world, Token { imprint: Some(vec![0; 16]), ..Token::default() }), INVALID);
    for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        let token = |imprint: Option<Vec<u8>>| Token { hash, imprint, ..Token::default() };
        table = table.accept_each(&format!("{hash:?}"), &question, &with(&world, token(None)));
        table = table.refuse_each(&format!("{hash:?} of something else"), &question, &with(&world, token(Some(hash.of(b"else")))), INVALID);
    }
    table.check();
}

#[test]
fn a_token_was_granted() {
    let (world, question) = world();
    let status = |status: u64| with(&world, Token { status, ..Token::default() });
    let mut table = Table::new();
    for granted in [0, 1] {
        table = table.accept_each("granted", &question, &status(granted));
    }
    for refused in [2, 3, 4, 5, 6] {
        table = table.refuse_each("not granted", &question, &status(refused), INVALID);
    }
    table.check();
}

#[test]
fn a_token_is_read_strictly() {
    let (world, question) = world();
    let good = with(&world, Token::default());
    let spoilt = |change: &dyn Fn(&mut Vec<u8>)| [good[0].changed(|it| change(&mut it.tokens[0]))];
    let mut table = Table::new().accept_each("as it was", &question, &good);
    for (case, attack) in [
        ("cut", spoilt(&|token| token.truncate(token.len() - 1))),
        ("longer", spoilt(&|token| token.push(0))),
        ("a bit of the signature flipped", spoilt(&|token| *token.last_mut().unwrap() ^= 1)),
    ] {
        table = table.refuse_each(case, &question, &attack, INVALID);
    }
    table.check();
}

#[test]
fn an_authority_is_one_of_the_root() {
    let (world, question) = world();
    let stranger = Authority::root("stranger", Key::p256("stranger"), AUTHORITY_YEARS);
    let strange = TimestampAuthority::new("https://strange.example", &stranger, Key::p256("strange signer"));
    let forged = tsa::self_made(&world.timestamps);
    let mut table = Table::new().accept_each("of the root", &question, &with(&world, Token::default()));
    for certificates in [Certificates::Nothing, Certificates::Signer, Certificates::Chain] {
        for (case, authority) in [("a stranger", &strange), ("a stranger with the names of one of the root", &forged)] {
            let token = Token { certificates: certificates.clone(), ..Token::default() };
            table = table.refuse_each(case, &question, &stamped(&world, &[(authority.clone(), token)]), INVALID);
        }
    }
    let none = TrustedRoot { timestamp_authorities: Vec::new(), ..world.trusted_root() };
    table
        .refuse_each("a root without authorities", &Question::keyless(&none), &with(&world, Token::default()), "timestamp-missing")
        .check();
}

/// The signer's certificate may come with the token or stand in the root; if both, they are the same.
#[test]
fn certificates_may_come_with_a_token() {
    let (world, question) = world();
    let authority = &world.timestamps;
    let (own, decoy) = (authority.certificate(), tsa::decoy(authority, &Key::p256("decoy")));
    let token = |certificates: Vec<Vec<u8>>| with(&world, Token { certificates: Certificates::These(certificates), ..Token::default() });
    let mut without_leaf = world.trusted_root();
    without_leaf.timestamp_authorities[0].chain.remove(0);
    let rooted = Question::keyless(&without_leaf);
    let bare = with(&world, Token { certificates: Certificates::Nothing, ..Token::default() });
    Table::new()
        .accept_each("none", &question, &bare)
        .accept_each("the signer's", &question, &token(vec![own.clone()]))
        .accept_each("the whole chain", &question, &with(&world, Token { certificates: Certificates::Chain, ..Token::default() }))
        .accept_each("the signer's, which the root leaves out", &rooted, &token(vec![own.clone()]))
        .refuse_each("none, and the root leaves it out", &rooted, &bare, INVALID)
        .refuse_each("another of the same name", &question, &token(vec![decoy.clone()]), INVALID)
        .refuse_each("another of the same name, alone", &rooted, &token(vec![decoy]), INVALID)
        .check();
}

/// GHSA-xm5m-wgh2-rrg3: the certificate that is checked is the one that signed.
#[test]
fn the_signer_is_whoever_signed() {
    let (world, _) = world();
    let mut root = world.trusted_root();
    root.timestamp_authorities[0].chain.remove(0);
    let question = Question::keyless(&root);
    // Signed by a key that is for other things; the right certificate is in the bag, too.
    let (stamping, own) = (&world.timestamps, world.timestamps.certificate());
    let impostor = TimestampAuthority { key: Key::p256("impostor"), purposes: vec![purpose::CODE_SIGNING], ..stamping.clone() };
    let bag =
        |certificates: Vec<Vec<u8>>| Token { certificates: Certificates::These(certificates), names_signer: false, ..Token::default() };
    let by = |authority: &TimestampAuthority, token: Token| stamped(&world, &[(authority.clone(), token)]);
    Table::new()
        .accept_each("the authority", &question, &by(stamping, bag(vec![own.clone()])))
        .refuse_each(
            "an impostor beside its certificate",
            &question,
            &by(&impostor, bag(vec![own.clone(), impostor.certificate()])),
            INVALID,
        )
        .refuse_each("an impostor before it", &question, &by(&impostor, bag(vec![impostor.certificate(), own.clone()])), INVALID)
        .refuse_each("an impostor with its certificate alone", &question, &by(&impostor, bag(vec![own])), INVALID)
        .check();
}

/// RFC 3161, section 2.3: critically, and for nothing else.
#[test]
fn a_signer_is_for_stamping_alone() {
    let (world, question) = world();
    let stamping = &world.timestamps;
    let mut table = Table::new().accept_each("for stamping", &question, &with(&world, Token::default()));
    for (case, authority) in [
        (
            "for something unknown, too",
            TimestampAuthority { purposes: vec![purpose::TIME_STAMPING, "1.3.6.1.4.1.99999.1"], ..stamping.clone() },
        ),
        ("for code, too", TimestampAuthority { purposes: vec![purpose::CODE_SIGNING, purpose::TIME_STAMPING], ..stamping.clone() }),
        ("for code", TimestampAuthority { purposes: vec![purpose::CODE_SIGNING], ..stamping.clone() }),
        ("for anything", TimestampAuthority { purposes: vec![purpose::ANY], ..stamping.clone() }),
        ("not critically", TimestampAuthority { purposes_critical: false, ..stamping.clone() }),
        ("an authority", TimestampAuthority { is_authority: true, ..stamping.clone() }),
    ] {
        let (question, signed) = of(&world, &authority);
        table = table.refuse_each(case, &question, &signed, INVALID);
    }
    table.check();
}

/// The chain is valid when it was stamped, whatever is valid now.
#[test]
fn a_signer_is_valid_when_it_stamps() {
    let (world, question) = world();
    let stamping = &world.timestamps;
    let middle = |not_after: i64| {
        let issuer = Authority { not_after, ..stamping.issuer.clone() };
        of(&world, &TimestampAuthority { issuer, ..stamping.clone() })
    };
    let until = |not_after: i64| of(&world, &TimestampAuthority { not_after, ..stamping.clone() });
    let since = |not_before: i64| of(&world, &TimestampAuthority { not_before, ..stamping.clone() });
    let mut table = Table::new().accept_each("valid today", &question, &with(&world, Token::default()));
    for (case, (question, signed)) in
        [("signer's last second", until(SIGNED)), ("first second", since(SIGNED)), ("intermediate's", middle(SIGNED))]
    {
        table = table.accept_each(case, &question, &signed);
    }
    for (case, (question, signed)) in [
        ("signer expired before", until(SIGNED - 1)),
        ("signer not yet valid", since(SIGNED + 1)),
        ("intermediate expired before", middle(SIGNED - 1)),
    ] {
        table = table.refuse_each(case, &question, &signed, INVALID);
    }
    table.check();
}

/// Both ends of an authority's window in the trusted root belong to it.
#[test]
fn an_authority_counts_within_its_window() {
    let (world, _) = world();
    let good = with(&world, Token::default());
    let within = |window: Window| {
        let mut root = world.trusted_root();
        root.timestamp_authorities[0].window = window;
        Question::keyless(&root)
    };
    Table::new()
        .accept_each("to the second of the token", &within(Window::until(SIGNED)), &good)
        .accept_each("from it", &within(Window::since(SIGNED)), &good)
        .refuse_each("to the second before", &within(Window::until(SIGNED - 1)), &good, INVALID)
        .refuse_each("from the second after", &within(Window::since(SIGNED + 1)), &good, INVALID)
        .check();
}

/// An authority may stand there several times with windows that overlap; each is asked for itself (TOB-SIGSTORE: windows
/// pooled across authorities).
#[test]
fn authorities_are_not_pooled() {
    let (world, _) = world();
    let good = with(&world, Token::default());
    let service = |window: Window| AuthorityService { window, ..AuthorityService::timestamps(&world.timestamps) };
    let root = Authority::root("second timestamp root", Key::p256("second timestamp root"), AUTHORITY_YEARS);
    let second = TimestampAuthority::new("https://timestamp.example", &root, Key::p256("second signer"));
    let second = |window: Window| AuthorityService { window, ..AuthorityService::timestamps(&second) };
    let asked =
        |services: Vec<AuthorityService>| Question::keyless(&TrustedRoot { timestamp_authorities: services, ..world.trusted_root() });
    let (past, open) = (Window::until(SIGNED - 1), Window::since(AUTHORITY_YEARS.0));
    Table::new()
        .accept_each("second of two entries", &asked(vec![service(past), service(open)]), &good)
        .accept_each("behind another authority", &asked(vec![second(open), service(open)]), &good)
        .refuse_each("its window closed, another's open", &asked(vec![service(past), second(open)]), &good, INVALID)
        .check();
}

/// The leaf is valid at the stamped time; both ends belong to it.
#[test]
fn the_leaf_is_valid_at_the_stamped_time() {
    let (world, question) = world();
    let at = |time: i64| with(&world, Token { time, ..Token::default() });
    let last = ISSUED + LEAF_SECONDS;
    Table::new()
        .accept_each("first second", &question, &at(ISSUED))
        .accept_each("last second", &question, &at(last))
        .refuse_each("the second before", &question, &at(ISSUED - 1), "certificate-expired")
        .refuse_each("the second after", &question, &at(last + 1), "certificate-expired")
        .check();
}

/// TOB-SIGSTORE (earliest time wins): every verified time must fit, the log's and the authority's.
#[test]
fn every_verified_time_fits() {
    let (world, question) = world();
    let both = |entered: i64, time: i64| {
        let token = Token { time, ..Token::default() };
        Signer { time: entered, stamps: vec![(world.timestamps.clone(), token)], ..world.keyless(&Leaf::github()) }.both_forms()
    };
    let late = ISSUED + LEAF_SECONDS + 1;
    Table::new()
        .accept_each("both in time", &question, &both(SIGNED, SIGNED))
        .refuse_each("stamped too late", &question, &both(SIGNED, late), "certificate-expired")
        .refuse_each("entered too late", &question, &both(late, SIGNED), "certificate-expired")
        .refuse_each("stamped too early", &question, &both(SIGNED, ISSUED - 1), "certificate-expired")
        .check();
}

/// Nothing was signed in the future, but clocks may differ by five minutes.
#[test]
fn a_verified_time_is_past() {
    let (world, question) = world();
    let entered = world.keyless(&Leaf::github()).both_forms();
    let token = with(&world, Token::default());
    let mut table = Table::new();
    for (case, ago) in [("now", 0), ("in five minutes", -300)] {
        let asked = question.clone().at(SIGNED + ago);
        table = table.accept_each(&format!("stamped {case}"), &asked, &token).accept_each(&format!("entered {case}"), &asked, &entered);
    }
    let before = question.at(SIGNED - 301);
    table.refuse_each("stamped later", &before, &token, INVALID).refuse_each("entered later", &before, &entered, INVALID).check();
}

/// A wrong token is not outvoted by a right one.
#[test]
fn every_token_holds() {
    let (world, question) = world();
    let wrong = Token { imprint: Some(Hash::Sha256.of(b"else")), ..Token::default() };
    let right = || (world.timestamps.clone(), Token::default());
    let wrong = || (world.timestamps.clone(), wrong.clone());
    let later = || (world.timestamps.clone(), Token { time: SIGNED + 5, ..Token::default() });
    Table::new()
        .accept_each("two right ones", &question, &stamped(&world, &[right(), later()]))
        .refuse_each("wrong before right", &question, &stamped(&world, &[wrong(), right()]), INVALID)
        .refuse_each("wrong behind right", &question, &stamped(&world, &[right(), wrong()]), INVALID)
        .check();
}

/// A wrong token beside a log's promise is wrong all the same: in either form.
#[test]
fn a_wrong_token_is_wrong_beside_a_promise() {
    let (world, question) = world();
    let wrong = Token { imprint: Some(Hash::Sha256.of(b"else")), ..Token::default() };
    let with = |token: Token| Signer { stamps: vec![(world.timestamps.clone(), token)], ..world.keyless(&Leaf::github()) }.both_forms();
    Table::new().accept_each("right", &question, &with(Token::default())).refuse_each("wrong", &question, &with(wrong), INVALID).check();
}

/// CVE-2024-45395: bounds before work.
#[test]
fn there_are_at_most_32_tokens() {
    let (world, question) = world();
    let many = |count: i64| {
        let stamps: Vec<_> =
            (0..count).map(|second| (world.timestamps.clone(), Token { time: SIGNED + second, ..Token::default() })).collect();
        stamped(&world, &stamps)
    };
    Table::new()
        .accept_each("thirty-two", &question, &many(32))
        .refuse_each("thirty-three", &question, &many(33), "limit-exceeded")
        .check();
}

/// The field `timestamp` names an authority of one's own.
#[test]
fn authorities_can_be_named() {
    let (world, question) = world();
    let own = Authority::root("own root", Key::p256("own root"), AUTHORITY_YEARS);
    let own = TimestampAuthority::new("https://own.example", &own, Key::p256("own signer"));
    let asked = |count: u64| question.clone().stamped_by(&own, count);
    let by_own = (own.clone(), Token::default());
    let signed = |stamps: &[(TimestampAuthority, Token)]| Signer { stamps: stamps.to_vec(), ..world.keyless(&Leaf::github()) }.both_forms();
    Table::new()
        .accept_each("stamped by it", &asked(1), &signed(&[by_own]))
        .refuse_each("not stamped", &asked(1), &signed(&[]), "timestamp-missing")
        .refuse_each("stamped by another", &asked(1), &signed(&[world.stamp()]), INVALID)
        .check();
    assert_eq!(asked(2).load_error().pointer, "/rules/0/require/cosign/timestamp/minEntries");
    assert_eq!(asked(0).load_error().pointer, "/rules/0/require/cosign/timestamp/minEntries");
}

/// A threshold counts authorities, not tokens.
#[test]
fn several_authorities_can_be_demanded() {
    let (world, _) = world();
    let second = Authority::root("second timestamp root", Key::p256("second timestamp root"), AUTHORITY_YEARS);
    let second = TimestampAuthority::new("https://second.example", &second, Key::p256("second signer"));
    let mut root = world.trusted_root();
    root.timestamp_authorities.push(AuthorityService::timestamps(&second));
    let asked = Question::keyless(&root).with("timestamp", json!({"tsa": "sigstore", "minEntries": 2}));
    let by = |authority: &TimestampAuthority, time: i64| (authority.clone(), Token { time, ..Token::default() });
    let first = &world.timestamps;
    Table::new()
        .accept_each("two of two authorities", &asked, &stamped(&world, &[by(first, SIGNED), by(&second, SIGNED)]))
        .refuse_each("one", &asked, &stamped(&world, &[by(first, SIGNED)]), "timestamp-missing")
        .refuse_each("two of one authority", &asked, &stamped(&world, &[by(first, SIGNED), by(first, SIGNED + 1)]), "timestamp-missing")
        .check();
}

/// An authority with two certificates is one authority, whether its name or its anchor tells.
#[test]
fn an_authority_that_stands_twice_counts_once() {
    let (world, _) = world();
    let half =
        |window: Window, uri: &str| AuthorityService { window, uri: uri.to_owned(), ..AuthorityService::timestamps(&world.timestamps) };
    let other = Authority::root("other timestamp root", Key::p256("other timestamp root"), AUTHORITY_YEARS);
    let other = AuthorityService::timestamps(&TimestampAuthority::new("https://other.example", &other, Key::p256("other signer")));
    let asked = |second: AuthorityService| {
        let mut root = world.trusted_root();
        root.timestamp_authorities = vec![half(Window::until(SIGNED), "https://timestamp.example"), second, other.clone()];
        Question::keyless(&root).with("timestamp", json!({"tsa": "sigstore", "minEntries": 2}))
    };
    let tokens = [0, 1].map(|second| (world.timestamps.clone(), Token { time: SIGNED + second, ..Token::default() }));
    let signed = stamped(&world, &tokens);
    let later = Window::since(SIGNED + 1);
    Table::new()
        .refuse_each("the same name", &asked(half(later, "https://timestamp.example")), &signed, "timestamp-missing")
        .refuse_each("the same anchor", &asked(half(later, "https://renamed.example")), &signed, "timestamp-missing")
        .check();
}

/// A trusted root can be named, too.
#[test]
fn a_root_can_be_named_for_time_stamps() {
    let (world, question) = world();
    let asked = question.with("timestamp", json!({"tsa": "sigstore"}));
    let signed = |stamps: Vec<(TimestampAuthority, Token)>| Signer { stamps, ..world.keyless(&Leaf::github()) }.both_forms();
    Table::new()
        .accept_each("stamped", &asked, &signed(vec![world.stamp()]))
        .refuse_each("not stamped", &asked, &signed(Vec::new()), "timestamp-missing")
        .check();
}

/// Legacy layers have their tokens in an annotation.
#[test]
fn annotations_are_read_strictly() {
    let (world, question) = world();
    let good = Layer::new(&Signer { stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) }.sign_image(IMAGE));
    let name = "dev.sigstore.cosign/rfc3161timestamp";
    let text = good.annotation(name).to_owned();
    let with = |text: &str| question.clone().layers(&[good.clone().annotated(name, text)]);
    Table::new()
        .accept("as it was", &with(&text))
        .refuse("a key twice", &with(&text.replacen('{', "{\"SignedRFC3161Timestamp\":\"\",", 1)), "payload-malformed")
        .refuse("cut", &with(&text[..text.len() / 2]), "payload-malformed")
        .refuse("no base64", &with(&json!({"SignedRFC3161Timestamp": "?"}).to_string()), "payload-malformed")
        .check();
}
