//! Verdicts over the images of a review. Who stops waiting does not stop the judging: others may wait for it, or ask again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use verimage::{ImageSource, Policy, Request, Verimage};
use verimage_core::{Decision, ImageRef, Verdict};

use crate::metrics::{Judgement, Metrics};

/// A verdict, or why there is none.
pub(crate) type Judged = Result<Arc<Verdict>, Arc<str>>;

#[derive(Debug)]
pub(crate) struct Judging {
    metrics: Arc<Metrics>,
    /// How long an image is judged, and waits for its turn, whoever asked.
    longest: Duration,
}

impl Judging {
    pub(crate) fn new(metrics: Arc<Metrics>, longest: Duration) -> Self {
        Self { metrics, longest }
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
        let (engine, policy, longest) = (engine.clone(), policy.clone(), self.longest);
        let task = tokio::spawn(async move { tokio::time::timeout(longest, engine.judge(&request, &policy)).await });
        let judged = task.await.map_err(|_| Arc::from("the verification ended without a verdict"))?;
        let judged = judged.map_err(|_| Arc::from("deadline-exceeded: it was not this image's turn in time"))?;
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
