//! The seeds `fuzz/seeds/session` are the transcripts of fixtures of every scheme; `VERIMAGE_UPDATE_FIXTURES=1` writes them anew.

use std::fs;
use std::path::Path;

use verimage::CryptoSet;
use verimage_tests::fixtures::{Recording, everything, folder};

/// Each fixture with the name of its seed.
const SEEDS: [(&str, &str); 19] = [
    ("cosign/p256", "p256"),
    ("cosign/bundle-p256", "bundle-p256"),
    ("cosign/bundle-referrers", "bundle-referrers"),
    ("cosign/multi-index", "multi-index"),
    ("cosign/multi-recursive-index", "multi-recursive"),
    ("cosign-certificates/signed-v2", "certificate"),
    ("cosign-certificates/signed-v3", "certificate-bundle"),
    ("keyless/bundle", "keyless-bundle"),
    ("keyless/tiles", "keyless-tiles"),
    ("keyless/legacy", "keyless-legacy"),
    ("keyless/unsigned", "unsigned"),
    ("notation/jws-p256", "notation-jws"),
    ("notation/cose-p256", "notation-cose"),
    ("notation/intermediate-cose", "notation-intermediate"),
    ("revocation/listed good.crl", "notation-listed"),
    ("revocation/responded good.ocsp", "notation-responded"),
    ("notary-v1/tag", "notary-tag"),
    ("simple-signing/p256", "openpgp"),
    ("simple-signing/hash-sha512", "openpgp-sha512"),
];

#[test]
fn sessions_of_every_scheme_are_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/session");
    let cases: Vec<Recording> = everything().iter().filter_map(|case| case.ask(CryptoSet::aws_lc()).ok()).collect();
    let mut different = Vec::new();
    for (fixture, seed) in SEEDS {
        let recording = cases.iter().find(|recording| recording.name == fixture).unwrap_or_else(|| panic!("{fixture} is gone"));
        // What was not found is told with its path.
        let text = serde_json::to_string(recording.transcript()).unwrap().replace(&folder("").display().to_string(), "/fixtures/");
        if std::env::var_os("VERIMAGE_UPDATE_FIXTURES").is_some() {
            fs::write(seeds.join(seed), &text).unwrap();
        }
        different.extend((fs::read_to_string(seeds.join(seed)).ok() != Some(text)).then_some(seed));
    }
    assert!(different.is_empty(), "{different:?}: set VERIMAGE_UPDATE_FIXTURES=1 to write them");
    assert_eq!(fs::read_dir(seeds).unwrap().count(), SEEDS.len(), "a seed that no fixture makes");
}
