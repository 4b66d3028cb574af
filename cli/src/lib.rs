//! `verimage`: may this container image run under this policy, and which digest exactly?
//!
//! This crate holds no decision. It reads arguments once into a plan (`args`, `plan`), calls the library
//! (`commands`) and prints what it says (`render`).

mod args;
mod commands;
mod failure;
mod image_verifier;
mod output;
mod plan;
mod policy_search;
mod render;
mod transport;

use std::ffi::OsString;

use clap::Parser;

use crate::failure::{Exit, Failure};
use crate::output::Console;

/// Runs the command line as its process would: `arguments` begin with the program's name, the result is the exit code.
///
/// For wrappers that bring the same command line in another package.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let arguments = image_verifier::translated(&arguments).unwrap_or(arguments);
    let arguments = match args::Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Admitted };
            // Whoever closed the stream does not want the text.
            let _ = error.print();
            return exit.code();
        }
    };
    let mut console = Console::new();
    match run(arguments, &mut console) {
        Ok(exit) => exit.code(),
        Err(failure) => {
            // There is nobody left to tell if this fails.
            let _ = console.complain(&render::failure::page(&failure));
            failure.exit().code()
        }
    }
}

/// Whether these arguments, which begin with the program's name, can be understood; nothing is done.
///
/// # Errors
/// What the command line would say before it exits with status 2.
pub fn understand(arguments: impl IntoIterator<Item = OsString>) -> Result<(), String> {
    let arguments = args::Arguments::try_parse_from(arguments).map_err(|error| error.to_string())?;
    let environment = plan::Environment { policy: Some("policy.yaml".into()), ..plan::Environment::default() };
    plan::Plan::new(arguments, &environment).map_err(|failure| render::failure::page(&failure).uncoloured())?;
    Ok(())
}

fn run(arguments: args::Arguments, console: &mut Console) -> Result<Exit, Failure> {
    let plan = plan::Plan::new(arguments, &plan::Environment::of_process())?;
    // Threads are worth their start where many images are judged.
    let mut builder =
        if plan.is_large() { tokio::runtime::Builder::new_multi_thread() } else { tokio::runtime::Builder::new_current_thread() };
    let runtime = builder.enable_all().build();
    let runtime = runtime.map_err(|error| Failure::usage(format!("this process cannot wait for answers: {error}")))?;
    let exit = runtime.block_on(commands::run(plan, console));
    // What still hangs on a dead name server or file system is not waited for.
    runtime.shutdown_background();
    exit
}
