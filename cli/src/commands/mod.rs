//! The commands: each takes its plan, asks the library, and hands the answer to [`crate::render`].

mod ask;
mod audit;
mod codes;
mod completions;
mod first_policy;
mod inspect;
mod load;
mod policy;
mod resolve;
mod score;
mod serve;
mod task;
mod triangulate;
mod trust;
mod verify;

pub(crate) use inspect::{Attachment, Bundle, Finding, Inspection, Layer, Payload, Referrer, Referrers};
pub(crate) use load::COMMAND_LINE;
pub(crate) use policy::{Explanation, Fate, RuleFate, Summary};
pub(crate) use trust::{Report, Shown};

use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::plan::Plan;

pub(crate) async fn run(plan: Plan, console: &mut Console) -> Result<Exit, Failure> {
    match plan {
        Plan::Verify(plan) => verify::run(plan, console).await,
        Plan::Audit(plan) => audit::run(plan, console).await,
        Plan::PrintPolicy(choice) => verify::print_policy(&choice, console).await,
        Plan::Resolve { image, format } => resolve::run(&image, format, console).await,
        Plan::Triangulate { image, signatures, format } => triangulate::run(&image, signatures, format, console).await,
        Plan::Inspect { image, signatures, view } => inspect::run(&image, signatures, view, console).await,
        Plan::Init(plan) => policy::init(plan, console).await,
        Plan::Check(plan) => policy::check(plan, console).await,
        Plan::Convert(file) => policy::convert(&file, console),
        Plan::Explain(plan) => policy::explain(&plan, console).await,
        Plan::Schema(arguments) => policy::schema(&arguments, console),
        Plan::Serve(arguments) => serve::run(*arguments, console).await,
        Plan::Trust { command, folder } => trust::run(command, folder, console).await,
        Plan::Codes(arguments) => codes::run(&arguments, console),
        Plan::Completions(arguments) => completions::run(&arguments, console),
    }
}
