//! Layouts as folders and as archives: what they give, and what they refuse.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use verimage_core::{Blob, Digest, ImageRef, Place, SignatureStore, StoreError, StoreErrorKind, Tag, Want, What};
use verimage_layout::{LayoutError, LayoutStore, Selector};

const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
const IMAGE: &[u8] = br#"{"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

/// The files of a layout before they are written as a folder or an archive.
#[derive(Clone)]
struct Draft {
    files: Vec<(String, Vec<u8>)>,
}

impl Draft {
    fn new(entries: &str) -> Self {
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#);
        Self { files: vec![("oci-layout".into(), MARKER.into()), ("index.json".into(), index.into_bytes())] }
    }

    fn image() -> Self {
        Self::new(&entry(IMAGE, r#""org.opencontainers.image.ref.name":"v1""#)).with_blob(IMAGE)
    }

    fn with_blob(self, bytes: &[u8]) -> Self {
        self.with(&format!("blobs/sha256/{}", Digest::sha256(bytes).hex()), bytes)
    }

    fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files.retain(|(other, _)| other != name);
        self.files.push((name.to_owned(), bytes.to_owned()));
        self
    }

    fn folder(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn archive(&self, prefix: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut builder = tar::Builder::new(fs::File::create(folder.path().join("layout.tar")).unwrap());
        for (name, bytes) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, format!("{prefix}{name}"), bytes.as_slice()).unwrap();
        }
        builder.finish().unwrap();
        folder
    }
}

fn entry(bytes: &[u8], annotations: &str) -> String {
    let digest = Digest::sha256(bytes);
    format!(r#"{{"mediaType":"m","digest":"{digest}","size":{},"annotations":{{{annotations}}}}}"#, bytes.len())
}

fn fetch(store: &LayoutStore, what: What, max_bytes: u64) -> Result<Vec<Blob>, StoreError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let want = Want { place: Place::Image, what, max_bytes };
    runtime.block_on(store.fetch(&ImageRef::parse("localhost/x").unwrap(), &want))
}

fn open(folder: &Path) -> Result<LayoutStore, LayoutError> {
    LayoutStore::open_folder(folder, Selector::Only)
}

fn kind(result: Result<Vec<Blob>, StoreError>) -> Option<StoreErrorKind> {
    result.err().map(|error| error.kind)
}

#[test]
fn folder_and_archive_give_the_same() {
    let draft = Draft::image();
    let (folder, archive, dotted) = (draft.folder(), draft.archive(""), draft.archive("./"));
    let archived = |folder: &TempDir| LayoutStore::open_archive(&folder.path().join("layout.tar"), Selector::Name("v1".into())).unwrap();
    for store in [open(folder.path()).unwrap(), archived(&archive), archived(&dotted)] {
        assert_eq!(fetch(&store, What::Resolve, 4096), Ok(vec![Blob::new(IMAGE)]));
        assert_eq!(fetch(&store, What::Manifest(Digest::sha256(IMAGE)), 4096), Ok(vec![Blob::new(IMAGE)]));
        assert_eq!(fetch(&store, What::ManifestByTag(Tag::parse("v1").unwrap()), 4096), Ok(vec![Blob::new(IMAGE)]));
        assert_eq!(kind(fetch(&store, What::ManifestByTag(Tag::parse("v2").unwrap()), 4096)), Some(StoreErrorKind::NotFound));
        assert_eq!(kind(fetch(&store, What::Blob(Digest::sha256(b"other")), 4096)), Some(StoreErrorKind::NotFound));
        assert_eq!(kind(fetch(&store, What::Resolve, IMAGE.len() as u64 - 1)), Some(StoreErrorKind::TooLarge));
    }
}

#[test]
fn the_image_must_be_named_where_there_are_several() {
    let other = br#"{"schemaVersion":2,"manifests":[]}"#;
    let entries = [entry(IMAGE, r#""org.opencontainers.image.ref.name":"registry.example/app:v1""#), entry(other, "")].join(",");
    let folder = Draft::new(&entries).with_blob(IMAGE).with_blob(other).folder();
    assert_eq!(kind(fetch(&open(folder.path()).unwrap(), What::Resolve, 4096)), Some(StoreErrorKind::NotFound));
    for selector in [Selector::Name("v1".into()), Selector::Name("registry.example/app:v1".into()), Selector::Digest(Digest::sha256(IMAGE))]
    {
        let store = LayoutStore::open_folder(folder.path(), selector).unwrap();
        assert_eq!(fetch(&store, What::Resolve, 4096), Ok(vec![Blob::new(IMAGE)]));
    }
    let absent = LayoutStore::open_folder(folder.path(), Selector::Digest(Digest::sha256(b"absent"))).unwrap();
    assert_eq!(kind(fetch(&absent, What::Resolve, 4096)), Some(StoreErrorKind::NotFound));
}

#[test]
fn referrers_are_the_entries_that_name_the_subject() {
    let subject = Digest::sha256(IMAGE);
    let referrer = format!(
        r#"{{"schemaVersion":2,"artifactType":"application/x","config":{{"mediaType":"c","digest":"{subject}","size":2}},"layers":[],"subject":{{"mediaType":"m","digest":"{subject}","size":1}}}}"#
    );
    let entries = [entry(IMAGE, ""), entry(referrer.as_bytes(), "")].join(",");
    let folder = Draft::new(&entries).with_blob(IMAGE).with_blob(referrer.as_bytes()).folder();
    let store = open(folder.path()).unwrap();
    let pages = fetch(&store, What::Referrers { subject, artifact_type: None }, 65536).unwrap();
    let page = pages[0].text().unwrap();
    assert!(page.contains(&Digest::sha256(referrer.as_bytes()).to_string()) && page.contains("application/x"));
    let none = fetch(&store, What::Referrers { subject: Digest::sha256(b"x"), artifact_type: None }, 65536).unwrap();
    assert!(!none[0].text().unwrap().contains("application/x"));
}

#[test]
fn a_file_with_other_bytes_is_no_answer_and_no_absence() {
    let folder = Draft::image().with(&format!("blobs/sha256/{}", Digest::sha256(IMAGE).hex()), b"other").folder();
    assert_eq!(kind(fetch(&open(folder.path()).unwrap(), What::Resolve, 4096)), Some(StoreErrorKind::Unavailable));
}

#[cfg(unix)]
#[test]
fn links_are_refused_wherever_they_stand() {
    let draft = Draft::image();
    let blob = format!("blobs/sha256/{}", Digest::sha256(IMAGE).hex());
    for (linked, opens) in [("index.json", false), ("blobs", true), ("blobs/sha256", true), (blob.as_str(), true)] {
        let (folder, elsewhere) = (draft.folder(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("target");
        fs::rename(folder.path().join(linked), &target).unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(linked)).unwrap();
        match open(folder.path()) {
            Ok(store) => assert!(opens && kind(fetch(&store, What::Resolve, 4096)) == Some(StoreErrorKind::Unavailable), "{linked}"),
            Err(error) => assert!(!opens && matches!(error, LayoutError::Unreadable(_)), "{linked}: {error}"),
        }
    }
}

#[test]
fn what_is_no_layout_does_not_open() {
    let image = Draft::image();
    let bad_digest = r#"{"mediaType":"m","digest":"sha256:../../../../etc/passwd","size":1}"#;
    for draft in [
        image.clone().with("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#),
        image.clone().with("oci-layout", b""),
        image.clone().with("oci-layout", &[b' '; 5000]),
        image.clone().with("index.json", b"{"),
        image.clone().with("index.json", br#"{"schemaVersion":2,"manifests":[],"manifests":[]}"#),
        image.clone().with("index.json", br#"{"schemaVersion":1,"manifests":[]}"#),
        image.clone().with("index.json", &vec![b' '; (4 << 20) + 1]),
        Draft::new(bad_digest),
    ] {
        assert!(open(draft.folder().path()).is_err());
        assert!(LayoutStore::open_archive(&draft.archive("").path().join("layout.tar"), Selector::Only).is_err());
    }
    assert!(open(tempfile::tempdir().unwrap().path()).is_err());
}

#[test]
fn archives_that_lie_do_not_open_or_do_not_reach_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("layout.tar");
    fs::write(&file, [7; 2048]).unwrap();
    assert!(LayoutStore::open_archive(&file, Selector::Only).is_err());

    let twice = Draft { files: [Draft::image().files, Draft::image().files].concat() };
    assert!(LayoutStore::open_archive(&twice.archive("").path().join("layout.tar"), Selector::Only).is_err());

    let mut builder = tar::Builder::new(fs::File::create(&file).unwrap());
    for (name, bytes) in Draft::image().files {
        let mut header = tar::Header::new_gnu();
        if name.starts_with("blobs/") {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            builder.append_link(&mut header, &name, "/etc/passwd").unwrap();
        } else {
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, &name, bytes.as_slice()).unwrap();
        }
    }
    builder.finish().unwrap();
    assert!(LayoutStore::open_archive(&file, Selector::Only).is_err(), "other tools would follow the link");
}

#[test]
fn an_archive_cut_short_is_unavailable_not_absent() {
    let archive = Draft::image().archive("");
    let file = archive.path().join("layout.tar");
    let store = LayoutStore::open_archive(&file, Selector::Only).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(3 * 512).unwrap();
    assert_eq!(kind(fetch(&store, What::Resolve, 4096)), Some(StoreErrorKind::Unavailable));
}

#[test]
fn a_name_that_two_entries_could_mean_is_refused() {
    let other = br#"{"schemaVersion":2,"manifests":[]}"#;
    let name = |name: &str| format!(r#""org.opencontainers.image.ref.name":"{name}""#);
    let fetch_v1 = |first: &str, second: &str| {
        let entries = [entry(IMAGE, &name(first)), entry(other, &name(second))].join(",");
        let folder = Draft::new(&entries).with_blob(IMAGE).with_blob(other).folder();
        fetch(&LayoutStore::open_folder(folder.path(), Selector::Name("v1".into())).unwrap(), What::Resolve, 4096)
    };
    assert_eq!(fetch_v1("x:v1", "v1"), Ok(vec![Blob::new(other.as_slice())]), "the whole name goes before its end");
    assert_eq!(kind(fetch_v1("x:v1", "y:v1")), Some(StoreErrorKind::Unavailable));
    assert_eq!(kind(fetch_v1("v1", "v1")), Some(StoreErrorKind::Unavailable));
}

#[test]
fn a_listed_manifest_that_is_missing_is_no_absence() {
    let folder = Draft::new(&entry(IMAGE, r#""org.opencontainers.image.ref.name":"v1""#)).folder();
    assert_eq!(kind(fetch(&open(folder.path()).unwrap(), What::Resolve, 4096)), Some(StoreErrorKind::Unavailable));
}
