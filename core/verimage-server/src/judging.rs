//! Verdicts over the images of a review. Who stops waiting does not stop the judging: others may wait for it, or ask again.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::sync::Semaphore;
use verimage::{ImageSource, Policy, Request, Verimage};
use verimage_core::{Decision, ImageRef, Verdict};

use crate::metrics::{Judgement, Metrics};

/// How many images are judged at the same time.
const MAX_AT_ONCE: usize = 64;

/// A verdict, or why there is none.
pub(crate) type Judged = Result<Arc<Verdict>, Arc<str>>;

#[derive(Debug)]
pub(crate) struct Judging {
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Judging {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_AT_ONCE)), metrics }
    }

    /// The verdict over each image, in their order; each image is judged once.
    pub(crate) async fn all(&self, engine: &Verimage, images: &[&ImageRef], policy: &Policy) -> Result<Vec<Arc<Verdict>>, Arc<str>> {
        let mut different: Vec<&ImageRef> = Vec::new();
        let places = images.iter().map(|image| {
            different.iter().position(|known| known == image).unwrap_or_else(|| {
                different.push(image);
                different.len() - 1
            })
        });
        let places: Vec<usize> = places.collect();
        let verdicts = try_join_all(different.into_iter().map(|image| self.one(engine, image, policy))).await?;
        let of = |place: usize| verdicts.get(place).cloned().ok_or_else(|| Arc::from("an image was left out"));
        places.into_iter().map(of).collect()
    }

    async fn one(&self, engine: &Verimage, image: &ImageRef, policy: &Policy) -> Judged {
        let request = Request::new(ImageSource::Registry(image.clone()));
        if let Some(verdict) = engine.kept(&request, policy) {
            self.count(&verdict, "hit");
            return Ok(verdict);
        }
        let (engine, policy, places) = (engine.clone(), policy.clone(), Arc::clone(&self.places));
        let task = tokio::spawn(async move {
            let _place = places.acquire().await;
            engine.judge(&request, &policy).await
        });
        let judged = task.await.map_err(|_| Arc::from("the verification ended without a verdict"))?;
        let verdict = judged.map_err(|error| Arc::from(error.to_string()))?;
        self.count(&verdict, "miss");
        Ok(verdict)
    }

    fn count(&self, verdict: &Verdict, cache: &'static str) {
        let result = match verdict.decision {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
            Decision::Inconclusive => "inconclusive",
        };
        self.metrics.verifications.get_or_create(&Judgement { result, cache }).inc();
    }
}
