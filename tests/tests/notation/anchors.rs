//! What may be trusted, and what is only a hint.

use serde_json::json;
use verimage::{Code, CryptoSet};

use crate::sign::{Pki, certificate::ROOT};
use crate::world::{JWS, KEY, World, jws};

#[test]
fn a_certificate_that_somebody_else_issued_is_no_anchor() {
    let chain = Pki::new(KEY).chain();
    let error = World::new().trusting("acme", &chain[0]).policy(CryptoSet::rustcrypto()).unwrap_err();
    assert_eq!((error.code, error.pointer.as_str()), (Code::PolicyInvalid, "/rules/0/require/notation/stores/0"), "{error}");
    for authority in &chain[1..] {
        World::new().trusting("acme", authority).attach(JWS, &jws().build()).accepts();
    }
}

/// Annotations are not signed: they never stand in the way of a good signature, and never help a bad one.
#[test]
fn thumbprints_are_hints() {
    let with = |envelope: &[u8], thumbprints: &str| {
        World::new().attach_with(JWS, envelope, |manifest| {
            manifest["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"] = json!(thumbprints);
        })
    };
    let wrong = format!(r#"["{}"]"#, "0".repeat(64));
    for thumbprints in [wrong.as_str(), "[]", "no JSON", ""] {
        with(&jws().build(), thumbprints).accepts();
    }
    let mut own = Pki::new(KEY);
    own.root.key = crate::sign::Key::P256("another root");
    let foreign =
        vec![own.leaf.der(crate::sign::certificate::INTERMEDIATE), own.intermediate.der(own.root.key), own.root.der(own.root.key)];
    let right = verimage::Digest::sha256(&Pki::new(KEY).root.der(ROOT));
    with(&jws().chain(foreign).build(), &format!(r#"["{}"]"#, right.hex())).denies("certificate-untrusted");
}
