//! How a reference may have been written, for languages that look at the text itself.

use crate::reference::ImageRef;

/// What may have been written for the image: Docker Hub's under each of its names or none, its official images with and without
/// `library/`, the default tag or none; and hosts in lower case, since case must not lead around a rule.
pub(super) fn spellings(image: &ImageRef) -> Vec<String> {
    let (official, is_hub) = (image.path().strip_prefix("library/"), image.host() == "docker.io");
    let mut hosts = vec![format!("{}/", image.host())];
    if is_hub {
        hosts.extend(["index.docker.io/", "registry-1.docker.io/", ""].map(str::to_owned));
    } else if image.host().bytes().any(|byte| byte.is_ascii_uppercase()) {
        hosts.push(format!("{}/", image.host().to_ascii_lowercase()));
    }
    let paths: Vec<&str> = [Some(image.path()), official.filter(|_| is_hub)].into_iter().flatten().collect();
    let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
    let mut suffixes = vec![format!("{tag}{digest}")];
    if digest.is_empty() && matches!(tag.as_str(), "" | ":latest") {
        suffixes = vec![String::new(), ":latest".to_owned()];
    }
    let names = hosts.iter().flat_map(|host| paths.iter().map(move |path| format!("{host}{path}")));
    names.flat_map(|name| suffixes.iter().map(move |suffix| format!("{name}{suffix}"))).collect()
}
