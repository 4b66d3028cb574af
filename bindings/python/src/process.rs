//! What a process has one of: the runtime, and the right to enter the interpreter from its threads.
//!
//! A forked child has none of its parent's threads. So whatever rests on them is kept with the process that made it, and
//! made anew in another; what the parent made is left alone there, because giving it back could wait for threads forever.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use tokio::runtime::Runtime;

use crate::errors;

/// A value of this process. The lock is only ever taken while attached to the interpreter, and never kept longer; a fork
/// happens while attached, too, so a child never inherits it locked.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    slot: Mutex<Option<(u32, T)>>,
}

impl<T: Clone> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self { slot: Mutex::new(None) }
    }

    /// The value, made at first use.
    pub(crate) fn get<E>(&self, _py: Python<'_>, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut slot = self.lock();
        match slot.as_ref() {
            Some((owner, value)) if *owner == std::process::id() => Ok(value.clone()),
            _ => {
                let value = make()?;
                mem::forget(slot.replace((std::process::id(), value.clone())));
                Ok(value)
            }
        }
    }

    /// Whether this process has made it.
    fn is_made(&self, _py: Python<'_>) -> bool {
        self.lock().as_ref().is_some_and(|(owner, _)| *owner == std::process::id())
    }
}

impl<T> PerProcess<T> {
    fn lock(&self) -> MutexGuard<'_, Option<(u32, T)>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let slot = self.slot.get_mut().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_some_and(|(owner, _)| *owner != std::process::id()) {
            mem::forget(slot.take());
        }
    }
}

/// What this process runs on. It lives as long as the process.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    pub(crate) runtime: &'static Runtime,
    deliveries: Sender<Delivery>,
}

/// Something to be done in the interpreter.
type Delivery = Box<dyn FnOnce(Python<'_>) + Send>;

static WORKERS: PerProcess<Workers> = PerProcess::new();
/// How many threads are in the interpreter, or wait to be let in.
static GUESTS: AtomicUsize = AtomicUsize::new(0);
static CLOSED: AtomicBool = AtomicBool::new(false);

impl Workers {
    pub(crate) fn of_process(py: Python<'_>) -> PyResult<Self> {
        WORKERS.get(py, || {
            GUESTS.store(0, Ordering::SeqCst);
            Self::start().map_err(|error| errors::configuration(py, &format!("this process cannot wait for answers: {error}")))
        })
    }

    fn start() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name("verimage").enable_all().build()?;
        let (deliveries, arrivals) = mpsc::channel();
        std::thread::Builder::new().name("verimage".to_owned()).spawn(move || deliver(&arrivals))?;
        Ok(Self { runtime: Box::leak(Box::new(runtime)), deliveries })
    }

    /// Has something done in the interpreter soon, by a thread that waits for its lock in place of those that work.
    pub(crate) fn deliver(&self, delivery: impl FnOnce(Python<'_>) + Send + 'static) {
        // Without the thread there is nobody left to tell.
        let _ = self.deliveries.send(Box::new(delivery));
    }
}

/// Brings what is there together.
fn deliver(arrivals: &Receiver<Delivery>) {
    while let Ok(first) = arrivals.recv() {
        let all = |py: Python<'_>| std::iter::once(first).chain(arrivals.try_iter()).for_each(|delivery| delivery(py));
        if attached(all).is_none() {
            return;
        }
    }
}

/// Does something in the interpreter, from a thread of the runtime. Nothing if the interpreter is going away.
pub(crate) fn attached<R>(work: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    let _guest = Guest::arrive()?;
    Python::try_attach(work)
}

struct Guest;

impl Guest {
    fn arrive() -> Option<Self> {
        GUESTS.fetch_add(1, Ordering::SeqCst);
        let guest = Self;
        (!CLOSED.load(Ordering::SeqCst)).then_some(guest)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        GUESTS.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How long the end of the interpreter waits for stores written in Python.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Lets no thread of the runtime into the interpreter any more, and waits for those that are in it.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    if !WORKERS.is_made(py) {
        return;
    }
    CLOSED.store(true, Ordering::SeqCst);
    py.detach(|| {
        let end = Instant::now() + LONGEST_WAIT;
        while GUESTS.load(Ordering::SeqCst) > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}
