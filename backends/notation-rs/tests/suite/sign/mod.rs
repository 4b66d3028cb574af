//! A signer that does everything right, and everything wrong that it is asked to.

pub mod certificate;
pub mod cose;
pub mod der;
pub mod jws;
pub mod key;
mod primes;
pub mod revocation;
pub mod token;

pub use certificate::{Draft, Pki};
pub use cose::Cose;
pub use jws::Jws;
pub use key::{Key, Padding};

pub const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const DIGEST: &str = "sha256:d319f0cbe9b9b4d1bd9f9a1d0bc6cbf7c5d2a4d3b0a3e1f6c5b4a39281706f5e";
pub const SIZE: u64 = 527;

/// The payload of every good envelope.
pub fn payload() -> String {
    format!(r#"{{"targetArtifact":{{"digest":"{DIGEST}","mediaType":"{MEDIA_TYPE}","size":{SIZE},"annotations":{{"build":"123"}}}}}}"#)
}
