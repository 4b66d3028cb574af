//! What the store knows and remembers of each host.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::flight::lock;

/// More hosts than this are forgotten together: they come from image names, which others may choose.
const MAX_HOSTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Hosts {
    requests_per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

impl Hosts {
    pub(crate) fn new(requests_per_host: usize) -> Self {
        Self { requests_per_host: requests_per_host.clamp(1, Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// The host behind a URL; its port is part of it.
    pub(crate) fn of(&self, authority: &str) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(authority) {
            hosts.clear();
        }
        Arc::clone(hosts.entry(authority.to_owned()).or_insert_with(|| Arc::new(Host::new(self.requests_per_host))))
    }
}

#[derive(Debug)]
pub(crate) struct Host {
    permits: Arc<Semaphore>,
    speaks_tls: OnceLock<bool>,
    certificate_directory: OnceLock<Option<PathBuf>>,
}

impl Host {
    fn new(requests: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(requests)), speaks_tls: OnceLock::new(), certificate_directory: OnceLock::new() }
    }

    /// Waits until one more request may go to this host. The semaphore is never closed, so there always is a permit.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Whether this host answered to https, if that was open and has been found out.
    pub(crate) fn speaks_tls(&self) -> Option<bool> {
        self.speaks_tls.get().copied()
    }

    pub(crate) fn remember_tls(&self, speaks_tls: bool) {
        // Whoever was first is right.
        let _ = self.speaks_tls.set(speaks_tls);
    }

    pub(crate) fn certificate_directory(&self, find: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
        self.certificate_directory.get_or_init(find).clone()
    }
}

/// Host and port as they stand in a URL.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
