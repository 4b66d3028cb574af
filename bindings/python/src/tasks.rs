//! Waiting for the library: in the calling thread, or with a callback.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::errors;
use crate::process::Workers;

/// How often a waiting thread looks for signals, such as Ctrl-C.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Why there is no result.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The question could not be asked.
    Library(verimage::Error),
    /// A panic: a defect of ours. It ends here, as an error like others.
    Defect(String),
}

impl Trouble {
    fn raise(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Library(error) => errors::library(py, error),
            Self::Defect(text) => errors::internal(py, text),
        }
    }

    fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
        Self::Defect(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

impl<E: Into<verimage::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Library(error.into())
    }
}

/// Waits in the calling thread, without the interpreter's lock. A signal whose handler raises ends the work.
pub(crate) fn wait<T: Send>(py: Python<'_>, work: impl Future<Output = Result<T, Trouble>> + Send) -> PyResult<T> {
    let runtime = Workers::of_process(py)?.runtime;
    let waited = async {
        tokio::select! {
            biased;
            outcome = contained(work) => Ok(outcome),
            interrupt = interrupted() => Err(interrupt),
        }
    };
    let outcome = contained_now(py, || py.detach(|| runtime.block_on(waited)))?;
    outcome.map_err(|trouble| trouble.raise(py))
}

async fn interrupted() -> PyErr {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        // Nothing is left to interrupt where the interpreter ends.
        if let Some(Err(interrupt)) = Python::try_attach(|py| py.check_signals()) {
            return interrupt;
        }
    }
}

async fn contained<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(Trouble::of_panic(&*panic)))
}

/// Work that does not wait, with the same end for panics.
pub(crate) fn contained_now<T>(py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Trouble::of_panic(&*panic).raise(py)))
}

/// Work under way on the runtime.
#[pyclass(frozen, module = "verimage._native")]
#[derive(Debug)]
pub(crate) struct Call {
    task: AbortHandle,
}

#[pymethods]
impl Call {
    /// Ends the work where it waits. The callback is not called any more, unless it just was.
    fn cancel(&self) {
        self.task.abort();
    }
}

/// Begins work; its end calls `callback(result, None)` or `callback(None, error)` from a thread of ours.
pub(crate) fn start<T>(
    py: Python<'_>,
    callback: Py<PyAny>,
    work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> PyResult<Call>
where
    T: for<'py> IntoPyObject<'py> + Send + 'static,
{
    let workers = Workers::of_process(py)?;
    let task = workers.runtime.spawn({
        let workers = workers.clone();
        async move {
            let outcome = contained(work).await;
            workers.deliver(move |py| deliver(py, &callback, outcome));
        }
    });
    Ok(Call { task: task.abort_handle() })
}

fn deliver<'py, T: IntoPyObject<'py>>(py: Python<'py>, callback: &Py<PyAny>, outcome: Result<T, Trouble>) {
    let outcome = outcome.map_err(|trouble| trouble.raise(py)).and_then(|value| value.into_py_any(py));
    let told = match outcome {
        Ok(value) => callback.call1(py, (value, py.None())),
        Err(error) => callback.call1(py, (py.None(), error)),
    };
    if let Err(error) = told {
        error.write_unraisable(py, Some(callback.bind(py)));
    }
}

/// Has a defect in each of the three ways to work, for the tests of this package: its builds for use do not have it.
#[cfg(debug_assertions)]
#[pyfunction]
#[pyo3(signature = (callback = None, *, waiting = false))]
#[allow(clippy::panic, reason = "the purpose")]
pub(crate) fn _defect(py: Python<'_>, callback: Option<Py<PyAny>>, waiting: bool) -> PyResult<Option<Call>> {
    match callback {
        Some(callback) => start(py, callback, async { panic!("a defect") as Result<(), Trouble> }).map(Some),
        None if waiting => wait(py, async { panic!("a defect") }),
        None => contained_now(py, || panic!("a defect")),
    }
}
