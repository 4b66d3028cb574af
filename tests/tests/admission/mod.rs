//! Images of the fixtures, judged through a policy as it is written and through its native form.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use verimage::core::{Blob, RoleVersion, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{
    FolderMaterial, ImageRef, ImageSource, LayoutStore, MemoryState, Policy, PolicyLoader, Request, Selector, Verdict, Verimage,
};

/// The digest of `v1` of the images that are signed in the registry.
pub const V1: &str = "sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

pub fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder)
}

pub fn text(file: &str) -> String {
    fs::read_to_string(fixtures(file)).unwrap()
}

/// One image stands for every tag of every repository.
#[derive(Debug)]
struct Images;

#[async_trait]
impl SignatureStore for Images {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        LayoutStore::open_folder(&fixtures("notary-v1/images"), Selector::Name("v1".to_owned())).unwrap().fetch(image, want).await
    }
}

/// A Notary server with two collections.
#[derive(Debug)]
struct Notary;

#[async_trait]
impl SignatureStore for Notary {
    async fn fetch(&self, _: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let What::Role { collection, role, version } = &want.what else { panic!("asked for {want:?}") };
        let absent = || StoreError::not_found("the server does not have it");
        let name = collection.strip_prefix("registry.example/demo/").filter(|name| matches!(*name, "tags" | "team")).ok_or_else(absent)?;
        let file = match version {
            RoleVersion::Number(number) => format!("{number}.{role}.json"),
            _ => format!("{role}.json"),
        };
        let bytes = fs::read(fixtures("notary-v1/collections").join(name).join(file)).map_err(|_| absent())?;
        Ok(vec![Blob::new(bytes)])
    }
}

/// The policy as it is, and its native form.
pub fn both(text: &str) -> [Policy; 2] {
    let native = PolicyLoader::new().convert(text).unwrap();
    [text, &native].map(|text| PolicyLoader::new().load_text(text, "policy.yaml", &FolderMaterial::new(None)).unwrap())
}

/// The lookaside of the fixtures for GPG signatures, in which the image of Notary's collection `tags` is signed too.
fn lookaside(folder: &Path) -> PathBuf {
    let lookaside = folder.join("lookaside/demo");
    for (name, signed) in [("ed25519", "ed25519"), ("rsa2048", "rsa2048"), ("tags", "ed25519")] {
        let place = |name: &str| format!("{name}@{}", V1.replace(':', "="));
        fs::create_dir_all(lookaside.join(place(name))).unwrap();
        let from = fixtures("simple-signing/lookaside/demo").join(place(signed)).join("signature-1");
        fs::copy(from, lookaside.join(place(name)).join("signature-1")).unwrap();
    }
    let registries = folder.join("registries.d");
    fs::create_dir(&registries).unwrap();
    let base = folder.join("lookaside");
    fs::write(registries.join("default.yaml"), format!("default-docker: {{ lookaside: \"file://{}\" }}", base.display())).unwrap();
    registries
}

/// The verdict over an image in the registry; or over a layout of cosign's fixtures, under that name.
pub fn judge(layout: Option<&str>, image: &str, policy: &Policy) -> Verdict {
    let folder = TempDir::new().unwrap();
    let builder = Verimage::builder().registry(Arc::new(Images)).notary(Arc::new(Notary)).state(Arc::new(MemoryState::default()));
    let engine = builder.registries_d(lookaside(folder.path())).build().unwrap();
    let source = match layout {
        Some(layout) => format!("oci:{}:v1", fixtures("cosign/layouts").join(layout).display()),
        None => image.to_owned(),
    };
    let mut request = Request::new(ImageSource::parse(&source).unwrap());
    request.name = layout.map(|_| image.parse().unwrap());
    request.at = Some("2026-11-27T00:00:00Z".parse().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(engine.run(&request, policy)).unwrap().verdict
}

/// A layout, an image, the rule that judges it, decision and code.
pub type Case = (Option<&'static str>, &'static str, Option<&'static str>, &'static str, Option<&'static str>);

/// Judges every case twice; both verdicts must be the one that is expected.
pub fn check(text: &str, cases: &[Case]) {
    let policies = both(text);
    for (layout, image, rule, decision, code) in cases {
        let verdicts = policies.each_ref().map(|policy| judge(*layout, image, policy));
        let told = verdicts.each_ref().map(|verdict| {
            let decision = serde_json::to_value(verdict.decision).unwrap().as_str().unwrap().to_owned();
            (decision, verdict.admitted, verdict.code.clone(), verdict.digest.clone(), verdict.rule.clone(), verdict.warnings.clone())
        });
        assert_eq!(told[0], told[1], "{image}");
        let [(found, _, why, _, judging, _), _] = &told;
        assert_eq!(
            (found.as_str(), why.as_deref(), judging.as_deref()),
            (*decision, *code, *rule),
            "{image} {layout:?}: {}",
            verdicts[0].message
        );
    }
}
