//! One image under a policy of so many rules: `rules COUNT` prints how many microseconds it takes to judge it, with its answers at hand.

use std::time::Instant;

use verimage::{CryptoSet, Decision};
use verimage_benches::Scenario;

#[allow(clippy::print_stdout, reason = "its one answer")]
fn main() {
    let Some(count) = std::env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("usage: rules COUNT");
        std::process::exit(2);
    };
    let scenario = Scenario::rules(count, CryptoSet::aws_lc());
    let time = || {
        let start = Instant::now();
        assert_eq!(scenario.verify(), Decision::Allow);
        start.elapsed()
    };
    let shortest = (0..2000).map(|_| time()).min().unwrap_or_default();
    println!("{:.1}", shortest.as_secs_f64() * 1e6);
}
