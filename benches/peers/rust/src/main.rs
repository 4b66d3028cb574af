//! How long the Rust libraries of the peers take for a verification, in one process: `beside COUNT RUNS CASE ARGUMENT…`.
//!
//! Prints the microseconds of one verification: the shortest of RUNS runs of COUNT, after one run to warm up. Keys and roots are loaded
//! before; the evidence is in memory, and parsed each time. Nothing is asked over a network.

mod family;
mod sigstore_crate;

use std::error::Error;
use std::time::{Duration, Instant};

type Failure = Box<dyn Error>;
/// Says whether the evidence of a case is about a digest (`sha256:…`).
type Verification = Box<dyn Fn(&str) -> Result<(), Failure>>;

const USAGE: &str = "beside COUNT RUNS (bundle | sigstore-bundle) ROOT BUNDLE DIGEST SUBJECT ISSUER\n\
                     beside COUNT RUNS sigstore-key KEY MANIFEST PAYLOAD DIGEST";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [count, runs, case, rest @ ..] = arguments.as_slice() else { return Err(USAGE.into()) };
    let (verify, digest) = match (*case, rest) {
        ("bundle", [root, bundle, digest, subject, issuer]) => (family::bundle(root, bundle, subject, issuer)?, digest),
        ("sigstore-bundle", [root, bundle, digest, subject, issuer]) => (sigstore_crate::bundle(root, bundle, subject, issuer)?, digest),
        ("sigstore-key", [key, manifest, payload, digest]) => (sigstore_crate::key(key, manifest, payload)?, digest),
        _ => return Err(USAGE.into()),
    };
    let (count, runs): (u32, u32) = (count.parse()?, runs.parse()?);
    run(&verify, digest, count)?;
    if verify(&format!("sha256:{}", "0".repeat(64))).is_ok() {
        return Err("evidence about another image was accepted".into());
    }
    let mut least = Duration::MAX;
    for _ in 0..runs {
        least = least.min(run(&verify, digest, count)?);
    }
    println!("{:.1}", least.as_secs_f64() * 1e6);
    Ok(())
}

/// The time of one verification among so many.
fn run(verify: &Verification, digest: &str, count: u32) -> Result<Duration, Failure> {
    let begin = Instant::now();
    for _ in 0..count {
        verify(digest)?;
    }
    Ok(begin.elapsed() / count)
}
