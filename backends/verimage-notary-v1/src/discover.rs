//! Where the metadata are: which server, which collection, which file (specification section 1).

use verimage_core::{Answer, ImageRef, Place, RoleVersion, StoreErrorKind, Want, What};
use verimage_tuf::{Answer as FileAnswer, Gun, GunError, Limits, Request, RoleFile, RoleName};

/// Docker Hub as image names say it, and its Notary server.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_NAMES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
const DOCKER_HUB_SERVER: &str = "https://notary.docker.io";
/// The largest state that is read, in bytes: a root of 1 MiB in base64, and the versions.
const MAX_STATE_BYTES: u64 = 2 << 20;

/// The host as collections are named after it. Only whole names are Docker Hub's.
fn host(image: &ImageRef) -> &str {
    if DOCKER_HUB_NAMES.contains(&image.host()) { DOCKER_HUB } else { image.host() }
}

/// The collection of a repository.
pub(crate) fn collection(image: &ImageRef) -> Result<Gun, GunError> {
    Gun::new(&format!("{}/{}", host(image), image.path()))
}

/// The server that Docker asks for a repository.
pub(crate) fn server(image: &ImageRef) -> String {
    match host(image) {
        DOCKER_HUB => DOCKER_HUB_SERVER.to_owned(),
        host => format!("https://{}", host.to_ascii_lowercase()),
    }
}

/// What was kept of a collection.
pub(crate) fn state(server: &str, collection: &Gun) -> Want {
    let what = What::TrustState { collection: collection.to_string() };
    Want { place: Place::Store(server.to_owned()), what, max_bytes: MAX_STATE_BYTES }
}

/// The newest file of a role: where a report comes from.
pub(crate) fn role(server: &str, collection: &Gun, role: &RoleName) -> Want {
    file(server, collection, &RoleFile::Current(role.clone()), 0)
}

/// The file that a verification asks for. One that is longer than another file says is to be told from one that is too long
/// for anybody, so the bound is that of the role.
pub(crate) fn requested(server: &str, collection: &Gun, request: &Request) -> Want {
    file(server, collection, &request.file, Limits::default().of(request.file.role()))
}

fn file(server: &str, collection: &Gun, file: &RoleFile, max_bytes: u64) -> Want {
    let version = match file {
        RoleFile::ByHash(_, hash) => RoleVersion::Sha256(hash.iter().map(|byte| format!("{byte:02x}")).collect()),
        RoleFile::RootVersion(version) => RoleVersion::Number(*version),
        _ => RoleVersion::Current,
    };
    let what = What::Role { collection: collection.to_string(), role: file.role().to_string(), version };
    Want { place: Place::Store(server.to_owned()), what, max_bytes }
}

/// What a store said, as a verification hears it.
pub(crate) fn heard(answer: &Answer) -> FileAnswer {
    match &answer.result {
        Ok(blobs) => blobs.first().map_or(FileAnswer::Unreachable, |blob| FileAnswer::Bytes(blob.bytes().clone())),
        Err(error) if error.kind == StoreErrorKind::NotFound => FileAnswer::Absent,
        Err(error) if error.kind == StoreErrorKind::TooLarge => FileAnswer::TooLarge,
        Err(_) => FileAnswer::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Specification section 1.2.
    #[test]
    fn collections_and_servers_are_those_of_docker() {
        for (image, gun, expected) in [
            ("alpine", "docker.io/library/alpine", "https://notary.docker.io"),
            ("user/app", "docker.io/user/app", "https://notary.docker.io"),
            ("index.docker.io/user/app:1", "docker.io/user/app", "https://notary.docker.io"),
            ("reg.example.com:5000/a/b:t", "reg.example.com:5000/a/b", "https://reg.example.com:5000"),
            ("index.docker.io.evil.example/x", "index.docker.io.evil.example/x", "https://index.docker.io.evil.example"),
            ("notdocker.io/x", "notdocker.io/x", "https://notdocker.io"),
        ] {
            let image = ImageRef::parse(image).unwrap();
            assert_eq!((collection(&image).unwrap().as_str(), server(&image).as_str()), (gun, expected), "{image}");
        }
    }
}
