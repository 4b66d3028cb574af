//! The folder `fixtures/keyless` is what the tests' own sigstore instance makes. Keys and times are fixed, so it is the same
//! in every run; `VERIMAGE_UPDATE_FIXTURES=1` writes it anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use verimage_tests::instance::{IMAGE, IMAGE_MANIFEST, Instance, Layer, Leaf, Signed, Version, bundle, put_bundles, put_signatures};
use verimage_tests::memory::{MemoryStore, descriptor};

const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const NAME: &str = "org.opencontainers.image.ref.name";

/// Files by their path in the folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

#[test]
fn the_folder_is_what_the_instance_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/keyless");
    let made = everything();
    if std::env::var_os("VERIMAGE_UPDATE_FIXTURES").is_some() {
        for layout in ["legacy", "bundle", "tiles", "unsigned"] {
            let _ = fs::remove_dir_all(folder.join(layout));
        }
        for (path, bytes) in &made {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), bytes).unwrap();
        }
    }
    let different: Vec<_> = made.iter().filter(|(path, bytes)| fs::read(folder.join(path)).ok().as_ref() != Some(*bytes)).collect();
    let names: Vec<_> = different.iter().map(|(path, _)| path.display().to_string()).collect();
    assert!(names.is_empty(), "{}\nset VERIMAGE_UPDATE_FIXTURES=1 to write them", names.join("\n"));
}

/// The workflow's signature in each form, with everything that a verifier must be told.
fn everything() -> Files {
    let world = Instance::new();
    let (signer, tiles) = (world.keyless(&Leaf::github()), world.keyless_tiles(&Leaf::github()));
    let [payload, statement] = signer.both_forms();
    let [_, stamped] = tiles.both_forms();
    let root = serde_json::to_vec_pretty(&world.trusted_root().json()).unwrap();
    let mut files = Files::from([(PathBuf::from("trusted_root.json"), root)]);
    files.extend(layout("legacy", |store| put_signatures(store, IMAGE, &[Layer::new(&payload)])));
    files.extend(layout("bundle", |store| put(store, &statement)));
    files.extend(layout("tiles", |store| put(store, &stamped)));
    files.extend(layout("unsigned", |_| {}));
    files
}

fn put(store: &mut MemoryStore, signed: &Signed) {
    put_bundles(store, IMAGE, &[bundle(signed, Version::V03)]);
}

/// An OCI layout with the image and what is put beside it.
fn layout(name: &str, fill: impl FnOnce(&mut MemoryStore)) -> Files {
    let mut store = MemoryStore::default();
    store.add_tag("v1", IMAGE_MANIFEST.to_vec());
    store.add_blob(b"{}".to_vec());
    fill(&mut store);
    let mut named: Vec<Value> = store.tags.iter().map(|(tag, bytes)| entry(bytes, Some(tag))).collect();
    named.sort_by_key(|entry| entry["annotations"][NAME].to_string());
    named.extend(store.manifests.values().map(|bytes| entry(bytes, None)));
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": named});
    let blobs = store.blobs.values().chain(store.tags.values()).chain(store.manifests.values());
    let mut files: Files = blobs.map(|bytes| (blob_path(bytes), bytes.clone())).collect();
    files.insert("index.json".into(), serde_json::to_vec_pretty(&index).unwrap());
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    files.into_iter().map(|(path, bytes)| (Path::new(name).join(path), bytes)).collect()
}

fn entry(manifest: &[u8], tag: Option<&str>) -> Value {
    let mut entry = descriptor(MANIFEST_TYPE, manifest);
    if let Some(tag) = tag {
        entry["annotations"] = json!({NAME: tag});
    }
    entry
}

fn blob_path(bytes: &[u8]) -> PathBuf {
    let digest = descriptor("", bytes)["digest"].as_str().unwrap().replace(':', "/");
    Path::new("blobs").join(digest)
}
