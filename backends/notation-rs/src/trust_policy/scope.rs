//! Registry scopes: repositories without tag or digest.

/// Whether a text is `host[:port]/path` as registries name their repositories.
pub(super) fn is_repository(text: &str) -> bool {
    text.split_once('/').is_some_and(|(host, path)| is_host(host) && path.split('/').all(is_component))
}

/// The same repository, but for the case of letters and the port that is understood.
pub(super) fn is_near(scope: &str, repository: &str) -> bool {
    let folded = |text: &str| {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
        [host, "/", path].concat().to_ascii_lowercase()
    };
    scope != repository && folded(scope) == folded(repository)
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let label = |label: &str| {
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').all(label) && port.is_none_or(digits)
}

/// Letters and digits, and between them one dot, one or two underscores, or any number of hyphens.
fn is_component(component: &str) -> bool {
    let is_letter = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let ends = [component.chars().next(), component.chars().last()];
    let between = component.split(is_letter).filter(|between| !between.is_empty());
    let allowed = |between: &str| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-');
    ends.into_iter().all(|end| end.is_some_and(is_letter)) && between.into_iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_a_host_and_a_path() {
        for good in ["localhost:5000/test-repo", "a/b", "domain.com/my/repository", "a-b.c:1/x.y_z__0--1/2", "LOCAL/a", "127.0.0.1/a"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a/",
            "/a",
            "a//b",
            "a/b/",
            "https://a/b",
            "a/b:tag",
            "a/b@sha256:00",
            "a/B",
            "-a/b",
            "a-/b",
            "a./b",
            "a:/b",
            "a:b/c",
            "[::1]/a",
            "a/b..c",
            "a/b___c",
            "a/b._c",
            "a/-b",
            "a/b-",
            "a\\b",
            "localhost:5000\\test-repo",
            "a/b c",
            "a/ä",
        ] {
            assert!(!is_repository(bad), "{bad}");
        }
    }

    #[test]
    fn long_names_are_scanned_once() {
        assert!(!is_repository(&format!("a/{}_", "a-".repeat(1 << 20))));
        assert!(is_repository(&format!("a/{}a", "a-".repeat(1 << 20))));
    }

    #[test]
    fn nearly_the_same_is_not_the_same() {
        assert!(is_near("Registry.example/a", "registry.example/a"));
        assert!(is_near("registry.example:443/a", "registry.example/a"));
        assert!(!is_near("registry.example/a", "registry.example/a"));
        assert!(!is_near("registry.example:5000/a", "registry.example/a"));
    }
}
