//! `verimage resolve`.

use serde_json::json;
use verimage::{Digest, ImageSource};

use crate::args::Format;
use crate::commands::ask::Questions;
use crate::failure::{Exit, Failure};
use crate::output::{Console, harmless};
use crate::plan::ImagePlan;
use crate::render::json;

pub(crate) async fn run(image: &ImagePlan, format: Format, console: &mut Console) -> Result<Exit, Failure> {
    let resolved = Questions::open(image)?.resolve().await?;
    if let Err(reason) = &resolved.manifest {
        return Err(Failure::no_image(&image.argument.text, reason));
    }
    let pinned = pinned(image, &resolved.digest);
    match format {
        Format::Text => console.data(&format!("{}\n", harmless(&pinned)))?,
        Format::Json => {
            let name = image.name.as_ref().map(ToString::to_string);
            let answer = json!({"image": name, "digest": resolved.digest, "kind": resolved.kind(), "resolved": pinned});
            console.data(&json::pretty(&answer)?)?;
        }
    }
    Ok(Exit::Admitted)
}

/// The image with its digest, in a form that every command takes.
fn pinned(image: &ImagePlan, digest: &Digest) -> String {
    match (&image.name, &image.argument.source) {
        (Some(name), _) => format!("{}@{digest}", name.name()),
        (None, ImageSource::Layout { folder, .. }) => format!("oci:{}@{digest}", folder.display()),
        (None, ImageSource::Archive { file, .. }) => format!("oci-archive:{}@{digest}", file.display()),
        (None, _) => digest.to_string(),
    }
}
