//! Tests by their names, as `tests/attacks.toml` and `tests/support.toml` name them.

use std::fs;

use crate::attacks::repository;

/// The text of the file `place`, in which `name` is a test.
///
/// # Errors
/// What is wrong with the name.
pub fn test(place: &str, name: &str) -> Result<String, String> {
    let text = fs::read_to_string(repository().join(place)).map_err(|error| format!("{place}: {error}"))?;
    let is_test = match place.rsplit_once('.').map(|(_, end)| end) {
        Some("rs") => has_attribute(&text, name).ok_or(format!("{place} has no {name}"))?,
        Some("py") => name.starts_with("test_") && text.contains(&format!("\ndef {name}(")),
        Some("mjs") => ["'", "`"].iter().any(|quote| text.contains(&format!("test({quote}{name}{quote}"))),
        _ => false,
    };
    if is_test { Ok(text) } else { Err(format!("{place}::{name} is no test")) }
}

/// Whether a function is marked as a test; nothing if there is none.
fn has_attribute(text: &str, name: &str) -> Option<bool> {
    let before = text.split_once(&format!("fn {name}("))?.0;
    let lines = before.trim_end().trim_end_matches("async").trim_end().lines().rev().map(str::trim);
    let mut attributes = lines.take_while(|line| line.starts_with("#["));
    Some(attributes.any(|line| ["#[test]", "#[tokio::test"].iter().any(|start| line.starts_with(start))))
}
