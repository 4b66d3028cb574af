//! How fast registries are asked.
//!
//! Time that is waited for a turn is not time that an image takes: an image begins when everything that its registries were
//! asked before has been paid for, and then asks without a pause. So a registry may get the questions of one image at once,
//! and the wanted rate on average.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use verimage::ImageRef;
use verimage::core::{Blob, Place, SignatureStore, StoreError, Want, async_trait};

/// What each registry was asked, in time that it takes up. Knows no clock: `now` is the time since the beginning.
#[derive(Debug)]
struct Ledger {
    /// The time of one question.
    interval: Duration,
    registries: BTreeMap<String, Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    /// When everything that was asked so far is paid for.
    free_at: Duration,
    /// Questions that were paid for when an image began, and not asked yet.
    paid_ahead: usize,
    /// Who else was asked for images of this registry: their signatures may be elsewhere.
    companions: BTreeSet<String>,
}

impl Ledger {
    /// How long an image of this registry has to wait for its turn.
    fn wait(&self, registry: &str, now: Duration) -> Duration {
        let free_at = |registry: &str| self.registries.get(registry).map(|registry| registry.free_at).unwrap_or_default();
        let companions = self.registries.get(registry).into_iter().flat_map(|registry| &registry.companions);
        companions.map(|companion| free_at(companion)).fold(free_at(registry), Duration::max).saturating_sub(now)
    }

    /// An image of this registry begins: its first question is paid for.
    fn begin(&mut self, registry: &str, now: Duration) {
        self.pay(registry, now);
        self.of(registry).paid_ahead += 1;
    }

    /// A registry is asked for an image of another one, or of its own.
    fn ask(&mut self, image: &str, asked: &str, now: Duration) {
        if image != asked {
            self.of(image).companions.insert(asked.to_owned());
        }
        let registry = self.of(asked);
        match registry.paid_ahead.checked_sub(1) {
            Some(rest) => registry.paid_ahead = rest,
            None => self.pay(asked, now),
        }
    }

    fn pay(&mut self, registry: &str, now: Duration) {
        let interval = self.interval;
        let registry = self.of(registry);
        registry.free_at = registry.free_at.max(now).saturating_add(interval);
    }

    fn of(&mut self, registry: &str) -> &mut Registry {
        self.registries.entry(registry.to_owned()).or_default()
    }
}

/// Lets images begin no faster than their registries may be asked.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    ledger: Mutex<Ledger>,
    /// Who waits for a registry, in the order of arrival.
    queues: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Pace {
    pub(crate) fn new(interval: Duration) -> Self {
        let ledger = Ledger { interval, registries: BTreeMap::new() };
        Self { start: Instant::now(), ledger: Mutex::new(ledger), queues: Mutex::default() }
    }

    /// Waits until an image of this registry may begin.
    pub(crate) async fn turn(&self, registry: &str) {
        let queue = Arc::clone(lock(&self.queues).entry(registry.to_owned()).or_default());
        let _first = queue.lock().await;
        loop {
            let wait = lock(&self.ledger).wait(registry, self.start.elapsed());
            if wait.is_zero() {
                break;
            }
            sleep(wait).await;
        }
        lock(&self.ledger).begin(registry, self.start.elapsed());
    }
}

/// Registries of which every question is counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) store: Arc<dyn SignatureStore>,
    pub(crate) pace: Arc<Pace>,
}

#[async_trait]
impl SignatureStore for Counted {
    async fn fetch(&self, image: &ImageRef, want: &Want) -> Result<Vec<Blob>, StoreError> {
        let asked = match &want.place {
            Place::Repository(repository) => repository.host(),
            _ => image.host(),
        };
        lock(&self.pace.ledger).ask(image.host(), asked, self.pace.start.elapsed());
        self.store.fetch(image, want).await
    }
}

/// Locks; what a panicking thread left behind is as good as before, for every change here is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ledger() -> Ledger {
        Ledger { interval: SECOND, registries: BTreeMap::new() }
    }

    #[test]
    fn the_questions_of_an_image_are_paid_for_before_the_next_one_begins() {
        let (mut ledger, mut now) = (ledger(), Duration::ZERO);
        for _ in 0..5 {
            now += ledger.wait("a.example", now);
            ledger.begin("a.example", now);
            (0..4).for_each(|_| ledger.ask("a.example", "a.example", now));
        }
        assert_eq!(now, 16 * SECOND, "four images with four questions each");
        assert_eq!(ledger.wait("b.example", now), Duration::ZERO, "each registry has a pace of its own");
        assert_eq!(ledger.wait("a.example", now + 100 * SECOND), Duration::ZERO);
    }

    #[test]
    fn time_that_nobody_used_is_not_saved_up() {
        let mut ledger = ledger();
        ledger.begin("a.example", 100 * SECOND);
        ledger.ask("a.example", "a.example", 100 * SECOND);
        assert_eq!(ledger.wait("a.example", 100 * SECOND), SECOND);
    }

    #[test]
    fn an_image_waits_for_the_registry_of_its_signatures() {
        let mut ledger = ledger();
        ledger.begin("a.example", Duration::ZERO);
        ledger.ask("a.example", "a.example", Duration::ZERO);
        (0..3).for_each(|_| ledger.ask("a.example", "signatures.example", Duration::ZERO));
        assert_eq!(ledger.wait("a.example", Duration::ZERO), 3 * SECOND);
        assert_eq!(ledger.wait("c.example", Duration::ZERO), Duration::ZERO, "whose images were never signed there");
    }

    #[test]
    fn an_image_that_asks_nobody_is_paid_for_once() {
        let mut ledger = ledger();
        ledger.begin("a.example", Duration::ZERO);
        ledger.begin("a.example", SECOND);
        (0..2).for_each(|_| ledger.ask("a.example", "a.example", SECOND));
        assert_eq!(ledger.wait("a.example", SECOND), SECOND);
    }
}
