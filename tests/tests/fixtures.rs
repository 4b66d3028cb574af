//! The fixture folders: real signatures and their attack twins, each under both crypto sets, live and from a transcript.

use verimage::CryptoSet;
use verimage_tests::fixtures::folders::{ROOTS, cases};

#[test]
fn every_case_has_its_answer_under_rustcrypto() {
    run_all(CryptoSet::rustcrypto());
}

#[test]
fn every_case_has_its_answer_under_aws_lc() {
    run_all(CryptoSet::aws_lc());
}

fn run_all(crypto: CryptoSet) {
    for (root, at_least) in ROOTS {
        let cases = cases(root);
        assert!(cases.len() > at_least);
        let wrong: Vec<String> = cases.iter().filter_map(|case| case.check(crypto).err()).collect();
        assert!(wrong.is_empty(), "{root}, {} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}
