//! Verdicts that are kept while they hold.
//!
//! A verdict is kept for a digest, never for a tag, under one policy with one set of keys. For how long it holds is not guessed:
//! the same answers are judged again at the end of the period, and where that gives another verdict, the period is halved. Most
//! conditions on time hold from one time to another, so what holds at both ends holds between them. Where one piece of evidence may
//! stand in for another, as revocation lists do for responders, that is not so: then it is judged at every halving as well, so
//! that nothing that comes later and stays as long as it took to come is missed.

mod shared;
mod turns;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use moka::Expiry;
use moka::sync::Cache;
use verimage_core::{Answer, Decision, Digest, ImageRef, Policy, Replay, ReportOutcome, StoreErrorKind, Verdict, What};
use verimage_transport::Flights;

use crate::engine::{Request, Verification, Verimage, now};
use crate::error::Error;
use crate::source::ImageSource;

pub use self::shared::{SharedPlace, ShortSecret};

use self::shared::Shared;
use self::turns::Turns;

/// A verdict that holds for less is not kept.
const SHORTEST: Duration = Duration::from_secs(1);
/// Which part of the memory each engine apart has of its own.
const PART: u64 = 64;
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
    /// Those that allow, by question and digest.
    kept: Cache<String, Kept>,
    /// Those that deny: what somebody with other credentials finds may be more.
    denied: Cache<String, Kept>,
    /// What a tag names, by question.
    resolved: Cache<String, Digest>,
    /// Where other processes keep theirs.
    shared: Option<Shared>,
    /// Questions that are being asked.
    asked: Arc<Flights<String, Result<Arc<Verdict>, Error>>>,
    /// Whose turn it is.
    turns: Arc<Turns>,
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

    /// The question once the digest is known.
    fn over(&self, digest: &Digest) -> String {
        self.over_spelled(&self.image, digest)
    }

    /// The same of `image`, which may name the digest where this one does not: that is another reference, for rules may tell them
    /// apart.
    fn over_spelled(&self, image: &ImageRef, digest: &Digest) -> String {
        let separator = if image.digest().is_some() { '@' } else { ' ' };
        format!("{}{separator}{digest}", self.key)
    }
}

impl Verdicts {
    /// Keeps verdicts like this.
    pub fn new(keeping: Keeping) -> Self {
        let (kept, denied) = (memory(keeping.bytes / 4 * 3), memory(keeping.bytes / 8));
        // What tags name is small beside the verdicts.
        let resolved = resolutions(keeping, keeping.bytes / 8);
        Self { keeping, kept, denied, resolved, shared: None, asked: Arc::default(), turns: Arc::default() }
    }

    /// Shares verdicts with other processes at a place. Entries are authenticated with the `secret`, at least 32 bytes that all
    /// of them have; losing the place costs time and nothing else.
    ///
    /// # Errors
    /// [`ShortSecret`].
    pub fn shared(self, place: Arc<dyn SharedPlace>, secret: &[u8]) -> Result<Self, ShortSecret> {
        Ok(Self { shared: Some(Shared::new(place, secret)?), ..self })
    }

    /// The same memory of verdicts that allow, for an engine that reaches registries with other credentials: it asks itself what
    /// tags name, and whether there is no signature.
    #[must_use]
    pub fn apart(&self) -> Self {
        let (denied, resolved) = (memory(self.keeping.bytes / PART), resolutions(self.keeping, self.keeping.bytes / PART));
        Self { denied, resolved, asked: Arc::default(), ..self.clone() }
    }

    /// How many verdicts are kept, about.
    pub fn count(&self) -> u64 {
        self.kept.entry_count() + self.denied.entry_count()
    }

    /// What holds now, without a question to anybody.
    pub(crate) fn find(&self, question: &Question) -> Option<Arc<Verdict>> {
        match question.image.digest() {
            Some(digest) => self.look(&question.over(digest)),
            None => self.look(&question.over(&self.resolved.get(&question.key)?)),
        }
    }

    fn look(&self, key: &str) -> Option<Arc<Verdict>> {
        self.kept.get(key).or_else(|| self.denied.get(key)).filter(Kept::holds).map(|kept| kept.verdict)
    }

    /// What others keep is kept here as well, for as long as they do, and no longer than is done here.
    async fn look_outside(&self, key: &str) -> Option<Arc<Verdict>> {
        let mut kept = self.shared.as_ref()?.get(key).await?;
        kept.until = kept.until.min(kept.from.checked_add(self.keeping.allowed).ok()?);
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
        let _turn = self.turns.of(question.image.host()).await;
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
        if let Some(digest) = digest.filter(|_| question.image.digest().is_none() && !self.keeping.resolved.is_zero()) {
            self.resolved.insert(question.key.clone(), digest);
        }
        Ok(verdict)
    }

    async fn keep(&self, case: &Case<'_>, verdict: &Arc<Verdict>, digest: &Digest, told: &Told<'_>) {
        // What must be kept of a server, and could not be, is tried again by the next.
        if verdict.warnings.iter().any(|warning| warning == "trust-state-not-kept") {
            return;
        }
        let image = &case.question.image;
        self.keep_one(case, image, digest, verdict, told).await;
        // Whoever is given the digest asks with it next, and the same answers say what to tell.
        if image.digest().is_none() && verdict.decision == Decision::Allow {
            let pinned = image.clone().with_digest(digest.clone());
            let Ok(now) = now() else { return };
            let verdict = case.judge_again(&pinned, told, now).await;
            if let Some(verdict) = verdict.filter(|verdict| verdict.decision == Decision::Allow) {
                self.keep_one(case, &pinned, digest, &Arc::new(verdict), told).await;
            }
        }
    }

    async fn keep_one(&self, case: &Case<'_>, image: &ImageRef, digest: &Digest, verdict: &Arc<Verdict>, told: &Told<'_>) {
        let Ok(from) = verdict.at.parse::<Timestamp>() else { return };
        let until = match verdict.decision {
            Decision::Allow => {
                let longest = if told.all_answered() { self.keeping.allowed } else { self.keeping.denied };
                case.holds_until(image, verdict, told, from, longest).await
            }
            Decision::Deny => from.checked_add(self.keeping.denied).ok(),
            _ => None,
        };
        let Some(until) = until else { return };
        let key = case.question.over_spelled(image, digest);
        let kept = Kept::new(Arc::clone(verdict), from, until);
        if verdict.decision != Decision::Allow {
            self.denied.insert(key, kept);
            return;
        }
        // What one process has seen of a server before is no other's memory.
        if let Some(shared) = self.shared.as_ref().filter(|_| !told.has(|what| matches!(what, What::TrustState { .. }))) {
            shared.put(&key, &kept);
        }
        self.kept.insert(key, kept);
    }
}

fn memory(bytes: u64) -> Cache<String, Kept> {
    let weigh = |key: &String, kept: &Kept| u32::try_from(key.len()).unwrap_or(u32::MAX).saturating_add(kept.size);
    Cache::builder().max_capacity(bytes).weigher(weigh).expire_after(Lifetime).build()
}

fn resolutions(keeping: Keeping, bytes: u64) -> Cache<String, Digest> {
    let weigh = |key: &String, _: &Digest| u32::try_from(key.len().saturating_add(OVERHEAD)).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(bytes).weigher(weigh).time_to_live(keeping.resolved).build()
}

/// What a verdict rests on.
struct Told<'a> {
    answers: &'a [Answer],
    again: Replay,
}

impl<'a> Told<'a> {
    fn of(answers: &'a [Answer]) -> Self {
        Self { answers, again: Replay::of(answers) }
    }

    /// Whether everybody answered, if only that there is nothing.
    fn all_answered(&self) -> bool {
        let answered = |answer: &Answer| answer.result.as_ref().err().is_none_or(|error| error.kind == StoreErrorKind::NotFound);
        self.answers.iter().all(answered)
    }

    fn has(&self, what: impl Fn(&What) -> bool) -> bool {
        self.answers.iter().any(|answer| what(&answer.want.what))
    }

    /// Whether one piece of evidence may stand in for another when that does not count at a time: responders and lists,
    /// statements of OpenPGP keys, and the conditions of attestations.
    fn is_intertwined(&self, verdict: &Verdict) -> bool {
        let outside = |what: &What| matches!(what, What::Http { .. } | What::Lookaside { .. } | What::SignatureList(_));
        self.has(outside) || verdict.leaves.iter().any(|leaf| leaf.requirement.contains("/attestations/"))
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
    async fn judge_again(&self, image: &ImageRef, told: &Told<'_>, at: Timestamp) -> Option<Verdict> {
        self.engine.judge_again(image, self.request, self.policy, &told.again, at).await
    }

    /// Until when the same answers give the same verdict, at most for the `longest` time.
    async fn holds_until(
        &self,
        image: &ImageRef,
        verdict: &Verdict,
        told: &Told<'_>,
        from: Timestamp,
        longest: Duration,
    ) -> Option<Timestamp> {
        let holds = |after: Duration| async move {
            let Ok(then) = from.checked_add(after) else { return false };
            self.judge_again(image, told, then).await.is_some_and(|then| is_same(&then, verdict))
        };
        from.checked_add(period(longest, told.is_intertwined(verdict), holds).await?).ok()
    }
}

/// The longest of `longest`, its half, the half of that and so on after which something still holds; if it may be interrupted,
/// only such that it also holds after every shorter one.
async fn period<F: Future<Output = bool>>(longest: Duration, interrupted: bool, holds: impl Fn(Duration) -> F) -> Option<Duration> {
    let (mut found, mut after) = (None, longest);
    while after >= SHORTEST {
        found = match (holds(after).await, interrupted) {
            (true, false) => return Some(after),
            (true, true) => found.or(Some(after)),
            (false, _) => None,
        };
        after /= 2;
    }
    found
}

/// Whether two verdicts say the same. What failed may say so with the time at which it was looked at.
fn is_same(one: &Verdict, other: &Verdict) -> bool {
    let timeless = |verdict: &Verdict| {
        let mut verdict = verdict.clone();
        verdict.at.clear();
        verdict.leaves.iter_mut().filter(|leaf| leaf.decision != Some(Decision::Allow)).for_each(|leaf| leaf.detail = None);
        verdict.reports.iter_mut().filter(|report| report.outcome == ReportOutcome::Fail).for_each(|report| report.detail = None);
        verdict
    };
    timeless(one) == timeless(other)
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

    /// A responder that speaks later than a list, and falls silent again before the period ends.
    #[tokio::test]
    async fn what_is_interrupted_ends_before_that() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let outside = |from: Duration, to: Duration| move |after: Duration| async move { after < from || after > to };
        assert_eq!(period(minutes(60), false, outside(minutes(2), minutes(30))).await, Some(minutes(60)));
        let found = period(minutes(60), true, outside(minutes(2), minutes(30))).await.unwrap();
        assert!(found < minutes(2) && found >= minutes(1), "{found:?}");
        assert_eq!(period(minutes(60), true, outside(Duration::ZERO, minutes(60))).await, None);
        assert_eq!(period(minutes(60), true, outside(minutes(61), minutes(62))).await, Some(minutes(60)));
        assert_eq!(period(minutes(60), true, |after: Duration| async move { after > minutes(5) }).await, None);
    }

    #[test]
    fn who_did_not_answer_may_say_more_soon() {
        let want = Want::other("a", "b", "c", 1);
        let resolve = Want { what: What::Resolve, ..want.clone() };
        let told = |result| {
            let answers = [Answer { want: resolve.clone(), result: Ok(Vec::new()) }, Answer { want: want.clone(), result }];
            Told::of(&answers).all_answered()
        };
        assert!(told(Ok(Vec::new())));
        assert!(told(Err(StoreError::not_found("none"))));
        assert!(!told(Err(StoreError::unavailable("silence"))));
    }
}
