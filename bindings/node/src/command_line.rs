//! The command line, in this process.

use napi_derive::napi;

/// Runs the command line and gives its exit code; `arguments` are without the program's name.
#[napi(catch_unwind)]
pub fn run_command_line(arguments: Vec<String>) -> u32 {
    let arguments = std::iter::once("verimage".to_owned()).chain(arguments);
    verimage_cli::main(arguments.map(Into::into)).into()
}
