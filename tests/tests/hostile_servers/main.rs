//! Servers that lie, stall, flood and lead astray, in the place of each that is asked: never an allow, and bounded requests,
//! bytes and time. What each costs stands in docs/hostile.md.

mod crowds;
mod server;
mod worlds;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use server::{FAULTS, Fault, Server};
use worlds::{Refusal, Told, WORLDS, World};

/// How long a verification may take where somebody keeps silent, and where nobody does.
const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(30);
/// The most requests of a verification with one image and one signature, whatever is answered: eight files of a mirror, a request
/// that is sent three times, three redirects.
const MOST_REQUESTS: usize = 12;

/// What a fault of the connection is called where it leaves a question open; nothing for those that a server may well mean.
fn codes(fault: Fault) -> &'static [&'static str] {
    match fault {
        Fault::Status(401 | 403) => &["store-unauthorized"],
        Fault::Status(429) | Fault::Storm => &["store-rate-limited"],
        Fault::Status(500) | Fault::Truncated | Fault::Closed | Fault::OtherProtocol | Fault::Away | Fault::Compressed => {
            &["store-unavailable"]
        }
        // Where no token is asked for at all, it is a refusal like any other.
        Fault::RealmAway => &["store-unavailable", "store-unauthorized"],
        Fault::Silence | Fault::Drip => &["deadline-exceeded"],
        Fault::Endless | Fault::Announced | Fault::Loop => &["limit-exceeded"],
        _ => &[],
    }
}

/// What one fault at one place cost.
struct Cost {
    fault: Fault,
    told: Told,
    requests: usize,
    bytes: u64,
}

#[test]
fn no_fault_allows_and_each_is_bounded() {
    let cases: Vec<(&World, &'static str, Fault)> = WORLDS
        .iter()
        .flat_map(|world| world.places.iter().flat_map(move |place| FAULTS.into_iter().map(move |fault| (world, *place, fault))))
        .collect();
    let costs = side_by_side(&cases, |(world, place, fault)| cost(world, place, *fault));
    let mut most: BTreeMap<Fault, (usize, u64)> = BTreeMap::new();
    for cost in &costs {
        let (requests, bytes) = most.entry(cost.fault).or_default();
        *requests = cost.requests.max(*requests);
        *bytes = cost.bytes.max(*bytes);
    }
    println!("faults of servers: {} injected, {} answers lost, 0 wrong allows", costs.len(), cases.len() - costs.len());
    for (fault, (requests, bytes)) in most {
        println!(
            "| {fault:?} | {} | at most {requests} requests, {} KiB |",
            codes(fault).first().unwrap_or(&"by what is there"),
            bytes.div_ceil(1024)
        );
    }
    assert!(costs.len() > 400);
}

fn cost(world: &World, place: &'static str, fault: Fault) -> Cost {
    let server = Server::start((world.files)(), fault, place);
    let timeout = if matches!(fault, Fault::Silence | Fault::Drip) { SHORT } else { LONG };
    let told = (world.ask)(&server, timeout);
    let cost = Cost { fault, told, requests: server.asked().len(), bytes: server.sent() };
    let at = format!("{}, {place}, {fault:?}: {:?}", world.name, cost.told);
    check(world, fault, &cost.told, &at);
    assert!((1..=MOST_REQUESTS).contains(&cost.requests), "{at}: {} requests", cost.requests);
    assert!(cost.bytes <= world.limit + underway(), "{at}: {} bytes", cost.bytes);
    // Nobody asked for it in a way that is to be answered.
    assert!(!server.asked().iter().any(|head| head.to_ascii_lowercase().contains("authorization:")), "{at}");
    cost
}

/// What the machine holds between two programs, in bytes: it was sent, and nobody has read it.
fn underway() -> u64 {
    let largest = |file: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/ipv4/{file}")).ok()?;
        text.split_whitespace().last()?.parse::<u64>().ok()
    };
    largest("tcp_rmem").unwrap_or(64 << 20) + largest("tcp_wmem").unwrap_or(64 << 20)
}

fn check(world: &World, fault: Fault, told: &Told, at: &str) {
    // A byte that nobody signed may be another, and every second answer is good.
    let may_allow = matches!(fault, Fault::Lying | Fault::Alternating);
    assert!(told.decision != "allow" || may_allow, "{at}");
    let codes = codes(fault);
    if codes.is_empty() {
        return;
    }
    match world.refusal {
        Refusal::Inconclusive => assert!(told.decision == "inconclusive" && codes.contains(&told.code.as_str()), "{at}"),
        Refusal::Unknown => assert_eq!(told.code, "revocation-unknown", "{at}"),
        Refusal::Error => assert_eq!(told.decision, "error", "{at}"),
    }
}

/// Without a fault each is allowed: otherwise nothing is shown by the others.
#[test]
fn good_servers_are_enough() {
    for world in &WORLDS {
        let server = Server::start((world.files)(), Fault::None, "");
        let told = (world.ask)(&server, LONG);
        assert_eq!((told.decision, told.code.as_str()), ("allow", ""), "{}", world.name);
        println!("{}: {} requests, {} bytes", world.name, server.asked().len(), server.sent());
    }
}

/// What comes of each, in some order: most of the time they wait.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(result);
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
