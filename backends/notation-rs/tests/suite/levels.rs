//! Section "Verification workflow": what each failure does under each level.

use std::{collections::BTreeMap, sync::Arc};

use notation_rs::{
    envelope::{EnvelopeError, Format, IntegrityError},
    plugin::{Capability, PluginRequest, PluginResponse, VerificationPlugin},
    revocation::Material,
    trust_policy::{Action, VerificationType},
    verify::{CheckError, CheckKind, CheckResult, Expected, Outcome, Verification},
};
use semver::Version;
use serde_json::{Value, json};
use verimage_crypto::CryptoSet;

use crate::{
    EXPECTED, NOW, at,
    sign::{
        Cose, DIGEST, Draft, Jws, Key, MEDIA_TYPE, SIZE,
        certificate::key_usage,
        jws::{EXPIRY, PLUGIN, PLUGIN_VERSION},
        payload,
        revocation::distribution_points,
    },
    statement, stores, strict, verify, verify_at,
};

const KEY: Key = Key::P256("leaf");

fn level(name: &str) -> Value {
    json!({"signatureVerification": {"level": name}})
}

/// What comes out under strict, permissive and audit: allowed, trusted.
#[track_caller]
fn under_levels(bytes: &[u8], now: &str, members: &Value) -> [(bool, bool); 3] {
    ["strict", "permissive", "audit"].map(|name| {
        let mut members = members.clone();
        members["signatureVerification"] = json!({"level": name});
        let outcome = verify_at(&statement(members), Format::Jws, bytes, now);
        (outcome.is_allowed(), outcome.is_trusted())
    })
}

const FAIL: (bool, bool) = (false, false);
const WARN: (bool, bool) = (true, false);
const PASS: (bool, bool) = (true, true);

#[test]
fn a_good_signature_passes_under_every_level_and_in_every_form() {
    assert_eq!(under_levels(&Jws::new(KEY).build(), NOW, &json!({})), [PASS; 3]);
    assert_eq!(under_levels(&Jws::by_authority(KEY).build(), NOW, &json!({})), [PASS; 3]);
    for cose in [Cose::new(KEY), Cose::by_authority(KEY)] {
        assert!(verify_at(&strict(), Format::Cose, &cose.build(), NOW).is_trusted());
    }
    let outcome = verify(&strict(), &Jws::new(KEY).build());
    let passed: Vec<_> = outcome.checks.iter().filter(|check| check.result == CheckResult::Passed).map(|check| check.kind).collect();
    let types = VerificationType::ALL.map(CheckKind::Type);
    assert_eq!(passed, [&types[..], &[CheckKind::TargetArtifact]].concat());
}

#[test]
fn an_envelope_that_cannot_be_read_fails_everywhere() {
    let outcome = verify(&strict(), b"{}");
    assert!(matches!(outcome.failure(), Some(CheckError::Integrity(_))) && outcome.signer.is_none() && outcome.target.is_none());
    assert_eq!(under_levels(b"{}", NOW, &json!({})), [FAIL; 3]);
}

#[test]
fn a_bad_signature_fails_everywhere() {
    assert_eq!(under_levels(&Jws { key: Key::P256("other"), ..Jws::new(KEY) }.build(), NOW, &json!({})), [FAIL; 3]);
}

#[test]
fn another_artifact_fails_everywhere() {
    for changed in
        [payload().replace(DIGEST, &DIGEST.replace('d', "e")), payload().replace(MEDIA_TYPE, "a/b"), payload().replace("527", "528")]
    {
        let bytes = Jws::new(KEY).payload(&changed).build();
        assert_eq!(under_levels(&bytes, NOW, &json!({})), [FAIL; 3]);
        assert!(matches!(verify(&strict(), &bytes).failure(), Some(CheckError::TargetMismatch { .. })));
    }
}

#[test]
fn a_chain_that_nobody_trusts_fails_or_warns() {
    let own = Draft::new("leaf", "leaf", KEY).with(key_usage(true, 0x80)).der(KEY);
    let bytes = Jws::new(KEY).chain(vec![own]).build();
    assert_eq!(under_levels(&bytes, NOW, &json!({})), [FAIL, FAIL, WARN]);
    assert_eq!(verify(&strict(), &bytes).failure(), Some(&CheckError::Untrusted));
}

#[test]
fn a_store_that_is_not_there_fails_or_warns() {
    let bytes = Jws::new(KEY).build();
    assert_eq!(under_levels(&bytes, NOW, &json!({"trustStores": ["ca:absent"]})), [FAIL, FAIL, WARN]);
    assert_eq!(under_levels(&bytes, NOW, &json!({"trustStores": ["tsa:test"]})), [FAIL, FAIL, WARN]);
    let outcome = verify(&statement(json!({"trustStores": ["signingAuthority:test"]})), &bytes);
    assert_eq!(outcome.failure(), Some(&CheckError::NoTrustedCertificates));
}

#[test]
fn another_identity_fails_or_warns() {
    let bytes = Jws::new(KEY).build();
    let members = |identity: &str| json!({"trustedIdentities": [identity]});
    assert_eq!(under_levels(&bytes, NOW, &members("x509.subject: C=US, ST=WA, O=Notary")), [PASS; 3]);
    assert_eq!(under_levels(&bytes, NOW, &members("x509.subject: C=US, ST=WA, O=Other")), [FAIL, FAIL, WARN]);
    // The identity is that of the leaf, not of those above it.
    assert_eq!(under_levels(&bytes, NOW, &members("x509.subject: C=US, ST=WA, O=Notary, CN=intermediate")), [FAIL, FAIL, WARN]);
    assert_eq!(under_levels(&bytes, NOW, &members("plugin.identity: x")), [FAIL, FAIL, WARN]);
}

#[test]
fn a_chain_that_is_not_valid_now_fails_or_warns() {
    let bytes = Jws::new(KEY).build();
    assert_eq!(under_levels(&bytes, "2030-01-01T00:00:01Z", &json!({})), [FAIL, WARN, WARN]);
    assert_eq!(under_levels(&bytes, "2030-01-01T00:00:00Z", &json!({})), [PASS; 3]);
}

#[test]
fn a_signature_that_has_expired_fails_or_warns() {
    let bytes = Jws::new(KEY).set_critical(EXPIRY, r#""2025-06-01T00:00:00Z""#).build();
    assert_eq!(under_levels(&bytes, "2025-05-31T23:59:59Z", &json!({})), [PASS; 3]);
    assert_eq!(under_levels(&bytes, "2025-06-01T00:00:00Z", &json!({})), [FAIL, WARN, WARN]);
    let error = verify(&strict(), &bytes).failure().unwrap().to_string();
    assert_eq!(error, "digital signature has expired on \"Sun, 01 Jun 2025 00:00:00 +0000\"");
}

#[test]
fn revocation_that_nobody_knows_fails_or_warns() {
    let mut pki = crate::sign::Pki::new(KEY);
    pki.leaf = pki.leaf.with(distribution_points(&["http://list.example/"]));
    let bytes = Jws::new(KEY).chain(pki.chain()).build();
    assert_eq!(under_levels(&bytes, NOW, &json!({})), [FAIL, WARN, WARN]);
    let mut members = level("strict");
    members["signatureVerification"]["override"] = json!({"revocation": "skip"});
    let outcome = verify(&statement(members), &bytes);
    assert!(outcome.is_allowed() && outcome.is_final() && !outcome.is_trusted());
}

#[test]
fn plugins_and_critical_attributes_that_are_not_there_fail_everywhere() {
    let plugin = Jws::new(KEY).set_critical(PLUGIN, r#""p""#).set_critical(PLUGIN_VERSION, r#""1.2.0""#);
    assert_eq!(under_levels(&plugin.build(), NOW, &json!({})), [FAIL; 3]);
    let expected = CheckError::PluginRequired { name: "p".to_owned(), min_version: Some(Version::new(1, 2, 0)) };
    assert_eq!(verify(&strict(), &plugin.build()).failure(), Some(&expected));
    assert_eq!(under_levels(&Jws::new(KEY).set_critical("vendor.note", "1").build(), NOW, &json!({})), [FAIL; 3]);
}

#[test]
fn skip_looks_at_nothing_and_trusts_nobody() {
    let mut skip = level("skip");
    skip["registryScopes"] = json!(["a/b"]);
    skip["trustStores"] = json!([]);
    skip["trustedIdentities"] = json!([]);
    let outcome = verify(&statement(skip), b"nonsense");
    assert!(outcome.is_allowed() && !outcome.is_trusted());
    assert!(outcome.checks.iter().all(|check| check.action == Action::Skip && check.result == CheckResult::NotPerformed));
}

#[test]
fn overrides_have_the_last_word() {
    let bytes = Jws::new(KEY).set_critical(EXPIRY, r#""2025-05-01T00:00:00Z""#).build();
    let with = |level: &str, action: &str| {
        let members = json!({"signatureVerification": {"level": level, "override": {"expiry": action}}});
        let outcome = verify(&statement(members), &bytes);
        assert_eq!(outcome.level, "custom");
        outcome.is_allowed()
    };
    assert!(with("strict", "log") && !with("permissive", "enforce") && !with("audit", "enforce"));
}

#[test]
fn every_failure_is_told_and_integrity_stops() {
    let expired = Jws::new(KEY).set_critical(EXPIRY, r#""2025-05-01T00:00:00Z""#).payload(&payload().replace("527", "528")).build();
    let outcome = verify(&statement(json!({"trustStores": ["ca:absent"]})), &expired);
    assert_eq!(outcome.failures().count(), 3, "{:?}", outcome.checks);
    let outcome = verify(&strict(), b"");
    assert_eq!(outcome.checks.iter().filter(|check| check.result == CheckResult::NotPerformed).count(), 7);
}

/// What has failed stops the signature before its timestamp is verified, and before revocation is asked about.
#[test]
fn what_is_enforced_and_fails_stops_before_the_timestamp_and_revocation() {
    let mut pki = crate::sign::Pki::new(KEY);
    pki.leaf = pki.leaf.with(distribution_points(&["http://list.example/"]));
    let mut jws = Jws::new(KEY).chain(pki.chain());
    jws.token = Some(b"no token".to_vec());
    let bytes = jws.build();
    let results = |members: Value| {
        let outcome = verify(&statement(members), &bytes);
        assert!(!outcome.is_allowed() && outcome.is_final());
        let result = |check| outcome.result(CheckKind::Type(check)).cloned().unwrap();
        (result(VerificationType::AuthenticTimestamp), result(VerificationType::Revocation))
    };
    let not_performed = CheckResult::NotPerformed;
    let stranger = json!({"trustStores": ["ca:test", "tsa:test"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=Other"]});
    assert_eq!(results(stranger), (not_performed.clone(), not_performed.clone()));
    let (stamp, revocation) = results(json!({"trustStores": ["ca:test", "tsa:test"]}));
    assert!(matches!(stamp, CheckResult::Failed(CheckError::Timestamp(_))));
    assert_eq!(revocation, not_performed);
    // What is only told stops nothing.
    let log = json!({"signatureVerification": {"level": "permissive"}, "trustStores": ["ca:test", "tsa:test"]});
    let outcome = verify(&statement(log), &bytes);
    assert!(outcome.is_allowed() && outcome.needed.len() == 1);
}

/// Names of plugins stand in signatures of anybody: messages hold little of them, and nothing that a terminal obeys.
#[test]
fn names_of_plugins_are_told_short_and_escaped() {
    let name = format!(r"p\u001b[31m\n{}", "x".repeat(1 << 16));
    let failure = verify(&strict(), &Jws::new(KEY).set_critical(PLUGIN, &format!("\"{name}\"")).build()).failure().cloned();
    let Some(CheckError::PluginRequired { name, .. }) = &failure else { panic!("found {failure:?}") };
    assert!(name.starts_with(r"p\u{1b}[31m\nxxx") && name.chars().count() < 150, "{name}");
    assert!(failure.unwrap().to_string().len() < 500);
    let version = format!("\"1.0.0-{}\"", "x".repeat(1 << 16));
    let bytes = Jws::new(KEY).set_critical(PLUGIN, r#""p""#).set_critical(PLUGIN_VERSION, &version).build();
    let failure = verify(&strict(), &bytes).failure().cloned();
    let expected = matches!(&failure, Some(CheckError::Integrity(IntegrityError::Envelope(EnvelopeError::PluginVersion { .. }))));
    assert!(expected && failure.unwrap().to_string().len() < 500);
}

#[test]
fn metadata_that_is_asked_for_was_signed() {
    let (statement, stores, bytes) = (strict(), stores(), Jws::new(KEY).build());
    let verify = |pairs: &[(&str, &str)]| {
        let wanted = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto()).user_metadata(wanted);
        verification.verify(Format::Jws, &bytes, EXPECTED, at(NOW), &Material::new())
    };
    assert!(verify(&[]).is_trusted() && verify(&[("build", "123")]).is_trusted());
    for wrong in [&[("build", "124")][..], &[("build", "123"), ("x", "")]] {
        assert!(matches!(verify(wrong).failure(), Some(CheckError::MetadataMissing { .. })));
    }
}

#[test]
fn blobs_are_hashed_as_their_key_wants_it() {
    let (statement, stores) = (strict(), stores());
    let verify = |key: Key, signed: &str, digest: &str, media_type| {
        let bytes = Jws::new(key).payload(&payload().replace(DIGEST, signed)).build();
        let expected = Expected::Blob { digest, size: SIZE, media_type };
        let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto());
        verification.verify(Format::Jws, &bytes, expected, at(NOW), &Material::new()).is_trusted()
    };
    assert!(verify(Key::P384("leaf"), "sha384:00", "sha384:00", None));
    assert!(verify(Key::P384("leaf"), "sha384:00", "sha384:00", Some(MEDIA_TYPE)));
    assert!(!verify(Key::P384("leaf"), "sha384:00", "sha384:00", Some("a/b")));
    assert!(!verify(Key::P384("leaf"), "sha384:00", "sha384:01", None));
    assert!(!verify(Key::P384("leaf"), "sha256:00", "sha256:00", None));
    assert!(verify(Key::P256("leaf"), "sha256:00", "sha256:00", None));
    assert!(verify(Key::P521("leaf"), "sha512:00", "sha512:00", None));
}

/// A plugin that says what it is told to.
#[derive(Debug)]
struct Plugin {
    version: Version,
    capabilities: Vec<Capability>,
    answer: Result<PluginResponse, String>,
}

impl VerificationPlugin for Plugin {
    fn name(&self) -> &str {
        "p"
    }

    fn version(&self) -> &Version {
        &self.version
    }

    fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    fn verify(&self, request: &PluginRequest<'_>) -> Result<PluginResponse, String> {
        assert!(request.capabilities.iter().all(|capability| self.capabilities.contains(capability)));
        self.answer.clone()
    }
}

fn yes(processed: &[&str]) -> PluginResponse {
    let results = BTreeMap::from([(Capability::TrustedIdentity, Ok(())), (Capability::RevocationCheck, Ok(()))]);
    PluginResponse { results, processed_attributes: processed.iter().map(|name| (*name).into()).collect() }
}

fn with_plugin(version: &str, capabilities: &[Capability], answer: Result<PluginResponse, String>, members: Value) -> Outcome {
    let jws = Jws::new(KEY).set_critical(PLUGIN, r#""p""#).set_critical(PLUGIN_VERSION, r#""1.2.0""#).set_critical("vendor.note", "1");
    let version = Version::parse(version).unwrap();
    let plugin: Arc<dyn VerificationPlugin> = Arc::new(Plugin { version, capabilities: capabilities.to_vec(), answer });
    let (statement, stores, plugins) = (statement(members), stores(), [plugin]);
    let verification = Verification::new(&statement, &stores, CryptoSet::rustcrypto()).plugins(&plugins);
    verification.verify(Format::Jws, &jws.build(), EXPECTED, at(NOW), &Material::new())
}

const BOTH: [Capability; 2] = [Capability::TrustedIdentity, Capability::RevocationCheck];

#[test]
fn a_plugin_that_understands_all_passes() {
    let outcome = with_plugin("1.2.0", &BOTH, Ok(yes(&["vendor.note"])), json!({"trustedIdentities": ["plugin.identity: x"]}));
    assert!(outcome.is_trusted(), "{:?}", outcome.checks);
}

#[test]
fn a_plugin_must_be_new_enough_and_able() {
    let outcome = with_plugin("1.1.9", &BOTH, Ok(yes(&["vendor.note"])), json!({}));
    assert!(matches!(outcome.failure(), Some(CheckError::PluginTooOld { .. })));
    let outcome = with_plugin("1.2.0-rc.1", &BOTH, Ok(yes(&["vendor.note"])), json!({}));
    assert!(matches!(outcome.failure(), Some(CheckError::PluginTooOld { .. })));
    let outcome = with_plugin("2.0.0", &[], Ok(yes(&["vendor.note"])), json!({}));
    assert!(matches!(outcome.failure(), Some(CheckError::PluginWithoutCapability { .. })));
}

#[test]
fn a_plugin_must_process_every_critical_attribute() {
    let outcome = with_plugin("1.2.0", &BOTH, Ok(yes(&["another"])), json!({}));
    assert!(matches!(outcome.failure(), Some(CheckError::AttributeNotProcessed { .. })));
}

#[test]
fn what_a_plugin_refuses_or_forgets_is_refused() {
    let no = |capability| {
        let mut response = yes(&["vendor.note"]);
        response.results.insert(capability, Err("no".to_owned()));
        response
    };
    for capability in BOTH {
        let outcome = with_plugin("1.2.0", &BOTH, Ok(no(capability)), json!({}));
        assert!(matches!(outcome.failure(), Some(CheckError::RefusedByPlugin { .. })), "{capability:?}");
        let mut silent = yes(&["vendor.note"]);
        silent.results.remove(&capability);
        let outcome = with_plugin("1.2.0", &BOTH, Ok(silent), json!({}));
        assert!(matches!(outcome.failure(), Some(CheckError::RefusedByPlugin { .. })), "{capability:?}");
    }
    let outcome = with_plugin("1.2.0", &BOTH, Err("broken".to_owned()), json!({}));
    assert!(matches!(outcome.failure(), Some(CheckError::PluginFailed { .. })));
    // Revocation is logged, and so is what the plugin says about it.
    let outcome = with_plugin("1.2.0", &BOTH, Ok(no(Capability::RevocationCheck)), level("permissive"));
    assert!(outcome.is_allowed() && !outcome.is_trusted());
}

#[test]
fn a_plugin_does_not_stand_in_for_the_trust_store() {
    let outcome = with_plugin("1.2.0", &BOTH, Ok(yes(&["vendor.note"])), json!({"trustStores": ["signingAuthority:test"]}));
    assert_eq!(outcome.failure(), Some(&CheckError::NoTrustedCertificates));
}
