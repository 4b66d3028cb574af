//! Which scopes each transport allows (`ValidatePolicyConfigurationScope` of each, in the library that defines the format).

use verimage_core::Digest;

/// A scope of a transport that is not known is not looked at.
pub(super) fn allows(transport: &str, scope: &str) -> bool {
    if scope.is_empty() {
        return true;
    }
    match transport {
        "dir" | "oci" | "oci-archive" | "sif" => scope != "/" && is_clean_path(scope),
        "docker-archive" | "tarball" => false,
        "atomic" => is_atomic(scope),
        "docker-daemon" => Digest::parse(scope).is_err(),
        "containers-storage" => is_storage(scope),
        "ostree" => scope.rsplit_once(':').is_some_and(|(path, _)| is_clean_path(path)),
        _ => true,
    }
}

fn is_clean_path(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else { return false };
    segments.is_empty() || segments.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// `host[:port][/namespace[/stream[:tag]]]`, or `*.host`.
fn is_atomic(scope: &str) -> bool {
    if let Some(host) = scope.strip_prefix("*.") {
        return !host.is_empty() && !host.contains(['/', ':', '*']);
    }
    let parts: Vec<&str> = scope.split('/').collect();
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    let [host, names @ ..] = parts.as_slice() else { return false };
    let (host, port) = host.split_once(':').map_or((*host, None), |(host, port)| (host, Some(port)));
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let fits = match names {
        [] => true,
        [namespace] => is_name(namespace),
        [namespace, stream] => {
            is_name(namespace) && stream.split_once(':').map_or_else(|| is_name(stream), |(name, tag)| is_name(name) && is_name(tag))
        }
        _ => false,
    };
    is_name(host) && is_port && fits
}

/// `[driver@/root]`, and perhaps a name behind it.
fn is_storage(scope: &str) -> bool {
    let Some((store, _)) = scope.strip_prefix('[').and_then(|rest| rest.split_once(']')) else { return false };
    let (driver, root) = store.split_once('@').map_or((None, store), |(driver, root)| (Some(driver), root));
    driver != Some("") && root.starts_with('/')
}
