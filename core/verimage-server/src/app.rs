//! What requests share: policies, engines, and the paths that everybody may ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;
use verimage::Verimage;
use verimage::keys::KubernetesApi;
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
            .merge(doors::router())
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

impl App {
    /// The verdict over each image, in their order, or why there is none. `pull` says who pulls them, if that is known.
    pub(crate) async fn judge(
        &self,
        images: &[&ImageRef],
        namespace: Option<&str>,
        pull: &PullSecrets,
        deadline: Duration,
    ) -> Result<Vec<Arc<Verdict>>, String> {
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
