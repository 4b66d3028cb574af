//! `verimage completions`.

use clap::CommandFactory;

use crate::args::{Arguments, CompletionsArguments};
use crate::failure::{Exit, Failure};
use crate::output::Console;

pub(crate) fn run(arguments: &CompletionsArguments, console: &mut Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "verimage", &mut script);
    console.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Admitted)
}
