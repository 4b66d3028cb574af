//! Verdicts that are kept: what is asked again, and what never stands for something else. The rules are those of
//! DESIGN section 8 and of rows 3, 31 and 32 of the admission attacks.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use verimage::core::{Blob, SignatureStore, StoreError, Want, What, async_trait};
use verimage::{
    Decision, FolderMaterial, ImageRef, ImageSource, Keeping, LayoutStore, Policy, PolicyLoader, Request, Selector, Verdict, Verdicts,
    Verimage,
};

const TAG: &str = "registry.example/demo/app:v1";

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/cosign")
}

/// A registry that holds one layout at a time, and counts what it is asked.
#[derive(Debug)]
struct Registry {
    layout: Mutex<Option<LayoutStore>>,
    asked: Mutex<Vec<What>>,
}

impl Registry {
    fn new(layout: &str) -> Arc<Self> {
        let registry = Self { layout: Mutex::default(), asked: Mutex::default() };
        registry.move_tag(layout);
        Arc::new(registry)
    }

    fn move_tag(&self, layout: &str) {
        let folder = fixtures().join("layouts").join(layout);
        *self.layout.lock().unwrap() = Some(LayoutStore::open_folder(&folder, Selector::Name("v1".to_owned())).unwrap());
    }

    fn go_away(&self) {
        *self.layout.lock().unwrap() = None;
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<What> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl SignatureStore for Registry {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        self.asked.lock().unwrap().push(want.what.clone());
        tokio::task::yield_now().await;
        let layout = self.layout.lock().unwrap().clone();
        match layout {
            Some(layout) => layout.fetch(image, want).await,
            None => Err(StoreError::unavailable("nobody is there")),
        }
    }
}

fn with_keys(text: &str) -> String {
    text.replace("../../keys", fixtures().join("keys").to_str().unwrap())
}

fn load(text: &str) -> Policy {
    PolicyLoader::new().load_text(&with_keys(text), "test", &FolderMaterial::new(Some(fixtures()))).unwrap()
}

/// The policy of the fixture, for signatures in tags alone.
fn text() -> String {
    let text = std::fs::read_to_string(fixtures().join("cases/p256/policy.yaml")).unwrap();
    text.replace("transparency: none", "transparency: none, format: simpleSigning")
}

fn policy() -> Policy {
    load(&text())
}

fn engine(registry: &Arc<Registry>, verdicts: Verdicts) -> Verimage {
    Verimage::builder().offline().registry(Arc::clone(registry) as Arc<dyn SignatureStore>).verdicts(verdicts).build().unwrap()
}

fn request(image: &str) -> Request {
    Request::new(ImageSource::parse(image).unwrap())
}

async fn judge(engine: &Verimage, image: &str, policy: &Policy) -> Arc<Verdict> {
    engine.judge(&request(image), policy).await.unwrap()
}

/// The signed image by its digest.
async fn pinned(engine: &Verimage) -> String {
    let digest = engine.run(&request(TAG), &policy()).await.unwrap().verdict.digest.unwrap();
    format!("{TAG}@{digest}")
}

#[tokio::test]
async fn a_digest_is_judged_once() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let image = pinned(&engine).await;
    registry.asked();
    let first = judge(&engine, &image, &policy()).await;
    assert_eq!((first.decision, registry.asked().len()), (Decision::Allow, 2));
    registry.go_away();
    assert!(Arc::ptr_eq(&first, &judge(&engine, &image, &policy()).await));
    assert!(Arc::ptr_eq(&first, &engine.kept(&request(&image), &policy()).unwrap()));
    assert_eq!(registry.asked(), []);
    // `run` always asks.
    assert_eq!(engine.run(&request(&image), &policy()).await.unwrap().verdict.decision, Decision::Inconclusive);
}

/// Row 3: a verdict belongs to a digest. The tag is asked for each time, and what it names then is judged.
#[tokio::test]
async fn a_tag_that_moves_is_judged_anew() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let first = judge(&engine, TAG, &policy()).await;
    assert_eq!((first.decision, registry.asked().len()), (Decision::Allow, 3));
    assert!(Arc::ptr_eq(&first, &judge(&engine, TAG, &policy()).await));
    assert_eq!(registry.asked(), [What::Resolve]);
    registry.move_tag("multi-children");
    let moved = judge(&engine, TAG, &policy()).await;
    assert_eq!((moved.decision, moved.admitted), (Decision::Deny, false));
    assert_ne!(moved.digest, first.digest);
    registry.go_away();
    assert_eq!(judge(&engine, TAG, &policy()).await.decision, Decision::Inconclusive);
    assert!(engine.kept(&request(TAG), &policy()).is_none());
}

/// Row 1: a registry that serves the signed image now and another one then. What is allowed is what was judged, whoever asks how
/// often.
#[tokio::test]
async fn a_registry_that_alternates_never_has_the_other_digest_allowed() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping { denied: Duration::ZERO, ..Keeping::default() }));
    let signed = judge(&engine, TAG, &policy()).await.digest.clone();
    for turn in 0..20 {
        registry.move_tag(if turn % 2 == 0 { "multi-children" } else { "p256" });
        let verdict = judge(&engine, TAG, &policy()).await;
        assert_eq!((verdict.admitted, verdict.digest == signed), (turn % 2 == 1, turn % 2 == 1));
    }
}

/// Row 31: what a registry serves after a verdict was kept changes nothing about it, and is no part of it.
#[tokio::test]
async fn what_is_swapped_behind_a_kept_verdict_is_never_read() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let image = pinned(&engine).await;
    let first = judge(&engine, &image, &policy()).await;
    registry.asked();
    registry.move_tag("attack-tampered-signature");
    assert_eq!(*judge(&engine, &image, &policy()).await, *first);
    assert_eq!(registry.asked(), []);
    assert!(!engine.run(&request(&image), &policy()).await.unwrap().verdict.admitted);
}

/// Whoever pins what a tag named asks with the digest next; the same answers have said what to tell.
#[tokio::test]
async fn the_pinned_reference_is_known_once_its_tag_was_judged() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let judged = judge(&engine, TAG, &policy()).await;
    let pinned = format!("{TAG}@{}", judged.digest.as_ref().unwrap());
    registry.asked();
    let verdict = judge(&engine, &pinned, &policy()).await;
    assert_eq!((verdict.decision, verdict.image.as_str(), registry.asked().len()), (Decision::Allow, pinned.as_str(), 0));
    // The same digest under another tag or in another repository is another question.
    registry.go_away();
    for other in [pinned.replace(":v1", ":v2"), pinned.replace(":v1", ""), pinned.replace("/app", "/other")] {
        assert_eq!(judge(&engine, &other, &policy()).await.decision, Decision::Inconclusive, "{other}");
    }
}

/// A rule may tell a reference with a digest from one without.
#[tokio::test]
async fn a_verdict_over_a_digest_is_none_over_its_tag() {
    let policy = load(&text().replace("- name: demo", "- name: demo\n  requireDigest: true"));
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping { resolved: Duration::from_secs(60), ..Keeping::default() }));
    let image = pinned(&engine).await;
    assert_eq!(judge(&engine, &image, &policy).await.decision, Decision::Allow);
    assert_eq!(judge(&engine, TAG, &policy).await.decision, Decision::Deny);
    assert_eq!(judge(&engine, &image, &policy).await.decision, Decision::Allow);
}

#[tokio::test]
async fn another_policy_other_keys_and_other_options_are_other_questions() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let image = pinned(&engine).await;
    assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Allow);
    registry.go_away();
    let other_keys = PolicyLoader::new().load_text(&with_keys(&text()), "test", &OtherKey).unwrap();
    assert_eq!(other_keys.digest(), policy().digest(), "the same text");
    for other in [&load(&format!("{}\n", text())), &other_keys] {
        assert_eq!(judge(&engine, &image, other).await.decision, Decision::Inconclusive);
    }
    let mut all = request(&image);
    all.all_evidence = true;
    let mut platform = request(&image);
    platform.platform = Some("linux/amd64".parse().unwrap());
    let mut then = request(&image);
    then.at = Some("2026-06-01T00:00:00Z".parse().unwrap());
    for request in [all, platform, then] {
        assert_eq!(engine.judge(&request, &policy()).await.unwrap().decision, Decision::Inconclusive, "{request:?}");
    }
    assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Allow);
}

/// Has another key under every name.
#[derive(Debug)]
struct OtherKey;

impl verimage::MaterialSource for OtherKey {
    fn file(&self, _: &str) -> Result<Vec<u8>, String> {
        std::fs::read(fixtures().join("keys/p384.pub")).map_err(|error| error.to_string())
    }
}

#[tokio::test]
async fn what_could_not_be_found_out_is_not_kept() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let image = pinned(&engine).await;
    registry.go_away();
    assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Inconclusive);
    registry.move_tag("p256");
    assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Allow);
}

#[tokio::test]
async fn a_denial_is_kept_as_long_as_was_said() {
    for (denied, requests) in [(Duration::from_secs(60), 0), (Duration::ZERO, 1)] {
        let registry = Registry::new("unsigned");
        let engine = engine(&registry, Verdicts::new(Keeping { denied, ..Keeping::default() }));
        let image = pinned_of(&registry, &engine).await;
        assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Deny);
        registry.asked();
        assert_eq!(judge(&engine, &image, &policy()).await.decision, Decision::Deny);
        assert_eq!(registry.asked().len(), requests);
    }
}

/// The image that the registry holds, by digest, whatever its verdict.
async fn pinned_of(registry: &Registry, engine: &Verimage) -> String {
    let digest = engine.run(&request(TAG), &policy()).await.unwrap().verdict.digest.unwrap();
    registry.asked();
    format!("{TAG}@{digest}")
}

#[tokio::test]
async fn equal_questions_at_the_same_time_are_asked_once() {
    let registry = Registry::new("p256");
    let engine = engine(&registry, Verdicts::new(Keeping::default()));
    let policy = policy();
    let verdicts = futures_util::future::join_all((0..1000).map(|_| judge(&engine, TAG, &policy))).await;
    assert!(verdicts.iter().all(|verdict| verdict.admitted));
    assert_eq!(registry.asked().len(), 3);
}

/// Somebody else asks what tags name with his own credentials; what is proven about a digest is proven for all.
#[tokio::test]
async fn engines_apart_share_verdicts_and_ask_themselves_what_tags_name() {
    let verdicts = Verdicts::new(Keeping { resolved: Duration::from_secs(60), ..Keeping::default() });
    let (one, other) = (Registry::new("p256"), Registry::new("p256"));
    let (first, second) = (engine(&one, verdicts.clone()), engine(&other, verdicts.apart()));
    judge(&first, TAG, &policy()).await;
    judge(&first, TAG, &policy()).await;
    assert_eq!(one.asked().len(), 3, "what the tag names was believed for a while");
    assert!(second.kept(&request(TAG), &policy()).is_none());
    assert!(judge(&second, TAG, &policy()).await.admitted);
    assert_eq!(other.asked(), [What::Resolve]);
}

#[tokio::test]
async fn memory_is_bounded() {
    let registry = Registry::new("p256");
    let verdicts = Verdicts::new(Keeping { bytes: 64 << 10, ..Keeping::default() });
    let engine = engine(&registry, verdicts.clone());
    let digest = pinned(&engine).await.split_once('@').unwrap().1.to_owned();
    for at in 0..200 {
        let verdict = judge(&engine, &format!("registry.example/demo/app-{at}@{digest}"), &policy()).await;
        assert!(verdict.admitted);
    }
    assert!((1..40).contains(&verdicts.count()), "{}", verdicts.count());
}
