//! Published advisories of this family of verifiers, each with the attack that it taught, and its sound twin.
//!
//! Of the list in the project's specification only those stand here that concern whoever verifies.

use serde_json::{Value, json};
use verimage_tests::instance::*;
use verimage_tests::memory::MemoryStore;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const MISMATCH: &str = "log-entry-mismatch";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

fn zeros() -> String {
    format!("sha256:{}", "0".repeat(64))
}

/// What the workflow signed for another image, in both forms.
fn other_image(signer: &Signer) -> [Signed; 2] {
    [signer.sign_image(&zeros()), signer.attest(&image_statement(&zeros()))]
}

/// Sound entries of others on these signatures.
fn with_entries_of(good: &[Signed], others: &[Signed]) -> Vec<Signed> {
    good.iter().zip(others).map(|(good, other)| good.changed(|it| it.entries = other.entries.clone())).collect()
}

/// Any valid entry, pasted beside another signature.
#[test]
fn cve_2022_23649_entry_of_another_signature() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let stranger = world.keyless(&Leaf::email()).both_forms();
    let good = signer.both_forms();
    Table::new()
        .accept_each("its own", &question, &good)
        .refuse_each("of the same signer for another image", &question, &with_entries_of(&good, &other_image(&signer)), MISMATCH)
        .refuse_each("of somebody else for the same image", &question, &with_entries_of(&good, &stranger), MISMATCH)
        .check();
}

/// The demanded type of attestation, with none of that type.
#[test]
fn cve_2022_35929_no_attestation_of_the_type() {
    let (world, question) = world();
    let question = question.attested(PROVENANCE);
    let of = |kind: &str| {
        let signer = world.keyless(&Leaf::github());
        [signer.attest(&statement(IMAGE, kind, json!({}))), signer.attest_legacy(&statement(IMAGE, kind, json!({})))]
    };
    Table::new()
        .accept_each("of the type", &question, &of(PROVENANCE))
        .refuse_each("of another type", &question, &of("https://spdx.dev/Document"), "attestation-not-found")
        .refuse("none at all", &question, "attestation-not-found")
        .check();
}

/// An entry that is not tied to the signature; an identity that is passed over because there is evidence; an error in an
/// entry that ends the verification as success.
#[test]
fn cve_2022_36056_evidence_in_place_of_checks() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let good = signer.both_forms();
    let stranger = world.keyless(&Leaf::email()).both_forms();
    let unsigned = good.clone().map(|signed| signed.changed(|it| it.signature = b"no signature".to_vec()));
    let unreadable = good.clone().map(|signed| {
        signed.entry(|it| {
            it.body = b"{}".to_vec();
            it.proof = Some(world.rekor.prove(&it.body));
            it.promise = Some(world.rekor.promise(it));
        })
    });
    Table::new()
        .accept_each("sound", &question, &good)
        .refuse_each("sound evidence of somebody else", &question, &stranger, "identity-mismatch")
        .refuse_each("a sound entry beside no signature", &question, &unsigned, "signature-invalid")
        .refuse_each("an entry without content", &question, &unreadable, MISMATCH)
        .check();
}

/// A registry with attestations without end.
#[test]
fn cve_2023_46737_endless_attestations() {
    let (world, question) = world();
    let question = question.attested(PROVENANCE);
    let layer = Layer::new(&world.keyless(&Leaf::github()).attest_legacy(&statement(IMAGE, PROVENANCE, json!({}))));
    let stranger = Layer { media_type: "text/plain".to_owned(), ..layer.clone() };
    let many = |count: usize| question.clone().attestation_layers(&[vec![stranger.clone(); count], vec![layer.clone()]].concat());
    Table::new().accept("a few layers", &many(3)).refuse("a thousand and one layers", &many(1000), "limit-exceeded").check();
}

/// As many referrers, none of which is a signature by the workflow.
#[test]
fn cve_2023_46737_endless_referrers() {
    let (world, question) = world();
    let stranger = |number: usize| {
        let key = Key::p256(&format!("stranger {number}"));
        bundle(&Signer::managed(key).attest(&image_statement(IMAGE)), Version::V03)
    };
    let good = bundle(&world.keyless(&Leaf::github()).attest(&image_statement(IMAGE)), Version::V03);
    let strangers = |count: usize| (0..count).map(stranger).collect::<Vec<_>>();
    Table::new()
        .accept("last of sixty-four", &question.clone().bundles(&[strangers(63), vec![good]].concat()))
        .refuse("sixty-five", &question.bundles(&strangers(65)), "limit-exceeded")
        .check();
}

/// Manifests and attachments that exhaust the memory.
#[test]
fn ghsa_88jx_383q_w4qc_and_95pr_fxf5_86gv_huge_attachments() {
    let (world, question) = world();
    let layer = Layer::new(&world.keyless(&Leaf::github()).sign_image(IMAGE));
    let signed = question.layers(&[layer]);
    let huge = |store: &mut MemoryStore| {
        store.tags.values_mut().for_each(|manifest| manifest.splice(1..1, vec![b' '; 5 << 20]).for_each(drop));
    };
    let claims = |store: &mut MemoryStore| {
        for manifest in store.tags.values_mut() {
            let mut document: Value = serde_json::from_slice(manifest).unwrap();
            document["layers"][0]["size"] = json!(1_u64 << 40);
            *manifest = document.to_string().into_bytes();
        }
    };
    Table::new()
        .accept("small", &signed)
        .refuse("five MiB of a manifest", &signed.clone().store(huge), "limit-exceeded")
        .refuse("a TiB of a payload", &signed.clone().store(claims), "limit-exceeded")
        .check();
}

/// Bundles with thousands of entries, tokens, subjects, digests.
#[test]
fn cve_2024_45395_counts_have_bounds() {
    let (world, question) = world();
    let signer = world.keyless_tiles(&Leaf::github());
    let good = signer.attest(&image_statement(IMAGE));
    let subjects = |count: usize| {
        let mut statement = image_statement(IMAGE);
        statement["subject"] = json!(vec![statement["subject"][0].clone(); count]);
        [signer.attest(&statement)]
    };
    let digests = |count: usize| {
        let mut statement = image_statement(IMAGE);
        (1..count).for_each(|number| statement["subject"][0]["digest"][format!("x{number}")] = json!("0"));
        [signer.attest(&statement)]
    };
    let entries = good.changed(|it| it.entries = vec![it.entries[0].clone(); 50]);
    let tokens = good.changed(|it| it.tokens = vec![it.tokens[0].clone(); 33]);
    Table::new()
        .accept_each("one of each", &question, &[good])
        .accept_each("1024 subjects", &question, &subjects(1024))
        .accept_each("32 digests", &question, &digests(32))
        .refuse_each("entries", &question, &[entries], "limit-exceeded")
        .refuse_each("tokens", &question, &[tokens], "limit-exceeded")
        .refuse_each("subjects", &question, &subjects(1025), "payload-malformed")
        .refuse_each("digests", &question, &digests(33), "payload-malformed")
        .check();
}

/// With a trusted root, the entry was not compared: it is, under every kind of requirement and with every kind of time.
#[test]
fn cve_2026_22703_compares_on_every_path() {
    let (world, keyless) = world();
    let root = world.trusted_root();
    let key = Key::p256("managed");
    let stamped = |signer: Signer| Signer { stamps: vec![world.stamp()], ..signer };
    let ca = AuthorityService::certificates("https://fulcio.example", &world.issuer);
    let chained = Question::certificate(&world.issuer)
        .with("transparency", json!({"root": "sigstore"}))
        .trusting("sigstore", trusted_root(&TrustedRoot { authorities: vec![ca], ..root.clone() }));
    let mut table = Table::new();
    for (case, question, signer) in [
        ("identity", &keyless, world.keyless(&Leaf::github())),
        ("identity and token", &keyless, stamped(world.keyless(&Leaf::github()))),
        ("key", &Question::key(&key, &root), world.managed(&key)),
        ("key and token", &Question::key(&key, &root), stamped(world.managed(&key))),
        ("certificate", &chained, world.keyless(&Leaf::github())),
    ] {
        let good = signer.both_forms();
        let mut swapped = with_entries_of(&good, &other_image(&signer));
        swapped.iter_mut().zip(&good).for_each(|(swapped, good)| swapped.tokens = good.tokens.clone());
        table = table.accept_each(case, question, &good).refuse_each(case, question, &swapped, MISMATCH);
    }
    table.check();
}

/// The authority had expired when it was signed.
#[test]
fn ghsa_wfqv_66vq_46rm_authority_expired_at_the_signing_time() {
    let (world, _) = world();
    let until = |not_after: i64| Instance { issuer: Authority { not_after, ..world.issuer.clone() }, ..world.clone() };
    let ask = |world: &Instance| Question::keyless(&world.trusted_root());
    let mut table = Table::new();
    for (signed, name) in [(0, "simple signing"), (1, "bundle")] {
        let form = |world: &Instance| [world.keyless(&Leaf::github()).both_forms()[signed].clone()];
        let stamped = |world: &Instance| [world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE))];
        let (valid, expired) = (until(SIGNED), until(SIGNED - 1));
        table = table
            .accept_each(name, &ask(&valid), &form(&valid))
            .refuse_each(name, &ask(&expired), &form(&expired), "certificate-expired")
            .refuse_each("stamped", &ask(&expired), &stamped(&expired), "certificate-expired");
    }
    table.check();
}

/// A malformed attestation, or one of another type, was reported as verified.
#[test]
fn cve_2026_39395_malformed_attestations() {
    let (world, question) = world();
    let question = question.attested(PROVENANCE);
    let signer = world.keyless(&Leaf::github());
    let raw = |payload: &[u8]| {
        let sign = |form: Form| signer.sign(form, payload.to_vec(), signed::STATEMENT_TYPE.to_owned());
        [sign(Form::Envelope), sign(Form::LegacyEnvelope)]
    };
    let good = statement(IMAGE, PROVENANCE, json!({})).to_string();
    let other = statement(IMAGE, "https://spdx.dev/Document", json!({})).to_string();
    Table::new()
        .accept_each("well formed", &question, &raw(good.as_bytes()))
        .refuse_each("cut", &question, &raw(&good.as_bytes()[..good.len() - 1]), "payload-malformed")
        .refuse_each("no JSON", &question, &raw(b"hello"), "payload-malformed")
        .refuse_each("null", &question, &raw(b"null"), "payload-malformed")
        .refuse_each("of another type", &question, &raw(other.as_bytes()), "attestation-not-found")
        .check();
}

/// A threshold of logs that entries of one log reached.
#[test]
fn sigstore_go_633_threshold_by_one_log() {
    let (world, question) = world();
    let two = question.with("transparency", json!({"root": "sigstore", "minEntries": 2}));
    let signer = world.keyless(&Leaf::github());
    let intoto = Signer { envelope_kind: EnvelopeKind::Intoto, ..signer.clone() };
    let later = Rekor { before: 5, ..world.rekor.clone() };
    let one_log = signer.attest(&image_statement(IMAGE)).changed(|it| it.entries.push(intoto.enter(&later, &it.clone())));
    let both = Signer { logs: vec![world.rekor.clone(), world.tiles.clone()], stamps: vec![world.stamp()], ..signer };
    Table::new()
        .accept_each("two logs", &two, &[both.attest(&image_statement(IMAGE))])
        .refuse_each("one log", &two, &[one_log], "log-missing")
        .check();
}

/// The same entry again; a time that nobody promised.
#[test]
fn sigstore_js_1702_and_1659_repeated_entries_and_unpromised_times() {
    let (world, question) = world();
    let good = world.keyless(&Leaf::github()).attest(&image_statement(IMAGE));
    let twice = good.changed(|it| it.entries.push(it.entries[0].clone()));
    let unpromised = good.entry(|it| it.promise = None);
    Table::new()
        .accept_each("once, promised", &question, &[good])
        .refuse_each("twice", &question, &[twice], "payload-malformed")
        .refuse_each("not promised", &question, &[unpromised], "timestamp-missing")
        .check();
}

/// A statement about nothing holds for everything.
#[test]
fn sigstore_go_609_no_digest_to_compare() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let of = |subject: Value| {
        let mut statement = image_statement(IMAGE);
        statement["subject"] = subject;
        [signer.attest(&statement)]
    };
    let own = image_statement(IMAGE)["subject"].clone();
    Table::new()
        .accept_each("a digest", &question, &of(own))
        .refuse_each("no digest", &question, &of(json!([{"name": "app", "digest": {}}])), "subject-mismatch")
        .refuse_each("no subject", &question, &of(json!([])), "payload-malformed")
        .check();
}

/// Keys of logs and authorities, used outside their time.
#[test]
fn sigstore_go_642_keys_outside_their_window() {
    let (world, _) = world();
    let promised = world.keyless(&Leaf::github()).both_forms();
    let stamped = [world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE))];
    let ask = |change: &dyn Fn(&mut TrustedRoot)| {
        let mut root = world.trusted_root();
        change(&mut root);
        Question::keyless(&root)
    };
    let past = Window::until(SIGNED - 1);
    let log = ask(&|root| root.logs.iter_mut().for_each(|log| log.window = past));
    let stamps = ask(&|root| root.timestamp_authorities[0].window = past);
    let certificates = ask(&|root| root.certificate_logs[0].window = Window::until(ISSUED - 1));
    let open = ask(&|_| {});
    Table::new()
        .accept_each("all open", &open, &promised)
        .accept_each("all open", &open, &stamped)
        .refuse_each("the log closed", &log, &promised, "log-proof-invalid")
        .refuse_each("the log closed", &log, &stamped, "log-proof-invalid")
        .refuse_each("the time stamp authority closed", &stamps, &stamped, "timestamp-invalid")
        .refuse_each("the certificate log closed", &certificates, &promised, "sct-invalid")
        .check();
}

/// The certificate that was checked was not the one that had signed.
#[test]
fn ghsa_xm5m_wgh2_rrg3_signer_of_a_token() {
    let (world, _) = world();
    let mut root = world.trusted_root();
    root.timestamp_authorities[0].chain.remove(0);
    let question = Question::keyless(&root);
    let own = world.timestamps.certificate();
    let impostor = TimestampAuthority { key: Key::p256("impostor"), purposes: vec![purpose::CODE_SIGNING], ..world.timestamps.clone() };
    let by = |authority: &TimestampAuthority, certificates: Vec<Vec<u8>>| {
        let token = Token { certificates: Certificates::These(certificates), names_signer: false, ..Token::default() };
        let signer = Signer { stamps: vec![(authority.clone(), token)], ..world.keyless_tiles(&Leaf::github()) };
        [signer.attest(&image_statement(IMAGE))]
    };
    Table::new()
        .accept_each("the authority", &question, &by(&world.timestamps, vec![own.clone()]))
        .refuse_each("an impostor", &question, &by(&impostor, vec![own.clone(), impostor.certificate()]), "timestamp-invalid")
        .refuse_each("an impostor first", &question, &by(&impostor, vec![impostor.certificate(), own]), "timestamp-invalid")
        .check();
}

/// A further purpose that nobody knows; an authority as signer; no nonce, which only whoever asked could compare.
#[test]
fn timestamp_authority_1375_and_1405_profile_of_the_signer() {
    let (world, question) = world();
    let by = |authority: TimestampAuthority, token: Token| {
        let world = Instance { timestamps: authority.clone(), ..world.clone() };
        let signer = Signer { stamps: vec![(authority, token)], ..world.keyless_tiles(&Leaf::github()) };
        (Question::keyless(&world.trusted_root()), [signer.attest(&image_statement(IMAGE))])
    };
    let own = || world.timestamps.clone();
    let unknown = TimestampAuthority { purposes: vec![purpose::TIME_STAMPING, "1.3.6.1.4.1.99999.1"], ..own() };
    let authority = TimestampAuthority { is_authority: true, ..own() };
    let mut table = Table::new();
    for nonce in [None, Some(7)] {
        table = table.accept_each("with and without a nonce", &question, &by(own(), Token { nonce, ..Token::default() }).1);
    }
    for (case, odd) in [("a further purpose", unknown), ("an authority", authority)] {
        let (question, signed) = by(odd, Token::default());
        table = table.refuse_each(case, &question, &signed, "timestamp-invalid");
    }
    table.check();
}

/// Tokens with identifiers and lengths that exhaust whoever reads them.
#[test]
fn ghsa_4qg8_fj49_pxjh_and_f83f_xpx7_ffpw_malformed_tokens() {
    let (world, question) = world();
    let good = world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE));
    let with = |token: Vec<u8>| [good.changed(|it| it.tokens = vec![token])];
    let nested = (0..2000).fold(Vec::new(), |inner, _| der::sequence(&[&inner]));
    let endless = der::tlv(der::tag::OID, &[&vec![0x81; 100_000]]);
    let response = |content: &[u8]| der::sequence(&[&der::sequence(&[&der::integer(0)]), &der::sequence(&[content])]);
    Table::new()
        .accept_each("well formed", &question, std::slice::from_ref(&good))
        .refuse_each("an identifier without end", &question, &with(response(&endless)), "timestamp-invalid")
        .refuse_each("two thousand levels", &question, &with(response(&nested)), "timestamp-invalid")
        .refuse_each("a length beyond the end", &question, &with(vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), "timestamp-invalid")
        .refuse_each("an indefinite length", &question, &with(vec![0x30, 0x80, 0, 0]), "timestamp-invalid")
        .check();
}

/// GHSA-2h5h-59f5-c5x9, GHSA-frqx-jfcm-6jjr, GHSA-273p-m2cw-6833, GHSA-843x-px86-vq42: entries in which something is
/// missing, or is of another kind, crash nobody and prove nothing.
#[test]
fn ghsa_273p_m2cw_6833_and_others_malformed_entries() {
    let (world, question) = world();
    let mut table = Table::new();
    for (signer, log) in [(world.keyless(&Leaf::github()), &world.rekor), (world.keyless_tiles(&Leaf::github()), &world.tiles)] {
        let good = signer.attest(&image_statement(IMAGE));
        let kind = (good.entries[0].kind.as_str(), good.entries[0].version.as_str());
        let body: Value = serde_json::from_slice(&good.entries[0].body).unwrap();
        let with = |body: &Value| [good.changed(|it| it.entries = vec![log.enter(kind, body, SIGNED)])];
        table = table.accept_each("whole", &question, &with(&body));
        for pointer in pointers(&body, String::new()) {
            for value in [Value::Null, json!([]), json!({}), json!(1)] {
                let mut spoilt = body.clone();
                *spoilt.pointer_mut(&pointer).unwrap() = value.clone();
                // The hash of the envelope is what bundles do not compare.
                if !pointer.starts_with("/spec/envelopeHash") {
                    table = table.refuse_each(&format!("{pointer} is {value}"), &question, &with(&spoilt), MISMATCH);
                }
            }
        }
    }
    table.check();
}

/// GHSA-4c4x-jm2x-pf9j: the log fetched a key from the address in an entry. Here nobody is asked, whatever stands there: the
/// instance's web panics if it is.
#[test]
fn ghsa_4c4x_jm2x_pf9j_an_address_in_place_of_a_key() {
    let (world, question) = world();
    let good = world.keyless(&Leaf::github()).sign_image(IMAGE);
    let kind = (good.entries[0].kind.as_str(), good.entries[0].version.as_str());
    let with = |key: &dyn Fn(&Value) -> Value| {
        let mut body: Value = serde_json::from_slice(&good.entries[0].body).unwrap();
        body["spec"]["signature"]["publicKey"] = key(&body["spec"]["signature"]["publicKey"]);
        [good.changed(|it| it.entries = vec![world.rekor.enter(kind, &body, SIGNED)])]
    };
    let address = "http://169.254.169.254/latest/meta-data";
    Table::new()
        .accept_each("the key", &question, &with(&Value::clone))
        .refuse_each("an address", &question, &with(&|_| json!({"url": address})), MISMATCH)
        .refuse_each("the key and an address", &question, &with(&|key| json!({"content": key["content"], "url": address})), MISMATCH)
        .check();
}

/// Every place in a document, itself first.
fn pointers(value: &Value, at: String) -> Vec<String> {
    let below: Vec<String> = match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| pointers(value, format!("{at}/{key}"))).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(index, value)| pointers(value, format!("{at}/{index}"))).collect(),
        _ => Vec::new(),
    };
    [vec![at], below].concat()
}

/// A pattern for an issuer that fits a part of another issuer.
#[test]
fn ghsa_59jp_pj84_45mr_unanchored_issuer() {
    let (world, question) = world();
    let evil = Some("https://evil.example/https://token.actions.githubusercontent.com".to_owned());
    let evil = Leaf { issuer: evil.clone(), issuer_raw: evil, ..Leaf::github() };
    let ask = question.identities(json!([{"issuerRegex": r"https://token\.actions\.githubusercontent\.com", "subject": GITHUB_SUBJECT}]));
    Table::new()
        .accept_each("the issuer", &ask, &world.keyless(&Leaf::github()).both_forms())
        .refuse_each("an issuer that ends with it", &ask, &world.keyless(&evil).both_forms(), "identity-mismatch")
        .check();
}

/// Without a demand for the log, its time is believed all the less.
#[test]
fn tob_sigstore_2_time_of_an_entry_that_was_not_verified() {
    let (world, question) = world();
    let open = question.with("transparency", json!("none"));
    let unverified = world.keyless(&Leaf::github()).both_forms().map(|signed| signed.entry(|it| it.promise = None));
    let stamped = Signer { logs: Vec::new(), stamps: vec![world.stamp()], ..world.keyless(&Leaf::github()) }.both_forms();
    Table::new()
        .accept_each("a token", &open, &stamped)
        .refuse_each("a time that nobody promised", &open, &unverified, "certificate-expired")
        .check();
}

/// The earliest of several times won.
#[test]
fn tob_sigstore_3_every_time_counts() {
    let (world, question) = world();
    let with = |time: i64| {
        let token = Token { time, ..Token::default() };
        Signer { stamps: vec![(world.timestamps.clone(), token)], ..world.keyless(&Leaf::github()) }.both_forms()
    };
    Table::new()
        .accept_each("both in time", &question, &with(SIGNED + 1))
        .refuse_each("the later one too late", &question, &with(ISSUED + LEAF_SECONDS + 1), "certificate-expired")
        .refuse_each("the earlier one too early", &question, &with(ISSUED - 1), "certificate-expired")
        .check();
}

/// Whoever attacks names the algorithm of the signature.
#[test]
fn tob_sigstore_4_algorithm_named_by_the_entry() {
    let (world, question) = world();
    let signer = world.keyless_tiles(&Leaf::github());
    let good = signer.attest(&image_statement(IMAGE));
    let body: Value = serde_json::from_slice(&good.entries[0].body).unwrap();
    let with = |details: &str| {
        let mut body = body.clone();
        body["spec"]["hashedRekordV002"]["signature"]["verifier"]["keyDetails"] = json!(details);
        [good.changed(|it| it.entries = vec![world.tiles.enter(("hashedrekord", "0.0.2"), &body, SIGNED)])]
    };
    let mut table = Table::new().accept_each("the key's own", &question, &with("PKIX_ECDSA_P256_SHA_256"));
    for other in ["PKIX_ECDSA_P384_SHA_384", "PKIX_ED25519", "PKIX_RSA_PSS_2048_SHA256", "PKIX_ECDSA_P521_SHA_512", ""] {
        table = table.refuse_each(other, &question, &with(other), MISMATCH);
    }
    table.check();
}

/// Envelopes with two signatures, of which one was checked and the other one believed.
#[test]
fn tob_sigstore_6_envelopes_with_two_signatures() {
    let (world, question) = world();
    let good = bundle(&world.keyless(&Leaf::github()).attest(&image_statement(IMAGE)), Version::V03);
    let own = good["dsseEnvelope"]["signatures"][0].clone();
    let with = |signatures: Value| {
        let mut document = good.clone();
        document["dsseEnvelope"]["signatures"] = signatures;
        question.clone().bundles(&[document])
    };
    Table::new()
        .accept("one", &with(json!([own])))
        .refuse("another behind it", &with(json!([own, {"sig": "AAAA"}])), "payload-malformed")
        .refuse("another before it", &with(json!([{"sig": "AAAA"}, own])), "payload-malformed")
        .check();
}

/// Windows of time stamp authorities, pooled across authorities.
#[test]
fn tob_sigstore_9_windows_of_other_authorities() {
    let (world, _) = world();
    let good = [world.keyless_tiles(&Leaf::github()).attest(&image_statement(IMAGE))];
    let second = Authority::root("second", Key::p256("second root"), AUTHORITY_YEARS);
    let second = TimestampAuthority::new("https://second.example", &second, Key::p256("second signer"));
    let service = |authority: &TimestampAuthority, window: Window| AuthorityService { window, ..AuthorityService::timestamps(authority) };
    let ask = |first: Window, other: Window| {
        let services = vec![service(&world.timestamps, first), service(&second, other)];
        Question::keyless(&TrustedRoot { timestamp_authorities: services, ..world.trusted_root() })
    };
    let (past, open) = (Window::until(SIGNED - 1), Window::since(AUTHORITY_YEARS.0));
    Table::new()
        .accept_each("its own open, another's closed", &ask(open, past), &good)
        .refuse_each("its own closed, another's open", &ask(past, open), &good, "timestamp-invalid")
        .check();
}

/// A threshold that counted signatures, not signers.
#[test]
fn connaisseur_2150_threshold_by_one_signer() {
    let (one, two) = (Key::p256("one"), Key::p256("two"));
    let leaf = |name: &str| json!({"cosign": {"key": name, "transparency": "none"}});
    let tree = json!({"threshold": {"k": 2, "of": [leaf("signer"), leaf("second")]}});
    let ask = |keys: &[&Key]| {
        let layers: Vec<_> = keys.iter().map(|key| Layer::new(&Signer::managed((*key).clone()).sign_image(IMAGE))).collect();
        let question = Question::key_alone(&one).trusting("second", json!({"publicKey": {"pem": two.pem()}}));
        question.required(tree.clone()).layers(&layers)
    };
    Table::new()
        .accept("two signers", &ask(&[&one, &two]))
        .refuse("one signer, twice", &ask(&[&one, &one]), "threshold-not-met")
        .refuse("one signer", &ask(&[&two]), "threshold-not-met")
        .check();
}

/// A list of contents, or a scan that failed, counted as a signature.
#[test]
fn security_profiles_operator_3449_any_statement_as_signature() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let of = |kind: &str| [signer.attest(&statement(IMAGE, kind, json!({"result": "FAILED"})))];
    let mut table = Table::new().accept_each("a signature", &question, &[signer.attest(&image_statement(IMAGE))]);
    for kind in ["https://cosign.sigstore.dev/attestation/vuln/v1", "https://spdx.dev/Document", PROVENANCE] {
        table = table.refuse_each(kind, &question, &of(kind), "signature-not-found");
    }
    table.check();
}
