//! What is asked where, and answered how. Each door reads its question, has the images judged, and says it in the words of
//! whoever asks; whatever goes wrong on the way is no admission.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use verimage_admission::{
    ImageReview, Images, Judged, ListedImage, ObjectImage, ProviderRequest, PullSecrets, Purpose, Review, ReviewError, SourceImage, answer,
    refusal, refuse, runnable,
};
use verimage_core::{ImageRef, Verdict};

use crate::app::App;
use crate::metrics::Answered;

/// Where a question comes in.
#[derive(Clone, Copy)]
enum Door {
    /// An AdmissionReview of a workload.
    Images(Purpose),
    /// An AdmissionReview of a source of Config Sync.
    ConfigSync,
    /// An ImageReview of Kubernetes.
    ImageReview,
    /// External data of Gatekeeper.
    ExternalData,
}

const DOORS: [Door; 5] =
    [Door::Images(Purpose::Validate), Door::Images(Purpose::Mutate), Door::ConfigSync, Door::ImageReview, Door::ExternalData];

/// What is answered, and what became of the question, for counting.
struct Answer {
    decision: &'static str,
    body: Vec<u8>,
}

pub(crate) fn router() -> Router<Arc<App>> {
    DOORS.into_iter().fold(Router::new(), |router, door| {
        let handler = move |app: State<Arc<App>>, asked: Query<Asked>, headers: HeaderMap, body: Bytes| async move {
            handle(&app, &asked, &headers, &body, door).await
        };
        router.route(door.path(), post(handler))
    })
}

impl Door {
    fn path(self) -> &'static str {
        match self {
            Self::Images(Purpose::Validate) => "/validate",
            Self::Images(Purpose::Mutate) => "/mutate",
            Self::ConfigSync => "/validate/configsync",
            Self::ImageReview => "/imagereview",
            Self::ExternalData => "/externaldata",
        }
    }

    /// As metrics call it.
    fn label(self) -> &'static str {
        match self {
            Self::Images(Purpose::Validate) => "validate",
            Self::Images(Purpose::Mutate) => "mutate",
            Self::ConfigSync => "configsync",
            Self::ImageReview => "imagereview",
            Self::ExternalData => "externaldata",
        }
    }
}

/// What an API server says about the request itself.
#[derive(Debug, Deserialize)]
struct Asked {
    timeout: Option<String>,
    /// Whose policy counts, where the question does not say it.
    namespace: Option<String>,
}

impl Asked {
    /// `10s`, as API servers write it; anything else counts as nothing said.
    fn timeout(&self) -> Option<Duration> {
        let seconds = self.timeout.as_deref()?.strip_suffix('s')?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

async fn handle(app: &App, asked: &Asked, headers: &HeaderMap, body: &[u8], door: Door) -> Response {
    let began = Instant::now();
    let deadline = app.config.deadline(asked.timeout());
    let answered = match is_json(headers) {
        false => Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "a question is `application/json`".to_owned())),
        true => {
            app.answer(door, body, asked.namespace.as_deref(), deadline).await.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
        }
    };
    let (decision, response) = match answered {
        Ok(Answer { decision, body }) => (decision, ([(header::CONTENT_TYPE, "application/json")], body).into_response()),
        Err((status, reason)) => ("bad-request", (status, reason).into_response()),
    };
    app.metrics.requests.get_or_create(&Answered { path: door.label(), decision }).inc();
    app.metrics.durations.observe(began.elapsed().as_secs_f64());
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().map(str::trim) == Some("application/json")
}

impl App {
    async fn answer(&self, door: Door, body: &[u8], namespace: Option<&str>, deadline: Duration) -> Result<Answer, ReviewError> {
        Ok(match door {
            Door::Images(purpose) => self.review(&Review::parse(body)?, purpose, deadline).await,
            Door::ConfigSync => self.config_sync(&Review::parse(body)?, deadline).await,
            Door::ImageReview => self.image_review(&ImageReview::parse(body)?, deadline).await,
            Door::ExternalData => self.external_data(&ProviderRequest::parse(body)?, namespace, deadline).await,
        })
    }

    fn is_excluded(&self, namespace: Option<&str>) -> bool {
        namespace.is_some_and(|namespace| self.config.excluded_namespaces.iter().any(|excluded| excluded == namespace))
    }

    async fn review(&self, review: &Review, purpose: Purpose, deadline: Duration) -> Answer {
        if self.is_excluded(review.namespace.as_deref()) || Images::are_unchanged(review) {
            return skip(review);
        }
        match Images::of(review, &self.config.extractors) {
            Ok(Images::These(images)) => {
                let pull = PullSecrets::of(review, &self.config.extractors);
                self.decide(review, &images, &pull, purpose, deadline).await
            }
            Ok(Images::Skipped(_)) => skip(review),
            Err(error) => deny(refuse(review, &error.to_string())),
        }
    }

    async fn config_sync(&self, review: &Review, deadline: Duration) -> Answer {
        if self.is_excluded(review.namespace.as_deref()) {
            return skip(review);
        }
        match SourceImage::of(review) {
            Ok(SourceImage::This(image)) => self.decide(review, &[image], &PullSecrets::default(), Purpose::Validate, deadline).await,
            Ok(SourceImage::None | SourceImage::Skipped(_)) => skip(review),
            Err(error) => deny(refuse(review, &error.to_string())),
        }
    }

    async fn decide(&self, review: &Review, images: &[ObjectImage], pull: &PullSecrets, purpose: Purpose, deadline: Duration) -> Answer {
        let references: Vec<&ImageRef> = images.iter().map(|image| &image.reference).collect();
        match self.judge(&references, review.namespace.as_deref(), pull, deadline).await {
            Ok(verdicts) => {
                let judged: Vec<Judged<'_>> = images.iter().zip(&verdicts).map(|(image, verdict)| Judged { image, verdict }).collect();
                Answer { decision: decision(&verdicts), body: answer(review, &judged, purpose) }
            }
            Err(reason) => deny(refuse(review, &reason)),
        }
    }

    async fn image_review(&self, review: &ImageReview, deadline: Duration) -> Answer {
        let namespace = review.namespace.as_deref();
        if self.is_excluded(namespace) {
            return Answer { decision: "skip", body: ImageReview::answer(&[]) };
        }
        let verdicts = match review.references() {
            Ok(references) => self.judge(&references, namespace, &PullSecrets::default(), deadline).await,
            Err(reason) => Err(reason),
        };
        match verdicts {
            Ok(verdicts) => {
                let reasons: Vec<String> =
                    review.images.iter().zip(&verdicts).filter_map(|(image, verdict)| why_not(image, verdict)).collect();
                Answer { decision: decision(&verdicts), body: ImageReview::answer(&reasons) }
            }
            Err(reason) => deny(ImageReview::answer(&[reason])),
        }
    }

    /// Each image is judged for itself: one that cannot be read says nothing about the others.
    async fn external_data(&self, asked: &ProviderRequest, namespace: Option<&str>, deadline: Duration) -> Answer {
        let references: Vec<&ImageRef> = asked.images.iter().filter_map(|image| image.reference.as_ref().ok()).collect();
        let verdicts = match self.judge(&references, namespace, &PullSecrets::default(), deadline).await {
            Ok(verdicts) => verdicts,
            Err(reason) => return deny(ProviderRequest::failure(&reason)),
        };
        let mut judged = verdicts.iter();
        let value = |image: &ListedImage| {
            let reference = image.reference.as_ref().map_err(Clone::clone)?;
            let verdict = judged.next().ok_or("the image was left out")?;
            why_not(image, verdict).map_or_else(|| Ok(runnable(image, reference, verdict)), Err)
        };
        let values: Vec<Result<String, String>> = asked.images.iter().map(value).collect();
        let decision = if values.iter().all(Result::is_ok) { "allow" } else { "deny" };
        Answer { decision, body: asked.answer(&values) }
    }
}

fn why_not(image: &ListedImage, verdict: &Verdict) -> Option<String> {
    (!verdict.admitted).then(|| refusal(&image.text, verdict))
}

fn decision(verdicts: &[Arc<Verdict>]) -> &'static str {
    if verdicts.iter().all(|verdict| verdict.admitted) { "allow" } else { "deny" }
}

fn skip(review: &Review) -> Answer {
    Answer { decision: "skip", body: answer(review, &[], Purpose::Validate) }
}

fn deny(body: Vec<u8>) -> Answer {
    Answer { decision: "deny", body }
}
