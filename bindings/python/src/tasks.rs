//! Waiting for the library: in the calling thread, or with a callback.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use crate::process::Engine;
use crate::{errors, process};

/// How often a waiting thread looks for signals, such as Ctrl-C.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Waits in the calling thread, without the interpreter's lock. A signal whose handler raises ends the work.
pub(crate) fn wait<T: Send>(py: Python<'_>, work: impl Future<Output = PyResult<T>> + Send) -> PyResult<T> {
    let runtime = Engine::of_process(py)?.runtime;
    py.detach(|| {
        runtime.block_on(async {
            tokio::select! {
                biased;
                outcome = contained(work) => outcome,
                interrupt = interrupted() => Err(interrupt),
            }
        })
    })
}

async fn interrupted() -> PyErr {
    loop {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        if let Err(interrupt) = Python::attach(|py| py.check_signals()) {
            return interrupt;
        }
    }
}

/// A panic is a defect of ours. It ends here, as an error like others.
async fn contained<T>(work: impl Future<Output = PyResult<T>>) -> PyResult<T> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(defect(&*panic)))
}

/// The same for work that does not wait.
pub(crate) fn contained_now<T>(work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(defect(&*panic)))
}

fn defect(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "a panic without a message".to_owned());
    process::attached(|py| errors::internal(py, &text)).unwrap_or_else(|| pyo3::exceptions::PyRuntimeError::new_err(text))
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
pub(crate) fn start<T>(py: Python<'_>, callback: Py<PyAny>, work: impl Future<Output = PyResult<T>> + Send + 'static) -> PyResult<Call>
where
    T: for<'py> IntoPyObject<'py> + Send + 'static,
{
    let engine = Engine::of_process(py)?;
    let task = engine.runtime.spawn({
        let engine = engine.clone();
        async move {
            let outcome = contained(work).await;
            engine.deliver(move |py| deliver(py, &callback, outcome));
        }
    });
    Ok(Call { task: task.abort_handle() })
}

fn deliver<'py, T: IntoPyObject<'py>>(py: Python<'py>, callback: &Py<PyAny>, outcome: PyResult<T>) {
    let outcome = outcome.and_then(|value| value.into_py_any(py));
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
        Some(callback) => start(py, callback, async { panic!("a defect") as PyResult<()> }).map(Some),
        None if waiting => wait(py, async { panic!("a defect") }),
        None => contained_now(|| panic!("a defect")),
    }
}
