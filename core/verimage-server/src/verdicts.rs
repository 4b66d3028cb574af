//! Verdicts, kept for a while, and asked for once by all who want the same at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use tokio::sync::Semaphore;
use verimage::{ImageSource, Policy, Request, Verimage};
use verimage_core::{Decision, ImageRef, Verdict};

use crate::metrics::{Judgement, Metrics};

/// How much memory verdicts take, about, in bytes.
const MAX_BYTES: u64 = 64 << 20;
/// How many images are judged at the same time.
const MAX_AT_ONCE: usize = 64;
/// How long a verdict that allows is kept.
const KEPT: Duration = Duration::from_secs(60);
/// How long one that denies is kept: somebody may be signing.
const KEPT_DENIAL: Duration = Duration::from_secs(10);

/// What a verdict depends on: the image by its digest, the policy, and its keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    image: String,
    policy: String,
    material: String,
}

/// A verdict, or why there is none.
pub(crate) type Judged = Result<Arc<Verdict>, Arc<str>>;

#[derive(Clone, Debug)]
pub(crate) struct Verdicts {
    engine: Arc<Verimage>,
    kept: Cache<Key, Judged>,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Verdicts {
    pub(crate) fn new(engine: Verimage, metrics: Arc<Metrics>) -> Self {
        let kept = Cache::builder().max_capacity(MAX_BYTES).weigher(weight).expire_after(Lifetime).build();
        Self { engine: Arc::new(engine), kept, places: Arc::new(Semaphore::new(MAX_AT_ONCE)), metrics }
    }

    /// The verdict over an image. Who stops waiting does not stop the judging: others may wait for it.
    pub(crate) async fn judge(&self, image: &ImageRef, policy: &Policy) -> Judged {
        let key = Key { image: image.to_string(), policy: policy.digest().to_string(), material: policy.material_digest().to_string() };
        let (this, image, policy, own) = (self.clone(), image.clone(), policy.clone(), key.clone());
        let judging = async move {
            let task = tokio::spawn(async move {
                let judged = this.run(&image, &policy).await;
                this.kept.insert(own, judged.clone()).await;
                judged
            });
            task.await.unwrap_or_else(|_| Err(Arc::from("the verification ended without a verdict")))
        };
        self.kept.get_with(key, judging).await
    }

    async fn run(&self, image: &ImageRef, policy: &Policy) -> Judged {
        let _place = self.places.acquire().await.map_err(|_| Arc::from("the server is stopping"))?;
        let request = Request::new(ImageSource::Registry(image.clone()));
        let judged = self.engine.run(&request, policy).await;
        let judged = judged.map(|verification| Arc::new(verification.verdict)).map_err(|error| Arc::from(error.to_string()));
        let result = match judged.as_ref().map(|verdict| verdict.decision) {
            Ok(Decision::Allow) => "allow",
            Ok(Decision::Deny) => "deny",
            Ok(_) => "inconclusive",
            Err(_) => "error",
        };
        self.metrics.verifications.get_or_create(&Judgement { result }).inc();
        judged
    }
}

/// About what a verdict takes: what was looked at makes most of it.
fn weight(key: &Key, judged: &Judged) -> u32 {
    let size = match judged {
        Ok(verdict) => 2048 + verdict.reports.len() * 1024 + verdict.leaves.len() * 512,
        Err(reason) => 256 + reason.len(),
    };
    u32::try_from(key.image.len() + size).unwrap_or(u32::MAX)
}

/// Only what was judged by its digest is kept; a tag may name another image by the next time.
struct Lifetime;

impl Expiry<Key, Judged> for Lifetime {
    fn expire_after_create(&self, key: &Key, judged: &Judged, _: Instant) -> Option<Duration> {
        let decision = judged.as_ref().map(|verdict| verdict.decision);
        Some(match decision {
            _ if !key.image.contains('@') => Duration::ZERO,
            Ok(Decision::Allow) => KEPT,
            Ok(Decision::Deny) => KEPT_DENIAL,
            _ => Duration::ZERO,
        })
    }

    fn expire_after_update(&self, key: &Key, judged: &Judged, now: Instant, _: Option<Duration>) -> Option<Duration> {
        self.expire_after_create(key, judged, now)
    }
}
