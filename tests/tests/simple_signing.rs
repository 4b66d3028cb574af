//! Images signed with skopeo and gpg, and their twins: fixtures/simple-signing.

use verimage::{CryptoSet, PolicyError};
use verimage_tests::fixtures::simple_signing::cases;
use verimage_tests::fixtures::{Case as _, Outcome, Recording};

#[test]
fn every_case_has_its_answer_under_both_crypto_sets() {
    let mut wrong = Vec::new();
    for case in cases() {
        let [one, other] = [CryptoSet::rustcrypto(), CryptoSet::aws_lc()].map(|crypto| case.ask(crypto));
        let outcome = |asked: &Result<Recording, PolicyError>| match asked {
            Ok(recording) => Ok(Outcome::of(&recording.verdict)),
            Err(error) => Err(error.code),
        };
        assert_eq!(outcome(&one), outcome(&other), "the crypto sets disagree: {}", case.name);
        wrong.extend(case.check(&one).err());
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}
