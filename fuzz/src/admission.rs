//! Questions of API servers, and the answers to them.

use std::sync::LazyLock;

use serde_json::{Value, json};
use verimage::{FolderMaterial, ImageRef, Limits, PolicyLoader, Verdict};
use verimage_admission::{
    Extractor, ImageReview, Images, Judged, ProviderRequest, PullSecrets, Purpose, Review, SourceImage, answer, refuse,
};
use verimage_core::{Context, Progress, Session, Timestamp};

/// A kind of objects that only the configuration knows.
static EXTRACTORS: LazyLock<[Extractor; 1]> = LazyLock::new(|| {
    let text = json!({"group": "tekton.dev", "kind": "Task", "images": ["/spec/steps/*/image"]});
    [serde_json::from_value(text).expect("an extractor")]
});

/// A verdict that refuses.
static REFUSED: LazyLock<Verdict> = LazyLock::new(|| {
    let policy = json!({"apiVersion": "verimage/v1", "kind": "ImagePolicy",
        "rules": [{"name": "none", "images": ["**/**"], "require": {"deny": {"reason": "fuzz"}}}]});
    let policy = PolicyLoader::new().load_text(&policy.to_string(), "fuzz", &FolderMaterial::new(None)).expect("the policy loads");
    let limits = Limits::default();
    let context = Context::new(Timestamp::UNIX_EPOCH, &limits);
    let image = ImageRef::parse("registry.example/a:v1").expect("a reference");
    let mut session = Session::new(&policy, image, None);
    loop {
        match session.step(&context) {
            Progress::Done(verdict) => return *verdict,
            Progress::Pause => {}
            Progress::Fetch(wants) => panic!("nothing has to be asked: {wants:?}"),
        }
    }
});

/// A question of any kind is read or refused. Every image stands where it is said to, and one that is refused is enough to
/// refuse the whole.
pub fn admission(data: &[u8]) {
    if let Ok(review) = Review::parse(data) {
        review_of(&review);
    }
    if let Ok(review) = ImageReview::parse(data) {
        let said = read(&ImageReview::answer(&["no".to_owned()]));
        assert_eq!(said["status"]["allowed"], false);
        let _ = review.references();
    }
    if let Ok(request) = ProviderRequest::parse(data) {
        let said = read(&request.answer(&[Err("no".to_owned())]));
        assert!(said["response"].is_object());
    }
    if let Ok(object) = serde_json::from_slice::<Value>(data) {
        let _ = Images::of_object(&object, &*EXTRACTORS);
    }
}

fn review_of(review: &Review) {
    assert_eq!(read(&refuse(review, "no"))["response"]["allowed"], false);
    let _ = (SourceImage::of(review), PullSecrets::of(review, &*EXTRACTORS), Images::are_unchanged(review));
    let Ok(Images::These(images)) = Images::of(review, &*EXTRACTORS) else { return };
    let object = review.object.as_ref().expect("they are images of something");
    let judged: Vec<Judged<'_>> = images.iter().map(|image| Judged { image, verdict: &REFUSED }).collect();
    for image in &images {
        let there = object.pointer(&image.pointer).unwrap_or_else(|| panic!("nothing is at {}", image.pointer));
        assert!(there.as_str() == Some(&image.text), "{image:?} is not {there}");
    }
    for purpose in [Purpose::Validate, Purpose::Mutate] {
        let said = read(&answer(review, &judged, purpose));
        assert_eq!(said["response"]["allowed"], images.is_empty());
        assert!(said["response"].get("patch").is_none(), "{said}");
    }
}

fn read(answer: &[u8]) -> Value {
    serde_json::from_slice(answer).expect("an answer is JSON")
}
