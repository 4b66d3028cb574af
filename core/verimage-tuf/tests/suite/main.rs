//! The specification, check by check and attack by attack, with a signer that does wrong what it is asked to.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, unreachable_pub, missing_docs)]

mod attacks;
mod checks;
mod messages;
mod pins;
mod repository;
mod requests;
mod rotation;
mod rules;
mod sign;
mod signatures;
mod state;

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use verimage_crypto::{CryptoSet, PublicKey};
use verimage_tuf::{Evidence, Expectation, Failure, Gun, Known, Need, Outcome, Pins, Step, TargetRule, Verification, Wanted};

use repository::{GUN, Server};
use sign::Key;

/// When everything happens, unless a test says otherwise.
const NOW: &str = "2026-06-01T00:00:00Z";

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn public(key: Key) -> PublicKey {
    PublicKey::from_spki_der(&key.spki()).unwrap()
}

fn pinned(name: &'static str) -> Pins {
    Pins::root_keys(vec![public(Key::P256(name))], Need::Any).unwrap()
}

/// What is asked of a server. Without more: the tag `v1` by Docker's rule, the root key pinned.
#[derive(Clone)]
struct Ask {
    pins: Pins,
    rule: TargetRule,
    wanted: Wanted,
    now: Timestamp,
    known: Known,
    edit: fn(Expectation) -> Expectation,
}

impl Default for Ask {
    fn default() -> Self {
        let wanted = Wanted::Tag("v1".to_owned());
        Self { pins: pinned("root"), rule: TargetRule::docker(), wanted, now: at(NOW), known: Known::default(), edit: |same| same }
    }
}

/// What came out, and what was asked for on the way.
struct Run {
    outcome: Outcome,
    rounds: Vec<Vec<String>>,
}

impl Run {
    fn requests(&self) -> Vec<&str> {
        self.rounds.iter().flatten().map(String::as_str).collect()
    }

    #[track_caller]
    fn known(&self) -> Known {
        Known::state(self.outcome.state.clone().expect("a state"))
    }
}

impl Ask {
    fn tag(tag: &str) -> Self {
        Self { wanted: Wanted::Tag(tag.to_owned()), ..Self::default() }
    }

    fn known(known: Known) -> Self {
        Self { known, ..Self::default() }
    }

    /// Under every crypto set, which must agree.
    #[track_caller]
    fn run(&self, server: &Server) -> Run {
        let [first, second] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|set| self.drive(server, set));
        assert_eq!(first.outcome, second.outcome, "the crypto sets disagree");
        first
    }

    fn drive(&self, server: &Server, set: CryptoSet) -> Run {
        let expectation = Expectation::new(Gun::new(GUN).unwrap(), self.pins.clone(), self.rule.clone(), set);
        let expectation = Arc::new((self.edit)(expectation));
        let mut verification = Verification::begin(expectation, self.wanted.clone(), self.now, self.known.clone()).unwrap();
        let mut rounds = Vec::new();
        loop {
            match verification.step() {
                Step::Done(outcome) => return Run { outcome: *outcome, rounds },
                Step::Fetch(requests) => {
                    rounds.push(requests.iter().map(|request| request.file.to_string()).collect());
                    for request in requests {
                        let answer = server.fetch(&request);
                        verification.supply(request.file, answer);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[track_caller]
    fn evidence(&self, server: &Server) -> Evidence {
        self.run(server).outcome.result.unwrap_or_else(|failure| panic!("{failure}"))
    }

    #[track_caller]
    fn failure(&self, server: &Server) -> Failure {
        self.run(server).outcome.result.expect_err("accepted")
    }
}

/// The role at fault, the check, and the kind of failure.
#[track_caller]
fn assert_refused(ask: &Ask, server: &Server, role: &str, check: verimage_tuf::Check, kind: &str) {
    let failure = ask.failure(server);
    assert_eq!((failure.role.to_string().as_str(), failure.check(), failure.kind().as_str()), (role, check, kind), "{failure}");
}
