//! Another verifier (`tests/oracle`) about the bundles of our instance, and about the public conformance bundles.
//!
//! `tests/tools/differential.sh` builds the other verifier and names it in `VERIMAGE_ORACLE`; without it, that half is
//! skipped aloud. Where the other verifier is known to differ, `tests/oracle/exceptions.json` says why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use verimage_tests::instance::*;

/// A bundle about the image, and whether it is sound.
struct Case {
    name: &'static str,
    root: TrustedRoot,
    bundle: Value,
    signer: Expected,
    sound: bool,
}

/// Who is expected to have signed.
#[derive(Clone)]
enum Expected {
    Identity(&'static str, &'static str),
    Key(Key),
}

const GITHUB: Expected = Expected::Identity(GITHUB_SUBJECT, GITHUB_ISSUER);

fn case(name: &'static str, world: &Instance, signed: &Signed) -> Case {
    case_of(name, world.trusted_root(), bundle(signed, Version::V03))
}

fn case_of(name: &'static str, root: TrustedRoot, bundle: Value) -> Case {
    Case { name, root, bundle, signer: GITHUB, sound: true }
}

impl Case {
    fn by(self, signer: Expected) -> Self {
        Self { signer, ..self }
    }

    fn attack(self) -> Self {
        Self { sound: false, ..self }
    }
}

/// Sound bundles of every make.
fn sound(world: &Instance) -> Vec<Case> {
    let statement = image_statement(IMAGE);
    let root = || world.trusted_root();
    let github = world.keyless(&Leaf::github());
    let attested = github.attest(&statement);
    let old = Signer { envelope_kind: EnvelopeKind::Intoto, ..github.clone() };
    let both = Signer { logs: vec![world.rekor.clone(), world.tiles.clone()], ..world.keyless_tiles(&Leaf::github()) };
    let stamped = Signer { stamps: vec![world.stamp()], ..github.clone() };
    let mut cases = vec![
        case_of("v0.1 with a promise", root(), bundle(&attested, Version::V01)),
        case_of("v0.2 with a proof", root(), bundle(&attested, Version::V02)),
        case_of("v0.3 with promise and proof", root(), bundle(&attested, Version::V03)),
        case("entry of kind intoto", world, &old.attest(&statement)),
        case("log of the second generation", world, &world.keyless_tiles(&Leaf::github()).attest(&statement)),
        case("both logs", world, &both.attest(&statement)),
        case("promise and time stamp", world, &stamped.attest(&statement)),
        case("a person", world, &world.keyless(&Leaf::email()).attest(&statement)).by(Expected::Identity(EMAIL_SUBJECT, EMAIL_ISSUER)),
        case("a user name", world, &world.keyless(&Leaf::user("alice!example.com")).attest(&statement))
            .by(Expected::Identity("alice!example.com", EMAIL_ISSUER)),
    ];
    cases.extend(sound_keys(world, &statement));
    cases.extend(sound_certificates(world, &statement));
    cases.extend(sound_tokens(world, &statement));
    cases
}

/// Every kind of key, with and without a certificate.
fn sound_keys(world: &Instance, statement: &Value) -> Vec<Case> {
    let names = [(Kind::P384, "P-384 leaf"), (Kind::Rsa, "RSA leaf"), (Kind::Ed25519, "Ed25519 leaf")];
    let mut cases: Vec<_> = names
        .into_iter()
        .map(|(kind, name)| case(name, world, &world.keyless(&Leaf { key: Key::new(kind, name), ..Leaf::github() }).attest(statement)))
        .collect();
    // Logs of the second generation take Ed25519 over hashes alone, and envelopes are signed without one.
    for (kind, name, tiles) in [
        (Kind::P256, "P-256 key", "P-256 key, second generation"),
        (Kind::P384, "P-384 key", "P-384 key, second generation"),
        (Kind::Rsa, "RSA key", "RSA key, second generation"),
        (Kind::Ed25519, "Ed25519 key", ""),
    ] {
        let key = Key::new(kind, name);
        let signer = world.managed(&key);
        cases.push(case(name, world, &signer.attest(statement)).by(Expected::Key(key.clone())));
        if kind != Kind::Ed25519 {
            let signer = Signer { logs: vec![world.tiles.clone()], ..signer };
            cases.push(case(tiles, world, &signer.attest(statement)).by(Expected::Key(key)));
        }
    }
    cases
}

fn sound_certificates(world: &Instance, statement: &Value) -> Vec<Case> {
    let with = |scts: &[SctDraft]| world.keyless_with(&Leaf::github(), Leaf::github().issue(&world.issuer, scts)).attest(statement);
    let static_log = SctDraft { extensions: ct::leaf_index(123_456), ..world.sct() };
    let below = Instance { issuer: world.issuer.below("second intermediate", Key::p256("second")), ..world.clone() };
    let direct = Instance { issuer: world.root.clone(), ..world.clone() };
    vec![
        case("SCT of a log with static tiles", world, &with(&[static_log])),
        case("two intermediates", &below, &below.keyless(&Leaf::github()).attest(statement)),
        case("issued by the root", &direct, &direct.keyless(&Leaf::github()).attest(statement)),
    ]
}

fn sound_tokens(world: &Instance, statement: &Value) -> Vec<Case> {
    let with =
        |token: Token| Signer { stamps: vec![(world.timestamps.clone(), token)], ..world.keyless_tiles(&Leaf::github()) }.attest(statement);
    let mut cases: Vec<_> = [
        ("token without certificates", Certificates::Nothing, Hash::Sha256),
        ("token with its chain, SHA-384", Certificates::Chain, Hash::Sha384),
        ("token over SHA-512", Certificates::Signer, Hash::Sha512),
    ]
    .into_iter()
    .map(|(name, certificates, hash)| case(name, world, &with(Token { certificates, hash, ..Token::default() })))
    .collect();
    for (name, time) in [("stamped in the first second", ISSUED), ("stamped in the last second", ISSUED + LEAF_SECONDS)] {
        cases.push(case(name, world, &with(Token { time, ..Token::default() })));
    }
    cases
}

/// Sound bundles with one part replaced.
fn attacks(world: &Instance) -> Vec<Case> {
    let statement = image_statement(IMAGE);
    let mut cases = attacks_on_entries(world, &statement);
    cases.extend(attacks_on_certificates(world, &statement));
    cases.extend(attacks_on_tokens(world, &statement));
    cases.into_iter().map(Case::attack).collect()
}

fn attacks_on_entries(world: &Instance, statement: &Value) -> Vec<Case> {
    let github = world.keyless(&Leaf::github());
    let good = github.attest(statement);
    let other = github.attest(&image_statement("sha256:0000000000000000000000000000000000000000000000000000000000000000"));
    let changed = |change: &dyn Fn(&mut Signed)| {
        let mut signed = good.clone();
        change(&mut signed);
        signed
    };
    let proof = |change: fn(&mut Proof)| changed(&|signed: &mut Signed| change(signed.entries[0].proof.as_mut().unwrap()));
    let late = Signer { time: ISSUED + LEAF_SECONDS + 1, ..github.clone() };
    let early = Signer { time: ISSUED - 1, ..github.clone() };
    let twice = changed(&|signed| signed.entries = vec![signed.entries[0].clone(), signed.entries[0].clone()]);
    let unknown = Instance { rekor: Rekor::v1("rekor.example", Key::p256("unknown log")), ..world.clone() };
    vec![
        case("payload of another image", world, &changed(&|signed| signed.payload = other.payload.clone())),
        case("signature of another payload", world, &changed(&|signed| signed.signature = other.signature.clone())),
        case("entry of another signature", world, &changed(&|signed| signed.entries = other.entries.clone())),
        case("promise of another entry", world, &changed(&|signed| signed.entries[0].promise = other.entries[0].promise.clone())),
        case("proof of another entry", world, &changed(&|signed| signed.entries[0].proof = other.entries[0].proof.clone())),
        case("promised time edited", world, &changed(&|signed| signed.entries[0].time += 1)),
        case("no entry", world, &changed(&|signed| signed.entries.clear())),
        case("the same entry twice", world, &twice),
        case("entry of an unknown log", world, &unknown.keyless(&Leaf::github()).attest(statement)),
        case("entry after the leaf", world, &late.attest(statement)),
        case("entry before the leaf", world, &early.attest(statement)),
        case("number in the tree edited", world, &proof(|proof| proof.index += 1)),
        case("size of the tree edited", world, &proof(|proof| proof.size += 1)),
        case("root edited", world, &proof(|proof| proof.root[0] ^= 1)),
        case("hash edited", world, &proof(|proof| proof.hashes[0][0] ^= 1)),
        case("hash dropped", world, &proof(|proof| drop(proof.hashes.pop()))),
        case("checkpoint cut", world, &proof(|proof| proof.checkpoint.truncate(60))),
        case("no proof", world, &changed(&|signed| signed.entries[0].proof = None)),
        case("time without a promise", world, &changed(&|signed| signed.entries[0].promise = None)),
    ]
}

fn attacks_on_certificates(world: &Instance, statement: &Value) -> Vec<Case> {
    let with = |leaf: Leaf| world.keyless(&leaf).attest(statement);
    let scts = |scts: &[SctDraft]| world.keyless_with(&Leaf::github(), Leaf::github().issue(&world.issuer, scts)).attest(statement);
    let unknown = SctDraft::new(&Key::p256("unknown certificate log"), ISSUED);
    let false_key = SctDraft { log_id: Some(world.certificate_log.id()), ..unknown.clone() };
    let false_issuer = SctDraft { issuer: Some(Key::p256("other").spki()), ..world.sct() };
    let stranger = Instance { issuer: Authority::root("stranger", Key::p256("stranger"), AUTHORITY_YEARS), ..world.clone() };
    let expired = Instance { issuer: Authority { not_after: SIGNED - 1, ..world.issuer.clone() }, ..world.clone() };
    vec![
        case("no SCT", world, &scts(&[])),
        case("SCT of an unknown log", world, &scts(&[unknown])),
        case("SCT by another key", world, &scts(&[false_key])),
        case("SCT for another issuer", world, &scts(&[false_issuer])),
        case("leaf of a stranger", world, &stranger.keyless(&Leaf::github()).attest(statement)),
        case("intermediate expired when it was signed", &expired, &expired.keyless(&Leaf::github()).attest(statement)),
        case("leaf for servers", world, &with(Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION]), ..Leaf::github() })),
        case("leaf without a purpose", world, &with(Leaf { purposes: None, ..Leaf::github() })),
        case("leaf that may not sign", world, &with(Leaf { usage: Some(usage::KEY_AGREEMENT), ..Leaf::github() })),
        case("leaf that is an authority", world, &with(Leaf { is_authority: Some(true), ..Leaf::github() })),
        case("leaf without a name", world, &with(Leaf { names: Vec::new(), ..Leaf::github() })),
        case("leaf of somebody else", world, &with(Leaf::email())),
        case("issuers disagree", world, &with(Leaf { issuer_raw: Some("https://evil.example".to_owned()), ..Leaf::github() })),
    ]
}

fn attacks_on_tokens(world: &Instance, statement: &Value) -> Vec<Case> {
    let tiles = world.keyless_tiles(&Leaf::github());
    let with = |authority: TimestampAuthority, token: Token| Signer { stamps: vec![(authority, token)], ..tiles.clone() }.attest(statement);
    let token = |token: Token| with(world.timestamps.clone(), token);
    let by = |authority: TimestampAuthority| with(authority, Token::default());
    let mut none = tiles.attest(statement);
    none.tokens.clear();
    let extra = TimestampAuthority { purposes: vec![purpose::TIME_STAMPING, "1.3.6.1.4.1.99999.1"], ..world.timestamps.clone() };
    let old = TimestampAuthority { not_after: SIGNED - 1, ..world.timestamps.clone() };
    let (worldly_extra, worldly_old) =
        (Instance { timestamps: extra.clone(), ..world.clone() }, Instance { timestamps: old.clone(), ..world.clone() });
    vec![
        case("second generation without a token", world, &none),
        case("token over something else", world, &token(Token { imprint: Some(Hash::Sha256.of(b"else")), ..Token::default() })),
        case("token after the leaf", world, &token(Token { time: ISSUED + LEAF_SECONDS + 1, ..Token::default() })),
        case("token before the leaf", world, &token(Token { time: ISSUED - 1, ..Token::default() })),
        case("token that was refused", world, &token(Token { status: 2, ..Token::default() })),
        case("token of a stranger", world, &by(tsa::self_made(&world.timestamps))),
        case("stamping and something else", &worldly_extra, &by(extra)),
        case("signer of the token expired", &worldly_old, &by(old)),
    ]
}

fn cases() -> Vec<Case> {
    let world = Instance::new();
    sound(&world).into_iter().chain(attacks(&world)).collect()
}

/// What the product says.
fn product(case: &Case) -> bool {
    let question = match &case.signer {
        Expected::Identity(subject, issuer) => Question::keyless(&case.root).identities(json!([{"issuer": issuer, "subject": subject}])),
        Expected::Key(key) => Question::key(key, &case.root),
    };
    question.bundles(std::slice::from_ref(&case.bundle)).ask().admitted
}

#[test]
fn the_product_is_right_about_the_instance() {
    let wrong: Vec<_> = cases().iter().filter(|case| product(case) != case.sound).map(|case| case.name).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The other verifier, if it was built.
fn oracle() -> Option<PathBuf> {
    let path = std::env::var_os("VERIMAGE_ORACLE").map(PathBuf::from);
    if path.is_none() {
        println!("skipped: VERIMAGE_ORACLE names no other verifier; tests/tools/differential.sh builds one");
    }
    path
}

/// What the other verifier says: nothing if it accepts, else its reason.
fn ask(oracle: &Path, arguments: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new(oracle);
    command.args(arguments.iter().flat_map(|(name, value)| [name, value]));
    let output = command.output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    match output.status.code() {
        Some(0) => None,
        Some(1) => Some(answer.trim().trim_start_matches("reject ").to_owned()),
        other => panic!("{other:?}: {answer}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// Answers by case: whether it should be accepted, and why it was not.
type Answers = BTreeMap<String, (bool, Option<String>)>;

/// Every difference has a reason, and every reason a difference.
fn compare(section: &str, answers: &Answers) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/exceptions.json");
    let exceptions: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let exceptions = exceptions[section].as_object().unwrap();
    let mut wrong = Vec::new();
    for (name, (sound, refusal)) in answers {
        let agrees = *sound == refusal.is_none();
        println!("{name}: {}", refusal.as_deref().unwrap_or("accept"));
        match (agrees, exceptions.get(name)) {
            (false, None) => wrong.push(format!("{name}: should be {}: {refusal:?}", if *sound { "accepted" } else { "refused" })),
            (true, Some(_)) => wrong.push(format!("{name}: the exception is stale")),
            _ => {}
        }
    }
    wrong.extend(exceptions.keys().filter(|name| !answers.contains_key(*name)).map(|name| format!("{name}: an exception for no case")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_other_verifier_agrees_about_the_instance() {
    let Some(oracle) = oracle() else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    };
    let mut answers = Answers::new();
    for case in cases() {
        let root = write("trusted_root.json", &case.root.json().to_string());
        let bundle = write("bundle.json", &case.bundle.to_string());
        let about = [("--trusted-root", root.as_str()), ("--bundle", &bundle), ("--digest", IMAGE)];
        let answer = match &case.signer {
            Expected::Identity(subject, issuer) => ask(&oracle, &[&about[..], &[("--identity", subject), ("--issuer", issuer)]].concat()),
            Expected::Key(key) => ask(&oracle, &[&about[..], &[("--key", &write("key.pem", &key.pem()))]].concat()),
        };
        assert!(answers.insert(case.name.to_owned(), (case.sound, answer)).is_none(), "two cases are called {}", case.name);
    }
    compare("instance", &answers);
}

#[test]
fn the_other_verifier_agrees_about_the_conformance_bundles() {
    let Some(oracle) = oracle() else { return };
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let folder = std::env::var_os("VERIMAGE_CORPUS").map_or_else(beside, PathBuf::from).join("sigstore-conformance");
    let Ok(cases) = std::fs::read(folder.join("cases.json")) else {
        return println!("skipped: there is no corpus at {}", folder.display());
    };
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let mut answers = Answers::new();
    for case in cases["cases"].as_array().unwrap() {
        let file = |role: &str| case["files"][role].as_str().map(|name| folder.join(name).into_os_string().into_string().unwrap());
        let parameter = |name: &str| case["params"][name].as_str().map(str::to_owned);
        let given = [
            ("--trusted-root", file("trusted_root")),
            ("--bundle", file("bundle")),
            ("--artifact", file("artifact")),
            ("--key", file("key")),
            ("--identity", parameter("identity")),
            ("--issuer", parameter("issuer")),
        ];
        let given: Vec<_> = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        let name = case["id"].as_str().unwrap().to_owned();
        answers.insert(name, (case["expected"] == "accept", ask(&oracle, &given)));
    }
    compare("sigstore-conformance", &answers);
}
