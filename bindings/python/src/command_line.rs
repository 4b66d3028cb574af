//! The command line that comes with the package.

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::tasks::contained_now;

/// Runs `verimage` with these arguments, the program's name first. The result is the exit code.
#[pyfunction]
pub(crate) fn command_line(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    contained_now(py, || Ok(py.detach(|| verimage_cli::main(arguments))))
}
