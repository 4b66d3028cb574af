//! The native half of the Python package `verimage`: conversion between Python and the library, and nothing else.
//!
//! Every decision is the library's. What a Python user sees is in `python/verimage`; this module is its private `_native`.

mod arguments;
mod codes;
mod command_line;
mod engine;
mod errors;
mod html;
mod keys;
mod options;
mod policy;
mod process;
mod store;
mod tasks;
mod verdict;
mod want;

/// What `verimage` is made of.
#[pyo3::pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use crate::codes::codes;
    #[pymodule_export]
    use crate::command_line::command_line;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::policy::Policy;
    #[pymodule_export]
    use crate::process::shut_down;
    #[cfg(debug_assertions)]
    #[pymodule_export]
    use crate::tasks::_defect;
    #[pymodule_export]
    use crate::tasks::Call;
    #[pymodule_export]
    use crate::verdict::{Leaf, Report, Rule, Verdict};
    #[pymodule_export]
    use crate::want::Want;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
}
