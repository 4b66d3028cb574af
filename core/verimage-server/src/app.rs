//! What is answered to whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use verimage::Verimage;
use verimage::keys::KubernetesApi;
use verimage_admission::{Images, Judged, MAX_REVIEW_BYTES, ObjectImage, PullSecrets, Purpose, Review, SourceImage, answer, refuse};
use verimage_core::{ImageRef, Verdict};

use crate::config::ServerConfig;
use crate::judging::Judging;
use crate::metrics::{Answered, Metrics};
use crate::policies::Policies;
use crate::readers::Readers;

/// Everything that requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: ServerConfig,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) draining: AtomicBool,
    pub(crate) policies: Policies,
    engine: Verimage,
    /// Engines with pull secrets, if these are read.
    readers: Option<Readers>,
    judging: Judging,
}

impl App {
    pub(crate) fn new(config: ServerConfig, policies: Policies, engine: Verimage, metrics: Arc<Metrics>) -> Arc<Self> {
        let judging = Judging::new(Arc::clone(&metrics));
        let readers = config.pull_secrets.as_ref().map(|pull| {
            let api = match &pull.kubeconfig {
                Some(file) => KubernetesApi::new().kubeconfig([file.clone()]),
                None => KubernetesApi::of_machine(),
            };
            Readers::new(api, engine.clone(), Duration::from_secs(pull.kept_seconds))
        });
        Arc::new(Self { config, metrics, draining: AtomicBool::new(false), policies, engine, readers, judging })
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/validate", post(validate))
            .route("/mutate", post(mutate))
            .route("/validate/configsync", post(config_sync))
            .layer(DefaultBodyLimit::max(MAX_REVIEW_BYTES))
            .route("/healthz", get(async || "ok"))
            .route("/readyz", get(ready))
            .route("/metrics", get(async |State(app): State<Arc<App>>| app.metrics.text()))
            .with_state(Arc::clone(self))
    }
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.draining.load(Ordering::Relaxed) { (StatusCode::SERVICE_UNAVAILABLE, "stopping") } else { (StatusCode::OK, "ok") }
}

/// What an API server says about the request itself.
#[derive(Debug, Deserialize)]
struct Asked {
    timeout: Option<String>,
}

impl Asked {
    /// `10s`, as API servers write it; anything else counts as nothing said.
    fn timeout(&self) -> Option<Duration> {
        let seconds = self.timeout.as_deref()?.strip_suffix('s')?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

async fn validate(app: State<Arc<App>>, asked: Query<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    handle(&app, &asked, &headers, &body, Door::Images(Purpose::Validate)).await
}

async fn mutate(app: State<Arc<App>>, asked: Query<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    handle(&app, &asked, &headers, &body, Door::Images(Purpose::Mutate)).await
}

async fn config_sync(app: State<Arc<App>>, asked: Query<Asked>, headers: HeaderMap, body: Bytes) -> Response {
    handle(&app, &asked, &headers, &body, Door::ConfigSync).await
}

/// Where a review came in.
#[derive(Clone, Copy)]
enum Door {
    Images(Purpose),
    ConfigSync,
}

impl Door {
    fn path(self) -> &'static str {
        match self {
            Self::Images(Purpose::Validate) => "validate",
            Self::Images(Purpose::Mutate) => "mutate",
            Self::ConfigSync => "configsync",
        }
    }
}

async fn handle(app: &Arc<App>, asked: &Asked, headers: &HeaderMap, body: &[u8], door: Door) -> Response {
    let began = Instant::now();
    let (decision, response) = match read(headers, body) {
        Err((status, reason)) => ("bad-request", (status, reason).into_response()),
        Ok(review) => {
            let (decision, body) = app.answer(&review, door, app.config.deadline(asked.timeout())).await;
            (decision, ([(header::CONTENT_TYPE, "application/json")], body).into_response())
        }
    };
    app.metrics.requests.get_or_create(&Answered { path: door.path(), decision }).inc();
    app.metrics.durations.observe(began.elapsed().as_secs_f64());
    response
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Review, (StatusCode, String)> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "a review is `application/json`".to_owned()));
    }
    Review::parse(body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

impl App {
    /// The decision, and the body that says it.
    async fn answer(&self, review: &Review, door: Door, deadline: Duration) -> (&'static str, Vec<u8>) {
        let excluded = review.namespace.as_ref().is_some_and(|namespace| self.config.excluded_namespaces.contains(namespace));
        let skip = || ("skip", answer(review, &[], Purpose::Validate));
        let (images, purpose) = match door {
            _ if excluded => return skip(),
            Door::Images(purpose) => match Images::of(review, &self.config.extractors) {
                Ok(Images::These(images)) => (images, purpose),
                Ok(Images::Skipped(_)) => return skip(),
                Err(error) => return ("deny", refuse(review, &error.to_string())),
            },
            Door::ConfigSync => match SourceImage::of(review) {
                Ok(SourceImage::This(image)) => (vec![image], Purpose::Validate),
                Ok(SourceImage::None | SourceImage::Skipped(_)) => return skip(),
                Err(error) => return ("deny", refuse(review, &error.to_string())),
            },
        };
        match tokio::time::timeout(deadline, self.judge(review, &images)).await {
            Ok(Ok(verdicts)) => {
                let judged: Vec<Judged<'_>> =
                    images.iter().zip(&verdicts).map(|(image, verdict)| Judged { image, verdict: verdict.as_ref() }).collect();
                let allowed = verdicts.iter().all(|verdict| verdict.admitted);
                (if allowed { "allow" } else { "deny" }, answer(review, &judged, purpose))
            }
            Ok(Err(reason)) => ("deny", refuse(review, &format!("the images could not be judged: {reason}"))),
            Err(_) => {
                let seconds = deadline.as_secs_f64();
                ("deny", refuse(review, &format!("deadline-exceeded: the images could not be judged within {seconds} s")))
            }
        }
    }

    /// The verdict over each image, in their order.
    async fn judge(&self, review: &Review, images: &[ObjectImage]) -> Result<Vec<Arc<Verdict>>, Arc<str>> {
        let policy = self.policies.of(review.namespace.as_deref()).ok_or_else(|| Arc::from("there is no policy"))?;
        let references: Vec<&ImageRef> = images.iter().map(|image| &image.reference).collect();
        let engine = match (&self.readers, &review.namespace) {
            (Some(readers), Some(namespace)) => readers.engine(namespace, &PullSecrets::of(review, &self.config.extractors)).await,
            _ => self.engine.clone(),
        };
        self.judging.all(&engine, &references, &policy).await
    }
}
