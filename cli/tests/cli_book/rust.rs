//! Examples in Rust: who compiles them.

use std::fs;
use std::path::Path;

use crate::markdown::{Block, Page};

/// Whether the documentation tests of the library have the page.
pub(crate) fn is_compiled(page: &Page, repository: &Path) -> Result<(), String> {
    let library = fs::read_to_string(repository.join("core/verimage/src/lib.rs")).unwrap();
    let line = format!("include_str!(\"../../../{}\")", page.name);
    if library.contains(&line) { Ok(()) } else { Err(format!("core/verimage/src/lib.rs does not have `{line}`")) }
}

/// Whether a block that includes a part of an example of a crate finds it.
pub(crate) fn is_there(block: &Block, repository: &Path) -> Result<(), String> {
    let inner = block.text.trim_end().strip_prefix("{{#include ../").and_then(|rest| rest.strip_suffix("}}"));
    let (file, part) = inner.and_then(|inner| inner.split_once(':')).ok_or("it does not name a part of a file of the repository")?;
    if Path::new(file).parent().and_then(Path::file_name).is_none_or(|folder| folder != "examples") {
        return Err(format!("{file} is not an example of a crate, which would be compiled"));
    }
    let text = fs::read_to_string(repository.join(file)).map_err(|error| format!("{file}: {error}"))?;
    let marks = ["ANCHOR", "ANCHOR_END"].map(|mark| text.contains(&format!("// {mark}: {part}\n")));
    if marks == [true, true] { Ok(()) } else { Err(format!("{file} has no part {part}")) }
}
