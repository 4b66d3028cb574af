//! Transparency logs: what an entry proves, and what it does not. Each test has evidence that is accepted and twins that
//! are not, in both forms of image signatures where annotations can say it.

use serde_json::{Value, json};
use verimage_tests::instance::*;

const NO_PROOF: &str = "log-proof-invalid";

/// A change to a signature.
type Change = fn(&mut Signed);

/// Both generations: a workflow that signs for either log.
fn signers(world: &Instance) -> [Signer; 2] {
    [world.keyless(&Leaf::github()), world.keyless_tiles(&Leaf::github())]
}

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// The image in the form of a bundle.
fn signed(signer: &Signer) -> Signed {
    signer.attest(&image_statement(IMAGE))
}

/// The other signature of the same signer, for another image.
fn other(signer: &Signer) -> [Signed; 2] {
    let digest = format!("sha256:{}", "0".repeat(64));
    [signer.sign_image(&digest), signer.attest(&image_statement(&digest))]
}

#[test]
fn an_entry_is_there() {
    let (world, question) = world();
    let github = world.keyless(&Leaf::github()).both_forms();
    let bare = github.clone().map(|signed| signed.changed(|it| it.entries.clear()));
    Table::new().accept_each("with an entry", &question, &github).refuse_each("without", &question, &bare, "log-missing").check();
}

/// CVE-2022-23649, CVE-2022-36056, CVE-2026-22703: a sound entry for something else, under every kind of signer.
#[test]
fn an_entry_is_for_this_signature() {
    let (world, keyless) = world();
    let key = Key::p256("managed");
    let by_key = Question::key(&key, &world.trusted_root());
    let managed = world.managed(&key);
    let tiles = Signer { logs: vec![world.tiles.clone()], ..managed.clone() };
    let intoto = Signer { envelope_kind: EnvelopeKind::Intoto, ..world.keyless(&Leaf::github()) };
    let [first, second] = signers(&world);
    let mut table = Table::new();
    for (question, signer) in [(&keyless, &first), (&keyless, &intoto), (&by_key, &managed)] {
        let good = signer.both_forms();
        let swapped: Vec<_> =
            good.iter().zip(other(signer)).map(|(good, other)| good.changed(|it| it.entries = other.entries.clone())).collect();
        table = table.accept_each("its own", question, &good).refuse_each("another's", question, &swapped, "log-entry-mismatch");
    }
    for (question, signer) in [(&keyless, &second), (&by_key, &tiles)] {
        let good = signed(signer);
        let swapped = good.changed(|it| it.entries = other(signer)[1].entries.clone());
        table = table.accept_each("its own, second generation", question, &[good]).refuse_each(
            "another's, second generation",
            question,
            &[swapped],
            "log-entry-mismatch",
        );
    }
    table.check();
}

/// Each field of an entry is compared: the entry is sound, and one field in it is of something else.
#[test]
fn every_field_of_an_entry_is_compared() {
    let (world, question) = world();
    for (log, signer) in [&world.rekor, &world.tiles].into_iter().zip(signers(&world)) {
        let good = signer.both_forms();
        // Annotations have no place for a log of the second generation.
        let good: Vec<_> = good.into_iter().filter(|signed| !log.is_v2() || signed.form == Form::Envelope).collect();
        let mut table = Table::new().accept_each("as it should be", &question, &good);
        let changes: [(&str, Change); 4] = [
            ("signature", |it| it.signature[9] ^= 1),
            ("payload", |it| it.payload.push(b' ')),
            ("certificate", |it| it.certificate = Some(Instance::new().certify(&Leaf::email()))),
            ("key in place of the certificate", |it| it.certificate = None),
        ];
        for (case, change) in changes {
            let entered: Vec<_> =
                good.iter().map(|signed| signed.changed(|it| it.entries = vec![signer.enter(log, &signed.changed(change))])).collect();
            table = table.refuse_each(&format!("{case} of another, {}", log.host), &question, &entered, "log-entry-mismatch");
        }
        table.check();
    }
}

/// What the entry says of its kind is what its body says.
#[test]
fn an_entry_has_the_kind_that_it_says() {
    let (world, question) = world();
    let [first, second] = signers(&world).map(|signer| signed(&signer));
    let mut table = Table::new().accept_each("its own", &question, &[first.clone(), second.clone()]);
    for (kind, version) in [("hashedrekord", "0.0.1"), ("dsse", "0.0.2"), ("intoto", "0.0.2"), ("rekord", "0.0.1")] {
        let spoil = |entry: &mut Entry| (entry.kind, entry.version) = (kind.to_owned(), version.to_owned());
        table =
            table.refuse_each(&format!("{kind} {version}"), &question, &[first.entry(spoil), second.entry(spoil)], "log-entry-mismatch");
    }
    table.check();
}

#[test]
fn a_promise_is_for_this_entry() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let strange = Rekor::v1("rekor.example", Key::p256("another log"));
    let good = signer.both_forms();
    let others = other(&signer);
    let with = |change: &dyn Fn(&Signed, &Signed) -> Signed| -> Vec<Signed> {
        good.iter().zip(&others).map(|(good, other)| change(good, other)).collect()
    };
    Table::new()
        .accept_each("its own", &question, &good)
        .refuse_each(
            "of another entry",
            &question,
            &with(&|good, other| good.entry(|it| it.promise = other.entries[0].promise.clone())),
            NO_PROOF,
        )
        .refuse_each("by another key", &question, &with(&|good, _| good.entry(|it| it.promise = Some(strange.promise(it)))), NO_PROOF)
        .refuse_each("a second later", &question, &with(&|good, _| good.entry(|it| it.time += 1)), NO_PROOF)
        .refuse_each("another number", &question, &with(&|good, _| good.entry(|it| it.index += 1)), NO_PROOF)
        .refuse_each("cut", &question, &with(&|good, _| good.entry(|it| it.promise.as_mut().unwrap().truncate(20))), NO_PROOF)
        .check();
}

/// sigstore-js #1659: without a promise, the time is nobody's.
#[test]
fn a_time_without_a_promise_is_none() {
    let (world, question) = world();
    let signer = Signer { stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let bare = signed(&world.keyless(&Leaf::github()));
    let unpromised = |signed: &Signed| signed.entry(|it| it.promise = None);
    let timeless = |signed: &Signed| signed.entry(|it| (it.promise, it.time) = (None, 0));
    let with_token = signed(&signer);
    Table::new()
        .accept_each("promised", &question, std::slice::from_ref(&bare))
        .refuse_each("not promised", &question, &[unpromised(&bare), timeless(&bare)], "timestamp-missing")
        .accept_each("not promised, and stamped", &question, &[timeless(&with_token)])
        .refuse_each(
            "promised at no time",
            &question,
            &[bare.entry(|it| {
                it.time = 0;
                it.promise = Some(world.rekor.promise(it));
            })],
            NO_PROOF,
        )
        .check();
}

#[test]
fn a_proof_is_for_this_entry() {
    let (world, question) = world();
    let mut table = Table::new();
    for signer in signers(&world) {
        let good = signed(&signer);
        let stranger = other(&signer)[1].entries[0].proof.clone();
        let host = &signer.logs[0].host;
        table = table.accept_each(&format!("its own, {host}"), &question, std::slice::from_ref(&good));
        let attacks: Vec<(&str, Signed)> = vec![
            ("of another entry", good.entry(|it| it.proof = stranger.clone())),
            ("another number", good.proof(|it| it.index -= 1)),
            ("another size", good.proof(|it| it.size -= 1)),
            ("another root", good.proof(|it| it.root[0] ^= 1)),
            ("the root of another tree", good.proof(|it| it.root = stranger.as_ref().unwrap().root.clone())),
            ("the checkpoint of another tree", good.proof(|it| it.checkpoint = stranger.as_ref().unwrap().checkpoint.clone())),
            ("a hash edited", good.proof(|it| it.hashes[1][0] ^= 1)),
            ("a hash too few", good.proof(|it| drop(it.hashes.pop()))),
            ("a hash too many", good.proof(|it| it.hashes.push(it.root.clone()))),
            ("hashes in another order", good.proof(|it| it.hashes.swap(0, 1))),
            ("number beyond the tree", good.proof(|it| it.index = it.size)),
        ];
        for (case, attack) in attacks {
            table = table.refuse_each(&format!("{case}, {host}"), &question, &[attack], NO_PROOF);
        }
    }
    table.check();
}

/// A body that was edited is not in the tree, and was not promised.
#[test]
fn a_body_is_the_one_that_was_logged() {
    let (world, question) = world();
    let mut table = Table::new();
    for signer in signers(&world) {
        let good = signed(&signer);
        let spaced = good.entry(|it| it.body.push(b' '));
        let cut = good.entry(|it| it.body.truncate(it.body.len() - 1));
        let host = &signer.logs[0].host;
        table = table.accept_each(&format!("as it was, {host}"), &question, &[good]).refuse_each(
            &format!("a blank more, {host}"),
            &question,
            &[spaced, cut],
            NO_PROOF,
        );
    }
    let layer = world.keyless(&Leaf::github()).sign_image(IMAGE);
    table.refuse_each("in an annotation", &question, &[layer.entry(|it| it.body.push(b' '))], NO_PROOF).check();
}

#[test]
fn a_checkpoint_is_signed_by_the_log() {
    let (world, question) = world();
    let mut table = Table::new();
    for signer in signers(&world) {
        let (good, log) = (signed(&signer), signer.logs[0].clone());
        let edited = |change: &dyn Fn(&str) -> String| good.proof(|it| it.checkpoint = change(&it.checkpoint));
        let (size, root) = (8, good.entries[0].proof.as_ref().unwrap().root.clone());
        let line = |name: &str, hint: &[u8], key: &Key, text: &str| rekor::signature_line(name, hint, &key.sign(text.as_bytes()));
        let text = log.note(&log.origin(), size, &root);
        let with = |lines: &[String]| good.proof(|it| it.checkpoint = format!("{text}\n{}", lines.concat()));
        let own = line(&log.host, &log.key_hint(), &log.key, &text);
        let hint = [0; 4];
        let wrong = line(&log.host, &log.key_hint(), &log.key, "another note");
        let witness = line("witness.example", &hint, &Key::p256("witness"), &text);
        let evil = format!("evil.example{}", log.tree.map(|tree| format!(" - {tree}")).unwrap_or_default());
        let evil_text = log.note(&evil, size, &root);
        let of_evil = format!("{evil_text}\n{}", line(&log.host, &log.key_hint(), &log.key, &evil_text));
        let host = &log.host;
        for (case, good) in [
            ("its own line", with(std::slice::from_ref(&own))),
            ("behind a witness", with(&[witness.clone(), own.clone()])),
            ("beside a line of its name with another key", with(&[own.clone(), line(host, &hint, &Key::p256("x"), &text)])),
            ("fifteen witnesses", with(&[vec![own.clone()], vec![witness.clone(); 15]].concat())),
        ] {
            table = table.accept_each(&format!("{case}, {host}"), &question, &[good]);
        }
        let none = edited(&|_| String::new());
        table = table.refuse_each(&format!("no text, {host}"), &question, &[none], "log-missing");
        for (case, attack) in [
            ("size edited", edited(&|note| note.replacen("\n8\n", "\n9\n", 1))),
            ("no line", edited(&|note| note[..note.rfind("\n\n").unwrap() + 2].to_owned())),
            ("no signature of the log", with(std::slice::from_ref(&witness))),
            ("another name", with(&[line("evil.example", &log.key_hint(), &log.key, &text)])),
            ("another hint", with(&[line(host, &hint, &log.key, &text)])),
            ("another note signed", with(std::slice::from_ref(&wrong))),
            ("a wrong line beside the right one", with(&[own.clone(), wrong])),
            ("sixteen witnesses", with(&[vec![own], vec![witness; 16]].concat())),
            ("no end of the last line", edited(&|note| note.trim_end().to_owned())),
            ("another origin", good.proof(|it| it.checkpoint = of_evil)),
        ] {
            table = table.refuse_each(&format!("{case}, {host}"), &question, &[attack], NO_PROOF);
        }
    }
    table.check();
}

/// Older checkpoints have further lines, which are signed, too.
#[test]
fn a_checkpoint_may_have_more_lines() {
    let (mut world, _) = world();
    world.rekor.lines = vec!["Timestamp: 1767225660000000000".to_owned()];
    world.tiles.lines = vec!["anything".to_owned(), "and more".to_owned()];
    let question = Question::keyless(&world.trusted_root());
    let good = signers(&world).map(|signer| signed(&signer));
    let edited = good.clone().map(|signed| {
        signed.proof(|it| it.checkpoint = it.checkpoint.replace("Timestamp: 17", "Timestamp: 18").replace("anything", "something"))
    });
    Table::new().accept_each("signed", &question, &good).refuse_each("edited", &question, &edited, NO_PROOF).check();
}

/// The first generation counts by shard, the second has one number.
#[test]
fn numbers_differ_in_the_first_generation_alone() {
    let (world, question) = world();
    let [first, second] = signers(&world).map(|signer| signed(&signer));
    assert_ne!(first.entries[0].index, first.entries[0].proof.as_ref().unwrap().index);
    Table::new()
        .accept_each("first generation, two numbers", &question, &[first])
        .accept_each("second generation, one number", &question, std::slice::from_ref(&second))
        .refuse_each("second generation, two numbers", &question, &[second.entry(|it| it.index += 1)], NO_PROOF)
        .check();
}

#[test]
fn numbers_are_not_negative() {
    let (world, question) = world();
    let mut table = Table::new();
    for signer in signers(&world) {
        let good = signed(&signer);
        table = table
            .accept_each("as they were", &question, std::slice::from_ref(&good))
            .refuse_each("in the log", &question, &[good.entry(|it| it.index = -1)], "payload-malformed")
            .refuse_each("in the tree", &question, &[good.proof(|it| it.index = -1)], "payload-malformed")
            .refuse_each("of entries", &question, &[good.proof(|it| it.size = -1)], "payload-malformed");
    }
    table.refuse_each("of seconds", &question, &[signed(&signers(&world)[0]).entry(|it| it.time = -1)], "payload-malformed").check();
}

/// proto3 leaves out what is zero: the first entry of a log has the number 0.
#[test]
fn the_first_entry_has_no_number() {
    let (mut world, _) = world();
    for log in [&mut world.rekor, &mut world.tiles] {
        (log.before, log.offset) = (0, 0);
    }
    let question = Question::keyless(&world.trusted_root());
    let mut table = Table::new();
    for signer in signers(&world) {
        let mut document = bundle(&signed(&signer), Version::V03);
        let entry = &mut document["verificationMaterial"]["tlogEntries"][0];
        for place in ["", "/inclusionProof"] {
            entry.pointer_mut(place).unwrap().as_object_mut().unwrap().remove("logIndex");
        }
        let mut numbered = document.clone();
        numbered["verificationMaterial"]["tlogEntries"][0]["logIndex"] = json!("1");
        table = table.accept("left out", &question.clone().bundles(&[document])).refuse(
            "another number",
            &question.clone().bundles(&[numbered]),
            NO_PROOF,
        );
    }
    table.check();
}

#[test]
fn a_log_is_one_of_the_root() {
    let (world, question) = world();
    let key = Key::p256("unknown log");
    let unknown = Instance { rekor: Rekor::v1("rekor.example", key.clone()), ..world.clone() };
    let disguised = Rekor { id: Some(world.rekor.log_id()), ..Rekor::v1("rekor.example", key) };
    let disguised = Instance { rekor: disguised, ..world.clone() };
    let many =
        TrustedRoot { logs: [world.trusted_root().logs, unknown.trusted_root().logs[..1].to_vec()].concat(), ..world.trusted_root() };
    let forms = |world: &Instance| world.keyless(&Leaf::github()).both_forms();
    Table::new()
        .accept_each("of the root", &question, &forms(&world))
        .refuse_each("unknown", &question, &forms(&unknown), "log-missing")
        .refuse_each("with the identifier of one of the root", &question, &forms(&disguised), NO_PROOF)
        .accept_each("one of several", &Question::keyless(&many), &forms(&unknown))
        .check();
}

/// Keys that were replaced stay in the root, and count for what they signed in their time.
#[test]
fn a_log_counts_within_its_window() {
    let (world, _) = world();
    let within = |window: Window| {
        let mut root = world.trusted_root();
        root.logs.iter_mut().for_each(|log| log.window = window);
        Question::keyless(&root)
    };
    let forms = world.keyless(&Leaf::github()).both_forms();
    let tiles = [signed(&world.keyless_tiles(&Leaf::github()))];
    let mut table = Table::new();
    for (case, window) in [("to the second of signing", Window::until(SIGNED)), ("from it", Window::since(SIGNED))] {
        table = table.accept_each(case, &within(window), &forms).accept_each(case, &within(window), &tiles);
    }
    for (case, window) in [("to the second before", Window::until(SIGNED - 1)), ("from the second after", Window::since(SIGNED + 1))] {
        table = table.refuse_each(case, &within(window), &forms, NO_PROOF).refuse_each(case, &within(window), &tiles, NO_PROOF);
    }
    table.check();
}

/// sigstore-go #633: a threshold counts logs, not entries.
#[test]
fn a_threshold_counts_logs() {
    let (world, question) = world();
    let asked = |count: u64| question.clone().with("transparency", json!({"root": "sigstore", "minEntries": count}));
    let both =
        Signer { logs: vec![world.rekor.clone(), world.tiles.clone()], stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let (later, github) = (Rekor { before: 5, ..world.rekor.clone() }, world.keyless(&Leaf::github()));
    let in_two_kinds = Signer { envelope_kind: EnvelopeKind::Intoto, ..github.clone() };
    let one_log = signed(&github).changed(|it| it.entries.push(in_two_kinds.enter(&later, &it.clone())));
    Table::new()
        .accept_each("one of one", &asked(1), &[signed(&world.keyless(&Leaf::github()))])
        .accept_each("two of two", &asked(2), &[signed(&both)])
        .refuse_each("one of two", &asked(2), &[signed(&world.keyless(&Leaf::github()))], "log-missing")
        .accept_each("two entries of one log, one wanted", &asked(1), std::slice::from_ref(&one_log))
        .refuse_each("two entries of one log", &asked(2), &[one_log], "log-missing")
        .check();
    // The root has two.
    assert_eq!(asked(3).load_error().pointer, "/rules/0/require/cosign/transparency");
}

/// A key under two identifiers is one log.
#[test]
fn a_log_that_stands_twice_counts_once() {
    let world = Instance::new();
    let renamed = Rekor { id: Some(vec![7; 32]), before: 5, ..world.rekor.clone() };
    let mut root = world.trusted_root();
    root.logs.push(LogService { id: vec![7; 32], ..LogService::rekor(&world.rekor) });
    let github = world.keyless(&Leaf::github());
    let in_two_kinds = Signer { envelope_kind: EnvelopeKind::Intoto, ..github.clone() };
    let twice = signed(&github).changed(|it| it.entries.push(in_two_kinds.enter(&renamed, &it.clone())));
    let asked = |count: u64| Question::keyless(&root).with("transparency", json!({"root": "sigstore", "minEntries": count}));
    Table::new()
        .accept_each("one wanted", &asked(1), std::slice::from_ref(&twice))
        .refuse_each("two wanted", &asked(2), &[twice], "log-missing")
        .check();
}

/// sigstore-js #1702: the same entry again proves nothing more.
#[test]
fn an_entry_stands_there_once() {
    let (world, question) = world();
    let good = signed(&world.keyless(&Leaf::github()));
    let twice = good.changed(|it| it.entries.push(it.entries[0].clone()));
    let two = question.clone().with("transparency", json!({"root": "sigstore", "minEntries": 2}));
    Table::new()
        .accept_each("once", &question, &[good])
        .refuse_each("twice", &question, std::slice::from_ref(&twice), "payload-malformed")
        .refuse_each("twice, where two are wanted", &two, &[twice], "payload-malformed")
        .check();
}

/// A wrong entry is not outvoted by a right one.
#[test]
fn every_entry_holds() {
    let (world, question) = world();
    let both =
        Signer { logs: vec![world.rekor.clone(), world.tiles.clone()], stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let good = signed(&both);
    let turned = good.changed(|it| it.entries.reverse());
    let mut table = Table::new().accept_each("two right ones", &question, &[good.clone(), turned]);
    for position in 0..2 {
        let spoilt = good.changed(|it| it.entries[position].proof.as_mut().unwrap().hashes[0][0] ^= 1);
        let foreign = good.changed(|it| it.entries[position] = other(&both)[1].entries[position].clone());
        let unknown = good.changed(|it| it.entries[position].log_id[0] ^= 1);
        table = table
            .refuse_each("one with a wrong proof", &question, &[spoilt], NO_PROOF)
            .refuse_each("one for something else", &question, &[foreign], "log-entry-mismatch")
            .refuse_each("one of an unknown log", &question, &[unknown], "log-missing");
    }
    table.check();
}

/// CVE-2024-45395: bounds before work.
#[test]
fn there_are_at_most_32_entries() {
    let (world, question) = world();
    let logs = |count: usize| (0..count).map(|before| Rekor { before, ..world.rekor.clone() }).collect();
    let with = |count: usize| [signed(&Signer { logs: logs(count), ..world.keyless(&Leaf::github()) })];
    let question = question.with("transparency", json!({"root": "sigstore", "minEntries": 1}));
    // The bodies are equal, so the entries are told apart by number alone, and are refused as repeated.
    Table::new().accept_each("one", &question, &with(1)).refuse_each("thirty-three", &question, &with(33), "limit-exceeded").check();
}

#[test]
fn a_key_needs_a_log_unless_the_policy_says_otherwise() {
    let (world, _) = world();
    let key = Key::p256("managed");
    let question = Question::key(&key, &world.trusted_root());
    let logged = world.managed(&key).both_forms();
    let bare = Signer::managed(key.clone()).both_forms();
    let other_key = Instance::new().managed(&Key::p256("another")).both_forms();
    Table::new()
        .accept_each("logged", &question, &logged)
        .refuse_each("not logged", &question, &bare, "log-missing")
        .accept_each("not logged, no log wanted", &Question::key_alone(&key), &bare)
        .accept_each("logged, no log wanted", &Question::key_alone(&key), &logged)
        .refuse_each("by another key", &question, &other_key, "signature-invalid")
        .check();
}

/// The entry of a signature by key names that key.
#[test]
fn an_entry_names_the_key() {
    let (world, _) = world();
    let mut table = Table::new();
    for kind in [Kind::P256, Kind::P384, Kind::Rsa] {
        let key = Key::new(kind, "managed");
        let question = Question::key(&key, &world.trusted_root());
        let signer = world.managed(&key);
        let good = signer.both_forms();
        let renamed = good.clone().map(|signed| {
            let as_other = signed.changed(|it| it.key = Key::p256("another"));
            signed.changed(|it| it.entries = vec![signer.enter(&world.rekor, &as_other)])
        });
        table = table.accept_each(&format!("{kind:?}"), &question, &good).refuse_each(
            &format!("{kind:?}, another key"),
            &question,
            &renamed,
            "log-entry-mismatch",
        );
    }
    table.check();
}

/// Whoever holds a certificate may be named by key; the entry then names the certificate, whose key is compared.
#[test]
fn an_entry_may_name_a_certificate_of_the_key() {
    let (world, _) = world();
    let leaf = Leaf { key: Key::p256("managed"), ..Leaf::github() };
    let question = Question::key(&leaf.key, &world.trusted_root());
    let signer = world.keyless(&leaf);
    let good = signer.both_forms();
    let renamed = good.clone().map(|signed| {
        let as_other = signed.changed(|it| it.certificate = Some(world.certify(&Leaf::github())));
        signed.changed(|it| it.entries = vec![signer.enter(&world.rekor, &as_other)])
    });
    Table::new()
        .accept_each("of this key", &question, &good)
        .refuse_each("of another key", &question, &renamed, "log-entry-mismatch")
        .check();
}

/// A time stamp alone can say when an identity signed.
#[test]
fn transparency_can_be_left_out_for_identities() {
    let (world, question) = world();
    let stamped = Signer { logs: Vec::new(), stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let nothing = Signer { logs: Vec::new(), ..world.keyless(&Leaf::github()) };
    let open = question.clone().with("transparency", json!("none"));
    Table::new()
        .refuse_each("a token, a log wanted", &question, &stamped.both_forms(), "log-missing")
        .accept_each("a token, no log wanted", &open, &stamped.both_forms())
        .refuse_each("nothing, the leaf expired", &open, &nothing.both_forms(), "certificate-expired")
        .check();
}

/// The annotation of a layer is read as strictly as a bundle.
#[test]
fn annotations_are_read_strictly() {
    let (world, question) = world();
    let good = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
    let name = "dev.sigstore.cosign/bundle";
    let text = good.annotation(name).to_owned();
    let with = |text: &str| question.clone().layers(&[good.clone().annotated(name, text)]);
    let edit = |pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&text).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    };
    let twice = text.replacen("\"Payload\":", "\"Payload\":{},\"Payload\":", 1);
    let (text, malformed) = (text.as_str(), "payload-malformed");
    Table::new()
        .accept("as it was", &with(text))
        .refuse("a key twice", &with(&twice), malformed)
        .refuse("cut", &with(&text[..text.len() / 2]), malformed)
        .refuse("no base64", &with(&edit("/Payload/body", json!("?"))), malformed)
        .refuse("a number as text", &with(&edit("/Payload/integratedTime", json!("soon"))), malformed)
        .refuse("a log that is no hexadecimal", &with(&edit("/Payload/logID", json!("xyz"))), malformed)
        .refuse("no promise", &with(&edit("/SignedEntryTimestamp", json!(""))), malformed)
        .check();
}
