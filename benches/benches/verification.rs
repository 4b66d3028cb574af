//! Whole verifications beside the raw signature checks in them, by the same crypto set. The last lines give the ratios.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group};
use verimage::{CryptoSet, Decision};
use verimage_benches::Scenario;
use verimage_crypto::{Algorithm, EcdsaEncoding, HashAlgorithm};

fn scenarios() -> Vec<(String, Scenario)> {
    let p256 = Algorithm::Ecdsa { hash: HashAlgorithm::Sha256, encoding: EcdsaEncoding::Der };
    let rsa = Algorithm::RsaPkcs1 { hash: HashAlgorithm::Sha256 };
    let cosign = [("p256", p256), ("rsa3072", rsa), ("ed25519", Algorithm::Ed25519ph)];
    let mut scenarios = Vec::new();
    for set in [CryptoSet::rustcrypto(), CryptoSet::aws_lc()] {
        for (name, algorithm) in cosign {
            scenarios.push((format!("{}/cosign-{name}", set.name), Scenario::cosign(name, algorithm, set)));
        }
        // Three certificates; two certificates.
        for name in ["jws-rsa3072", "cose-p256"] {
            scenarios.push((format!("{}/notation-{name}", set.name), Scenario::notation(name, set)));
        }
        for name in ["rsa2048", "rsa4096", "ed25519"] {
            scenarios.push((format!("{}/simple-signing-{name}", set.name), Scenario::simple_signing(name, set)));
        }
    }
    scenarios
}

fn bench(criterion: &mut Criterion) {
    for (name, scenario) in scenarios() {
        assert_eq!(scenario.verify(), Decision::Allow);
        assert!(scenario.check_signatures());
        criterion.bench_function(&format!("{name}/verify"), |bencher| bencher.iter(|| scenario.verify()));
        criterion.bench_function(&format!("{name}/raw"), |bencher| bencher.iter(|| scenario.check_signatures()));
    }
}

/// Minimum of many short runs, taken in turns, so that both sides see the same machine.
fn print_ratios() {
    println!("\nwhole verification over its raw signature checks, minimum of 300 alternating runs of 10");
    for (name, scenario) in scenarios() {
        let (mut whole, mut raw) = (Duration::MAX, Duration::MAX);
        for _ in 0..300 {
            whole = whole.min(time(|| _ = scenario.verify()));
            raw = raw.min(time(|| _ = scenario.check_signatures()));
        }
        println!("{name} {:.2} ({} signatures)", whole.as_secs_f64() / raw.as_secs_f64(), scenario.signatures());
    }
}

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
