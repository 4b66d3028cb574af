//! `cosign-payload` and `cosign-manifest`: signatures laid out as a registry would serve them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use verimage::core::manifest::OCI_MANIFEST;
use verimage::{Code, Digest, FolderMaterial, ImageRef, ImageSource, PolicyLoader, Request, Verdict, Verimage};
use verimage_crypto::PublicKey;
use verimage_crypto::x509::Certificate;

use crate::memory::MemoryStore;
use crate::{Answer, Case, paths, read, text};

const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Payloads with their annotations, judged as one signature manifest under any of the keys, or under an authority.
pub(crate) fn payload(case: &Case) -> Result<Answer, String> {
    let rule = text(&case.params, "identity")?;
    let named = text(&case.params, "image")?;
    let (judged, reference) = match rule.split_once(':') {
        Some(("exact-reference", exact)) => (exact, "exact"),
        _ if rule == "match-exact" => (named, "exact"),
        _ if rule == "match-repository" => (named, "repository"),
        _ => return Ok(Answer::unsupported(rule)),
    };
    // Without its manifest there is no digest; the image is then asked for by its tag alone.
    let digest = paths(case, "manifest").first().map(|manifest| read(manifest).map(|bytes| Digest::sha256(&bytes))).transpose()?;
    let mut store = MemoryStore::default();
    if let Some(digest) = &digest {
        let layers = signature_layers(case, &mut store)?;
        let signatures = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::sha256(b"{}").to_string(), "size": 2}});
        store.add_tag(&signature_tag(digest), signatures.to_string().into_bytes());
    }
    let root = match trusted_root(case) {
        Ok(root) => root,
        Err(reason) => return Ok(Answer::reject("policy-invalid", reason)),
    };
    let log = if root.is_some() && case.files.contains_key("rekor") { json!({"root": "root"}) } else { json!("none") };
    if log == "none" && case.params.get("transparency_log") != Some(&Value::Bool(false)) {
        return Ok(Answer::unsupported("a transparency log whose key is not given"));
    }
    let issued = case.files.contains_key("ca");
    let identity = json!([{"issuer": case.params.get("issuer"), "subject": case.params.get("email"), "subjectKind": "email"}]);
    let keyless = json!({"cosign": {"keyless": {"root": "root", "identities": identity}, "sct": "none", "transparency": log, "reference": reference}});
    let by_key = |name: &String| json!({"cosign": {"key": name, "transparency": log, "reference": reference}});
    let keys = if issued { Vec::new() } else { paths(case, "keys") };
    judge(judged, digest.as_ref(), store, &keys, root.as_ref(), |names| {
        if issued { keyless.clone() } else { json!({"anyOf": names.iter().map(by_key).collect::<Vec<_>>()}) }
    })
}

/// The trusted root that a log's key and an authority's certificates make.
fn trusted_root(case: &Case) -> Result<Option<Value>, String> {
    let first = |role: &str| paths(case, role).into_iter().next().map(|path| read(&path)).transpose();
    let (log, authority) = (first("rekor")?, first("ca")?);
    if log.is_none() && authority.is_none() {
        return Ok(None);
    }
    let always = json!({"start": "1970-01-01T00:00:00Z"});
    let mut root = json!({"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"});
    if let Some(pem) = log {
        let key = PublicKey::from_pem(&pem).map_err(|error| error.to_string())?;
        root["tlogs"] = json!([{"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "logId": {"keyId": base64(key.fingerprint().as_bytes())},
            "publicKey": {"rawBytes": base64(key.spki_der()), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": always}}]);
    }
    if let Some(pem) = authority {
        let between = first("intermediates")?.map_or_else(|| Ok(Vec::new()), |pem| Certificate::all_from_pem(&pem));
        let anchors = Certificate::all_from_pem(&pem).map_err(|error| error.to_string())?;
        let chains: Vec<Value> = anchors
            .iter()
            .map(|anchor| {
                let chain = between.iter().flatten().chain([anchor]).map(|one| json!({"rawBytes": base64(one.der())}));
                json!({"certChain": {"certificates": chain.collect::<Vec<_>>()}, "validFor": always})
            })
            .collect();
        between.map_err(|error| error.to_string())?;
        root["certificateAuthorities"] = Value::from(chains);
    }
    Ok(Some(root))
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn signature_tag(digest: &Digest) -> String {
    format!("{}-{}.sig", digest.algorithm().name(), digest.hex())
}

fn signature_layers(case: &Case, store: &mut MemoryStore) -> Result<Vec<Value>, String> {
    let types = case.params.get("media_types").and_then(Value::as_array).cloned().unwrap_or_default();
    let annotations = paths(case, "annotations");
    let mut layers = Vec::new();
    for (index, path) in paths(case, "payloads").iter().enumerate() {
        let bytes = read(path)?;
        let annotations: Value = match annotations.get(index) {
            Some(path) => serde_json::from_slice(&read(path)?).map_err(|error| error.to_string())?,
            None => json!({}),
        };
        let media_type = types.get(index).and_then(Value::as_str).unwrap_or(PAYLOAD_TYPE);
        layers.push(
            json!({"mediaType": media_type, "digest": Digest::sha256(&bytes).to_string(), "size": bytes.len(), "annotations": annotations}),
        );
        store.add_blob(bytes);
    }
    Ok(layers)
}

/// A signature manifest as found, judged under a threshold over trust roots.
pub(crate) fn manifest(case: &Case) -> Result<Answer, String> {
    let digest = match Digest::parse(text(&case.params, "digest")?) {
        Ok(digest) => digest,
        Err(error) => return Ok(Answer::reject("reference-malformed", error)),
    };
    let mut store = MemoryStore::default();
    let manifest = paths(case, "signature_manifest").into_iter().next().ok_or("the case has no signature manifest")?;
    store.add_tag(&signature_tag(&digest), read(&manifest)?);
    for path in paths(case, "payloads") {
        store.add_blob(read(&path)?);
    }
    let roots = paths(case, "trust_roots");
    let required: Vec<&str> =
        case.params.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let Some(required) = required.iter().map(|name| position(&roots, name)).collect::<Option<Vec<_>>>() else {
        return Ok(Answer::unsupported("required trust roots that are not among the files"));
    };
    let threshold = case.params.get("threshold").and_then(Value::as_u64).filter(|count| *count > 0).unwrap_or(if required.is_empty() {
        roots.len() as u64
    } else {
        0
    });
    judge("registry.example/image", Some(&digest), store, &roots, None, |names| {
        let leaf = |name: &String| json!({"cosign": {"key": name, "transparency": "none"}});
        let mut all: Vec<Value> = required.iter().filter_map(|index| names.get(*index)).map(leaf).collect();
        if threshold > 0 {
            all.push(json!({"threshold": {"k": threshold, "of": names.iter().map(leaf).collect::<Vec<_>>()}}));
        }
        json!({"allOf": all})
    })
}

/// A trust root by the name of its file, with or without its ending.
fn position(roots: &[PathBuf], name: &str) -> Option<usize> {
    roots.iter().position(|path| path.file_name().is_some_and(|file| file == name) || path.file_stem().is_some_and(|stem| stem == name))
}

fn judge(
    image: &str,
    digest: Option<&Digest>,
    store: MemoryStore,
    keys: &[PathBuf],
    root: Option<&Value>,
    require: impl Fn(&[String]) -> Value,
) -> Result<Answer, String> {
    let image = match ImageRef::parse(image) {
        Ok(image) => image,
        Err(error) => return Ok(Answer::reject("reference-malformed", error)),
    };
    let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    let judged = ImageRef::parse(&format!("{}{tag}{digest}", image.name())).map_err(|error| error.to_string())?;
    let names: Vec<String> = (0..keys.len()).map(|index| format!("key-{index}")).collect();
    let mut trust: serde_json::Map<String, Value> =
        names.iter().zip(keys).map(|(name, path)| (name.clone(), json!({"publicKey": {"file": path}}))).collect();
    trust.extend(root.map(|root| ("root".to_owned(), json!({"trustedRoot": {"json": root.to_string()}}))));
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy", "trust": trust,
        "rules": [{"name": "case", "images": ["**/**"], "require": require(&names)}]});
    let policy = match PolicyLoader::new().load_text(&policy.to_string(), "case", &FolderMaterial::new(Some(PathBuf::from(Path::new("/")))))
    {
        Ok(policy) => policy,
        Err(error) => return Ok(Answer::reject(error.code.as_str(), &error)),
    };
    let engine = Verimage::builder().registry(Arc::new(store)).build().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
    let verification =
        runtime.block_on(engine.run(&Request::new(ImageSource::Registry(judged)), &policy)).map_err(|error| error.to_string())?;
    Ok(answer(&verification.verdict))
}

fn answer(verdict: &Verdict) -> Answer {
    match (&verdict.digest, verdict.admitted) {
        (Some(digest), true) => Answer::Accept([("digest".to_owned(), Value::from(digest.clone()))].into_iter().collect()),
        _ => Answer::reject(verdict.code.as_deref().unwrap_or(Code::SignatureNotFound.as_str()), &verdict.message),
    }
}
