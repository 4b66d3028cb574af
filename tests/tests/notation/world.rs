//! A registry with one image and the signatures that a test attaches, and a policy with one leaf.

use std::collections::HashMap;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{
    CryptoSet, Decision, FolderMaterial, ImageSource, Policy, PolicyError, PolicyLoader, Request, Verdict, Verification, Verimage,
};
use verimage_tests::instance::{IMAGE, IMAGE_MANIFEST};
use verimage_tests::memory::{MemoryStore, descriptor};

use crate::sign::{Cose, Jws, Key, MEDIA_TYPE, Pki, certificate::ROOT};

/// After everything was signed and stamped, before anything runs out.
pub const NOW: &str = "2025-06-10T00:00:00Z";
pub const KEY: Key = Key::P256("leaf");
pub const JWS: &str = "application/jose+json";
pub const COSE: &str = "application/cose";
const SIGNATURE: &str = "application/vnd.cncf.notary.signature";

#[derive(Clone, Debug)]
pub struct World {
    store: MemoryStore,
    web: Web,
    trust: Map<String, Value>,
    leaf: Map<String, Value>,
    attached: usize,
    by_digest: bool,
    all_evidence: bool,
}

/// What revocation lists and responders say; whoever is not listed is silent.
#[derive(Clone, Debug, Default)]
struct Web(HashMap<String, Vec<u8>>);

#[async_trait]
impl SignatureStore for Web {
    async fn fetch(&self, _: &verimage::ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let What::Http { url, .. } = &want.what else { panic!("asked for {want:?}") };
        self.0.get(url).map(|body| vec![Blob::new(body.clone())]).ok_or_else(|| StoreError::unavailable("silence"))
    }
}

pub fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// The payload about the image, or about one with another media type or size.
pub fn payload(media_type: &str, size: usize) -> String {
    json!({"targetArtifact": {"mediaType": media_type, "digest": IMAGE, "size": size}}).to_string()
}

/// A good envelope about the image, to be spoilt.
pub fn jws() -> Jws {
    Jws::new(KEY).payload(&payload(MEDIA_TYPE, IMAGE_MANIFEST.len()))
}

pub fn cose(key: Key) -> Cose {
    Cose { payload: payload(MEDIA_TYPE, IMAGE_MANIFEST.len()).into_bytes(), ..Cose::new(key) }
}

impl World {
    /// Nothing is signed, and the root of all chains is trusted for signers and for authorities that vouch for time.
    pub fn new() -> Self {
        let (web, trust, leaf) = (Web::default(), Map::new(), Map::new());
        let mut store = MemoryStore::default();
        store.add_tag("v1", IMAGE_MANIFEST.to_vec());
        let world = Self { store, web, trust, leaf, attached: 0, by_digest: false, all_evidence: false };
        world.store("acme", "ca").store("authority", "signingAuthority").with("identities", json!(["*"]))
    }

    fn store(mut self, name: &str, kind: &str) -> Self {
        let root = pem(&Pki::new(KEY).root.der(ROOT));
        self.trust.insert(name.to_owned(), json!({"x509": {"pem": root, "type": kind}}));
        self.with_all_stores()
    }

    fn with_all_stores(self) -> Self {
        let stores = self.trust.keys().cloned().collect::<Vec<_>>();
        self.with("stores", json!(stores))
    }

    /// With one anchor less.
    pub fn without(mut self, name: &str) -> Self {
        self.trust.remove(name);
        self.with_all_stores()
    }

    /// With a field of the leaf.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.leaf.insert(field.to_owned(), value);
        self
    }

    /// With timestamps verified.
    pub fn stamped(self) -> Self {
        self.store("stamps", "tsa")
    }

    /// With another certificate as this anchor.
    pub fn trusting(mut self, name: &str, der: &[u8]) -> Self {
        self.trust[name]["x509"]["pem"] = Value::from(pem(der));
        self
    }

    pub fn answering(mut self, url: &str, body: Vec<u8>) -> Self {
        self.web.0.insert(url.to_owned(), body);
        self
    }

    pub fn all_evidence(self) -> Self {
        Self { all_evidence: true, ..self }
    }

    /// Asked for by digest, so that the image itself is never looked at.
    pub fn by_digest(self) -> Self {
        Self { by_digest: true, ..self }
    }

    pub fn attach(self, media_type: &str, envelope: &[u8]) -> Self {
        self.attach_with(media_type, envelope, |_| {})
    }

    /// With another signature, whose manifest says what the test makes of it.
    pub fn attach_with(mut self, media_type: &str, envelope: &[u8], change: impl FnOnce(&mut Value)) -> Self {
        let config = json!({"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"});
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "artifactType": SIGNATURE, "config": config,
            "layers": [descriptor(media_type, envelope)], "subject": descriptor(MEDIA_TYPE, IMAGE_MANIFEST),
            "annotations": {"number": self.attached.to_string()}});
        change(&mut manifest);
        self.attached += 1;
        self.store.add_blob(envelope.to_vec());
        self.store.add_referrer(IMAGE, SIGNATURE, &json!({}), manifest.to_string().into_bytes());
        self
    }

    pub fn policy(&self, crypto: CryptoSet) -> Result<Policy, PolicyError> {
        let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": self.trust,
            "rules": [{"name": "case", "images": ["**/**"], "require": {"notation": self.leaf}}]});
        PolicyLoader::with_crypto(crypto).load_text(&policy.to_string(), "case", &FolderMaterial::new(None))
    }

    /// The verification with one crypto set.
    pub fn run(&self, crypto: CryptoSet) -> Verification {
        let engine = Verimage::builder().registry(Arc::new(self.store.clone())).web(Arc::new(self.web.clone())).build().unwrap();
        let image = if self.by_digest { format!("registry.example/app@{IMAGE}") } else { "registry.example/app:v1".to_owned() };
        let mut request = Request::new(ImageSource::parse(&image).unwrap());
        request.at = Some(NOW.parse().unwrap());
        request.all_evidence = self.all_evidence;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(engine.run(&request, &self.policy(crypto).unwrap())).unwrap()
    }

    /// The verdict, the same under both crypto sets.
    #[track_caller]
    pub fn judge(&self) -> Verdict {
        let [first, second] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| self.run(crypto).verdict);
        assert_eq!(first, second, "the crypto sets disagree");
        first
    }

    /// Allowed, and by a signature that was verified in full.
    #[track_caller]
    pub fn accepts(&self) {
        let verdict = self.judge();
        assert_eq!((verdict.decision, verdict.digest.as_deref()), (Decision::Allow, Some(IMAGE)), "{}", verdict.message);
        assert!(verdict.leaves.iter().all(|leaf| leaf.trusted), "{verdict:?}");
    }

    /// Denied with this code.
    #[track_caller]
    pub fn denies(&self, code: &str) {
        let verdict = self.judge();
        assert_eq!(
            (verdict.decision, verdict.code.as_deref(), verdict.admitted),
            (Decision::Deny, Some(code), false),
            "{}",
            verdict.message
        );
    }

    /// Not found out, with this code.
    #[track_caller]
    pub fn cannot_tell(&self, code: &str) {
        let verdict = self.judge();
        let found = (verdict.decision, verdict.code.as_deref(), verdict.admitted);
        assert_eq!(found, (Decision::Inconclusive, Some(code), false), "{}", verdict.message);
    }
}
