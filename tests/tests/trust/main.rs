//! `trust update` against repositories made by the reference implementation, served on loopback: the good one, and a
//! twin for each attack. Time is an argument; nothing here depends on the clock.

mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::{Says, Server};
use verimage::Code;
use verimage::core::{Timestamp, async_trait};
use verimage::trust::{
    Client, FolderMirror, Mirror, Origin, PUBLIC_GOOD_MIRROR, TrustError, TrustFolder, UpdateOptions, Updated, of_mirror, public_good,
    update, update_from,
};

/// A moment at which all metadata of the fixtures is fresh.
const NOW: &str = "2030-01-02T00:00:00Z";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tuf").join(name)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Options for a mirror that begins with the first root of a fixture.
fn options(folder: &Path, mirror: &str, root: &str) -> UpdateOptions {
    let mut options = UpdateOptions::new(TrustFolder::new(folder), time(NOW));
    options.mirror = mirror.to_owned();
    options.root = Some(fs::read(fixture(root).join("1.root.json")).unwrap());
    options
}

/// Updates from a fixture, served as the mirror of that name: so that a mirror can change what it serves.
async fn follow(folder: &Path, name: &str) -> Result<Updated, TrustError> {
    let mirror = FolderMirror::new(fixture(name), fixture(name).join("targets"));
    update_from(mirror, &options(folder, "https://tuf.example", "good")).await
}

async fn first_update(server: &Server, root: &str) -> Result<Updated, TrustError> {
    let folder = tempfile::tempdir().unwrap();
    let result = update(&options(folder.path(), &server.url, root)).await;
    let kept = of_mirror(&TrustFolder::new(folder.path()), &server.url).unwrap();
    assert_eq!(kept.is_some(), result.is_ok(), "what was refused is not kept");
    result
}

fn refused(result: Result<Updated, TrustError>, code: Code, words: &str) {
    let error = result.expect_err("it should be refused");
    assert_eq!(error.code(), code.as_str(), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// One test for each attack: a fixture of that name, or the file in it that is served otherwise.
macro_rules! attacks {
    ($(#[tokio::test] async fn $name:ident($fixture:literal $([$path:literal $says:expr])? => $code:path, $words:literal);)+) => {
        $(#[tokio::test]
        async fn $name() {
            let server = Server::with(&fixture($fixture), vec![$(($path, $says))?]);
            refused(first_update(&server, $fixture).await, $code, $words);
        })+

        /// The fixtures that some attack names.
        const ATTACKS: &[&str] = &[$($fixture),+];
    };
}

attacks! {
    #[tokio::test] async fn wrong_hash("wrong-hash" => Code::MetadataInvalid, "sha256");
    #[tokio::test] async fn wrong_length_longer("wrong-length-longer" => Code::MetadataInvalid, "as long as the metadata says");
    #[tokio::test] async fn wrong_length_shorter("wrong-length-shorter" => Code::MetadataInvalid, "length 67");
    #[tokio::test] async fn wrong_snapshot_hash("wrong-snapshot-hash" => Code::MetadataInvalid, "snapshot.json: sha256");
    #[tokio::test] async fn wrong_snapshot_version("wrong-snapshot-version" => Code::MetadataInvalid, "snapshot version 5 does not match timestamp pin 3");
    #[tokio::test] async fn missing_target_file("missing-target-file" => Code::StoreUnavailable, "not found");
    #[tokio::test] async fn missing_target_entry("missing-target-entry" => Code::MetadataInvalid, "is not listed");
    #[tokio::test] async fn target_is_no_trust_root("target-is-no-trust-root" => Code::MetadataInvalid, "no trust root");
    #[tokio::test] async fn target_hash_leaves_folder("target-hash-leaves-folder" => Code::MetadataInvalid, "names a file `../../");
    #[tokio::test] async fn target_announced_huge("target-announced-huge" => Code::LimitExceeded, "1048576 bytes");
    #[tokio::test] async fn few_signatures_of_old_root("few-signatures-of-old-root" => Code::MetadataInvalid, "1/2");
    #[tokio::test] async fn few_signatures_of_new_root("few-signatures-of-new-root" => Code::MetadataInvalid, "1/2");
    #[tokio::test] async fn signature_twice("signature-twice" => Code::MetadataInvalid, "duplicate signature");
    #[tokio::test] async fn timestamp_unsigned("timestamp-unsigned" => Code::MetadataInvalid, "0/1");
    #[tokio::test] async fn timestamp_by_stranger("timestamp-by-stranger" => Code::MetadataInvalid, "0/1");
    #[tokio::test] async fn timestamp_by_replaced_key("timestamp-by-replaced-key" => Code::MetadataInvalid, "0/1");
    #[tokio::test] async fn timestamp_of_spec_2("timestamp-of-spec-2" => Code::MetadataInvalid, "spec_version");
    #[tokio::test] async fn targets_changed_after_signing("targets-changed-after-signing" => Code::MetadataInvalid, "0/1");
    #[tokio::test] async fn root_gap("root-gap" => Code::MetadataInvalid, "0/1");
    #[tokio::test] async fn root_skips_version("root-skips-version" => Code::MetadataInvalid, "increment by one");
    #[tokio::test] async fn root_expired("root-expired" => Code::MetadataExpired, "root metadata expired at 2029-06-01");
    #[tokio::test] async fn too_many_roots("roots-33-newer" => Code::LimitExceeded, "more than 32 newer roots");
    #[tokio::test] async fn root_endless("good" ["/2.root.json" Says::Endless] => Code::LimitExceeded, "512000 bytes");
    #[tokio::test] async fn timestamp_endless("good" ["/timestamp.json" Says::Endless] => Code::LimitExceeded, "16384 bytes");
    #[tokio::test] async fn snapshot_endless("good" ["/3.snapshot.json" Says::Endless] => Code::LimitExceeded, "2000000 bytes");
    #[tokio::test] async fn targets_endless("good" ["/3.targets.json" Says::Endless] => Code::LimitExceeded, "5000000 bytes");
    #[tokio::test] async fn target_endless("good" ["/targets/" Says::Endless] => Code::MetadataInvalid, "as long as the metadata says");
    #[tokio::test] async fn timestamp_announced_huge("good" ["/timestamp.json" Says::Announced(16_385)] => Code::LimitExceeded, "16384 bytes");
    #[tokio::test] async fn timestamp_missing("good" ["/timestamp.json" Says::Status(404)] => Code::StoreUnavailable, "not found");
    #[tokio::test] async fn mirror_broken("good" ["/2.root.json" Says::Status(500)] => Code::StoreUnavailable, "status 500");
    #[tokio::test] async fn mirror_busy("good" ["/2.root.json" Says::Status(429)] => Code::StoreRateLimited, "later");
    #[tokio::test] async fn redirected_to_plain_http("good" ["/" Says::Redirect("http://tuf.example/".to_owned())] => Code::StoreUnavailable, "not followed");
    #[tokio::test] async fn redirected_to_an_address("good" ["/" Says::Redirect("https://169.254.169.254/".to_owned())] => Code::StoreUnavailable, "not followed");
    #[tokio::test] async fn redirected_to_a_file("good" ["/" Says::Redirect("file:///etc/passwd".to_owned())] => Code::StoreUnavailable, "");
}

#[test]
fn every_fixture_is_used() {
    let folders = fs::read_dir(fixture("")).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir());
    let there: BTreeSet<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let elsewhere = ["newer", "rollback-snapshot", "rollback-targets", "roots-32-newer"];
    let used: BTreeSet<_> = ATTACKS.iter().chain(&elsewhere).map(|name| (*name).to_owned()).collect();
    assert_eq!(there, used);
}

#[tokio::test]
async fn a_first_update_follows_the_rotations() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of(&fixture("good"));
    let found = update(&options(folder.path(), &server.url, "good")).await.unwrap();
    let versions = found.versions;
    assert_eq!((versions.root, versions.timestamp, versions.snapshot, versions.targets), (3, 3, 3, 3));
    assert!(found.changed);
    assert_eq!(found.material.dated, time(NOW));
    assert_eq!(found.material.expires, Some(time("2030-01-08T00:00:00Z")));
    assert_eq!(of_mirror(&TrustFolder::new(folder.path()), &server.url).unwrap(), Some(found.material.clone()));
    assert_eq!(found.material.contents().unwrap().logs.len(), 2);
    let seen = server.seen();
    assert_eq!(seen[..6], ["/2.root.json", "/3.root.json", "/4.root.json", "/timestamp.json", "/3.snapshot.json", "/3.targets.json"]);
    assert!(seen[6].starts_with("/targets/") && seen.len() == 7, "{seen:?}");
}

#[tokio::test]
async fn an_update_of_what_is_there_asks_little() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of(&fixture("good"));
    update(&options(folder.path(), &server.url, "good")).await.unwrap();
    let mut again = options(folder.path(), &server.url, "good");
    again.root = None;
    again.now = time("2030-01-03T00:00:00Z");
    let found = update(&again).await.unwrap();
    assert!(!found.changed);
    assert_eq!(found.material.dated, again.now, "it is confirmed as the current one");
    let seen = server.seen();
    assert_eq!(seen[7..9], ["/4.root.json", "/timestamp.json"]);
}

#[tokio::test]
async fn a_newer_repository_is_taken_and_an_older_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = follow(folder.path(), "good").await.unwrap();
    let second = follow(folder.path(), "newer").await.unwrap();
    assert!(second.changed && first.material.bytes != second.material.bytes);
    assert_eq!(second.material.contents().unwrap().logs.len(), 1);
    for (older, words) in
        [("good", "timestamp"), ("rollback-snapshot", "snapshot (via timestamp)"), ("rollback-targets", "targets.json (via snapshot)")]
    {
        refused(follow(folder.path(), older).await, Code::RollbackDetected, words);
        let kept = of_mirror(&TrustFolder::new(folder.path()), "https://tuf.example").unwrap();
        assert_eq!(kept.as_ref(), Some(&second.material), "{older}");
    }
    assert!(!follow(folder.path(), "newer").await.unwrap().changed);
}

#[tokio::test]
async fn expired_metadata_is_refused_and_still_remembered() {
    let server = Server::of(&fixture("good"));
    let folder = tempfile::tempdir().unwrap();
    for (now, words) in [("2030-01-08T00:00:01Z", "timestamp"), ("2033-01-01T00:00:00Z", "root")] {
        let mut late = options(folder.path(), &server.url, "good");
        late.now = time(now);
        refused(update(&late).await, Code::MetadataExpired, words);
    }
    // Old metadata that has expired since still forbids older metadata.
    follow(folder.path(), "newer").await.unwrap();
    let mirror = FolderMirror::new(fixture("good"), fixture("good").join("targets"));
    let mut late = options(folder.path(), "https://tuf.example", "good");
    late.now = time("2030-06-01T00:00:00Z");
    refused(update_from(mirror, &late).await, Code::RollbackDetected, "timestamp");
}

#[tokio::test]
async fn a_stale_root_is_used_and_said_to_be_stale() {
    let folder = tempfile::tempdir().unwrap();
    let material = follow(folder.path(), "good").await.unwrap().material;
    assert_eq!(material.warning(time(NOW)), None);
    assert_eq!(material.warning(time("2030-01-08T00:00:00Z")), Some(Code::MetadataExpired));
}

#[tokio::test]
async fn thirty_two_rotations_are_followed() {
    let server = Server::of(&fixture("roots-32-newer"));
    assert_eq!(first_update(&server, "roots-32-newer").await.unwrap().versions.root, 33);
}

#[tokio::test]
async fn a_target_name_cannot_leave_the_folder() {
    let root = fs::read(fixture("good").join("1.root.json")).unwrap();
    let mut client = Client::new(FolderMirror::new(fixture("good"), fixture("good").join("targets")), &root).unwrap();
    client.refresh(time(NOW)).await.unwrap();
    for name in ["../3.root.json", "/etc/passwd", "a/../../3.root.json", "..", "", "a//b", "a\\b", "a\0"] {
        assert_eq!(client.target(name, time(NOW)).await.unwrap_err().code(), "usage", "{name}");
    }
}

#[tokio::test]
async fn a_mirror_that_is_not_reached_or_silent_is_told() {
    let closed = Server::closed();
    refused(first_update(&closed, "good").await, Code::StoreUnavailable, "127.0.0.1:");
    let silent = Server::with(&fixture("good"), vec![("/", Says::Silence)]);
    let folder = tempfile::tempdir().unwrap();
    let mut short = options(folder.path(), &silent.url, "good");
    short.timeout = Duration::from_millis(100);
    refused(update(&short).await, Code::DeadlineExceeded, "100ms");
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_fourth() {
    let server = Server::with(&fixture("good"), vec![("/", Says::Redirect("/again/{}".to_owned()))]);
    refused(first_update(&server, "good").await, Code::StoreUnavailable, "more than 3 redirects");
    assert_eq!(server.seen(), ["/2.root.json", "/again/1", "/again/2", "/again/3"]);
}

#[tokio::test]
async fn redirects_on_this_machine_are_followed() {
    let good = Server::of(&fixture("good"));
    let host = good.url.clone();
    let moved = Server::with(&fixture("good"), vec![("/timestamp.json", Says::Redirect(format!("{host}/timestamp.json")))]);
    assert_eq!(first_update(&moved, "good").await.unwrap().versions.timestamp, 3);
    assert_eq!(good.seen(), ["/timestamp.json"]);
}

#[tokio::test]
async fn another_mirror_needs_its_own_root() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::of(&fixture("good"));
    let mut rootless = options(folder.path(), &server.url, "good");
    rootless.root = None;
    assert_eq!(update(&rootless).await.unwrap_err().code(), "usage");
    assert!(server.seen().is_empty(), "nothing is asked before it is known what to trust");
    refused(update(&options(folder.path(), &server.url, "roots-32-newer")).await, Code::MetadataInvalid, "0/2");
    update(&options(folder.path(), &server.url, "good")).await.unwrap();
    let other = update(&options(folder.path(), &server.url, "roots-32-newer")).await.unwrap_err();
    assert!(other.code() == "usage" && other.to_string().contains("another root"), "{other}");
    assert_eq!(public_good(&TrustFolder::new(folder.path())).unwrap().origin, Origin::Embedded, "mirrors are kept apart");
}

#[tokio::test]
async fn nothing_to_keep_it_in_is_told() {
    let server = Server::of(&fixture("good"));
    let file = tempfile::NamedTempFile::new().unwrap();
    for folder in [TrustFolder::none(), TrustFolder::new(file.path())] {
        let mut homeless = options(Path::new("/"), &server.url, "good");
        homeless.folder = folder;
        assert_eq!(update(&homeless).await.unwrap_err().code(), "usage");
    }
}

/// An update of the public instance takes the place of the embedded root; here it begins with another root.
#[tokio::test]
async fn an_update_takes_the_place_of_the_embedded_root() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = || FolderMirror::new(fixture("newer"), fixture("newer").join("targets"));
    let found = update_from(mirror(), &options(folder.path(), PUBLIC_GOOD_MIRROR, "good")).await.unwrap();
    let used = public_good(&TrustFolder::new(folder.path())).unwrap();
    assert_eq!(used, found.material);
    assert!(matches!(&used.origin, Origin::Updated { path, .. } if path.ends_with("sigstore-public-good.json")));

    // An update from before the embedded root was made does not.
    let folder = tempfile::tempdir().unwrap();
    let mut old = options(folder.path(), PUBLIC_GOOD_MIRROR, "good");
    old.now = time("2026-10-22T23:59:59Z");
    update_from(mirror(), &old).await.unwrap();
    assert_eq!(public_good(&TrustFolder::new(folder.path())).unwrap().origin, Origin::Embedded);
}

/// The embedded start root does not vouch for a foreign repository.
#[tokio::test]
async fn the_embedded_start_root_refuses_a_foreign_repository() {
    let folder = tempfile::tempdir().unwrap();
    let mut public = UpdateOptions::new(TrustFolder::new(folder.path()), time("2026-12-01T00:00:00Z"));
    let mirror = FolderMirror::new(fixture("good"), fixture("good").join("targets"));
    refused(update_from(mirror, &public).await, Code::MetadataInvalid, "threshold");
    public.now = time("2028-01-01T00:00:00Z");
    let mirror = FolderMirror::new(fixture("good"), fixture("good").join("targets"));
    refused(update_from(mirror, &public).await, Code::MetadataExpired, "root metadata expired at 2027-04-22");
}

/// What was kept and cannot be used is never taken for a first update, nor replaced by the embedded root.
#[tokio::test]
async fn a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = || FolderMirror::new(fixture("good"), fixture("good").join("targets"));
    let public = options(folder.path(), PUBLIC_GOOD_MIRROR, "good");
    update_from(mirror(), &public).await.unwrap();
    let file = folder.path().join("sigstore-public-good.json");
    let whole = fs::read_to_string(&file).unwrap();
    for damaged in [String::new(), whole[..whole.len() / 2].to_owned(), whole.replacen("rekor", "roker", 1), "{}".to_owned()] {
        fs::write(&file, damaged).unwrap();
        let error = public_good(&TrustFolder::new(folder.path())).unwrap_err();
        assert_eq!(error.code(), Code::TrustStateUnreadable.as_str());
        assert!(error.to_string().contains("sigstore-public-good.json"), "{error}");
        refused(update_from(mirror(), &public).await, Code::TrustStateUnreadable, "sigstore-public-good.json");
    }
    // The file of another mirror under this name.
    let other = tempfile::tempdir().unwrap();
    follow(other.path(), "good").await.unwrap();
    let theirs = fs::read_dir(other.path()).unwrap().map(|entry| entry.unwrap().path());
    fs::copy(theirs.filter(|path| path.extension().is_some_and(|end| end == "json")).last().unwrap(), &file).unwrap();
    refused(update_from(mirror(), &public).await, Code::TrustStateUnreadable, "tuf.example");
    assert_eq!(public_good(&TrustFolder::new(folder.path())).unwrap_err().code(), Code::TrustStateUnreadable.as_str());
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(public_good(&TrustFolder::new(folder.path())).unwrap_err().code(), Code::TrustStateUnreadable.as_str());
}

/// Two updates at once wait for each other; a dead one leaves no lock behind.
#[tokio::test]
async fn updates_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let held = fs::File::create(folder.path().join("sigstore-public-good.json.lock")).unwrap();
    held.lock().unwrap();
    let mirror = || FolderMirror::new(fixture("good"), fixture("good").join("targets"));
    let mut waiting = options(folder.path(), PUBLIC_GOOD_MIRROR, "good");
    waiting.timeout = Duration::from_millis(120);
    refused(update_from(mirror(), &waiting).await, Code::DeadlineExceeded, "120ms");
    drop(held);
    update_from(mirror(), &options(folder.path(), PUBLIC_GOOD_MIRROR, "good")).await.unwrap();
}

/// Gives more than it was asked for.
struct Generous(FolderMirror);

#[async_trait]
impl Mirror for Generous {
    async fn metadata(&self, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        let padding = usize::try_from(max_bytes).unwrap();
        let padded = |bytes: Vec<u8>| [bytes, vec![b' '; padding]].concat();
        Ok(self.0.metadata(name, max_bytes).await?.map(padded))
    }

    async fn target(&self, path: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TrustError> {
        self.0.target(path, max_bytes).await
    }
}

#[tokio::test]
async fn limits_hold_whoever_brings_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Generous(FolderMirror::new(fixture("good"), fixture("good").join("targets")));
    let result = update_from(mirror, &options(folder.path(), "https://tuf.example", "good")).await;
    refused(result, Code::LimitExceeded, "2.root.json is larger than 512000 bytes");
    let big = tempfile::tempdir().unwrap();
    fs::write(big.path().join("2.root.json"), vec![b' '; 512_001]).unwrap();
    let result = update_from(FolderMirror::new(big.path(), big.path()), &options(folder.path(), "https://tuf.example", "good")).await;
    refused(result, Code::LimitExceeded, "512000 bytes");
}

#[tokio::test]
async fn proxies_are_used_for_others_and_not_for_this_machine() {
    let proxy = Server::of(&fixture("good"));
    let folder = tempfile::tempdir().unwrap();
    let mut remote = options(folder.path(), "https://tuf.example", "good");
    remote.proxy.https = Some(proxy.url.clone());
    refused(update(&remote).await, Code::StoreUnavailable, "tuf.example");
    assert_eq!(proxy.seen(), ["tuf.example:443"], "the proxy was asked to connect");
    let local = Server::of(&fixture("good"));
    let mut here = options(folder.path(), &local.url, "good");
    here.proxy.https = Some(proxy.url.clone());
    here.proxy.http = Some(proxy.url.clone());
    update(&here).await.unwrap();
    assert_eq!(proxy.seen().len(), 1);
}
