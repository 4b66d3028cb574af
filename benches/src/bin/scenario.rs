//! One scenario again and again, for profilers: `scenario NAME COUNT`, as `make bench-ratios` names it.

use verimage::Decision;
use verimage_benches::scenarios;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (name, count) = (arguments.next().unwrap_or_default(), arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1));
    let Some((_, make)) = scenarios().into_iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = scenarios().into_iter().map(|(name, _)| name).collect();
        eprintln!("there are {}", known.join(", "));
        std::process::exit(2);
    };
    let scenario = make();
    for _ in 0..count {
        assert_eq!(scenario.verify(), Decision::Allow);
    }
}
