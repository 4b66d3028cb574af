//! What a hostile reader of the checks found: each test has the case that was judged wrongly.

use serde_json::json;
use verimage_tests::instance::*;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn world() -> (Instance, Question) {
    let world = Instance::new();
    let question = Question::keyless(&world.trusted_root());
    (world, question)
}

/// Where one statement is enough, one that does not fulfil the conditions ends no search: the others may stand elsewhere.
#[test]
fn one_statement_of_any_is_looked_for_everywhere() {
    let (world, question) = world();
    let signer = world.keyless(&Leaf::github());
    let built = |builder: &str| statement(IMAGE, PROVENANCE, json!({"builder": {"id": builder}}));
    let asked = |statements: &str| {
        let condition = json!({"path": "/builder/id", "op": "eq", "value": "right"});
        let asked = question.clone().attested(PROVENANCE).attested_with("conditions", condition);
        asked.attested_with("statements", json!(statements))
    };
    let (wrong, right) = (signer.attest_legacy(&built("wrong")), signer.attest(&built("right")));
    Table::new()
        .accept("the right one among the referrers", &asked("any").signed(&[&wrong, &right]))
        .refuse("all wanted", &asked("all").signed(&[&wrong, &right]), "attestation-condition-failed")
        .refuse("none right", &asked("any").signed(&[&wrong]), "attestation-condition-failed")
        .check();
}
