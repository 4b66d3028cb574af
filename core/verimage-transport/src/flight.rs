//! Work that several callers want at the same time is done once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

/// The flights under way. Nothing is kept once the last passenger has left.
#[derive(Debug)]
pub struct Flights<K: Eq + Hash + Clone, V: Clone> {
    cells: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        Self { cells: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// Joins the flight to `key`, or begins it. If whoever began it gives up, the next one takes over.
    pub async fn join<W, F>(&self, key: K, work: W) -> V
    where
        W: FnOnce() -> F,
        F: Future<Output = V>,
    {
        let seat = Seat { flights: self, cell: Arc::clone(lock(&self.cells).entry(key.clone()).or_default()), key };
        seat.cell.get_or_init(work).await.clone()
    }
}

struct Seat<'a, K: Eq + Hash + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    cell: Arc<OnceCell<V>>,
    key: K,
}

impl<K: Eq + Hash + Clone, V: Clone> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut cells = lock(&self.flights.cells);
        let same = cells.get(&self.key).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        // Landed, or nobody else aboard: this seat and the map hold the only two references.
        if same && (self.cell.initialized() || Arc::strong_count(&self.cell) <= 2) {
            cells.remove(&self.key);
        }
    }
}

/// Locks; what a panicking thread left behind is as good as before, for every change here is one step.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
