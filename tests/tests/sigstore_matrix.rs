//! The matrix of attacks: each is one change to a signature that is accepted, named after what was changed, in both forms
//! of image signatures.

use serde_json::{Value, json};
use verimage_tests::instance::*;
use verimage_tests::memory::MemoryStore;

/// A sound signature is accepted; the same with one change is refused with the code.
#[track_caller]
fn twin(name: &str, code: &str, change: impl Fn(&Instance, &Signed) -> Signed) {
    let world = Instance::new();
    let good = world.keyless(&Leaf::github()).both_forms();
    twins_of(name, code, &world, &good, change);
}

#[track_caller]
fn twins_of(name: &str, code: &str, world: &Instance, good: &[Signed], change: impl Fn(&Instance, &Signed) -> Signed) {
    let question = Question::keyless(&world.trusted_root());
    let changed: Vec<_> = good.iter().map(|signed| change(world, signed)).collect();
    Table::new().accept_each("unchanged", &question, good).refuse_each(name, &question, &changed, code).check();
}

/// The same for signatures with an entry of the second generation and a token, which only bundles can hold.
#[track_caller]
fn tiles_twin(name: &str, code: &str, change: impl Fn(&Instance, &Signed) -> Signed) {
    let world = Instance::new();
    let good = [world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE))];
    twins_of(name, code, &world, &good, change);
}

/// A leaf that differs from the workflow's in one part.
#[track_caller]
fn leaf_twin(name: &str, code: &str, leaf: Leaf) {
    twin(name, code, |world, signed| in_the_form_of(signed, &world.keyless(&leaf)));
}

/// A signature in the same form, by another signer or about another image.
fn in_the_form_of(signed: &Signed, signer: &Signer) -> Signed {
    about(signed, signer, IMAGE)
}

fn about(signed: &Signed, signer: &Signer, digest: &str) -> Signed {
    match signed.form {
        Form::SimpleSigning => signer.sign_image(digest),
        _ => signer.attest(&image_statement(digest)),
    }
}

/// What the same signer signed for another image.
fn other(world: &Instance, signed: &Signed) -> Signed {
    about(signed, &world.keyless(&Leaf::github()), &format!("sha256:{}", "0".repeat(64)))
}

macro_rules! twins {
    ($(#[test] fn $name:ident($make:ident, $code:literal, $change:expr);)*) => {
        $(#[test] fn $name() { $make(stringify!($name), $code, $change); })*
    };
}

twins! {
    #[test] fn swapped_payload(twin, "signature-invalid", |world, good| good.changed(|it| it.payload = other(world, good).payload));
    #[test] fn swapped_signature(twin, "signature-invalid", |world, good| good.changed(|it| it.signature = other(world, good).signature));
    #[test] fn swapped_certificate(twin, "signature-invalid", |world, good| {
        let leaf = Leaf { key: Key::p256("another"), ..Leaf::github() };
        good.changed(|it| it.certificate = Some(world.certify(&leaf)))
    });
    #[test] fn certificate_of_the_same_key_for_another(twin, "log-entry-mismatch", |world, good| {
        good.changed(|it| it.certificate = Some(world.certify(&Leaf { serial: 78, ..Leaf::github() })))
    });
    #[test] fn swapped_promise(twin, "log-proof-invalid", |world, good| good.entry(|it| it.promise = other(world, good).entries[0].promise.clone()));
    #[test] fn promise_of_another_log(twin, "log-proof-invalid", |_, good| {
        good.entry(|it| it.promise = Some(Rekor::v1("rekor.example", Key::p256("another log")).promise(it)))
    });
    #[test] fn swapped_entry(twin, "log-entry-mismatch", |world, good| good.changed(|it| it.entries = other(world, good).entries));
    #[test] fn body_edited(twin, "log-proof-invalid", |_, good| good.entry(|it| it.body.insert(1, b' ')));
    #[test] fn body_edited_with_its_proof_kept(tiles_twin, "log-proof-invalid", |world, good| {
        let other = world.keyless_tiles(&Leaf::email()).attest(&image_statement(IMAGE));
        good.entry(|it| it.body = other.entries[0].body.clone())
    });
    #[test] fn proof_for_another_leaf(tiles_twin, "log-proof-invalid", |world, good| {
        good.entry(|it| it.proof = Some(world.tiles.prove(b"another leaf")))
    });
    #[test] fn root_hash_of_another_checkpoint(tiles_twin, "log-proof-invalid", |world, good| {
        good.proof(|it| it.root = world.tiles.prove(b"another leaf").root)
    });
    #[test] fn checkpoint_of_another_tree(tiles_twin, "log-proof-invalid", |world, good| {
        good.proof(|it| it.checkpoint = world.tiles.prove(b"another leaf").checkpoint)
    });
    #[test] fn checkpoint_size_edited(tiles_twin, "log-proof-invalid", |_, good| {
        good.proof(|it| it.checkpoint = it.checkpoint.replacen("\n8\n", "\n80\n", 1))
    });
    #[test] fn checkpoint_key_hint_edited(tiles_twin, "log-proof-invalid", |world, good| {
        good.proof(|it| {
            let text = it.checkpoint.split_once("\n\n").unwrap().0.to_owned() + "\n";
            let line = rekor::signature_line(&world.tiles.host, &[1, 2, 3, 4], &world.tiles.key.sign(text.as_bytes()));
            it.checkpoint = format!("{text}\n{line}");
        })
    });
    #[test] fn index_of_the_second_generation_differs(tiles_twin, "log-proof-invalid", |_, good| good.entry(|it| it.index += 1));
    #[test] fn integrated_a_second_after_the_leaf(twin, "certificate-expired", |world, good| {
        in_the_form_of(good, &Signer { time: ISSUED + LEAF_SECONDS + 1, ..world.keyless(&Leaf::github()) })
    });
    #[test] fn integrated_a_second_before_the_leaf(twin, "certificate-expired", |world, good| {
        in_the_form_of(good, &Signer { time: ISSUED - 1, ..world.keyless(&Leaf::github()) })
    });
    #[test] fn token_over_another_signature(tiles_twin, "timestamp-invalid", |world, good| {
        good.changed(|it| it.tokens = vec![world.timestamps.stamp(b"another signature", &Token::default())])
    });
    #[test] fn token_of_an_unknown_root(tiles_twin, "timestamp-invalid", |_, good| {
        let root = Authority::root("unknown", Key::p256("unknown"), AUTHORITY_YEARS);
        let unknown = TimestampAuthority::new("https://unknown.example", &root, Key::p256("unknown signer"));
        good.changed(|it| it.tokens = vec![unknown.stamp(&it.signature, &Token::default())])
    });
    #[test] fn signed_for_a_parent_index(twin, "subject-mismatch", |world, good| {
        let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": IMAGE, "size": IMAGE_MANIFEST.len()}]});
        about(good, &world.keyless(&Leaf::github()), &verimage_tests::memory::digest(index.to_string().as_bytes()))
    });
}

#[test]
fn leaf_without_code_signing() {
    leaf_twin("for servers", "certificate-untrusted", Leaf { purposes: Some(vec![purpose::SERVER_AUTHENTICATION]), ..Leaf::github() });
}

#[test]
fn leaf_that_is_an_authority() {
    leaf_twin("CA:true", "certificate-untrusted", Leaf { is_authority: Some(true), ..Leaf::github() });
}

#[test]
fn leaf_without_digital_signature() {
    leaf_twin("key agreement", "certificate-untrusted", Leaf { usage: Some(usage::KEY_AGREEMENT), ..Leaf::github() });
}

#[test]
fn leaf_without_a_name() {
    leaf_twin("no name", "identity-mismatch", Leaf { names: Vec::new(), ..Leaf::github() });
}

#[test]
fn issuers_that_disagree() {
    leaf_twin("1 and 8 differ", "certificate-malformed", Leaf { issuer_raw: Some(EMAIL_ISSUER.to_owned()), ..Leaf::github() });
}

#[test]
fn issuer_that_goes_on() {
    let evil = Some(format!("{GITHUB_ISSUER}.evil"));
    leaf_twin(".evil", "identity-mismatch", Leaf { issuer_raw: evil.clone(), issuer: evil, ..Leaf::github() });
}

#[test]
fn time_stamp_outside_the_window_of_its_authority() {
    let world = Instance::new();
    let good = [world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE))];
    let mut closed = world.trusted_root();
    closed.timestamp_authorities[0].window = Window::until(SIGNED - 1);
    Table::new()
        .accept_each("open", &Question::keyless(&world.trusted_root()), &good)
        .refuse_each("closed", &Question::keyless(&closed), &good, "timestamp-invalid")
        .check();
}

#[test]
fn intermediate_expired_at_the_time() {
    let world = Instance::new();
    let expired = Instance { issuer: Authority { not_after: SIGNED - 1, ..world.issuer.clone() }, ..world.clone() };
    let ask = |world: &Instance| Question::keyless(&world.trusted_root());
    let signed = |world: &Instance| world.keyless(&Leaf::github()).both_forms();
    Table::new()
        .accept_each("valid", &ask(&world), &signed(&world))
        .refuse_each("expired", &ask(&expired), &signed(&expired), "certificate-expired")
        .check();
}

#[test]
fn pattern_that_fits_a_part() {
    let world = Instance::new();
    let signed = world.keyless(&Leaf::github()).both_forms();
    let ask =
        |pattern: &str| Question::keyless(&world.trusted_root()).identities(json!([{"issuer": GITHUB_ISSUER, "subjectRegex": pattern}]));
    Table::new()
        .accept_each("the whole", &ask(".*/example/app/.*"), &signed)
        .refuse_each("a part", &ask("/example/app/"), &signed, "identity-mismatch")
        .check();
}

/// The digest of the right image, under an algorithm that it was not made with.
#[test]
fn subjects_with_another_algorithm_alone() {
    let world = Instance::new();
    let signer = world.keyless(&Leaf::github());
    let hex = IMAGE.strip_prefix("sha256:").unwrap();
    let of = |digest: Value| {
        let mut statement = image_statement(IMAGE);
        statement["subject"][0]["digest"] = digest;
        [signer.attest(&statement)]
    };
    let question = Question::keyless(&world.trusted_root());
    Table::new()
        .accept_each("both", &question, &of(json!({"sha256": hex, "sha512": "0".repeat(128)})))
        .refuse_each("sha512 alone", &question, &of(json!({"sha512": hex})), "subject-mismatch")
        .check();
}

#[test]
fn payload_under_another_type() {
    let world = Instance::new();
    let statement = image_statement(IMAGE).to_string().into_bytes();
    let of = |kind: &str| world.keyless(&Leaf::github()).sign(Form::Envelope, statement.clone(), kind.to_owned());
    let replayed = of("text/plain").changed(|it| it.payload_type = signed::STATEMENT_TYPE.to_owned());
    let question = Question::keyless(&world.trusted_root());
    Table::new()
        .accept_each("signed as a statement", &question, &[of(signed::STATEMENT_TYPE)])
        .refuse_each("signed as text", &question, &[replayed], "signature-invalid")
        .check();
}

#[test]
fn keys_that_stand_twice() {
    let world = Instance::new();
    let signer = world.keyless(&Leaf::github());
    let question = Question::keyless(&world.trusted_root());
    let payload = simple_signing(IMAGE).to_string();
    let twice = payload.replacen("\"image\":", "\"image\":{\"docker-manifest-digest\":\"sha256:0\"},\"image\":", 1);
    let statement = image_statement(IMAGE).to_string();
    let subject_twice = statement.replacen("\"subject\":", "\"subject\":[{\"digest\":{}}],\"subject\":", 1);
    let attest = |text: &str| signer.sign(Form::Envelope, text.as_bytes().to_vec(), signed::STATEMENT_TYPE.to_owned());
    Table::new()
        .accept_each("once", &question, &[signer.sign_payload(payload.into_bytes()), attest(&statement)])
        .refuse_each("twice", &question, &[signer.sign_payload(twice.into_bytes()), attest(&subject_twice)], "payload-malformed")
        .check();
}

#[test]
fn digest_in_capitals() {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    let capitals = format!("sha256:{}", IMAGE.strip_prefix("sha256:").unwrap().to_uppercase());
    let [simple, modern] =
        world.keyless(&Leaf::github()).both_forms().map(|signed| about(&signed, &world.keyless(&Leaf::github()), &capitals));
    Table::new()
        .accept_each("as it is", &question, &world.keyless(&Leaf::github()).both_forms())
        .refuse_each("in capitals", &question, &[simple], "payload-malformed")
        .refuse_each("in capitals", &question, &[modern], "subject-mismatch")
        .check();
}

/// A registry with the workflow's layer, and changes to its manifest.
fn layer_question(change: impl Fn(&mut Value)) -> Question {
    let world = Instance::new();
    let layer = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
    Question::keyless(&world.trusted_root()).layers(&[layer]).store(|store| change_manifest(store, change))
}

fn change_manifest(store: &mut MemoryStore, change: impl Fn(&mut Value)) {
    for manifest in store.tags.values_mut() {
        let mut document: Value = serde_json::from_slice(manifest).unwrap();
        change(&mut document);
        *manifest = document.to_string().into_bytes();
    }
}

#[test]
fn layer_of_another_media_type() {
    Table::new()
        .accept("cosign's", &layer_question(|_| {}))
        .refuse("another", &layer_question(|it| it["layers"][0]["mediaType"] = json!("text/plain")), "signature-not-found")
        .check();
}

#[test]
fn layer_that_claims_ten_gigabytes() {
    Table::new()
        .accept("its own size", &layer_question(|_| {}))
        .refuse("ten gigabytes", &layer_question(|it| it["layers"][0]["size"] = json!(10_000_000_000_u64)), "limit-exceeded")
        .refuse(
            "a byte more",
            &layer_question(|it| it["layers"][0]["size"] = json!(it["layers"][0]["size"].as_u64().unwrap() + 1)),
            "payload-malformed",
        )
        .check();
}

/// What was asked for by digest is what has that digest.
#[test]
fn layer_whose_blob_is_another() {
    let swapped = layer_question(|_| {}).store(|store| store.blobs.values_mut().for_each(|blob| blob[0] ^= 1));
    Table::new().accept("its own", &layer_question(|_| {})).refuse("another", &swapped, "store-unavailable").check();
}

#[test]
fn layers_beyond_a_thousand() {
    let many = |count: usize| {
        layer_question(move |it| {
            let mut stranger = it["layers"][0].clone();
            stranger["mediaType"] = json!("text/plain");
            stranger["annotations"] = json!({});
            let own = it["layers"][0].clone();
            it["layers"] = json!([vec![stranger; count - 1], vec![own]].concat());
        })
    };
    Table::new().accept("a thousand", &many(1000)).refuse("a thousand and one", &many(1001), "limit-exceeded").check();
}

/// The list of referrers leads back to the image, and to the same referrer again.
#[test]
fn referrers_that_go_in_circles() {
    let world = Instance::new();
    let document = bundle(&world.keyless(&Leaf::github()).attest(&image_statement(IMAGE)), Version::V03);
    let question = Question::keyless(&world.trusted_root());
    let circle = |store: &mut MemoryStore| {
        for _ in 0..100 {
            store.add_referrer(IMAGE, bundle::BUNDLE_TYPE, &json!({}), IMAGE_MANIFEST.to_vec());
        }
    };
    Table::new()
        .accept("a bundle beside a circle", &question.clone().store(circle).bundles(&[document]))
        .refuse("a circle", &question.store(circle), "signature-not-found")
        .check();
}

#[test]
fn certificate_cut_in_its_annotation() {
    let world = Instance::new();
    let layer = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
    let name = "dev.sigstore.cosign/certificate";
    let text = layer.annotation(name).to_owned();
    let with = |text: &str| Question::keyless(&world.trusted_root()).layers(&[layer.clone().annotated(name, text)]);
    Table::new()
        .accept("whole", &with(&text))
        .refuse("without its last line", &with(text.trim_end().rsplit_once('\n').unwrap().0), "certificate-malformed")
        .refuse("without a line in the middle", &with(&text.replacen(text.lines().nth(2).unwrap(), "", 1)), "certificate-malformed")
        .check();
}

/// The first is the signer's; the right one is not looked for behind it.
#[test]
fn two_certificates_in_the_annotation() {
    let world = Instance::new();
    let layer = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
    let stranger = Layer::new(&world.keyless(&Leaf::email()).sign_image(IMAGE));
    let name = "dev.sigstore.cosign/certificate";
    let (own, other) = (layer.annotation(name).to_owned(), pem("CERTIFICATE", &world.certify(&Leaf::email())));
    let ask = |layer: Layer| Question::keyless(&world.trusted_root()).layers(&[layer]);
    Table::new()
        .accept("its own", &ask(layer.clone()))
        .accept("its own, and another", &ask(layer.clone().annotated(name, &format!("{own}{other}"))))
        .refuse("another, and its own", &ask(layer.clone().annotated(name, &format!("{other}{own}"))), "identity-mismatch")
        .refuse("a stranger's, and the right one", &ask(stranger.annotated(name, &format!("{other}{own}"))), "identity-mismatch")
        .check();
}
