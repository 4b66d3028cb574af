//! `cosign-payload` and `cosign-manifest`: signatures by key, laid out as a registry would serve them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use verimage::core::manifest::OCI_MANIFEST;
use verimage::{Code, Digest, FolderMaterial, ImageRef, ImageSource, PolicyLoader, Request, Verdict, Verimage};

use crate::memory::MemoryStore;
use crate::{Answer, Case, paths, read, text};

const PAYLOAD_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Payloads with their annotations, judged as one signature manifest under any of the keys.
pub(crate) fn payload(case: &Case) -> Result<Answer, String> {
    let needs_more = ["rekor", "ca", "intermediates"].iter().any(|role| case.files.contains_key(*role));
    if needs_more || case.params.get("transparency_log") != Some(&Value::Bool(false)) {
        return Ok(Answer::unsupported("cosign with a log or certificates"));
    }
    let rule = text(&case.params, "identity")?;
    let named = text(&case.params, "image")?;
    let (judged, reference) = match rule.split_once(':') {
        Some(("exact-reference", exact)) => (exact, "exact"),
        _ if rule == "match-exact" => (named, "exact"),
        _ if rule == "match-repository" => (named, "repository"),
        _ => return Ok(Answer::unsupported(rule)),
    };
    let Some(manifest) = paths(case, "manifest").into_iter().next() else {
        return Ok(Answer::unsupported("a payload without its manifest"));
    };
    let digest = Digest::sha256(&read(&manifest)?);
    let mut store = MemoryStore::default();
    let layers = signature_layers(case, &mut store)?;
    let signatures = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": layers,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest::sha256(b"{}").to_string(), "size": 2}});
    store.add_tag(&signature_tag(&digest), signatures.to_string().into_bytes());
    let leaf = |name: &str| json!({"cosign": {"key": name, "transparency": "none", "reference": reference}});
    judge(judged, &digest, store, &paths(case, "keys"), |names| json!({"anyOf": names.iter().map(|name| leaf(name)).collect::<Vec<_>>()}))
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
    judge("registry.example/image", &digest, store, &roots, |names| {
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
    digest: &Digest,
    store: MemoryStore,
    keys: &[PathBuf],
    require: impl Fn(&[String]) -> Value,
) -> Result<Answer, String> {
    let image = match ImageRef::parse(image) {
        Ok(image) => image,
        Err(error) => return Ok(Answer::reject("reference-malformed", error)),
    };
    let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    let judged = ImageRef::parse(&format!("{}{tag}@{digest}", image.name())).map_err(|error| error.to_string())?;
    let names: Vec<String> = (0..keys.len()).map(|index| format!("key-{index}")).collect();
    let trust: serde_json::Map<String, Value> =
        names.iter().zip(keys).map(|(name, path)| (name.clone(), json!({"publicKey": {"file": path}}))).collect();
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
