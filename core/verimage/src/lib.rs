#![doc = include_str!("../docs.md")]

mod convert;
mod drive;
mod engine;
mod error;
#[cfg(any(feature = "notary-v1", feature = "revocation"))]
mod kept;
pub mod keys;
mod lint;
mod load;
mod material;
mod quick;
mod router;
mod source;
mod state;
#[cfg(any(feature = "remote-keys", feature = "revocation", feature = "trust-update"))]
mod transfer;
pub mod trust;
mod trust_store;
#[cfg(feature = "kept-verdicts")]
mod verdicts;
#[cfg(feature = "revocation")]
mod web;

pub use engine::{Builder, Replayed, Request, Verification, Verimage};
pub use error::Error;
pub use keys::{KeyReference, KeyResolver, KeyResolverError, KeyResolvers};
pub use load::PolicyLoader;
pub use material::{FolderMaterial, MaterialSource};
pub use quick::{QuickGpg, QuickIdentity, QuickNotary, QuickNotation, QuickPolicy, QuickReference, QuickSigner, quick_key};
pub use source::{ImageSource, SourceError};
pub use state::{MemoryState, StateFolder};

#[cfg(feature = "kept-verdicts")]
pub use verdicts::{Keeping, SharedPlace, ShortSecret, Verdicts};

pub use verimage_core as core;
pub use verimage_core::{Code, CodeClass, Decision, Digest, ImageRef, Limits, Platform, Policy, PolicyError, Replay, Transcript, Verdict};
pub use verimage_crypto::CryptoSet;
pub use verimage_layout::{LayoutError, LayoutStore, Selector};
#[cfg(feature = "registry")]
pub use verimage_registry as registry;

/// Judges one image under a policy, with the default engine: registries of this machine's configuration, no cache.
///
/// `image_ref` is what container tools take: `[docker://]reference`, `oci:DIR[:TAG|@DIGEST]` or `oci-archive:FILE[:TAG]`.
/// Services that judge more than one image build a [`Verimage`] once.
///
/// # Errors
/// [`Error`] if the question could not be asked. A denied image is a verdict, not an error.
pub async fn verify(image_ref: &str, policy: &Policy) -> Result<Verdict, Error> {
    Verimage::builder().build()?.verify(image_ref, policy).await
}

/// The examples of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
