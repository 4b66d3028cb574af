//! The table of failure codes.

use pyo3::prelude::*;
use verimage::{Code, CodeClass};

/// Every failure code with its class, rank, meaning and remedy.
#[pyfunction]
pub(crate) fn codes() -> Vec<(&'static str, &'static str, u8, &'static str, &'static str)> {
    Code::ALL.iter().map(|code| (code.as_str(), class(code.class()), code.rank(), code.meaning(), code.remedy())).collect()
}

fn class(class: CodeClass) -> &'static str {
    match class {
        CodeClass::Deny => "deny",
        CodeClass::Inconclusive => "inconclusive",
        CodeClass::LoadError => "load error",
        _ => "other",
    }
}
