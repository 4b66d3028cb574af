//! The foreign vectors, read in place; the shim of the workspace judges them, this only proves that envelopes by the reference
//! are read and verified.
//!
//! The corpus is at `VERIMAGE_CORPUS`, or beside the repository. Without it the test says so and passes.

#![allow(clippy::disallowed_methods, clippy::print_stdout)]

use std::{fs, path::PathBuf};

use notation_rs::{
    envelope::PssSalt,
    manifest::{ManifestError, SignatureManifest},
};

fn corpus() -> PathBuf {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    std::env::var_os("VERIMAGE_CORPUS").map_or(beside, PathBuf::from)
}

#[test]
fn envelopes_by_the_reference_are_whole() {
    let folder = corpus().join("notation-e2e/layouts");
    if !folder.is_dir() {
        println!("skipped: no corpus at {}", folder.display());
        return;
    }
    let (mut whole, mut broken) = (0, 0);
    for layout in fs::read_dir(folder).unwrap() {
        let blobs = layout.unwrap().path().join("blobs/sha256");
        for blob in fs::read_dir(&blobs).unwrap() {
            let manifest = match SignatureManifest::parse(&fs::read(blob.unwrap().path()).unwrap()) {
                Ok(manifest) => manifest,
                // One signature is a text that says that it is none.
                Err(ManifestError::Format(_)) => {
                    broken += 1;
                    continue;
                }
                Err(_) => continue,
            };
            let name = manifest.envelope.digest.strip_prefix("sha256:").unwrap();
            let verified = crate::integrity_with(manifest.format, &fs::read(blobs.join(name)).unwrap(), PssSalt::Strict).unwrap();
            assert_eq!(verified.target().digest, manifest.subject.digest);
            whole += 1;
        }
    }
    assert_eq!((whole, broken), (7, 1));
}
