//! The addon behind the npm package `verimage`: values of JavaScript in, calls of the library, values of JavaScript out.
//!
//! Nothing is decided here, and nothing crosses the border but plain values: what went wrong is a [`Refusal`], which the
//! package's TypeScript turns into a typed error. `lib/` holds that half.

mod command_line;
mod engine;
mod options;
mod policy;
mod refusal;
mod store;
mod want;

use napi_derive::napi;
use verimage::{Code, CodeClass};

pub use command_line::run_command_line;
pub use engine::{Cancellation, Engine};
pub use policy::Policy;
pub use refusal::Refusal;
pub use store::{NamedStore, StoreAnswer};

/// A failure code, as `docs/codes.md` lists it.
#[napi(object, object_from_js = false)]
pub struct CodeEntry {
    /// The stable text.
    pub code: &'static str,
    /// What it means for the decision.
    #[napi(ts_type = "'deny' | 'inconclusive' | 'load-error'")]
    pub class: &'static str,
    /// Which code is told when one must be chosen: the highest.
    pub rank: u32,
    /// One sentence on what happened.
    pub meaning: &'static str,
    /// One sentence on what to do.
    pub remedy: &'static str,
}

/// Every failure code.
#[napi(catch_unwind)]
pub fn codes() -> Vec<CodeEntry> {
    let entry = |code: &Code| CodeEntry {
        code: code.as_str(),
        class: match code.class() {
            CodeClass::Deny => "deny",
            CodeClass::Inconclusive => "inconclusive",
            _ => "load-error",
        },
        rank: code.rank().into(),
        meaning: code.meaning(),
        remedy: code.remedy(),
    };
    Code::ALL.iter().map(entry).collect()
}
