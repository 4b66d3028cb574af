//! Attestations: statements about an image by whoever the policy names, in bundles and in the layers that came before
//! them. Each test has a statement that is accepted and twins that are not.

use serde_json::{Value, json};
use verimage_tests::instance::*;

const PROVENANCE: &str = "https://slsa.dev/provenance/v0.2";
const NOT_FOUND: &str = "attestation-not-found";
const FAILED: &str = "attestation-condition-failed";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root()).attested(PROVENANCE);
    (world, question)
}

/// What a build says of itself.
fn provenance() -> Value {
    json!({
        "builder": {"id": "https://builder.example/v1"},
        "buildType": "https://builder.example/container",
        "metadata": {"buildFinishedOn": "2026-01-01T00:00:00Z", "reproducible": true, "steps": 12, "score": 7.5},
        "materials": [{"uri": "git+https://github.com/example/app"}],
        "a/b": {"m~n": "escaped"},
    })
}

fn about_image(predicate: Value) -> Value {
    statement(IMAGE, PROVENANCE, predicate)
}

/// The statement in a bundle and in a layer.
fn both(signer: &Signer, statement: &Value) -> [Signed; 2] {
    [signer.attest(statement), signer.attest_legacy(statement)]
}

fn by_workflow(world: &Instance, statement: &Value) -> [Signed; 2] {
    both(&world.keyless(&Leaf::github()), statement)
}

#[test]
fn an_attestation_is_of_the_type() {
    let (world, question) = world();
    let github = |kind: &str| by_workflow(&world, &statement(IMAGE, kind, json!({})));
    Table::new()
        .accept_each("of the type", &question, &github(PROVENANCE))
        .refuse_each("of a later type", &question, &github("https://slsa.dev/provenance/v1"), NOT_FOUND)
        .refuse_each("of a type that goes on", &question, &github("https://slsa.dev/provenance/v0.2/x"), NOT_FOUND)
        .refuse_each("of no type", &question, &github(""), NOT_FOUND)
        .refuse("none", &question, NOT_FOUND)
        .check();
}

#[test]
fn types_have_short_names() {
    let (world, _) = world();
    let mut table = Table::new();
    for (name, kind) in [
        ("custom", "https://cosign.sigstore.dev/attestation/v1"),
        ("slsaprovenance", PROVENANCE),
        ("slsaprovenance02", PROVENANCE),
        ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
        ("link", "https://in-toto.io/Link/v1"),
        ("spdx", "https://spdx.dev/Document"),
        ("spdxjson", "https://spdx.dev/Document"),
        ("cyclonedx", "https://cyclonedx.org/bom"),
        ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
        ("openvex", "https://openvex.dev/ns"),
    ] {
        let question = Question::keyless(&world.trusted_root()).attested(name);
        let of = |kind: &str| by_workflow(&world, &statement(IMAGE, kind, json!({})));
        table = table.accept_each(name, &question, &of(kind)).refuse_each(name, &question, &of(name), NOT_FOUND);
    }
    table.check();
}

/// Whoever made it is the one whom the requirement names; a statement of somebody else says nothing.
#[test]
fn an_attestation_is_by_its_signer() {
    let (world, question) = world();
    let good = about_image(provenance());
    let stranger = both(&world.keyless(&Leaf::email()), &good);
    let [own, _] = by_workflow(&world, &good);
    let forged = Signer { key: Key::p256("another"), ..world.keyless(&Leaf::github()) };
    Table::new()
        .accept_each("by the workflow", &question, &by_workflow(&world, &good))
        .refuse_each("by somebody else", &question, &stranger, "identity-mismatch")
        .refuse_each("by another key", &question, &both(&forged, &good), "signature-invalid")
        .accept("by both", &question.clone().signed(&[&stranger[0], &own]))
        .check();
}

#[test]
fn an_attestation_is_about_this_image() {
    let (world, question) = world();
    let other = statement(&format!("sha256:{}", "0".repeat(64)), PROVENANCE, provenance());
    let mut capitals = about_image(provenance());
    capitals["subject"][0]["digest"]["sha256"] = json!(IMAGE.strip_prefix("sha256:").unwrap().to_uppercase());
    let mut second = other.clone();
    second["subject"].as_array_mut().unwrap().push(about_image(json!({}))["subject"][0].clone());
    Table::new()
        .accept_each("this image", &question, &by_workflow(&world, &about_image(provenance())))
        .accept_each("this image, too", &question, &by_workflow(&world, &second))
        .refuse_each("another image", &question, &by_workflow(&world, &other), "subject-mismatch")
        .refuse_each("in capitals", &question, &by_workflow(&world, &capitals), "subject-mismatch")
        .check();
}

/// CVE-2022-35929: a signature is no attestation, and an attestation no signature.
#[test]
fn signatures_and_attestations_do_not_stand_in_for_each_other() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let [simple, modern] = signer.both_forms();
    let [attested, legacy] = by_workflow(&world, &about_image(provenance()));
    let signed = Question::keyless(&world.trusted_root());
    let either = question.clone().also_signed();
    Table::new()
        .refuse_each("a signature", &question, &[simple.clone(), modern.clone()], NOT_FOUND)
        .refuse_each("an attestation", &signed, &[attested.clone(), legacy.clone()], "signature-not-found")
        .accept("both", &either.clone().signed(&[&simple, &attested]))
        .accept("both, the other way about", &either.clone().signed(&[&modern, &legacy]))
        .refuse("no attestation", &either.clone().signed(&[&simple, &modern]), NOT_FOUND)
        .refuse("no signature", &either.signed(&[&attested, &legacy]), "signature-not-found")
        .check();
}

#[test]
fn conditions_are_about_the_predicate() {
    let (world, question) = world();
    let good = by_workflow(&world, &about_image(provenance()));
    let asked =
        |path: &str, op: &str, value: Value| question.clone().attested_with("conditions", json!({"path": path, "op": op, "value": value}));
    let mut table = Table::new();
    for (path, op, right, wrong) in [
        ("/builder/id", "eq", json!("https://builder.example/v1"), json!("https://builder.example/v10")),
        ("/builder/id", "ne", json!("https://builder.example/v10"), json!("https://builder.example/v1")),
        ("/builder/id", "in", json!(["x", "https://builder.example/v1"]), json!(["x", "y"])),
        ("/builder/id", "notIn", json!(["x", "y"]), json!(["x", "https://builder.example/v1"])),
        ("/builder/id", "matches", json!(r"https://builder\.example/v[0-9]"), json!("builder")),
        ("/metadata/steps", "eq", json!(12), json!("12")),
        ("/metadata/steps", "lt", json!(13), json!(12)),
        ("/metadata/steps", "le", json!(12), json!(11)),
        ("/metadata/steps", "gt", json!(11), json!(12)),
        ("/metadata/steps", "ge", json!(12), json!(13)),
        ("/metadata/score", "lt", json!(7.75), json!(7.25)),
        ("/metadata/reproducible", "eq", json!(true), json!(false)),
        ("/metadata/buildFinishedOn", "lt", json!("2026-01-01T01:30:00+01:00"), json!("2026-01-01T00:30:00+01:00")),
        ("/metadata/buildFinishedOn", "ge", json!("2026-01-01T00:00:00Z"), json!("2026-01-01T00:00:01Z")),
        ("/materials/0/uri", "eq", json!("git+https://github.com/example/app"), json!("git+https://github.com/example")),
        ("/a~1b/m~0n", "eq", json!("escaped"), json!("plain")),
    ] {
        let case = format!("{path} {op}");
        table = table.accept_each(&case, &asked(path, op, right), &good).refuse_each(&case, &asked(path, op, wrong), &good, FAILED);
    }
    let exists = |path: &str| question.clone().attested_with("conditions", json!({"path": path, "op": "exists"}));
    table.accept_each("exists", &exists("/builder"), &good).refuse_each("does not exist", &exists("/builders"), &good, FAILED).check();
}

/// What is not there fulfils nothing, not even that it differs.
#[test]
fn what_is_absent_fulfils_nothing() {
    let (world, question) = world();
    let good = by_workflow(&world, &about_image(provenance()));
    let asked =
        |path: &str, op: &str, value: Value| question.clone().attested_with("conditions", json!({"path": path, "op": op, "value": value}));
    let mut table = Table::new().accept_each("there", &asked("/builder/id", "ne", json!("x")), &good);
    for (op, value) in [
        ("eq", json!("x")),
        ("ne", json!("x")),
        ("in", json!(["x"])),
        ("notIn", json!(["x"])),
        ("lt", json!(1)),
        ("ge", json!(1)),
        ("matches", json!(".*")),
    ] {
        for path in ["/nothing", "/builder/nothing", "/builder/id/nothing", "/materials/1", "/materials/-"] {
            table = table.refuse_each(&format!("{path} {op}"), &asked(path, op, value.clone()), &good, FAILED);
        }
    }
    table
        .refuse_each("an order of texts and numbers", &asked("/builder/id", "lt", json!(5)), &good, FAILED)
        .refuse_each("a pattern for a number", &asked("/metadata/steps", "matches", json!("12")), &good, FAILED)
        .check();
}

#[test]
fn conditions_are_combined() {
    let (world, question) = world();
    let good = by_workflow(&world, &about_image(provenance()));
    let asked = |conditions: Value| question.clone().attested_with("conditions", conditions);
    let right = json!({"path": "/metadata/steps", "op": "eq", "value": 12});
    let wrong = json!({"path": "/metadata/steps", "op": "eq", "value": 13});
    Table::new()
        .accept_each("all of two", &asked(json!({"all": [right, right]})), &good)
        .refuse_each("all, one wrong", &asked(json!({"all": [right, wrong]})), &good, FAILED)
        .accept_each("any of two", &asked(json!({"any": [wrong, right]})), &good)
        .refuse_each("any, both wrong", &asked(json!({"any": [wrong, wrong]})), &good, FAILED)
        .accept_each("any of all", &asked(json!({"any": [{"all": [right, wrong]}, {"all": [right]}]})), &good)
        .refuse_each("all of any", &asked(json!({"all": [{"any": [wrong]}, right]})), &good, FAILED)
        .check();
}

/// A scan is of today.
#[test]
fn a_time_may_not_be_old() {
    let (world, question) = world();
    let finished = |time: &str| by_workflow(&world, &about_image(json!({"metadata": {"buildFinishedOn": time}})));
    let asked = question
        .attested_with("conditions", json!({"path": "/metadata/buildFinishedOn", "op": "maxAge", "value": "24h"}))
        .at(ISSUED + 3600);
    Table::new()
        .accept_each("an hour ago", &asked, &finished("2026-01-01T00:00:00Z"))
        .refuse_each("two days ago", &asked, &finished("2025-12-30T00:00:00Z"), FAILED)
        .refuse_each("in a year", &asked, &finished("2027-01-01T00:00:00Z"), FAILED)
        .refuse_each("no time", &asked, &finished("yesterday"), FAILED)
        .check();
}

/// By default every statement of the type fulfils the conditions: a registry cannot choose among them.
#[test]
fn statements_are_counted() {
    let (world, question) = world();
    let built = |builder: &str, time: i64| {
        Signer { time, ..world.keyless(&Leaf::github()) }.attest(&about_image(json!({"builder": {"id": builder}})))
    };
    let (right, wrong) = (built("right", SIGNED), built("wrong", SIGNED + 5));
    let (later, other) =
        (built("right", SIGNED + 9), world.keyless(&Leaf::email()).attest(&about_image(json!({"builder": {"id": "wrong"}}))));
    let asked = |statements: Option<&str>| {
        let asked = question.clone().attested_with("conditions", json!({"path": "/builder/id", "op": "eq", "value": "right"}));
        statements.into_iter().fold(asked, |asked, word| asked.attested_with("statements", json!(word)))
    };
    Table::new()
        .accept("all right", &asked(None).signed(&[&right, &later]))
        .refuse("one wrong", &asked(None).signed(&[&right, &wrong]), FAILED)
        .refuse("all wanted, one wrong", &asked(Some("all")).signed(&[&wrong, &right]), FAILED)
        .accept("a stranger's wrong one", &asked(None).signed(&[&right, &other]))
        .accept("any wanted, one right", &asked(Some("any")).signed(&[&wrong, &right]))
        .refuse("any wanted, none right", &asked(Some("any")).signed(&[&wrong]), FAILED)
        .accept("newest wanted, newest right", &asked(Some("newest")).signed(&[&wrong, &later]))
        .accept("newest wanted, newest first", &asked(Some("newest")).signed(&[&later, &wrong]))
        .refuse("newest wanted, newest wrong", &asked(Some("newest")).signed(&[&right, &wrong]), FAILED)
        .check();
}

/// Conditions read the statement that was signed, not what stands beside it.
#[test]
fn hints_are_not_believed() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let right = Layer::new(&signer.attest_legacy(&about_image(provenance())));
    let other = Layer::new(&signer.attest_legacy(&statement(IMAGE, "https://spdx.dev/Document", json!({}))));
    let bundle = bundle(&signer.attest(&statement(IMAGE, "https://spdx.dev/Document", json!({}))), Version::V03);
    let hinted = Referrer { predicate_type: Some(PROVENANCE.to_owned()), ..Referrer::new(&bundle, IMAGE) };
    Table::new()
        .accept("the hint is right", &question.clone().attestation_layers(std::slice::from_ref(&right)))
        .refuse(
            "the hint of a layer is wrong",
            &question.clone().attestation_layers(&[other.annotated("predicateType", PROVENANCE)]),
            NOT_FOUND,
        )
        .refuse("the hint of a referrer is wrong", &question.store(|store| hinted.put(store, IMAGE)), NOT_FOUND)
        .check();
}

#[test]
fn statements_are_read_strictly() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let raw = |text: String| {
        let sign = |form: Form| signer.sign(form, text.clone().into_bytes(), signed::STATEMENT_TYPE.to_owned());
        [sign(Form::Envelope), sign(Form::LegacyEnvelope)]
    };
    let text = about_image(provenance()).to_string();
    let typed = |payload_type: &str| {
        let sign = |form: Form| signer.sign(form, text.clone().into_bytes(), payload_type.to_owned());
        [sign(Form::Envelope), sign(Form::LegacyEnvelope)]
    };
    let malformed = "payload-malformed";
    Table::new()
        .accept_each("as it was", &question, &raw(text.clone()))
        .refuse_each("a key twice", &question, &raw(text.replacen("\"subject\":", "\"subject\":[],\"subject\":", 1)), malformed)
        .refuse_each("a key twice, deeper", &question, &raw(text.replacen("\"id\":", "\"id\":\"x\",\"id\":", 1)), malformed)
        .refuse_each("cut", &question, &raw(text[..text.len() - 1].to_owned()), malformed)
        .refuse_each("no statement", &question, &raw("[]".to_owned()), malformed)
        .refuse_each("another statement", &question, &raw(text.replace("in-toto.io/Statement/v1", "in-toto.io/Statement/v9")), malformed)
        .refuse_each("another payload type", &question, &typed("application/json"), malformed)
        .check();
}

/// Layers of cosign 1 and 2: what the log and the time stamp speak of is the whole envelope.
#[test]
fn evidence_of_a_layer_is_about_the_envelope() {
    let (world, question) = world();
    let signer = Signer { stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) };
    let intoto = Signer { envelope_kind: EnvelopeKind::Intoto, ..signer.clone() };
    let statement = about_image(provenance());
    let good = signer.attest_legacy(&statement);
    let other = signer.attest_legacy(&about_image(json!({})));
    let over_signature = world.timestamps.stamp(&good.signature, &Token::default());
    let layer = Layer::new(&good);
    let spaced = Layer { blob: serde_json::to_vec_pretty(&good.envelope()).unwrap(), ..layer.clone() };
    Table::new()
        .accept_each("kind dsse", &question, std::slice::from_ref(&good))
        .accept_each("kind intoto", &question, &[intoto.attest_legacy(&statement)])
        .refuse_each("the entry of another", &question, &[good.changed(|it| it.entries = other.entries.clone())], "log-entry-mismatch")
        .refuse_each("the token of another", &question, &[good.changed(|it| it.tokens = other.tokens.clone())], "timestamp-invalid")
        .refuse_each("a token over the signature", &question, &[good.changed(|it| it.tokens = vec![over_signature])], "timestamp-invalid")
        .refuse(
            "another spelling of the envelope, without a token",
            &question.clone().attestation_layers(&[untokened(&spaced)]),
            "log-entry-mismatch",
        )
        .refuse("another spelling of the envelope", &question.attestation_layers(&[spaced]), "log-entry-mismatch")
        .check();
}

fn untokened(layer: &Layer) -> Layer {
    let mut layer = layer.clone();
    layer.annotations.remove("dev.sigstore.cosign/rfc3161timestamp");
    layer
}

/// Bundles: clients spell the envelope as they like, so its hash in the log is not compared; the rest is.
#[test]
fn evidence_of_a_bundle_is_about_payload_and_signature() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let good = signer.attest(&about_image(provenance()));
    let log = |change: fn(&mut Value)| {
        let mut body: Value = serde_json::from_slice(&good.entries[0].body).unwrap();
        change(&mut body);
        good.changed(|it| it.entries = vec![world.rekor.enter(("dsse", "0.0.1"), &body, SIGNED)])
    };
    let mismatch = "log-entry-mismatch";
    Table::new()
        .accept_each("as it was", &question, &[log(|_| {})])
        .accept_each(
            "the envelope in another spelling",
            &question,
            &[log(|body| body["spec"]["envelopeHash"]["value"] = json!("0".repeat(64)))],
        )
        .refuse_each("another payload", &question, &[log(|body| body["spec"]["payloadHash"]["value"] = json!("0".repeat(64)))], mismatch)
        .refuse_each("another hash", &question, &[log(|body| body["spec"]["payloadHash"]["algorithm"] = json!("sha1"))], mismatch)
        .refuse_each("another signature", &question, &[log(|body| body["spec"]["signatures"][0]["signature"] = json!("c2ln"))], mismatch)
        .refuse_each("no signature", &question, &[log(|body| body["spec"]["signatures"] = json!([]))], mismatch)
        .refuse_each(
            "two signatures",
            &question,
            &[log(|body| {
                let signature = body["spec"]["signatures"][0].clone();
                body["spec"]["signatures"].as_array_mut().unwrap().push(signature);
            })],
            mismatch,
        )
        .check();
}

/// In a layer, as in a bundle, one signature stands in an envelope.
#[test]
fn an_envelope_has_one_signature() {
    let (world, question) = world();
    let layer = Layer::new(&world.keyless(&Leaf::github()).attest_legacy(&about_image(provenance())));
    let envelope: Value = serde_json::from_slice(&layer.blob).unwrap();
    let own = envelope["signatures"][0].clone();
    let with = |signatures: Value| {
        let mut envelope = envelope.clone();
        envelope["signatures"] = signatures;
        question.clone().attestation_layers(&[Layer { blob: envelope.to_string().into_bytes(), ..layer.clone() }])
    };
    Table::new()
        .accept("one", &with(json!([own])))
        .refuse("none", &with(json!([])), "payload-malformed")
        .refuse("two", &with(json!([own, own])), "payload-malformed")
        .check();
}

/// By key, too, and under every kind of log.
#[test]
fn keys_attest() {
    let (world, keyless) = world();
    let mut table = Table::new();
    for kind in [Kind::P256, Kind::P384, Kind::Rsa] {
        let key = Key::new(kind, "managed");
        let question = Question::key(&key, &world.trusted_root()).attested(PROVENANCE);
        let statement = about_image(provenance());
        table = table.accept_each(&format!("{kind:?}"), &question, &both(&world.managed(&key), &statement));
        let other = both(&world.managed(&Key::p256("another")), &statement);
        table = table.refuse_each(&format!("{kind:?}, another key"), &question, &other, "signature-invalid");
    }
    let tiles = world.keyless_tiles(&Leaf::github()).attest(&about_image(provenance()));
    table.accept_each("second generation", &keyless, &[tiles]).check();
}
