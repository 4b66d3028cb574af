//! The hostile world over every fixture of every scheme: bits that flip, answers that fail, lists that lie, clocks that are wrong.
//!
//! Nothing of it may allow what was not allowed, another digest, or by another signer. Each test takes samples at a fixed
//! stride; `VERIMAGE_SAMPLES` says how many for each fixture, `make hostile-all` takes them all.

mod answers;
mod bits;
mod clock;
mod flips;
mod relink;
mod times;

use std::sync::LazyLock;

use verimage::core::Answer;
use verimage::{CryptoSet, Decision};
use verimage_tests::fixtures::{Outcome, Recording, everything};

/// A fixture that was asked, under either crypto set.
struct Fixture {
    /// The set that judges most: it is the faster one.
    main: Recording,
    other: Recording,
}

/// Their policies ask for nothing.
const ACCEPTS_ANYTHING: [&str; 3] =
    ["simple-signing/policy-accept", "simple-signing/policy-host-accepts-unsigned", "simple-signing/policy-tag-scope"];

/// An index counts if each of its images is signed (DESIGN.md 3): whoever holds signed images can make another one of them.
const OF_PLATFORMS: &str = "simple-signing/index-every-platform";

/// Every case whose policy loads.
static FIXTURES: LazyLock<Vec<Fixture>> = LazyLock::new(|| {
    let ask = |case: &dyn verimage_tests::fixtures::Case| {
        let main = case.ask(CryptoSet::aws_lc()).ok()?;
        Some(Fixture { main, other: case.ask(CryptoSet::rustcrypto()).expect("both sets load the same policies") })
    };
    in_parallel(&everything(), |case| ask(case.as_ref())).into_iter().flatten().collect()
});

/// Those that are allowed because somebody signed.
fn accepted() -> Vec<&'static Fixture> {
    FIXTURES.iter().filter(|fixture| fixture.main.verdict.decision == Decision::Allow && fixture.needs_a_signature()).collect()
}

impl Fixture {
    /// Whether nothing is allowed without one. Three cases are about scopes that accept everything.
    fn needs_a_signature(&self) -> bool {
        !ACCEPTS_ANYTHING.contains(&self.main.name.as_str())
    }

    /// The outcome with these answers.
    fn told(&self, answers: &[Answer], turn: usize) -> Outcome {
        self.ask(turn, |recording| recording.told(answers))
    }

    /// Asks one crypto set; every fourth time, by `turn`, both, which must agree.
    fn ask(&self, turn: usize, question: impl Fn(&Recording) -> Outcome) -> Outcome {
        let outcome = question(&self.main);
        if turn.is_multiple_of(4) {
            assert_eq!(outcome, question(&self.other), "the crypto sets disagree: {}", self.main.name);
        }
        outcome
    }
}

/// How many samples are taken of each fixture.
fn samples(usual: usize) -> usize {
    match std::env::var("VERIMAGE_SAMPLES").as_deref() {
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().expect("VERIMAGE_SAMPLES is a number, or `all`"),
        Err(_) => usual,
    }
}

/// What comes of each item, in their order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len().max(1));
    let take = |first: usize| items.iter().enumerate().skip(first).step_by(threads).map(|(at, item)| (at, work(item))).collect::<Vec<_>>();
    let mut found: Vec<(usize, R)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || take(first))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no thread panics")).collect()
    });
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, result)| result).collect()
}
