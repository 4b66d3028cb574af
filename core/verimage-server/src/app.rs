//! What requests share: policies, engines, and the paths that everybody may ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;
use verimage::Verimage;
use verimage::keys::KubernetesApi;
use verimage::registry::is_loopback_host;
use verimage_admission::{MAX_REVIEW_BYTES, PullSecrets};
use verimage_core::{ImageRef, Verdict};

use crate::config::ServerConfig;
use crate::doors;
use crate::judging::Judging;
use crate::metrics::Metrics;
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
    /// For those whose question is read and answered.
    seats: Semaphore,
}

/// How many questions are read and answered at the same time; others wait before a byte of theirs is read.
const MAX_SEATS: usize = 256;

impl App {
    pub(crate) fn new(config: ServerConfig, policies: Policies, engine: Verimage, metrics: Arc<Metrics>) -> Arc<Self> {
        let judging = Judging::new(Arc::clone(&metrics), config.deadline(None));
        let readers = config.pull_secrets.as_ref().map(|pull| {
            let api = KubernetesApi::of(pull.kubeconfig.clone());
            Readers::new(api, engine.clone(), Duration::from_secs(pull.kept_seconds))
        });
        Arc::new(Self {
            config,
            metrics,
            draining: AtomicBool::new(false),
            policies,
            engine,
            readers,
            judging,
            seats: Semaphore::new(MAX_SEATS),
        })
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .merge(doors::router().layer(from_fn_with_state(Arc::clone(self), in_turn)))
            .layer(DefaultBodyLimit::max(MAX_REVIEW_BYTES))
            .route("/healthz", get(async || "ok"))
            .route("/readyz", get(ready))
            .route("/metrics", get(async |State(app): State<Arc<App>>| app.metrics.text()))
            .with_state(Arc::clone(self))
    }
}

/// Who is slow to say what he wants is not waited for any longer than an answer takes.
async fn in_turn(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answered = async {
        let _seat = app.seats.acquire().await;
        next.run(request).await
    };
    let longest = app.config.deadline(None) + Duration::from_secs(1);
    let late = (StatusCode::REQUEST_TIMEOUT, "the question did not come in time");
    tokio::time::timeout(longest, answered).await.unwrap_or_else(|_| late.into_response())
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.draining.load(Ordering::Relaxed) { (StatusCode::SERVICE_UNAVAILABLE, "stopping") } else { (StatusCode::OK, "ok") }
}

impl App {
    /// The verdict over each image, in their order, or why there is none. `pull` says who pulls them, if that is known.
    pub(crate) async fn judge(
        &self,
        images: &[&ImageRef],
        namespace: Option<&str>,
        pull: &PullSecrets,
        deadline: Duration,
    ) -> Result<Vec<Arc<Verdict>>, String> {
        let own = |image: &&&ImageRef| !self.config.loopback_registries && is_loopback_host(image.host());
        if let Some(image) = images.iter().find(own) {
            let why = "is the machine of whoever pulls from there, not this one (see `loopbackRegistries`)";
            return Err(format!("{image} cannot be judged: {} {why}", image.host()));
        }
        let judging = async {
            let policy = self.policies.of(namespace).ok_or_else(|| Arc::from("there is no policy"))?;
            let engine = match (&self.readers, namespace) {
                (Some(readers), Some(namespace)) => readers.engine(namespace, pull).await,
                _ => self.engine.clone(),
            };
            self.judging.all(&engine, images, &policy).await
        };
        match tokio::time::timeout(deadline, judging).await {
            Ok(verdicts) => verdicts.map_err(|reason| format!("the images could not be judged: {reason}")),
            Err(_) => Err(format!("deadline-exceeded: the images could not be judged within {} s", deadline.as_secs_f64())),
        }
    }
}
