//! Asks the product about what an instance made.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use verimage::core::{Blob, SignatureStore, StoreError, Want, async_trait};
use verimage::{CryptoSet, FolderMaterial, ImageRef, ImageSource, Policy, PolicyError, PolicyLoader, Request, Verdict, Verimage};

use super::ISSUED;
use super::bundle::{Version, bundle, put_bundles};
use super::certificate::Authority;
use super::der::rfc3339;
use super::key::{Key, pem};
use super::leaf::{GITHUB_ISSUER, GITHUB_SUBJECT};
use super::legacy::{Layer, put_attestations, put_signatures};
use super::signed::{Form, Signed};
use super::trust::TrustedRoot;
use super::tsa::TimestampAuthority;
use crate::memory::MemoryStore;

/// The image that everything is about.
pub const IMAGE_MANIFEST: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
/// Its digest.
pub const IMAGE: &str = "sha256:f20c43161d73848408ef247f0ec7111b19fe58ffebc0cbcaa0d2c8bda4967268";
/// When everything is judged: three months after it was signed.
pub const NOW: i64 = ISSUED + 90 * 24 * 3600;

/// A policy with one rule and one leaf, and a registry: what the product is asked.
#[derive(Clone, Debug)]
pub struct Question {
    trust: Map<String, Value>,
    leaf: Map<String, Value>,
    attestation: Option<Map<String, Value>>,
    also_signed: bool,
    tree: Option<Value>,
    written: Option<Value>,
    store: MemoryStore,
    now: i64,
}

impl Question {
    /// What a policy says that is written already, perhaps for another tool.
    pub fn written(policy: Value) -> Self {
        Self { written: Some(policy), ..Self::new(json!({})) }
    }

    /// Whether somebody with an identity signed: the workflow of [`Leaf::github`](super::Leaf::github).
    pub fn keyless(root: &TrustedRoot) -> Self {
        let github = json!([{"issuer": GITHUB_ISSUER, "subject": GITHUB_SUBJECT}]);
        Self::new(json!({"keyless": {"root": "sigstore", "identities": github}})).trusting("sigstore", trusted_root(root))
    }

    /// Whether this key signed, proven by a log of the root.
    pub fn key(key: &Key, root: &TrustedRoot) -> Self {
        Self::key_alone(key).with("transparency", json!({"root": "sigstore"})).trusting("sigstore", trusted_root(root))
    }

    /// Whether this key signed; no log is asked.
    pub fn key_alone(key: &Key) -> Self {
        let key = json!({"publicKey": {"pem": key.pem()}});
        Self::new(json!({"key": "signer", "transparency": "none"})).trusting("signer", key)
    }

    /// Whether anybody with a certificate of this authority signed; no log is asked.
    pub fn certificate(authority: &Authority) -> Self {
        let leaf = json!({"certificate": {"chain": "authority", "identity": "any"}, "transparency": "none"});
        Self::new(leaf).trusting("authority", json!({"x509": {"pem": authority.pem(), "type": "ca"}}))
    }

    fn new(leaf: Value) -> Self {
        let Value::Object(leaf) = leaf else { panic!("a leaf is an object") };
        Self {
            trust: Map::new(),
            leaf,
            attestation: None,
            also_signed: false,
            tree: None,
            written: None,
            store: MemoryStore::default(),
            now: NOW,
        }
    }

    /// With another anchor.
    pub fn trusting(mut self, name: &str, anchor: Value) -> Self {
        self.trust.insert(name.to_owned(), anchor);
        self
    }

    /// With an authority for time stamps, of which this many must be there.
    pub fn stamped_by(self, authority: &TimestampAuthority, entries: u64) -> Self {
        let pem: String = authority.chain().iter().skip(1).map(|der| pem("CERTIFICATE", der)).collect();
        let anchored = self.trusting("stamps", json!({"x509": {"pem": pem, "type": "tsa"}}));
        anchored.with("timestamp", json!({"tsa": "stamps", "minEntries": entries}))
    }

    /// With a field of the leaf.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.leaf.insert(field.to_owned(), value);
        self
    }

    /// Whether this tree of requirements is fulfilled, in place of the leaf.
    pub fn required(self, tree: Value) -> Self {
        Self { tree: Some(tree), ..self }
    }

    /// Whether one of these identities signed.
    pub fn identities(mut self, identities: Value) -> Self {
        self.leaf["keyless"]["identities"] = identities;
        self
    }

    /// With a field of the requirement of certificates.
    pub fn certificate_with(mut self, field: &str, value: Value) -> Self {
        self.leaf["certificate"][field] = value;
        self
    }

    /// Whether the same signer made attestations of this type.
    pub fn attested(self, predicate_type: &str) -> Self {
        let item = json!({"name": "attested", "predicateType": predicate_type});
        let Value::Object(attestation) = item else { unreachable!("it is an object") };
        Self { attestation: Some(attestation), ..self }
    }

    /// Whether the signer signed the image itself, too.
    pub fn also_signed(self) -> Self {
        Self { also_signed: true, ..self }
    }

    /// With a field of the requirement of attestations.
    pub fn attested_with(mut self, field: &str, value: Value) -> Self {
        self.attestation.as_mut().expect("an attestation").insert(field.to_owned(), value);
        self
    }

    /// Where this is beside the image, each in the form in which it was signed.
    pub fn signed(mut self, signed: &[&Signed]) -> Self {
        let of = |form: Form| signed.iter().filter(move |signed| signed.form == form);
        let layers = |form: Form| of(form).map(|signed| Layer::new(signed)).collect::<Vec<_>>();
        let (signatures, attestations) = (layers(Form::SimpleSigning), layers(Form::LegacyEnvelope));
        if !signatures.is_empty() {
            put_signatures(&mut self.store, IMAGE, &signatures);
        }
        if !attestations.is_empty() {
            put_attestations(&mut self.store, IMAGE, &attestations);
        }
        let bundles: Vec<_> = of(Form::Envelope).chain(of(Form::Message)).map(|signed| bundle(signed, Version::V03)).collect();
        put_bundles(&mut self.store, IMAGE, &bundles);
        self
    }

    /// Where these layers are signatures of the image.
    pub fn layers(mut self, layers: &[Layer]) -> Self {
        put_signatures(&mut self.store, IMAGE, layers);
        self
    }

    /// Where these layers are attestations about the image.
    pub fn attestation_layers(mut self, layers: &[Layer]) -> Self {
        put_attestations(&mut self.store, IMAGE, layers);
        self
    }

    /// Where these bundles refer to the image.
    pub fn bundles(mut self, bundles: &[Value]) -> Self {
        put_bundles(&mut self.store, IMAGE, bundles);
        self
    }

    /// With a change to the registry.
    pub fn store(mut self, change: impl FnOnce(&mut MemoryStore)) -> Self {
        change(&mut self.store);
        self
    }

    /// Asked at this second.
    pub fn at(self, now: i64) -> Self {
        Self { now, ..self }
    }

    /// The policy, as it is written.
    pub fn policy(&self) -> Value {
        if let Some(written) = &self.written {
            return written.clone();
        }
        let leaf = self.tree.clone().unwrap_or_else(|| json!({"cosign": self.leaf}));
        let mut rule = json!({"name": "case", "images": ["**/**"]});
        if self.also_signed || self.attestation.is_none() {
            rule["require"] = leaf.clone();
        }
        if let Some(attestation) = &self.attestation {
            let mut attestation = attestation.clone();
            attestation.insert("require".to_owned(), leaf);
            rule["attestations"] = json!([attestation]);
        }
        json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": self.trust, "rules": [rule]})
    }

    /// Why the policy does not load.
    pub fn load_error(&self) -> PolicyError {
        load(CryptoSet::rustcrypto(), &self.policy()).expect_err("a policy that does not load")
    }

    /// The verdict about [`IMAGE`], the same under every crypto set.
    #[track_caller]
    pub fn ask(&self) -> Verdict {
        judge(&self.policy(), &self.store, self.now)
    }
}

/// A trusted root as an anchor of a policy.
pub fn trusted_root(root: &TrustedRoot) -> Value {
    json!({"trustedRoot": {"json": root.json().to_string()}})
}

/// The verdict about [`IMAGE`] at this second, the same under every crypto set.
#[track_caller]
fn judge(policy: &Value, store: &MemoryStore, now: i64) -> Verdict {
    let [first, second] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| judge_with(crypto, policy, store, now));
    assert_eq!((first.decision, &first.code), (second.decision, &second.code), "the crypto sets disagree");
    first
}

#[track_caller]
fn judge_with(crypto: CryptoSet, policy: &Value, store: &MemoryStore, now: i64) -> Verdict {
    let policy = load(crypto, policy).unwrap_or_else(|error| panic!("the policy does not load: {error}"));
    let engine = Verimage::builder().registry(Arc::new(store.clone())).web(Arc::new(Nobody)).build().expect("an engine");
    let image = ImageRef::parse(&format!("registry.example/app@{IMAGE}")).expect("a reference");
    let mut request = Request::new(ImageSource::Registry(image));
    request.at = Some(rfc3339(now).parse().expect("a time"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(engine.run(&request, &policy)).expect("a question that can be asked").verdict
}

/// The web, which nothing here has a reason to ask: an address in a signature, a certificate or an entry least of all.
#[derive(Debug)]
struct Nobody;

#[async_trait]
impl SignatureStore for Nobody {
    async fn fetch(&self, _: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        panic!("asked for {want:?}")
    }
}

fn load(crypto: CryptoSet, policy: &Value) -> Result<Policy, PolicyError> {
    PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "case", &FolderMaterial::new(None))
}

fn named(case: &str, signed: &Signed) -> String {
    format!("{case} ({:?})", signed.form)
}

/// Cases and their verdicts: all that are wrong are told together.
#[derive(Debug, Default)]
#[must_use = "nothing is compared before `check`"]
pub struct Table {
    wrong: Vec<String>,
    rows: usize,
}

impl Table {
    /// A table without cases.
    pub fn new() -> Self {
        Self::default()
    }

    /// A case that is to be accepted.
    #[track_caller]
    pub fn accept(self, case: &str, question: &Question) -> Self {
        let verdict = question.ask();
        let good = verdict.admitted && verdict.digest.as_deref() == Some(IMAGE);
        self.row(good, || format!("{case}: should be accepted, is {:?}: {}", verdict.code, verdict.message))
    }

    /// A case that is to be refused with this code.
    #[track_caller]
    pub fn refuse(self, case: &str, question: &Question, code: &str) -> Self {
        let verdict = question.ask();
        let good = !verdict.admitted && verdict.code.as_deref() == Some(code);
        self.row(good, || format!("{case}: should be {code}, is {:?}: {}", verdict.code, verdict.message))
    }

    /// A signature in each form, to be accepted.
    #[track_caller]
    pub fn accept_each(self, case: &str, question: &Question, forms: &[Signed]) -> Self {
        let accept = |table: Self, signed: &Signed| table.accept(&named(case, signed), &question.clone().signed(&[signed]));
        forms.iter().fold(self, accept)
    }

    /// A signature in each form, to be refused with this code.
    #[track_caller]
    pub fn refuse_each(self, case: &str, question: &Question, forms: &[Signed], code: &str) -> Self {
        let refuse = |table: Self, signed: &Signed| table.refuse(&named(case, signed), &question.clone().signed(&[signed]), code);
        forms.iter().fold(self, refuse)
    }

    fn row(mut self, good: bool, complaint: impl FnOnce() -> String) -> Self {
        self.rows += 1;
        self.wrong.extend((!good).then(complaint));
        self
    }

    /// Fails if a verdict was another.
    #[track_caller]
    pub fn check(self) {
        assert!(self.rows > 0, "a table without cases");
        assert!(self.wrong.is_empty(), "{} of {} are wrong:\n{}", self.wrong.len(), self.rows, self.wrong.join("\n"));
    }
}
