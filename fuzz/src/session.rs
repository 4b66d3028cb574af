//! Whole verifications from an arbitrary transcript: every scheme in one policy, over the trust material of the fixtures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};
use verimage::{CryptoSet, Decision, FolderMaterial, ImageRef, Limits, Policy, PolicyLoader, Transcript, Verdict};
use verimage_core::{Answer, Context, Progress, Session, Timestamp};

use crate::rehash::rehash;
use crate::set;

/// A policy under each crypto set: one that always says no, one that always says yes, and the two that are real.
struct Policies {
    never: Policy,
    always: Policy,
    real: [Policy; 2],
}

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies {
    // An OpenPGP key counts for what it says of itself, which is a signature: with this set there is none.
    never: policy(set::<false>(), None),
    always: policy(set::<true>(), Some(openpgp())),
    real: [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| policy(crypto, Some(openpgp()))),
});

/// Every digest that the seeds prove.
static SIGNED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let seeds = crate::seeds("session").into_iter().filter_map(|(_, seed)| Transcript::parse(&seed).ok());
    seeds
        .filter_map(|seed| judge(&seed, &POLICIES.real[0]))
        .filter(|verdict| verdict.admitted)
        .filter_map(|verdict| verdict.digest)
        .collect()
});

/// A transcript, with every hash made to fit. Where every signature check says no, nothing is allowed; where every check says yes, it goes deep; where checks are real,
/// both sets say the same, and what is allowed is what was signed.
pub fn session(data: &[u8]) {
    let data = rehash(data);
    let Some(Ok(transcript)) = data.map(|data| Transcript::parse(&data)) else { return };
    let Some(refused) = judge(&transcript, &POLICIES.never) else { return };
    assert_ne!(refused.decision, Decision::Allow, "allowed without a signature");
    let verdicts =
        [&POLICIES.always, &POLICIES.real[0], &POLICIES.real[1]].map(|policy| judge(&transcript, policy).expect("it was judged"));
    for verdict in verdicts.iter().chain([&refused]) {
        assert_eq!(verdict.code.is_none(), verdict.decision == Decision::Allow);
        assert_eq!(verdict.admitted, verdict.decision == Decision::Allow);
        assert!(!verdict.admitted || verdict.digest.is_some());
    }
    assert_eq!(verdicts[1], verdicts[2], "the crypto sets disagree");
    let is_signed = verdicts[1].digest.as_ref().is_some_and(|digest| SIGNED.contains(digest));
    // An index that counts for its images is itself signed by nobody.
    let of_platforms = verdicts[1].rule.as_deref() == Some("either");
    assert!(!verdicts[1].admitted || is_signed || of_platforms, "nobody signed this");
}

/// The verdict over a transcript, if it can be judged at all.
fn judge(transcript: &Transcript, policy: &Policy) -> Option<Verdict> {
    let image = ImageRef::parse(transcript.image()).ok()?;
    let replay = transcript.replay().ok()?;
    let now: Timestamp = transcript.at().parse().ok()?;
    let limits = transcript.limits().within(&Limits::default());
    let context = Context::new(now, &limits);
    let mut session = Session::new(policy, image, None).located(transcript.location().clone());
    let (mut rounds, mut questions) = (0, 0);
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return Some(*verdict),
            Progress::Pause => {}
            Progress::Fetch(wants) => {
                rounds += 1;
                questions += wants.len();
                assert!(rounds <= limits.rounds && questions <= limits.wants, "{rounds} rounds, {questions} questions");
                let answers = wants.into_iter().map(|want| Answer { result: replay.answer(&want), want }).collect();
                session.supply(answers, &context);
            }
        }
    }
}

fn openpgp() -> Value {
    json!({"simpleSigning": {"keys": ["openpgp", "edwards"]}})
}

/// A leaf of every scheme; Notary v1, attestations and a threshold for some repositories.
fn policy(crypto: CryptoSet, more: Option<Value>) -> Policy {
    let key = |name: &str| json!({"cosign": {"key": name, "transparency": "none"}});
    let workflow = json!({"issuer": "https://token.actions.githubusercontent.com", "subjectGlob": "https://github.com/example/*"});
    let certificate = json!({"chain": "release", "identity": [{"subject": "release@registry.example"}]});
    let mut any = vec![
        key("p256"),
        json!({"cosign": {"keyless": {"root": "instance", "identities": [workflow]}}}),
        json!({"cosign": {"transparency": "none", "certificate": certificate}}),
        json!({"notation": {"stores": ["acme"], "identities": ["*"]}}),
        json!({"notation": {"stores": ["revocable"], "identities": ["*"]}}),
    ];
    any.extend(more);
    let conditions = json!({"path": "/scanner/result/critical", "op": "eq", "value": 0});
    let mut document = json!({
        "apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "trust": {
            "p256": {"publicKey": {"file": "cosign/keys/p256.pub"}},
            "demo": {"publicKey": {"file": "cosign-certificates/keys/demo.pub"}},
            "instance": {"trustedRoot": {"file": "keyless/trusted_root.json"}},
            "release": {"x509": {"file": "cosign-certificates/certificates/root.pem", "type": "ca"}},
            "acme": {"x509": {"file": "notation/certificates/root.pem", "type": "ca"}},
            "revocable": {"x509": {"file": "notation-revocation/root.pem", "type": "ca"}},
            "tags": {"tufRoot": {"file": "notary-v1/pins/tags.pub"}},
        },
        "rules": [
            {"name": "any", "images": ["**/**"], "require": {"anyOf": any}},
            {"name": "either", "images": ["registry.example/either/**"], "subject": "either", "require": key("p256")},
            {"name": "named", "images": ["registry.example/demo/tags"],
                "require": {"notaryV1": {"server": "https://notary.example", "root": "tags"}}},
            {"name": "attested", "images": ["registry.example/attested/**"], "attestations": [
                {"name": "scan", "predicateType": "vuln", "require": key("demo"), "conditions": conditions}]},
            {"name": "two", "images": ["registry.example/two/**"],
                "require": {"threshold": {"k": 2, "distinct": "signer", "of": [key("p256"), key("demo"), any[3]]}}},
        ],
    });
    if any.len() > 5 {
        document["trust"]["openpgp"] = json!({"openpgp": {"file": "simple-signing/keys/p256.gpg"}});
        document["trust"]["edwards"] = json!({"openpgp": {"file": "simple-signing/keys/ed25519.gpg"}});
    }
    let material = FolderMaterial::new(Some(fixtures()));
    PolicyLoader::with_crypto(crypto).load_text(&document.to_string(), "fuzz", &material).expect("the policy loads")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each seed is allowed where checks are real, and where each says yes, and not where each says no: so each scheme is gone
    /// through to its end. The one that nobody signed is not.
    #[test]
    fn real_transcripts_go_deep() {
        for (name, seed) in crate::seeds("session") {
            let transcript = Transcript::parse(&seed).unwrap();
            let decisions =
                [&POLICIES.real[0], &POLICIES.always, &POLICIES.never].map(|policy| judge(&transcript, policy).unwrap().decision);
            let signed = name != "unsigned";
            assert_eq!(decisions.map(|decision| decision == Decision::Allow), [signed, signed, false], "{name}: {decisions:?}");
        }
        assert!(SIGNED.len() >= 3, "{SIGNED:?}");
    }
}
