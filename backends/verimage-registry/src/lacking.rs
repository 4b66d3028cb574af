//! Hosts that lack something, and since when that is known.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use verimage_transport::lock;

/// More hosts than this are forgotten together: they come from image names, which others may choose.
const MAX_HOSTS: usize = 1024;
/// How long a host is taken to lack it. Registries are upgraded, processes live long.
const MEMORY: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct Lacking(Mutex<HashMap<String, Instant>>);

impl Lacking {
    pub(crate) fn knows(&self, host: &str) -> bool {
        lock(&self.0).get(host).is_some_and(|seen| seen.elapsed() < MEMORY)
    }

    pub(crate) fn remember(&self, host: &str) {
        let mut hosts = lock(&self.0);
        if hosts.len() >= MAX_HOSTS {
            hosts.clear();
        }
        hosts.insert(host.to_owned(), Instant::now());
    }
}
