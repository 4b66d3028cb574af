//! containerd's image verifier plugin: a program in its `bin_dir` is asked about each image that is pulled, and its exit code
//! is the answer (containerd, "Image Verification").
//!
//! A link to `verimage` of the name `verimage-image-verifier` is such a program. It judges the digest that is pulled, under
//! the policy of the machine.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The name under which containerd starts this program.
const NAME: &str = "verimage-image-verifier";

/// The arguments of `verimage verify` for what containerd asks; nothing if it is not containerd that asks. What cannot be
/// understood names no image, which is an error of usage and so a refusal.
pub(crate) fn translated(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let (program, rest) = arguments.split_first()?;
    if Path::new(program).file_stem() != Some(OsStr::new(NAME)) {
        return None;
    }
    let flag = |name: &str| {
        let place = rest.iter().position(|argument| argument.to_str().is_some_and(|text| text.trim_start_matches('-') == name))?;
        rest.get(place + 1)?.to_str()
    };
    let image = match (flag("name"), flag("digest")) {
        (Some(name), Some(digest)) if name.contains('@') => name.ends_with(&format!("@{digest}")).then(|| name.to_owned()),
        (Some(name), Some(digest)) => Some(format!("{name}@{digest}")),
        _ => None,
    };
    let image = image.map(|image| format!("docker://{image}"));
    Some(["verimage", "verify", "--"].into_iter().map(OsString::from).chain(image.map(OsString::from)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated_text(text: &str) -> Option<String> {
        let arguments: Vec<OsString> = text.split(' ').map(OsString::from).collect();
        translated(&arguments).map(|arguments| arguments.join(OsStr::new(" ")).into_string().unwrap())
    }

    #[test]
    fn the_digest_that_is_pulled_is_judged() {
        let asked = |rest: &str| translated_text(&format!("/opt/containerd/image-verifier/bin/verimage-image-verifier {rest}"));
        let judged = |image: &str| Some(format!("verimage verify -- docker://{image}"));
        assert_eq!(asked("-name a.example/a:v1 -digest sha256:1 -stdin-media-type x"), judged("a.example/a:v1@sha256:1"));
        assert_eq!(asked("--name a.example/a@sha256:1 --digest sha256:1"), judged("a.example/a@sha256:1"));
        for unclear in ["", "-name a", "-digest sha256:1", "-name a@sha256:2 -digest sha256:1", "-name"] {
            assert_eq!(asked(unclear), Some("verimage verify --".to_owned()), "{unclear}");
        }
        assert_eq!(translated_text("verimage verify a"), None);
        assert_eq!(translated_text("/usr/bin/verimage -name a -digest b"), None);
    }
}
