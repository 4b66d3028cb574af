//! A sigstore instance of our own: authority, logs and time stamps with fixed keys and settable time, so that everything
//! it says can be said wrongly, too.
//!
//! A test takes a good [`Signed`], replaces one part, and puts it together again:
//!
//! ```
//! use verimage_tests::instance::{IMAGE, Instance, Leaf, Layer, Version, bundle};
//!
//! let world = Instance::new();
//! let signer = world.keyless(&Leaf::github());
//! let mut signed = signer.sign_image(IMAGE);
//! signed.entries[0].time += 1;
//! let layer = Layer::new(&signed);
//! # assert!(layer.annotation("dev.sigstore.cosign/bundle").contains("integratedTime"));
//! # assert!(bundle(&signed, Version::V03).get("verificationMaterial").is_some());
//! ```

pub mod body;
pub mod bundle;
pub mod certificate;
pub mod ct;
pub mod der;
pub mod judge;
pub mod key;
pub mod leaf;
pub mod legacy;
pub mod merkle;
pub mod rekor;
pub mod signed;
#[cfg(test)]
mod tests;
pub mod trust;
pub mod tsa;

pub use body::EnvelopeKind;
pub use bundle::{Referrer, Version, bundle, put_bundles};
pub use certificate::{Authority, Extension, purpose, usage};
pub use ct::SctDraft;
pub use judge::{IMAGE, IMAGE_MANIFEST, NOW, Question, Table, trusted_root};
pub use key::{Hash, Key, Kind, base64, pem};
pub use leaf::{AlternativeName, EMAIL_ISSUER, EMAIL_SUBJECT, GITHUB_ISSUER, GITHUB_SUBJECT, Leaf};
pub use legacy::{Layer, put_attestations, put_signatures};
pub use rekor::{Entry, Proof, Rekor};
pub use signed::{Form, Signed, Signer, image_statement, simple_signing, statement};
pub use trust::{AuthorityService, LogService, TrustedRoot, Window};
pub use tsa::{Certificates, TimestampAuthority, Token};

/// When leaves are issued: 2026-01-01T00:00:00Z.
pub const ISSUED: i64 = 1_767_225_600;
/// How long leaves are valid.
pub const LEAF_SECONDS: i64 = 600;
/// When things are signed.
pub const SIGNED: i64 = ISSUED + 60;
/// When authorities and logs began, and when authorities end: the years 2025 to 2034.
pub const AUTHORITY_YEARS: (i64, i64) = (1_735_689_600, 2_051_222_399);

/// The services. Each is a description that can be changed; what is trusted is said by [`Instance::trusted_root`].
#[derive(Clone, Debug)]
pub struct Instance {
    /// The root of signing certificates.
    pub root: Authority,
    /// Issues signing certificates.
    pub issuer: Authority,
    /// The key of the certificate log.
    pub certificate_log: Key,
    /// The log of the first generation.
    pub rekor: Rekor,
    /// The log of the second generation.
    pub tiles: Rekor,
    /// Stamps.
    pub timestamps: TimestampAuthority,
}

impl Default for Instance {
    fn default() -> Self {
        Self::new()
    }
}

impl Instance {
    /// The services with their usual keys.
    pub fn new() -> Self {
        let root = Authority::root("sigstore.example root", Key::new(Kind::P384, "root"), AUTHORITY_YEARS);
        let issuer = root.below("sigstore.example intermediate", Key::p256("intermediate"));
        let stamping = Authority::root("timestamp.example root", Key::p256("timestamp root"), AUTHORITY_YEARS);
        Self {
            issuer: Authority { purposes: Some(vec![purpose::CODE_SIGNING]), ..issuer },
            root,
            certificate_log: Key::p256("certificate log"),
            rekor: Rekor::v1("rekor.example", Key::p256("rekor")),
            tiles: Rekor::v2("tiles.example", Key::new(Kind::Ed25519, "tiles")),
            timestamps: TimestampAuthority::new("https://timestamp.example", &stamping, Key::new(Kind::P384, "timestamp")),
        }
    }

    /// Whom to trust, to trust this instance.
    pub fn trusted_root(&self) -> TrustedRoot {
        TrustedRoot {
            logs: vec![LogService::rekor(&self.rekor), LogService::rekor(&self.tiles)],
            authorities: vec![AuthorityService::certificates("https://fulcio.example", &self.issuer)],
            certificate_logs: vec![LogService::certificates("ct.example", &self.certificate_log)],
            timestamp_authorities: vec![AuthorityService::timestamps(&self.timestamps)],
        }
    }

    /// An SCT of the certificate log.
    pub fn sct(&self) -> SctDraft {
        SctDraft::new(&self.certificate_log, ISSUED)
    }

    /// A certificate for this leaf, with one SCT.
    pub fn certify(&self, leaf: &Leaf) -> Vec<u8> {
        leaf.issue(&self.issuer, &[self.sct()])
    }

    /// Whoever has this leaf, and signs with an entry in the log of the first generation.
    pub fn keyless(&self, leaf: &Leaf) -> Signer {
        self.keyless_with(leaf, self.certify(leaf))
    }

    /// The same with a certificate that was issued otherwise.
    pub fn keyless_with(&self, leaf: &Leaf, certificate: Vec<u8>) -> Signer {
        let chain = vec![self.issuer.certificate()];
        Signer { certificate: Some(certificate), chain, logs: vec![self.rekor.clone()], ..Signer::managed(leaf.key.clone()) }
    }

    /// Whoever has this leaf, and signs with an entry in the log of the second generation and a time stamp.
    pub fn keyless_tiles(&self, leaf: &Leaf) -> Signer {
        Signer { logs: vec![self.tiles.clone()], stamps: vec![self.stamp()], ..self.keyless(leaf) }
    }

    /// A time stamp of the authority.
    pub fn stamp(&self) -> (TimestampAuthority, Token) {
        (self.timestamps.clone(), Token::default())
    }

    /// Whoever has this key, and signs with an entry in the log of the first generation.
    pub fn managed(&self, key: &Key) -> Signer {
        Signer { logs: vec![self.rekor.clone()], ..Signer::managed(key.clone()) }
    }
}
