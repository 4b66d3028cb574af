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
use verimage::{Policy, PolicyError, PolicyLoader, Verimage};

use crate::app::App;
use crate::config::{ServerConfig, Tls};
use crate::metrics::{Metrics, Reload};
use crate::verdicts::Verdicts;

/// What happens while a server runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another policy, or other keys, are in force.
    PolicyChanged {
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
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
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
    /// Loads everything and listens. `report` is told what happens from then on.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: ServerConfig, engine: Verimage, report: impl Fn(Event) + Send + Sync + 'static) -> Result<Self, StartError> {
        // One that is installed already is as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let loader = loader(&config);
        let policy = loader.load_async(&config.policy).await?;
        let Tls { certificate, key } = config.tls.clone();
        let tls = RustlsConfig::from_pem_file(&certificate, &key).await;
        let tls = tls.map_err(|error| StartError::Tls { certificate, key, error })?;
        let listen = |error| StartError::Listen { address: config.listen, error };
        let listener = std::net::TcpListener::bind(config.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (metrics, handle) = (Arc::new(Metrics::new()), Handle::new());
        let bound = axum_server::from_tcp_rustls(listener, tls.clone()).map_err(listen)?.handle(handle.clone());
        let app = App::new(config, policy, Verdicts::new(engine, Arc::clone(&metrics)), metrics);
        let serving = tokio::spawn(bound.serve(app.router().into_make_service()));
        let watching = tokio::spawn(watch(Arc::clone(&app), loader, tls, report));
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

fn loader(config: &ServerConfig) -> PolicyLoader {
    config.trust_stores.iter().fold(PolicyLoader::new(), |loader, folder| loader.trust_stores(folder.clone()))
}

/// Reads policy and certificate again and again. Contents are compared, since files in a cluster are links that move.
async fn watch(app: Arc<App>, loader: PolicyLoader, tls: RustlsConfig, report: impl Fn(Event)) {
    let mut certificate = contents(&app.config.tls).await;
    let mut refused = None;
    loop {
        tokio::time::sleep(Duration::from_secs(app.config.reload_seconds)).await;
        let event = reload_policy(&app, &loader, &mut refused).await;
        let seen = contents(&app.config.tls).await;
        let other = if seen == certificate { None } else { Some(reload_certificate(&app, &tls).await) };
        certificate = seen;
        event.into_iter().chain(other).for_each(&report);
    }
}

async fn contents(tls: &Tls) -> [Option<Vec<u8>>; 2] {
    [tokio::fs::read(&tls.certificate).await.ok(), tokio::fs::read(&tls.key).await.ok()]
}

/// The same refusal is told once.
async fn reload_policy(app: &App, loader: &PolicyLoader, refused: &mut Option<String>) -> Option<Event> {
    let count = |result| app.metrics.reloads.get_or_create(&Reload { what: "policy", result }).inc();
    let is_same =
        |policy: &Policy, other: &Policy| policy.digest() == other.digest() && policy.material_digest() == other.material_digest();
    match loader.load_async(&app.config.policy).await {
        Ok(policy) => {
            *refused = None;
            if is_same(&policy, &app.policy()) {
                return None;
            }
            count("changed");
            let digest = policy.digest().to_string();
            app.set_policy(policy);
            Some(Event::PolicyChanged { digest })
        }
        Err(error) => {
            count("failed");
            let reason = error.to_string();
            let is_new = refused.as_ref() != Some(&reason);
            *refused = Some(reason.clone());
            is_new.then_some(Event::PolicyRefused(reason))
        }
    }
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
