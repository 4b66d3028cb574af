//! How long one scenario takes in one process: `beside COUNT RUNS NAME`, with names as `make bench-ratios` has them.
//!
//! Prints the microseconds of one verification: the shortest of RUNS runs of COUNT, after one run to warm up. The programs in
//! `benches/peers` say the same about the libraries of the peers.

use std::time::{Duration, Instant};

use verimage::Decision;
use verimage_benches::{Scenario, scenarios};

#[allow(clippy::print_stdout, reason = "its one answer")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((count, runs, scenario)) = parse(&arguments) else {
        let known: Vec<String> = scenarios().into_iter().map(|(name, _)| name).collect();
        eprintln!("usage: beside COUNT RUNS NAME; there are {}", known.join(", "));
        std::process::exit(2);
    };
    run(&scenario, count);
    let least = (0..runs).map(|_| run(&scenario, count)).min().unwrap_or_default();
    println!("{:.1}", least.as_secs_f64() * 1e6);
}

fn parse(arguments: &[String]) -> Option<(u32, u32, Scenario)> {
    let [count, runs, name] = arguments else { return None };
    let (_, make) = scenarios().into_iter().find(|(known, _)| known == name)?;
    Some((count.parse().ok()?, runs.parse().ok()?, make()))
}

/// The time of one verification among so many.
fn run(scenario: &Scenario, count: u32) -> Duration {
    let begin = Instant::now();
    for _ in 0..count {
        assert_eq!(scenario.verify(), Decision::Allow);
    }
    begin.elapsed() / count
}
