//! How many images are judged at the same time: so many of one registry, that one which does not answer stops no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use verimage_transport::lock;

/// Of all registries together.
const ALL: usize = 64;
/// Of one registry.
const ONE: usize = 16;
/// When more registries than this are known, those are forgotten of which no image is judged: their names come from images.
const MAX_HOSTS: usize = 1024;

#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(ALL)), hosts: Mutex::default() }
    }
}

impl Turns {
    /// Waits until one more image of this registry may be judged. The semaphores are never closed.
    pub(super) async fn of(&self, host: &str) -> [Option<OwnedSemaphorePermit>; 2] {
        let own = self.host(host).acquire_owned().await.ok();
        [own, Arc::clone(&self.all).acquire_owned().await.ok()]
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = lock(&self.hosts);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(host) {
            hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1 || semaphore.available_permits() < ONE);
        }
        Arc::clone(hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(ONE))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_registry_leaves_places_to_others() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..ONE {
            taken.push(turns.of("slow.example").await);
        }
        let soon = std::time::Duration::from_millis(10);
        assert!(tokio::time::timeout(soon, turns.of("slow.example")).await.is_err());
        assert!(tokio::time::timeout(soon, turns.of("other.example")).await.is_ok());
        taken.pop();
        assert!(tokio::time::timeout(soon, turns.of("slow.example")).await.is_ok());
    }

    #[tokio::test]
    async fn names_of_registries_are_forgotten() {
        let turns = Turns::default();
        let taken = turns.of("busy.example").await;
        for at in 0..3 * MAX_HOSTS {
            turns.of(&format!("host-{at}.example")).await;
        }
        assert!(lock(&turns.hosts).len() <= MAX_HOSTS);
        assert_eq!(turns.host("busy.example").available_permits(), ONE - 1);
        drop(taken);
    }
}
