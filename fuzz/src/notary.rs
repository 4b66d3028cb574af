//! Notary v1: canonical JSON, and whole verifications of a collection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use verimage::CryptoSet;
use verimage_core::Timestamp;
use verimage_cosign::log::canonical::rfc8785;
use verimage_crypto::PublicKey;
use verimage_tuf::{
    Answer, Expectation, Gun, Known, Need, Outcome, Pins, Request, RoleFile, Step, TargetRule, TrustState, Verification, Wanted,
    canonical_json,
};

use crate::set;

/// Canonical JSON, of either kind, is its own canonical form; Notary's unless characters stand in it that JSON wants escaped.
pub fn notary_metadata(data: &[u8]) {
    if let Ok(form) = rfc8785(data) {
        assert_eq!(rfc8785(&form).as_ref(), Ok(&form));
    }
    if let Ok(form) = canonical_json(data)
        && form.iter().all(|byte| *byte >= b' ')
    {
        assert_eq!(canonical_json(&form), Ok(form));
    }
    if let Ok(state) = TrustState::from_json(data) {
        assert_eq!(TrustState::from_json(&state.to_json()), Ok(state));
    }
}

/// A collection as a server holds it, each file behind a line with its name. Where every signature check says no, nothing is
/// trusted; where every check says yes, it goes deep; and where checks are real, what is trusted is what was signed.
pub fn notary_collection(data: &[u8]) {
    let files = read(data);
    assert!(verify(&files, set::<false>(), Known::default()).result.is_err(), "trusted without a signature");
    let deep = verify(&files, set::<true>(), Known::default());
    if let Some(state) = deep.state {
        assert_eq!(TrustState::from_json(&state.to_json()).as_ref(), Ok(&state));
        let again = verify(&files, set::<true>(), Known::state(state).cache(deep.cache));
        assert_eq!(again.result.is_ok(), deep.result.is_ok(), "{:?}", again.result);
    }
    if let Ok(evidence) = verify(&files, CryptoSet::rustcrypto(), Known::default()).result {
        for role in &evidence.roles {
            let form = signed(&files[&format!("{}.json", role.role)]).expect("it was read");
            assert!(SIGNED.contains(&form), "nobody signed the {} that is trusted", role.role);
        }
    }
}

type Files = BTreeMap<String, Vec<u8>>;

const SEEDS: [&[u8]; 4] = [
    include_bytes!("../seeds/notary-collection/plain"),
    include_bytes!("../seeds/notary-collection/delegated"),
    include_bytes!("../seeds/notary-collection/curves"),
    include_bytes!("../seeds/notary-collection/rotated"),
];

/// Everything that was ever signed, in canonical form.
static SIGNED: LazyLock<BTreeSet<Vec<u8>>> =
    LazyLock::new(|| SEEDS.into_iter().flat_map(|seed| read(seed).into_values()).filter_map(|bytes| signed(&bytes)).collect());

/// The root key of every seed.
const ROOT_KEY: &[u8] = include_bytes!("../seeds/notary-root.pub");

fn signed(bytes: &[u8]) -> Option<Vec<u8>> {
    let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    canonical_json(document.get("signed")?.to_string().as_bytes()).ok()
}

/// Files behind lines with their names, `--- root.json`.
fn read(data: &[u8]) -> Files {
    let mut files = Files::new();
    let mut current: Option<(String, Vec<u8>)> = None;
    for line in data.split(|byte| *byte == b'\n') {
        match (line.strip_prefix(b"--- "), &mut current) {
            (Some(name), _) => {
                files.extend(current.replace((String::from_utf8_lossy(name).into_owned(), Vec::new())));
            }
            (None, Some((_, bytes))) => {
                if !bytes.is_empty() {
                    bytes.push(b'\n');
                }
                bytes.extend_from_slice(line);
            }
            (None, None) => {}
        }
    }
    files.extend(current);
    files
}

fn verify(files: &Files, set: CryptoSet, known: Known) -> Outcome {
    let gun = Gun::new("registry.example.com/team/app").expect("a name");
    let key = PublicKey::from_pem(ROOT_KEY).expect("a key");
    let pins = Pins::root_keys(vec![key], Need::Any).expect("a pin");
    let now = Timestamp::from_second(1_780_272_000).expect("a time");
    let expectation = Arc::new(Expectation::new(gun, pins, TargetRule::docker(), set));
    let mut verification = Verification::begin(expectation, Wanted::Tag("v1".to_owned()), now, known).expect("the same collection");
    for _ in 0..1000 {
        match verification.step() {
            Step::Fetch(requests) => requests.into_iter().for_each(|request| {
                let answer = fetch(files, &request);
                verification.supply(request.file, answer);
            }),
            Step::Done(outcome) => return *outcome,
            other => panic!("{other:?}"),
        }
    }
    panic!("it goes on and on");
}

fn fetch(files: &Files, request: &Request) -> Answer {
    let name = match &request.file {
        RoleFile::RootVersion(_) => request.file.to_string(),
        file => format!("{}.json", file.role()),
    };
    match files.get(&name) {
        None => Answer::Absent,
        Some(bytes) if bytes.len() as u64 > request.max_bytes => Answer::TooLarge,
        Some(bytes) => Answer::Bytes(bytes.clone().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds reach the end: every one is trusted, with checks that are real.
    #[test]
    fn real_collections_are_trusted() {
        for seed in SEEDS {
            let outcome = verify(&read(seed), CryptoSet::rustcrypto(), Known::default());
            assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        }
    }
}
