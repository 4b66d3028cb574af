//! Writes `docs/support.md`, and the tables of the README: `make support`.

use std::fs;

use verimage_tests::attacks::repository;
use verimage_tests::support::Support;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (support, readme) = (Support::read(), repository().join("README.md"));
    fs::write(repository().join("docs/support.md"), support.page())?;
    fs::write(&readme, support.in_readme(&fs::read_to_string(&readme)?)?)?;
    Ok(())
}
