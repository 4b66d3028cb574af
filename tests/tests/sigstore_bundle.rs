//! Sigstore bundles beside an image, and the layers that came before them: what is read, and what is not.

use serde_json::{Value, json};
use verimage_tests::instance::*;
use verimage_tests::memory::digest;

const MALFORMED: &str = "payload-malformed";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// The workflow's signature of the image, as a bundle of version 0.3.
fn good(world: &Instance) -> Value {
    bundle(&world.keyless(&Leaf::github()).attest(&image_statement(IMAGE)), Version::V03)
}

fn edited(document: &Value, pointer: &str, value: Value) -> Value {
    let mut document = document.clone();
    *document.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    document
}

fn without(document: &Value, pointer: &str, key: &str) -> Value {
    let mut document = document.clone();
    document.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key).unwrap_or_else(|| panic!("no {key}"));
    document
}

fn with(document: &Value, pointer: &str, key: &str, value: Value) -> Value {
    let mut document = document.clone();
    document.pointer_mut(pointer).unwrap()[key] = value;
    document
}

#[test]
fn versions_are_read_and_others_are_not() {
    let (world, question) = world();
    let signed = world.keyless(&Leaf::github()).attest(&image_statement(IMAGE));
    let asked = |document: Value| question.clone().bundles(&[document]);
    let named = |media_type: &str| asked(edited(&bundle(&signed, Version::V03), "/mediaType", json!(media_type)));
    let mut table = Table::new();
    for version in [Version::V01, Version::V02, Version::V03] {
        table = table.accept(&format!("{version:?}"), &asked(bundle(&signed, version)));
    }
    table = table.accept("0.3 in the older spelling", &named("application/vnd.dev.sigstore.bundle+json;version=0.3"));
    for other in ["0.4", "1.0", "0.03", "0.3.1", "99.9", ""] {
        table = table.refuse(other, &named(&format!("application/vnd.dev.sigstore.bundle.v{other}+json")), MALFORMED);
        table = table.refuse(other, &named(&format!("application/vnd.dev.sigstore.bundle+json;version={other}")), MALFORMED);
    }
    table.check();
}

/// Each version has its own proof and its own form of certificates.
#[test]
fn versions_have_their_material() {
    let (world, question) = world();
    let signed = world.keyless(&Leaf::github()).attest(&image_statement(IMAGE));
    let [first, second, third] = [Version::V01, Version::V02, Version::V03].map(|version| bundle(&signed, version));
    let asked = |document: Value| question.clone().bundles(&[document]);
    let entry = "/verificationMaterial/tlogEntries/0";
    let material = "/verificationMaterial";
    let chain = first["verificationMaterial"]["x509CertificateChain"].clone();
    let in_a_chain = with(&without(&third, material, "certificate"), material, "x509CertificateChain", chain.clone());
    let nobody = edited(&first, "/verificationMaterial/x509CertificateChain/certificates", json!([]));
    Table::new()
        .accept("0.1 with a promise", &asked(first.clone()))
        .refuse("0.1 without a promise", &asked(without(&first, entry, "inclusionPromise")), "log-missing")
        .accept("0.2 with a proof", &asked(second.clone()))
        .refuse("0.2 without a proof", &asked(without(&second, entry, "inclusionProof")), "log-missing")
        .accept("0.3 with a proof", &asked(third.clone()))
        .refuse("0.3 without a proof", &asked(without(&third, entry, "inclusionProof")), "log-missing")
        .refuse("0.3 without a checkpoint", &asked(without(&third, &format!("{entry}/inclusionProof"), "checkpoint")), "log-missing")
        .refuse("0.3 with a chain", &asked(in_a_chain), MALFORMED)
        .refuse("0.3 with a chain, too", &asked(with(&third, material, "x509CertificateChain", chain)), MALFORMED)
        .refuse("0.1 with an empty chain", &asked(nobody), MALFORMED)
        .refuse("0.3 with a key, too", &asked(with(&third, material, "publicKey", json!({"hint": "x"}))), MALFORMED)
        .check();
}

/// The first of a chain is the leaf; what follows is no anchor.
#[test]
fn a_chain_begins_with_the_leaf() {
    let (world, question) = world();
    let signed = world.keyless(&Leaf::github()).attest(&image_statement(IMAGE));
    let document = bundle(&signed, Version::V02);
    let at = "/verificationMaterial/x509CertificateChain/certificates";
    let own = document.pointer(at).unwrap().as_array().unwrap().clone();
    let turned: Vec<_> = own.iter().rev().cloned().collect();
    let asked = |chain: Value| question.clone().bundles(&[edited(&document, at, chain)]);
    let stranger = Authority::root("stranger", Key::p256("stranger"), AUTHORITY_YEARS);
    let middle = stranger.below("sigstore.example intermediate", Key::p256("strange intermediate"));
    let strange = Instance { issuer: middle.clone(), ..world.clone() };
    let forged = |chain: Vec<Vec<u8>>| {
        let signer = Signer { chain, ..strange.keyless(&Leaf::github()) };
        question.clone().bundles(&[bundle(&signer.attest(&image_statement(IMAGE)), Version::V02)])
    };
    Table::new()
        .accept("leaf and intermediate", &asked(json!(own)))
        .accept("leaf alone", &asked(json!(own[..1])))
        .refuse("intermediate first", &asked(json!(turned)), "identity-mismatch")
        .refuse("a strange intermediate", &forged(vec![middle.certificate()]), "certificate-untrusted")
        .refuse("a chain to a root of its own", &forged(middle.chain()), MALFORMED)
        .check();
}

#[test]
fn a_bundle_is_read_strictly() {
    let (world, question) = world();
    let good = good(&world);
    let text = good.to_string();
    let raw = |text: String| {
        question.clone().store(|store| Referrer { blob: text.into_bytes(), ..Referrer::new(&good, IMAGE) }.put(store, IMAGE))
    };
    let twice = |key: &str| text.replacen(&format!("\"{key}\":"), &format!("\"{key}\":null,\"{key}\":"), 1);
    let mut table = Table::new().accept("as it was", &raw(text.clone()));
    for key in ["mediaType", "verificationMaterial", "payload", "sig", "tlogEntries", "signedEntryTimestamp", "rootHash", "rawBytes"] {
        table = table.refuse(&format!("{key} twice"), &raw(twice(key)), MALFORMED);
    }
    table
        .refuse("cut", &raw(text[..text.len() - 1].to_owned()), MALFORMED)
        .refuse("more behind it", &raw(format!("{text}{{}}")), MALFORMED)
        .refuse("no object", &raw("[]".to_owned()), MALFORMED)
        .refuse("nothing", &raw("{}".to_owned()), MALFORMED)
        .check();
}

/// proto3 JSON: numbers may be texts, zero and empty are left out, fields of later versions are passed over.
#[test]
fn what_protobuf_allows_is_read() {
    let (world, question) = world();
    let good = good(&world);
    let asked = |document: Value| question.clone().bundles(&[document]);
    let entry = "/verificationMaterial/tlogEntries/0";
    let number = |pointer: &str| {
        let text = good.pointer(pointer).and_then(Value::as_str).unwrap();
        edited(&good, pointer, json!(text.parse::<u64>().unwrap()))
    };
    let mut table = Table::new().accept("numbers as texts", &asked(good.clone()));
    for field in ["logIndex", "integratedTime", "inclusionProof/logIndex", "inclusionProof/treeSize"] {
        table = table.accept(field, &asked(number(&format!("{entry}/{field}"))));
    }
    let mut url_safe = good.clone();
    for pointer in ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"] {
        let text = good.pointer(pointer).and_then(Value::as_str).unwrap().replace('+', "-").replace('/', "_");
        url_safe = edited(&url_safe, pointer, json!(text));
    }
    table
        .accept("an empty key identifier", &asked(with(&good, "/dsseEnvelope/signatures/0", "keyid", json!(""))))
        .accept("a key identifier that says nothing", &asked(with(&good, "/dsseEnvelope/signatures/0", "keyid", json!("somebody"))))
        .accept("the other alphabet", &asked(url_safe))
        .accept("a later field", &asked(with(&good, "", "later", json!({"a": 1}))))
        .accept("no tokens", &asked(with(&good, "/verificationMaterial", "timestampVerificationData", json!({}))))
        .refuse("a number that is none", &asked(edited(&good, &format!("{entry}/logIndex"), json!("one"))), MALFORMED)
        .refuse("a fraction", &asked(edited(&good, &format!("{entry}/logIndex"), json!(1.5))), MALFORMED)
        .check();
}

/// DSSE: one signature over one encoding of type and payload.
#[test]
fn an_envelope_has_one_signature_and_its_type() {
    let (world, question) = world();
    let good = good(&world);
    let asked = |document: Value| question.clone().bundles(&[document]);
    let signatures = "/dsseEnvelope/signatures";
    let own = good.pointer(signatures).unwrap()[0].clone();
    let typed = |payload_type: &str| {
        let signed =
            world.keyless(&Leaf::github()).sign(Form::Envelope, image_statement(IMAGE).to_string().into_bytes(), payload_type.to_owned());
        bundle(&signed, Version::V03)
    };
    Table::new()
        .accept("one", &asked(good.clone()))
        .refuse("none", &asked(edited(&good, signatures, json!([]))), MALFORMED)
        .refuse("the same twice", &asked(edited(&good, signatures, json!([own, own]))), MALFORMED)
        .refuse("another beside it", &asked(edited(&good, signatures, json!([own, {"sig": "c2ln"}]))), MALFORMED)
        .refuse("another before it", &asked(edited(&good, signatures, json!([{"sig": "c2ln"}, own]))), MALFORMED)
        .accept("signed as a statement", &asked(typed("application/vnd.in-toto+json")))
        .refuse("signed as something else", &asked(typed("application/json")), MALFORMED)
        .refuse(
            "signed as something else, shown as a statement",
            &asked(edited(&typed("application/json"), "/dsseEnvelope/payloadType", json!("application/vnd.in-toto+json"))),
            "signature-invalid",
        )
        .refuse("shown as something else", &asked(edited(&good, "/dsseEnvelope/payloadType", json!("application/json"))), MALFORMED)
        .refuse("no base64", &asked(edited(&good, "/dsseEnvelope/payload", json!("?"))), MALFORMED)
        .check();
}

/// A payload that was signed in one form is no signature in the other.
#[test]
fn forms_are_not_exchanged() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let simple = signer.sign_image(IMAGE);
    let as_envelope = simple.changed(|it| {
        it.form = Form::Envelope;
        it.payload_type = signed::STATEMENT_TYPE.to_owned();
    });
    let statement = image_statement(IMAGE).to_string().into_bytes();
    let raw_statement = signer.sign_payload(statement);
    let encoding = signed::encoding(signed::STATEMENT_TYPE, &simple.payload);
    Table::new()
        .accept_each("in its own form", &question, &signer.both_forms())
        .refuse_each("simple signing in an envelope", &question, &[as_envelope], "signature-invalid")
        .refuse_each("a statement in a layer", &question, &[raw_statement], MALFORMED)
        .refuse_each("an encoding in a layer", &question, &[signer.sign_payload(encoding)], MALFORMED)
        .check();
}

/// Only cosign's own predicate is an image signature.
#[test]
fn a_statement_says_that_the_image_is_signed() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let of = |statement: Value| [signer.attest(&statement)];
    let mut table = Table::new().accept_each("signed", &question, &of(image_statement(IMAGE)));
    for kind in
        ["https://slsa.dev/provenance/v1", "https://cosign.sigstore.dev/attestation/vuln/v1", "https://sigstore.dev/cosign/sign/v2", ""]
    {
        table = table.refuse_each(kind, &question, &of(statement(IMAGE, kind, json!({}))), "signature-not-found");
    }
    table
        .accept_each("without a predicate", &question, &of(without(&image_statement(IMAGE), "", "predicate")))
        .accept_each(
            "an older statement",
            &question,
            &of(edited(&image_statement(IMAGE), "/_type", json!("https://in-toto.io/Statement/v0.1"))),
        )
        .refuse_each(
            "a later statement",
            &question,
            &of(edited(&image_statement(IMAGE), "/_type", json!("https://in-toto.io/Statement/v2"))),
            MALFORMED,
        )
        .refuse_each("no statement", &question, &of(json!({"hello": "world"})), MALFORMED)
        .check();
}

/// The subject is compared by algorithm and text, exactly.
#[test]
fn a_statement_is_about_this_image() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let hex = IMAGE.strip_prefix("sha256:").unwrap();
    let about = |subjects: Value| [signer.attest(&edited(&image_statement(IMAGE), "/subject", subjects))];
    let other = json!({"name": "other", "digest": {"sha256": "0".repeat(64)}});
    let own = json!({"name": "own", "digest": {"sha256": hex}});
    let mut table = Table::new()
        .accept_each("alone", &question, &about(json!([own])))
        .accept_each("second of two", &question, &about(json!([other, own])))
        .accept_each("with another algorithm, too", &question, &about(json!([{"digest": {"sha512": "0".repeat(128), "sha256": hex}}])))
        .accept_each("a thousand and twenty-four", &question, &about(json!([vec![other.clone(); 1023], vec![own.clone()]].concat())));
    for (case, digest) in [
        ("of another image", json!({"sha256": "0".repeat(64)})),
        ("in capitals", json!({"sha256": hex.to_uppercase()})),
        ("the algorithm in capitals", json!({"SHA256": hex})),
        ("under another algorithm", json!({"sha512": hex})),
        ("with its algorithm", json!({"sha256": IMAGE})),
        ("with a blank", json!({"sha256": format!("{hex} ")})),
        ("none", json!({})),
    ] {
        table = table.refuse_each(case, &question, &about(json!([{"digest": digest}])), "subject-mismatch");
    }
    for (case, subjects) in [
        ("no subject", json!([])),
        ("nothing among the subjects", json!([null, own])),
        ("a subject without digests", json!([{"name": "x"}])),
        ("one too many", json!(vec![own; 1025])),
    ] {
        table = table.refuse_each(case, &question, &about(subjects), MALFORMED);
    }
    table.check();
}

/// Hints about the key are hints: the policy names the key.
#[test]
fn a_key_hint_proves_nothing() {
    let (world, _) = world();
    let key = Key::p256("managed");
    let question = Question::key(&key, &world.trusted_root());
    let document = bundle(&world.managed(&key).attest(&image_statement(IMAGE)), Version::V03);
    let hint = |hint: Value| question.clone().bundles(&[edited(&document, "/verificationMaterial/publicKey", hint)]);
    let stranger = Key::p256("stranger");
    let forged = bundle(&world.managed(&stranger).attest(&image_statement(IMAGE)), Version::V03);
    let disguised = edited(&forged, "/verificationMaterial/publicKey", document["verificationMaterial"]["publicKey"].clone());
    Table::new()
        .accept("its own", &question.clone().bundles(std::slice::from_ref(&document)))
        .accept("somebody else's", &hint(json!({"hint": base64(&stranger.id())})))
        .accept("none", &hint(json!({})))
        .refuse("the right one beside a stranger's signature", &question.clone().bundles(&[disguised]), "signature-invalid")
        .check();
}

/// A signature over the manifest's bytes is no image signature, as for cosign.
#[test]
fn message_signatures_are_no_image_signatures() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let message = signer.sign_message(IMAGE_MANIFEST);
    assert_eq!(digest(&message.payload), IMAGE);
    let both = with(&good(&world), "", "messageSignature", bundle(&message, Version::V03)["messageSignature"].clone());
    Table::new()
        .accept("an envelope", &question.clone().bundles(&[good(&world)]))
        .refuse("a message signature", &question.clone().bundles(&[bundle(&message, Version::V03)]), MALFORMED)
        .refuse("both at once", &question.clone().bundles(&[both]), MALFORMED)
        .check();
}

/// A referrer is what its manifest says, and the manifest refers to this image.
#[test]
fn a_referrer_refers_to_this_image() {
    let (world, question) = world();
    let document = good(&world);
    let asked = |referrer: &Referrer| question.clone().store(|store| referrer.put(store, IMAGE));
    let own = Referrer::new(&document, IMAGE);
    let predicate = |kind: &str| Referrer { predicate_type: Some(kind.to_owned()), ..own.clone() };
    Table::new()
        .accept("this image", &asked(&own))
        .refuse("another image", &asked(&Referrer { subject: digest(b"other"), ..own.clone() }), MALFORMED)
        .accept("the right hint", &asked(&predicate("https://sigstore.dev/cosign/sign/v1")))
        .refuse("a hint at something else", &asked(&predicate("https://slsa.dev/provenance/v1")), "signature-not-found")
        .refuse(
            "somebody else's",
            &asked(&Referrer { media_type: "application/spdx+json".to_owned(), ..own.clone() }),
            "signature-not-found",
        )
        .check();
}

/// A signature that cannot be read, or is not there, hides no other one.
#[test]
fn one_good_signature_is_enough() {
    let (world, question) = world();
    let (signer, stranger) = (world.keyless(&Leaf::github()), world.keyless(&Leaf::email()));
    let [simple, modern] = signer.both_forms();
    let [strange_simple, strange_modern] = stranger.both_forms();
    let broken = json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"});
    let scan = signer.attest(&statement(IMAGE, "https://cosign.sigstore.dev/attestation/vuln/v1", json!({})));
    let layers = |signed: &[&Signed]| signed.iter().map(|signed| Layer::new(signed)).collect::<Vec<_>>();
    let documents = |signed: &[&Signed]| signed.iter().map(|signed| bundle(signed, Version::V03)).collect::<Vec<_>>();
    Table::new()
        .accept("second layer", &question.clone().layers(&layers(&[&strange_simple, &simple])))
        .accept("second bundle", &question.clone().bundles(&documents(&[&strange_modern, &modern])))
        .accept("a layer beside a scan report", &question.clone().layers(&layers(&[&simple])).bundles(&documents(&[&scan])))
        .accept("a bundle behind a broken one", &question.clone().bundles(&[broken.clone(), bundle(&modern, Version::V03)]))
        .refuse(
            "none of two",
            &question.clone().layers(&layers(&[&strange_simple])).bundles(&documents(&[&strange_modern])),
            "identity-mismatch",
        )
        .refuse("nothing", &question, "signature-not-found")
        .check();
}

/// The format can be chosen.
#[test]
fn a_form_can_be_demanded() {
    let (world, question) = world();
    let [simple, modern] = world.keyless(&Leaf::github()).both_forms();
    let (simple, modern) = (std::slice::from_ref(&simple), std::slice::from_ref(&modern));
    let form = |name: &str| question.clone().with("format", json!(name));
    Table::new()
        .accept_each("simple signing", &form("simpleSigning"), simple)
        .refuse_each("simple signing, another form", &form("simpleSigning"), modern, "signature-not-found")
        .accept_each("bundle", &form("bundle"), modern)
        .refuse_each("bundle, another form", &form("bundle"), simple, "signature-not-found")
        .check();
}

/// Annotations that the policy wants are signed: in the payload, and in the subject that names the image.
#[test]
fn annotations_are_signed() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let mut payload = simple_signing(IMAGE);
    payload["optional"] = json!({"team": "core", "level": 3});
    let simple = |payload: &Value| signer.sign_payload(payload.to_string().into_bytes());
    let annotated = |values: Value| signer.attest(&with(&image_statement(IMAGE), "/subject/0", "annotations", values));
    let signed = [simple(&payload), annotated(json!({"team": "core", "level": 3}))];
    let asked = |annotations: Value| question.clone().with("annotations", annotations);
    let mut elsewhere = image_statement(IMAGE);
    elsewhere["subject"] = json!([{"digest": {"sha256": "0".repeat(64)}, "annotations": {"team": "core"}}, elsewhere["subject"][0]]);
    Table::new()
        .accept_each("there", &asked(json!({"team": "core"})), &signed)
        .refuse_each("another", &asked(json!({"team": "edge"})), &signed, "annotation-mismatch")
        .refuse_each("not there", &asked(json!({"stage": "core"})), &signed, "annotation-mismatch")
        .refuse_each("one of two", &asked(json!({"team": "core", "stage": "live"})), &signed, "annotation-mismatch")
        .refuse_each("a number", &asked(json!({"level": "3"})), &signed, "annotation-mismatch")
        .refuse_each("of another subject", &asked(json!({"team": "core"})), &[signer.attest(&elsewhere)], "annotation-mismatch")
        .check();
}

mod layers {
    //! Image signatures of cosign 1 and 2, by identity.

    use super::*;

    #[test]
    fn a_layer_holds_a_payload() {
        let (world, question) = world();
        let good = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
        let typed = |media_type: &str| question.clone().layers(&[Layer { media_type: media_type.to_owned(), ..good.clone() }]);
        let lost = question.clone().layers(std::slice::from_ref(&good)).store(|store| store.blobs.clear());
        let swapped = question.clone().layers(std::slice::from_ref(&good)).store(|store| {
            store.blobs.values_mut().for_each(|blob| *blob = b"something else".to_vec());
        });
        let annotation = "dev.cosignproject.cosign/signature";
        let signature = good.annotation(annotation).to_owned();
        let with = |text: &str| question.clone().layers(&[good.clone().annotated(annotation, text)]);
        Table::new()
            .accept("as cosign writes it", &typed(legacy::PAYLOAD_TYPE))
            .refuse("of another type", &typed("application/octet-stream"), "signature-not-found")
            .refuse("an attestation's type", &typed(legacy::ENVELOPE_TYPE), "signature-not-found")
            .refuse("its blob is not there", &lost, "store-unavailable")
            .refuse("its blob is another", &swapped, "store-unavailable")
            .accept("the signature in lines", &with(&format!("{}\n{}\n", &signature[..20], &signature[20..])))
            .refuse("no base64", &with("?"), "payload-malformed")
            .refuse("no signature", &with(""), "payload-malformed")
            .check();
    }

    #[test]
    fn a_payload_is_cosigns_own_about_this_image() {
        let (world, question) = world();
        let signer = world.keyless(&Leaf::github());
        let of = |payload: &Value| [signer.sign_payload(payload.to_string().into_bytes())];
        let text = |text: String| [signer.sign_payload(text.into_bytes())];
        let good = simple_signing(IMAGE);
        let own = good.to_string();
        let digest = "/critical/image/docker-manifest-digest";
        Table::new()
            .accept_each("this image", &question, &of(&good))
            .refuse_each("another image", &question, &of(&simple_signing(&format!("sha256:{}", "0".repeat(64)))), "subject-mismatch")
            .refuse_each("in capitals", &question, &of(&edited(&good, digest, json!(IMAGE.to_uppercase()))), MALFORMED)
            .refuse_each("no digest", &question, &of(&edited(&good, digest, json!(""))), MALFORMED)
            .refuse_each("another tool's", &question, &of(&edited(&good, "/critical/type", json!("atomic container signature"))), MALFORMED)
            .refuse_each(
                "keys in other letters",
                &question,
                &text(own.replace("docker-manifest-digest", "Docker-Manifest-Digest")),
                MALFORMED,
            )
            .refuse_each("a key twice", &question, &text(own.replacen("\"critical\":", "\"critical\":{},\"critical\":", 1)), MALFORMED)
            .check();
    }

    /// Layers by the hundred are tried; more are a limit, not an absence.
    #[test]
    fn there_are_at_most_a_thousand_layers() {
        let key = Key::p256("managed");
        let stranger = Layer::new(&Signer::managed(Key::p256("stranger")).sign_image(IMAGE));
        let own = Layer::new(&Signer::managed(key.clone()).sign_image(IMAGE));
        let last = |count: usize| [vec![stranger.clone(); count - 1], vec![own.clone()]].concat();
        Table::new()
            .accept("last of a thousand", &Question::key_alone(&key).layers(&last(1000)))
            .refuse("last of a thousand and one", &Question::key_alone(&key).layers(&last(1001)), "limit-exceeded")
            .check();
    }
}
