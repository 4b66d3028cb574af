//! Whole verifications beside the raw signature checks in them, by the same crypto set. The last lines give the ratios.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use verimage::{Decision, ImageRef};
use verimage_benches::scenarios;

fn bench(criterion: &mut Criterion) {
    for (name, make) in scenarios() {
        let scenario = make();
        assert_eq!(scenario.verify(), Decision::Allow);
        assert!(scenario.check_signatures());
        criterion.bench_function(&format!("{name}/verify"), |bencher| bencher.iter(|| scenario.verify()));
        criterion.bench_function(&format!("{name}/raw"), |bencher| bencher.iter(|| scenario.check_signatures()));
    }
}

/// Minimum of many short runs, taken in turns, so that both sides see the same machine.
fn print_ratios() {
    println!("\nwhole verification over its raw signature checks, minimum of 300 alternating runs of 10");
    for (name, make) in scenarios() {
        let scenario = make();
        let (mut whole, mut raw) = (Duration::MAX, Duration::MAX);
        for _ in 0..300 {
            whole = whole.min(time(|| _ = scenario.verify()));
            raw = raw.min(time(|| _ = scenario.check_signatures()));
        }
        println!("{name} {:.2} ({} signatures)", whole.as_secs_f64() / raw.as_secs_f64(), scenario.signatures());
    }
    let parse = (0..300).map(|_| time(|| _ = std::hint::black_box(ImageRef::parse(REFERENCE)))).min().unwrap_or_default() / 10;
    println!("a reference is read in {} ns", parse.as_nanos());
}

const REFERENCE: &str = "registry.example:5000/team/app:v1.2.3@sha256:efc9b55d045c8258a2c7ed223fe69b62bd063763e111f8ef682d10ee59e72136";

fn time(mut run: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..10).for_each(|_| run());
    start.elapsed()
}

criterion_group!(benches, bench);

fn main() {
    if !std::env::args().any(|argument| argument == "--ratios") {
        benches();
        Criterion::default().configure_from_args().final_summary();
    }
    print_ratios();
}
