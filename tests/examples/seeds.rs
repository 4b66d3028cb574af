//! Writes fuzz seeds that the tests' sigstore instance makes: `cargo run -p verimage-tests --example seeds`.

use std::fs;
use std::path::Path;

use verimage_tests::instance::{IMAGE, Instance, Leaf, Version, bundle, image_statement, trusted_root};

fn main() {
    let world = Instance::new();
    let (one, two) = (world.keyless(&Leaf::github()), world.keyless_tiles(&Leaf::email()));
    let signed = two.sign_image(IMAGE);
    let text = |value: serde_json::Value| value.to_string().into_bytes();
    let root = trusted_root(&world.trusted_root())["trustedRoot"]["json"].as_str().unwrap_or_default().as_bytes().to_vec();
    let seeds = [
        ("bundle/message", text(bundle(&one.sign_message(b"artifact"), Version::V03))),
        ("bundle/message-old", text(bundle(&one.sign_message(b"artifact"), Version::V01))),
        ("bundle/statement", text(bundle(&two.attest(&image_statement(IMAGE)), Version::V03))),
        ("bundle/statement-chain", text(bundle(&one.attest(&image_statement(IMAGE)), Version::V02))),
        ("certificate/leaf", world.certify(&Leaf::github())),
        ("certificate/intermediate", world.issuer.certificate()),
        ("certificate/root", world.root.certificate()),
        ("timestamp/token", signed.tokens[0].clone()),
        ("trusted-root/instance", root),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
    for (name, bytes) in seeds {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
        assert!(!bytes.is_empty(), "{name}");
        fs::write(file, bytes).expect("it can be written");
    }
}
