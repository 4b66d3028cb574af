//! The server while it runs.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::task::JoinHandle;
use verimage::registry::ConfigError;
use verimage::{Builder, PolicyError};

use crate::app::App;
use crate::config::{ServerConfig, Tls};
use crate::metrics::{Metrics, Reload};
use crate::policies::{Change, Policies};

/// What happens while a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another policy, or other keys, are in force.
    PolicyChanged {
        /// The file.
        source: String,
        /// The digest of the policy's text.
        digest: String,
    },
    /// A policy could not be loaded; the old one stays in force.
    PolicyRefused(String),
    /// Another certificate is in use.
    CertificateChanged,
    /// A certificate could not be loaded; the old one stays in use.
    CertificateRefused(String),
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A token that is required is not there.
    #[error("the token for {host}: {error}")]
    Token {
        /// The registry.
        host: String,
        /// Why.
        error: ConfigError,
    },
    /// Verdicts cannot be shared as the configuration says.
    #[error("the shared cache: {0}")]
    Shared(String),
    /// Registries cannot be reached as this machine is set up.
    #[error(transparent)]
    Engine(#[from] verimage::Error),
    /// The certificate or its key cannot be used.
    #[error("the certificate `{}` with the key `{}`: {error}", certificate.display(), key.display())]
    Tls {
        /// The certificate.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The address is not to be had.
    #[error("{address} cannot be listened at: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    app: Arc<App>,
    handle: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
    watching: JoinHandle<()>,
}

impl Server {
    /// Loads everything and listens. `engine` says how registries are reached; `report` is told what happens from then on.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: ServerConfig, engine: Builder, report: impl Fn(Event) + Send + Sync + 'static) -> Result<Self, StartError> {
        // One that is installed already is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        for token in config.registry_tokens.iter().filter(|token| token.required) {
            token.file().read().map_err(|error| StartError::Token { host: token.host.clone(), error })?;
        }
        let engine = engine.timeout(config.deadline(None)).verdicts(config.cache.verdicts()?).build()?;
        let policies = Policies::load(&config).await?;
        let Tls { certificate, key } = config.tls.clone();
        let tls = RustlsConfig::from_pem_file(&certificate, &key).await;
        let tls = tls.map_err(|error| StartError::Tls { certificate, key, error })?;
        let listen = |error| StartError::Listen { address: config.listen, error };
        let listener = std::net::TcpListener::bind(config.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (metrics, handle) = (Arc::new(Metrics::new()), Handle::new());
        let bound = axum_server::from_tcp_rustls(listener, tls.clone()).map_err(listen)?.handle(handle.clone());
        let app = App::new(config, policies, engine, metrics);
        let serving = tokio::spawn(bound.serve(app.router().into_make_service()));
        let watching = tokio::spawn(watch(Arc::clone(&app), tls, report));
        Ok(Self { address, app, handle, serving, watching })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for the configured time on, ready for nothing new, then finishes what it began.
    ///
    /// # Errors
    /// What went wrong while it served.
    pub async fn stop(self) -> io::Result<()> {
        let drain = Duration::from_secs(self.app.config.drain_seconds);
        self.app.draining.store(true, Ordering::Relaxed);
        self.watching.abort();
        tokio::time::sleep(drain).await;
        let longest = Duration::from_secs(self.app.config.deadline_seconds);
        self.handle.graceful_shutdown(Some(longest));
        self.serving.await.unwrap_or(Ok(()))
    }
}

/// Reads policies and certificate again and again. Contents are compared, since files in a cluster are links that move.
async fn watch(app: Arc<App>, tls: RustlsConfig, report: impl Fn(Event)) {
    let mut certificate = contents(&app.config.tls).await;
    loop {
        tokio::time::sleep(Duration::from_secs(app.config.reload_seconds)).await;
        reload_policies(&app).await.into_iter().for_each(&report);
        let seen = contents(&app.config.tls).await;
        let other = if seen == certificate { None } else { Some(reload_certificate(&app, &tls).await) };
        certificate = seen;
        other.into_iter().for_each(&report);
    }
}

async fn contents(tls: &Tls) -> [Option<Vec<u8>>; 2] {
    [tokio::fs::read(&tls.certificate).await.ok(), tokio::fs::read(&tls.key).await.ok()]
}

/// The same refusal is told once.
async fn reload_policies(app: &App) -> Vec<Event> {
    let count = |result| app.metrics.reloads.get_or_create(&Reload { what: "policy", result }).inc();
    let event = |change| match change {
        Change::Changed(policy) => {
            count("changed");
            Some(Event::PolicyChanged { source: policy.source().to_owned(), digest: policy.digest().to_string() })
        }
        Change::Refused { reason, is_new } => {
            count("failed");
            is_new.then_some(Event::PolicyRefused(reason))
        }
    };
    app.policies.reload().await.into_iter().filter_map(event).collect()
}

async fn reload_certificate(app: &App, tls: &RustlsConfig) -> Event {
    let Tls { certificate, key } = &app.config.tls;
    let (result, event) = match tls.reload_from_pem_file(certificate, key).await {
        Ok(()) => ("changed", Event::CertificateChanged),
        Err(error) => ("failed", Event::CertificateRefused(error.to_string())),
    };
    app.metrics.reloads.get_or_create(&Reload { what: "certificate", result }).inc();
    event
}
