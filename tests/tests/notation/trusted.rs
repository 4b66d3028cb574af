//! At lax levels each signature says for itself whether it was verified in full.

use serde_json::json;
use verimage::Decision;

use crate::sign::{Draft, certificate::key_usage};
use crate::world::{JWS, KEY, World, jws};

#[test]
fn an_untrusted_signature_beside_a_trusted_one_is_not_told_as_one_that_was_verified() {
    let stranger = Draft::new("stranger", "stranger", KEY).with(key_usage(true, 0x80));
    let foreign = jws().chain(vec![stranger.der(KEY)]).build();
    for envelopes in [[&jws().build(), &foreign], [&foreign, &jws().build()]] {
        let world = envelopes.iter().fold(World::new().with("level", json!("audit")), |world, envelope| world.attach(JWS, envelope));
        let verdict = world.all_evidence().judge();
        assert_eq!((verdict.decision, verdict.leaves[0].trusted), (Decision::Allow, true));
        for report in &verdict.reports {
            let is_stranger = report.signer.as_ref().unwrap().contains("CN=stranger");
            assert_eq!(report.trusted, Some(!is_stranger), "{report:?}");
        }
        assert_eq!(verdict.reports.len(), 2);
        assert!(verdict.message.contains(", signed by certificate:") && !verdict.message.contains("stranger"), "{}", verdict.message);
    }
}
