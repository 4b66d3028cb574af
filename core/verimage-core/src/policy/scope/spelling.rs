//! How a reference may have been written, for languages that look at the text itself.

use crate::reference::ImageRef;

/// What may have been written for the image: Docker Hub's under each of its names or none, its official images with and without
/// `library/`, the default tag or none; and hosts in lower case, since case must not lead around a rule.
pub(super) fn spellings(image: &ImageRef) -> Vec<String> {
    let (path, is_hub) = (image.path(), image.host() == "docker.io");
    let mut hosts = vec![format!("{}/", image.host())];
    if is_hub {
        hosts.extend(["index.docker.io/", "registry-1.docker.io/"].map(str::to_owned));
        // Else the path would name a registry.
        hosts.extend((!begins_with_host(path)).then(String::new));
    } else if image.host().bytes().any(|byte| byte.is_ascii_uppercase()) {
        hosts.push(format!("{}/", image.host().to_ascii_lowercase()));
    }
    let official = path.strip_prefix("library/").filter(|name| is_hub && !name.contains('/'));
    let paths: Vec<&str> = [path].into_iter().chain(official).collect();
    let tag = image.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = image.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
    let mut suffixes = vec![format!("{tag}{digest}")];
    if digest.is_empty() && matches!(tag.as_str(), "" | ":latest") {
        suffixes = vec![String::new(), ":latest".to_owned()];
    }
    let names = hosts.iter().flat_map(|host| paths.iter().map(move |path| format!("{host}{path}")));
    names.flat_map(|name| suffixes.iter().map(move |suffix| format!("{name}{suffix}"))).collect()
}

fn begins_with_host(path: &str) -> bool {
    path.split_once('/').is_some_and(|(first, _)| first == "localhost" || first.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn image(text: &str) -> ImageRef {
        ImageRef::parse(&text.replace("@D", &format!("@{DIGEST}"))).unwrap()
    }

    /// A spelling of another image would let that one's rules judge this one.
    #[test]
    fn every_spelling_is_one_of_this_image() {
        for text in [
            "nginx",
            "nginx:1",
            "bitnami/redis",
            "docker.io/trusted.example/x",
            "docker.io/localhost/x",
            "docker.io/library/a/b@D",
            "R.example/a",
        ] {
            let (wanted, spellings) = (image(text), spellings(&image(text)));
            for spelling in &spellings {
                let parsed = ImageRef::parse(spelling).unwrap().with_default_tag();
                let same = parsed.to_string().eq_ignore_ascii_case(&wanted.clone().with_default_tag().to_string());
                assert!(same, "{text} {spelling}");
            }
            assert!(spellings.len() > 1, "{text}");
        }
    }
}
