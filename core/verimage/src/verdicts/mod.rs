//! Verdicts that are kept while they hold.
//!
//! A verdict is kept for a digest, never for a tag, under one policy with one set of keys. For how long it holds is not guessed:
//! the same answers are judged again at the end of the period, and where that gives another verdict, the period is halved. Every
//! condition on time holds from one time to another, so what holds at both ends holds between them.

mod shared;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moka::Expiry;
use moka::sync::Cache;
use verimage_core::{Answer, Decision, Digest, ImageRef, Policy, Replay, StoreErrorKind, Verdict};
use verimage_transport::Flights;

use crate::engine::{Request, Verification, Verimage, now};
use crate::error::Error;
use crate::source::ImageSource;

pub use self::shared::{SharedPlace, ShortSecret};

use self::shared::Shared;

/// A verdict that holds for less is not kept.
const SHORTEST: Duration = Duration::from_secs(1);
/// What an entry costs beside its texts.
const OVERHEAD: usize = 1024;

/// How long verdicts are kept, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The longest time for which a verdict that allows is kept: an hour. It ends earlier where the evidence does; and where
    /// somebody did not answer, such as a responder that may be passed over, it is kept as one that denies.
    pub allowed: Duration,
    /// How long a verdict that denies is kept, for somebody may be signing: 30 s. What could not be found out is never kept.
    pub denied: Duration,
    /// How long what a tag names is believed without asking: not at all.
    pub resolved: Duration,
    /// How much memory all of it may take, about, in bytes: 64 MiB.
    pub bytes: u64,
}

impl Default for Keeping {
    fn default() -> Self {
        let (allowed, denied) = (Duration::from_secs(60 * 60), Duration::from_secs(30));
        Self { allowed, denied, resolved: Duration::ZERO, bytes: 64 << 20 }
    }
}

/// Verdicts that are kept; a clone is the same memory. It is for engines with the same stores and limits; those that reach
/// registries as somebody else take it [`apart`](Self::apart).
#[derive(Clone, Debug)]
pub struct Verdicts {
    keeping: Keeping,
    /// By question and digest.
    kept: Cache<String, Kept>,
    /// What a tag names, by question.
    resolved: Cache<String, Digest>,
    /// Where other processes keep theirs.
    shared: Option<Shared>,
    /// Questions that are being asked.
    asked: Arc<Flights<String, Result<Arc<Verdict>, Error>>>,
}

/// A verdict, and from when until when it holds.
#[derive(Clone, Debug)]
struct Kept {
    verdict: Arc<Verdict>,
    from: Timestamp,
    until: Timestamp,
    size: u32,
}

impl Kept {
    fn new(verdict: Arc<Verdict>, from: Timestamp, until: Timestamp) -> Self {
        let size = serde_json::to_vec(&*verdict).map_or(usize::MAX, |text| text.len().saturating_add(OVERHEAD));
        Self { verdict, from, until, size: u32::try_from(size).unwrap_or(u32::MAX) }
    }

    /// Whether it holds now.
    fn holds(&self) -> bool {
        now().is_ok_and(|now| self.from <= now && now <= self.until)
    }
}

/// What a verdict depends on, beside the digest.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    image: ImageRef,
    key: String,
}

impl Question {
    /// Nothing if the verdict is not to be kept: over files, which change in place, and over another time than now.
    pub(crate) fn of(request: &Request, policy: &Policy) -> Option<Self> {
        let ImageSource::Registry(image) = &request.source else { return None };
        if request.name.is_some() || request.at.is_some() {
            return None;
        }
        let image = image.clone().with_default_tag();
        let mut key = String::with_capacity(256);
        let (version, all) = (env!("CARGO_PKG_VERSION"), request.all_evidence);
        write!(key, "{version} {} {} {all} ", policy.digest(), policy.material_digest()).ok()?;
        if let Some(platform) = &request.platform {
            write!(key, "{platform}").ok()?;
        }
        write!(key, " {}", image.name()).ok()?;
        if let Some(tag) = image.tag() {
            write!(key, ":{tag}").ok()?;
        }
        Some(Self { image, key })
    }

    /// The question as it was asked.
    fn asked(&self) -> String {
        self.image.digest().map_or_else(|| self.key.clone(), |digest| self.over(digest))
    }

    /// The question once the digest is known. A reference that names it is another than one that does not, for rules may tell
    /// them apart.
    fn over(&self, digest: &Digest) -> String {
        let separator = if self.image.digest().is_some() { '@' } else { ' ' };
        format!("{}{separator}{digest}", self.key)
    }
}

impl Verdicts {
    /// Keeps verdicts like this.
    pub fn new(keeping: Keeping) -> Self {
        let weigh = |key: &String, kept: &Kept| u32::try_from(key.len()).unwrap_or(u32::MAX).saturating_add(kept.size);
        // What tags name is small beside the verdicts.
        let bytes = keeping.bytes - keeping.bytes / 8;
        let kept = Cache::builder().max_capacity(bytes).weigher(weigh).expire_after(Lifetime).build();
        Self { keeping, kept, resolved: resolutions(keeping), shared: None, asked: Arc::default() }
    }

    /// Shares verdicts with other processes at a place. Entries are authenticated with the `secret`, at least 32 bytes that all
    /// of them have; losing the place costs time and nothing else.
    ///
    /// # Errors
    /// [`ShortSecret`].
    pub fn shared(self, place: Arc<dyn SharedPlace>, secret: &[u8]) -> Result<Self, ShortSecret> {
        Ok(Self { shared: Some(Shared::new(place, secret)?), ..self })
    }

    /// The same memory of verdicts for an engine that reaches registries with other credentials: it asks itself what tags name.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { resolved: resolutions(self.keeping), asked: Arc::default(), ..self.clone() }
    }

    /// How many verdicts are kept, about.
    pub fn count(&self) -> u64 {
        self.kept.entry_count()
    }

    /// What holds now, without a question to anybody.
    pub(crate) fn find(&self, question: &Question) -> Option<Arc<Verdict>> {
        match question.image.digest() {
            Some(digest) => self.look(&question.over(digest)),
            None => self.look(&question.over(&self.resolved.get(&question.key)?)),
        }
    }

    fn look(&self, key: &str) -> Option<Arc<Verdict>> {
        self.kept.get(key).filter(Kept::holds).map(|kept| kept.verdict)
    }

    /// What others keep is kept here as well, for as long as they do, and no longer than is done here.
    async fn look_outside(&self, key: &str) -> Option<Arc<Verdict>> {
        let mut kept = self.shared.as_ref()?.get(key).await?;
        let longest = if kept.verdict.decision == Decision::Allow { self.keeping.allowed } else { self.keeping.denied };
        kept.until = kept.until.min(kept.from.checked_add(longest).ok()?);
        let holds = kept.holds();
        holds.then(|| {
            self.kept.insert(key.to_owned(), kept.clone());
            kept.verdict
        })
    }

    /// What holds now; else it is asked, once for all who want to know.
    pub(crate) async fn judge(
        &self,
        engine: &Verimage,
        question: &Question,
        request: &Request,
        policy: &Policy,
    ) -> Result<Arc<Verdict>, Error> {
        match self.find(question) {
            Some(verdict) => Ok(verdict),
            None => self.asked.join(question.asked(), || self.ask(engine, question, request, policy)).await,
        }
    }

    async fn ask(&self, engine: &Verimage, question: &Question, request: &Request, policy: &Policy) -> Result<Arc<Verdict>, Error> {
        let known = async |digest: Digest| {
            let key = question.over(&digest);
            let verdict = match self.look(&key) {
                Some(verdict) => verdict,
                None => self.look_outside(&key).await?,
            };
            Some((digest, verdict))
        };
        let (digest, verdict) = match engine.run_unless(request, policy, known).await? {
            Err((digest, verdict)) => (Some(digest), verdict),
            Ok(Verification { verdict, resolved, answers, .. }) => {
                let verdict = Arc::new(verdict);
                if let Some(digest) = &resolved {
                    self.keep(&Case { engine, question, request, policy }, &verdict, digest, &Told::of(&answers)).await;
                }
                (resolved, verdict)
            }
        };
        if let Some(digest) = digest.filter(|_| question.image.digest().is_none()) {
            self.resolved.insert(question.key.clone(), digest);
        }
        Ok(verdict)
    }

    async fn keep(&self, case: &Case<'_>, verdict: &Arc<Verdict>, digest: &Digest, told: &Told) {
        let image = &case.question.image;
        self.keep_one(case, image, digest, verdict, told).await;
        // Whoever is given the digest asks with it next, and the same answers say what to tell.
        if image.digest().is_none() && verdict.decision == Decision::Allow {
            let pinned = image.clone().with_digest(digest.clone());
            let Ok(now) = now() else { return };
            let verdict = case.judge_again(&pinned, told, now).await;
            if verdict.decision == Decision::Allow {
                self.keep_one(case, &pinned, digest, &Arc::new(verdict), told).await;
            }
        }
    }

    async fn keep_one(&self, case: &Case<'_>, image: &ImageRef, digest: &Digest, verdict: &Arc<Verdict>, told: &Told) {
        let Ok(from) = verdict.at.parse::<Timestamp>() else { return };
        let until = match verdict.decision {
            Decision::Allow => {
                let longest = if told.all { self.keeping.allowed } else { self.keeping.denied };
                case.holds_until(image, verdict, told, from, longest).await
            }
            Decision::Deny => from.checked_add(self.keeping.denied).ok(),
            _ => None,
        };
        let Some(until) = until else { return };
        let key = Question { image: image.clone(), key: case.question.key.clone() }.over(digest);
        let kept = Kept::new(Arc::clone(verdict), from, until);
        if let Some(shared) = &self.shared {
            shared.put(&key, &kept);
        }
        self.kept.insert(key, kept);
    }
}

fn resolutions(keeping: Keeping) -> Cache<String, Digest> {
    let weigh = |key: &String, _: &Digest| u32::try_from(key.len().saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(keeping.bytes / 8).weigher(weigh).time_to_live(keeping.resolved).build()
}

/// What a verdict rests on.
struct Told {
    answers: Replay,
    /// Whether everybody answered, if only that there is nothing.
    all: bool,
}

impl Told {
    fn of(answers: &[Answer]) -> Self {
        let answered = |answer: &Answer| answer.result.as_ref().err().is_none_or(|error| error.kind == StoreErrorKind::NotFound);
        Self { answers: Replay::of(answers), all: answers.iter().all(answered) }
    }
}

/// What was asked, of whom, and under what.
struct Case<'a> {
    engine: &'a Verimage,
    question: &'a Question,
    request: &'a Request,
    policy: &'a Policy,
}

impl Case<'_> {
    async fn judge_again(&self, image: &ImageRef, told: &Told, at: Timestamp) -> Verdict {
        self.engine.judge_again(image, self.request, self.policy, &told.answers, at).await
    }

    /// Until when the same answers give the same verdict, at most for the `longest` time.
    async fn holds_until(&self, image: &ImageRef, verdict: &Verdict, told: &Told, from: Timestamp, longest: Duration) -> Option<Timestamp> {
        let mut period = longest;
        while period >= SHORTEST {
            let until = from.checked_add(period).ok()?;
            let mut then = self.judge_again(image, told, until).await;
            then.at.clone_from(&verdict.at);
            if then == *verdict {
                return Some(until);
            }
            period /= 2;
        }
        None
    }
}

struct Lifetime;

impl Expiry<String, Kept> for Lifetime {
    fn expire_after_create(&self, _: &String, kept: &Kept, _: Instant) -> Option<Duration> {
        Some(Duration::try_from(kept.until.duration_since(kept.from)).unwrap_or_default())
    }

    fn expire_after_update(&self, key: &String, kept: &Kept, now: Instant, _: Option<Duration>) -> Option<Duration> {
        self.expire_after_create(key, kept, now)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use verimage_core::{StoreError, Want, What};
    use verimage_layout::{LayoutStore, Selector};

    use super::*;
    use crate::load::PolicyLoader;

    /// An image whose signer's certificate ends with the year 2027, and no timestamp says when it signed.
    async fn holds_for(from: &str, longest: Duration) -> Option<Duration> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/notation");
        let policy = PolicyLoader::new().load(&fixtures.join("cases/attack-expired-certificate-cose/policy.yaml")).unwrap();
        let layout = LayoutStore::open_folder(&fixtures.join("layouts/until-2028-cose"), Selector::Name("v1".to_owned())).unwrap();
        let engine = Verimage::builder().offline().registry(Arc::new(layout)).build().unwrap();
        let mut request = Request::new(ImageSource::parse("registry.example/demo/app:v1").unwrap());
        let question = Question::of(&request, &policy).unwrap();
        let from: Timestamp = from.parse().unwrap();
        request.at = Some(from);
        let Verification { verdict, answers, .. } = engine.run(&request, &policy).await.unwrap();
        assert_eq!(verdict.decision, Decision::Allow, "{}", verdict.message);
        let case = Case { engine: &engine, question: &question, request: &request, policy: &policy };
        let until = case.holds_until(&question.image, &verdict, &Told::of(&answers), from, longest).await?;
        Some(Duration::try_from(until.duration_since(from)).unwrap())
    }

    /// Row 32: what depends on time does not outlive it.
    #[tokio::test]
    async fn no_verdict_outlives_its_evidence() {
        let (hour, second) = (Duration::from_secs(3600), Duration::from_secs(1));
        assert_eq!(holds_for("2027-06-01T00:00:00Z", hour).await, Some(hour));
        assert_eq!(holds_for("2027-12-31T23:00:00Z", hour).await, Some(hour));
        assert_eq!(holds_for("2027-12-31T23:00:01Z", hour).await, Some(hour / 2));
        assert_eq!(holds_for("2027-12-31T23:59:50Z", hour).await, Some(hour / 512));
        assert_eq!(holds_for("2027-12-31T23:59:59.9Z", hour).await, None);
        assert_eq!(holds_for("2027-06-01T00:00:00Z", second / 2).await, None);
    }

    #[test]
    fn who_did_not_answer_may_say_more_soon() {
        let want = Want::other("a", "b", "c", 1);
        let resolve = Want { what: What::Resolve, ..want.clone() };
        let told =
            |result| Told::of(&[Answer { want: resolve.clone(), result: Ok(Vec::new()) }, Answer { want: want.clone(), result }]).all;
        assert!(told(Ok(Vec::new())));
        assert!(told(Err(StoreError::not_found("none"))));
        assert!(!told(Err(StoreError::unavailable("silence"))));
    }
}
