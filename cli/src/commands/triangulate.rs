//! `verimage triangulate`.

use serde_json::json;
use verimage::core::{Place, Repository, Tag, What};

use crate::args::Format;
use crate::commands::ask::Questions;
use crate::failure::{Exit, Failure};
use crate::output::{Console, harmless};
use crate::plan::ImagePlan;
use crate::render::json;

pub(crate) async fn run(image: &ImagePlan, signatures: Option<Repository>, format: Format, console: &mut Console) -> Result<Exit, Failure> {
    let digest = match image.reference.digest() {
        Some(digest) => digest.clone(),
        None => Questions::open(image)?.resolve().await?.digest,
    };
    let place = signatures.map_or(Place::Image, Place::Repository);
    let tag = Tag::of_digest(&digest, "", ".sig").map_err(|error| Failure::usage(error.to_string()))?;
    let describe = |place, what| verimage::core::Want { place, what, max_bytes: 0 }.describe(&image.reference);
    let tag = describe(place.clone(), What::ManifestByTag(tag));
    let referrers = describe(place, What::Referrers { subject: digest.clone(), artifact_type: None });
    match format {
        Format::Text => console.data(&format!("{}\n{}\n", harmless(&tag), harmless(&referrers)))?,
        Format::Json => console.data(&json::pretty(&json!({"digest": digest, "tag": tag, "referrers": referrers}))?)?,
    }
    Ok(Exit::Admitted)
}
