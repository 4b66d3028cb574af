//! Trust anchors whose material was resolved.

use jiff::Timestamp;

use super::document::{CertificateKind, KeyHash};
use crate::digest::Digest;

/// A trust anchor whose material was resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Anchor {
    /// A public key.
    PublicKey(AnchorKey),
    /// Certificates of authorities.
    X509(AnchorCertificates),
    /// A sigstore trusted root.
    TrustedRoot(AnchorRoot),
    /// Root keys or root certificates of Notary v1 collections.
    TufRoot(AnchorTufRoot),
    /// OpenPGP keys.
    OpenPgp(AnchorOpenPgp),
    /// The keys of transparency logs.
    TransparencyLog(AnchorTransparencyLog),
}

/// The bytes of a public key, and what the policy says about it.
#[derive(Clone, Debug)]
pub struct AnchorKey {
    /// PEM text as found.
    pub pem: Vec<u8>,
    /// The only hash that signatures may use.
    pub hash: Option<KeyHash>,
    /// Whether it came from a web address, and the policy does not say which key it must be.
    pub unpinned: bool,
}

/// The bytes of certificates, and what they vouch for.
#[derive(Clone, Debug)]
pub struct AnchorCertificates {
    /// PEM or DER as found.
    pub bytes: Vec<u8>,
    /// What they vouch for.
    pub kind: CertificateKind,
}

/// The bytes of a trusted root.
#[derive(Clone, Debug)]
pub struct AnchorRoot {
    /// The JSON text as found.
    pub json: Vec<u8>,
    /// When it was made or last confirmed, where that is known.
    pub dated: Option<Timestamp>,
}

/// The bytes of root keys or root certificates of Notary v1 collections.
#[derive(Clone, Debug)]
pub struct AnchorTufRoot {
    /// PEM text as found.
    pub pem: Vec<u8>,
}

/// The bytes of OpenPGP keys.
#[derive(Clone, Debug)]
pub struct AnchorOpenPgp {
    /// Armored or binary, as found.
    pub keys: Vec<u8>,
}

/// The bytes of keys of transparency logs.
#[derive(Clone, Debug)]
pub struct AnchorTransparencyLog {
    /// PEM text as found.
    pub pem: Vec<u8>,
}

impl Anchor {
    /// The kind, as policies write it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PublicKey(_) => "publicKey",
            Self::X509(_) => "x509",
            Self::TrustedRoot(_) => "trustedRoot",
            Self::TufRoot(_) => "tufRoot",
            Self::OpenPgp(_) => "openpgp",
            Self::TransparencyLog(_) => "transparencyLog",
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::PublicKey(key) => &key.pem,
            Self::X509(certificates) => &certificates.bytes,
            Self::TrustedRoot(root) => &root.json,
            Self::TufRoot(root) => &root.pem,
            Self::OpenPgp(ring) => &ring.keys,
            Self::TransparencyLog(log) => &log.pem,
        }
    }

    fn dated(&self) -> Option<Timestamp> {
        match self {
            Self::TrustedRoot(root) => root.dated,
            _ => None,
        }
    }
}

impl CertificateKind {
    /// The kind, as policies write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Tsa => "tsa",
            Self::SigningAuthority => "signingAuthority",
        }
    }
}

/// What is said about all the material of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    pub(crate) digest: Digest,
    pub(crate) oldest: Option<Timestamp>,
}

impl Material {
    pub(crate) fn of<'a>(anchors: impl Iterator<Item = (&'a str, &'a Anchor)>) -> Self {
        let (mut lines, mut oldest) = (String::new(), None);
        for (name, anchor) in anchors {
            lines.push_str(&format!("{} {} {}\n", anchor.kind(), Digest::sha256(anchor.bytes()), Digest::sha256(name.as_bytes())));
            oldest = [oldest, anchor.dated()].into_iter().flatten().min();
        }
        Self { digest: Digest::sha256(lines.as_bytes()), oldest }
    }
}
