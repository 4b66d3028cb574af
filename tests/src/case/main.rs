//! `verimage-case`: one case object on standard input; exit status 0 accept, 1 reject, 2 not supported.

use std::io::{Read, Write};
use std::process::ExitCode;

use verimage_tests::Runner;

fn main() -> ExitCode {
    match answer() {
        Ok((status, text)) => {
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::from(status)
        }
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "the case cannot be read: {reason}");
            ExitCode::from(2)
        }
    }
}

fn answer() -> Result<(u8, String), String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string())?;
    let case = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let answer = Runner::default().answer(&case)?;
    Ok((answer.status(), answer.to_json().to_string()))
}
