//! One scenario again and again, for profilers: `scenario NAME [COUNT] [verify|signatures]`, by the names of `make bench-ratios`.
//! Without arguments it lists them.

use verimage::Decision;
use verimage_benches::{Scenario, scenarios};

#[allow(clippy::print_stdout, reason = "its one answer")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(name) = arguments.first() else {
        return scenarios().iter().for_each(|(name, _)| println!("{name}"));
    };
    let Some((_, make)) = scenarios().into_iter().find(|(known, _)| known == name) else {
        eprintln!("there is no scenario `{name}`");
        std::process::exit(2);
    };
    let count = arguments.get(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let scenario = make();
    match arguments.get(2).map(String::as_str) {
        Some("signatures") => (0..count).for_each(|_| signatures(&scenario)),
        _ => (0..count).for_each(|_| verify(&scenario)),
    }
}

/// What is counted, as a whole; `benches/instructions.py` knows it by its name.
#[inline(never)]
fn verify(scenario: &Scenario) {
    assert_eq!(scenario.verify(), Decision::Allow);
}

/// What is counted, the signature checks alone.
#[inline(never)]
fn signatures(scenario: &Scenario) {
    assert!(scenario.check_signatures());
}
