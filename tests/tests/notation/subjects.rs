//! Twins that are about another image than they say, or say so wrongly.

use serde_json::{Value, json};
use verimage_tests::instance::IMAGE_MANIFEST;

use crate::sign::MEDIA_TYPE;
use crate::world::{JWS, World, jws, payload};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A signature whose payload and manifest say of the image what is true, or not.
fn about(signed: (&str, usize), told: (&str, usize)) -> World {
    let envelope = jws().payload(&payload(signed.0, signed.1)).build();
    World::new().attach_with(JWS, &envelope, |manifest| {
        manifest["subject"]["mediaType"] = Value::from(told.0);
        manifest["subject"]["size"] = json!(told.1);
    })
}

#[test]
fn size_and_media_type_are_those_of_the_image() {
    let size = IMAGE_MANIFEST.len();
    let right = (MEDIA_TYPE, size);
    about(right, right).accepts();
    for wrong in [(MEDIA_TYPE, size + 1), (MEDIA_TYPE, size - 1), (INDEX, size)] {
        about(wrong, wrong).denies("payload-malformed");
        about(right, wrong).denies("payload-malformed");
        about(wrong, right).denies("subject-mismatch");
        // Even where the image itself was not looked at, both must say the same.
        about(right, wrong).by_digest().denies("subject-mismatch");
        about(wrong, right).by_digest().denies("subject-mismatch");
    }
}
